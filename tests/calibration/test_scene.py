"""A summary of a scene holds where edges lie, and neither a picture nor people."""

import cv2
import numpy as np
import pytest

from cluster.calibration.scene import BANDS, GRID, MIN_DETAIL, EdgeFrame, SceneSummary
from tests.calibration.views import NOBODY, boxes_of, picture, plain, summary


def test_a_summary_is_sums_over_thirds_of_the_picture() -> None:
    found = summary(picture())
    assert found.columns().shape == (BANDS, GRID[0])
    assert found.rows().shape == (BANDS, GRID[1])
    assert len(found.sums) == BANDS * (GRID[0] + GRID[1])  # 750 numbers of 230,400 pixels
    assert (found.columns() > 0).all()


def test_an_upright_edge_lies_in_its_column_and_in_no_row() -> None:
    room = np.full((90, 160, 3), 60, np.uint8)
    room[:, 80:] = 180
    found = summary(room)
    strongest = found.columns().argmax(axis=1)
    assert np.isin(strongest, (79, 80)).all()
    assert (found.rows() == 1).all()


def test_what_somebody_does_in_a_box_changes_nothing() -> None:
    people = boxes_of((100, 80, 220, 300), (400, 100, 480, 330))
    other = picture()
    for left, top, right, bottom in people.astype(int):
        other[top:bottom, left:right] = np.random.default_rng(left).integers(
            0, 255, (bottom - top, right - left, 3)
        )
    assert summary(picture(), boxes=people) == summary(other, boxes=people)


def test_columns_behind_people_are_not_known() -> None:
    found = summary(picture(), boxes=boxes_of((0, 0, 320, 360)))
    assert (found.columns()[:, :80] == 0).all()
    assert (found.columns()[:, 100:] > 0).all()


def test_a_box_beyond_the_edge_leaves_out_what_is_in_the_picture() -> None:
    found = summary(picture(), boxes=boxes_of((-50, -50, 100, 500), (600, 100, 900, 200)))
    assert (found.columns()[:, :20] == 0).all()
    assert (found.columns()[:, 40:140] > 0).all()


def test_a_masks_edge_is_no_edge_of_the_room() -> None:
    mask = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
    grey = np.full((360, 640, 3), 120, np.uint8)
    grey[72:288, 128:512] = 0
    masked = EdgeFrame(grey, (mask,))
    assert masked.detail().detail == 0
    assert masked.detail().brightness == pytest.approx(120)
    assert EdgeFrame(grey).detail().detail > 0


def test_little_light_gives_nearly_the_same_edges() -> None:
    usual, dim = summary(picture()), summary(picture(light=0.4))
    gap = np.abs(usual.columns().astype(int) - dim.columns().astype(int))
    assert np.median(gap) < 12


@pytest.mark.parametrize("grey", [3, 110, 250])
def test_a_covered_camera_is_plain_although_it_writes_the_time(grey: int) -> None:
    shown = plain(grey)
    cv2.putText(shown, "2026-03-02 08:15:22", (8, 26), 0, 0.6, (255, 255, 255), 2)
    detail = EdgeFrame(shown).detail()
    assert detail.is_plain
    assert detail.is_dark == (grey == 3)


def test_a_room_is_not_plain_with_and_without_light() -> None:
    assert EdgeFrame(picture()).detail().detail > 3 * MIN_DETAIL
    assert not EdgeFrame(picture(light=0.3)).detail().is_plain


def test_a_camera_that_is_masked_as_a_whole_is_plain() -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert EdgeFrame(plain(0), (everything,)).detail().is_plain


def test_the_mean_of_summaries_keeps_what_only_one_of_them_knows() -> None:
    left, right = boxes_of((0, 0, 320, 360)), boxes_of((320, 0, 640, 360))
    one, other = summary(picture(), boxes=left), summary(picture(), boxes=right)
    merged = one.merged(other, 1)
    assert (merged.columns()[:, :70] == other.columns()[:, :70]).all()
    assert (merged.columns()[:, 90:] == one.columns()[:, 90:]).all()
    assert (merged.columns()[:, :60] > 0).all()
    assert one.merged(one, 5) == one


def test_it_is_read_as_it_was_written() -> None:
    found = summary(picture(), boxes=NOBODY)
    assert SceneSummary.model_validate_json(found.model_dump_json()) == found
    with pytest.raises(ValueError, match="sums"):
        SceneSummary(sums=b"\x01\x02")
