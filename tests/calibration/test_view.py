"""The view of a camera: its reference, what confirms a change, what ends it, what is kept."""

import json
from pathlib import Path

import pytest

from cluster.calibration.drift import CameraDrift, Drift
from cluster.calibration.scene import SceneSummary
from cluster.calibration.view import REFERENCE_SCENES, ViewHistory, ViewStore
from cluster.settings import Settings
from tests.calibration.views import (
    EVEN,
    ON_THE_LEFT,
    boxes_of,
    crowd_of,
    minutes,
    picture,
    plain,
    summary,
)
from tests.test_architecture import FORBIDDEN, words

USUAL = summary(picture())
TURNED = summary(picture(across=80))
TAPED = picture()
TAPED[:, :320] = plain()[:, :320]
HALF = summary(TAPED)


@pytest.fixture
def store(tmp_path: Path) -> ViewStore:
    return ViewStore(tmp_path / "views")


def seen(*scenes: SceneSummary, view: ViewHistory | None = None) -> ViewHistory:
    """A view after summaries of ten minutes each, from eight on."""
    view = view or ViewHistory(camera_id="cam1", key="usual")
    for index, scene in enumerate(scenes):
        view = view.observe_scene(scene, minutes(10 * index))
    return view


def taught(view: ViewHistory, *shares: tuple[float, ...], first_hour: int = 0) -> ViewHistory:
    """A view after hours with people."""
    for index, one in enumerate(shares):
        view = view.observe_crowd(crowd_of(*one), minutes(60 * (first_hour + index)))
    return view


def test_a_change_counts_once_three_summaries_in_a_row_say_it() -> None:
    view = seen(USUAL, USUAL, TURNED, TURNED)
    assert view.drift == CameraDrift()
    view = view.observe_scene(TURNED, minutes(40))
    assert view.drift == CameraDrift(Drift.MOVED, minutes(20))


def test_a_change_in_between_does_not_count() -> None:
    view = seen(USUAL, TURNED, TURNED, USUAL, TURNED, TURNED)
    assert view.drift.kind is Drift.NONE


def test_the_since_stays_while_it_lasts_and_ends_when_it_is_turned_back() -> None:
    view = seen(USUAL, *[TURNED] * 6)
    assert view.drift == CameraDrift(Drift.MOVED, minutes(10))
    assert view.observe_scene(USUAL, minutes(70)).drift == CameraDrift()


def test_a_lens_that_is_half_covered_is_covered() -> None:
    assert seen(USUAL, HALF, HALF, HALF).drift.kind is Drift.COVERED
    assert not seen(USUAL, HALF, HALF, HALF).drift.hides_all


def test_what_cannot_be_compared_neither_confirms_nor_ends_a_change() -> None:
    hidden = summary(picture(), boxes=boxes_of((0, 0, 640, 320)))
    assert seen(USUAL, TURNED, TURNED, hidden, TURNED).drift.kind is Drift.MOVED
    assert seen(USUAL, TURNED, TURNED, TURNED, hidden).drift.kind is Drift.MOVED


def test_the_reference_is_the_first_hour_and_then_stays() -> None:
    view = seen(*[USUAL] * (REFERENCE_SCENES + 3))
    assert view.scenes == REFERENCE_SCENES
    assert view.scene == USUAL
    assert seen(USUAL, TURNED).scene == USUAL


def test_seats_that_were_moved_are_noticed_after_five_hours() -> None:
    view = taught(seen(USUAL), *[EVEN] * 10, *[ON_THE_LEFT] * 2)
    assert view.drift.kind is Drift.NONE
    view = taught(view, *[ON_THE_LEFT] * 3, first_hour=12)
    assert view.drift == CameraDrift(Drift.SEATS_MOVED, minutes(600))
    assert taught(view, *[EVEN] * 3, first_hour=15).drift == CameraDrift()


def test_of_a_camera_that_was_turned_seats_are_not_compared() -> None:
    view = seen(USUAL, TURNED, TURNED, TURNED)
    view = taught(taught(view, *[EVEN] * 12), *[ON_THE_LEFT] * 6)
    assert view.crowds == view.recent == ()
    assert view.drift.kind is Drift.MOVED


def test_a_picture_that_shows_nothing_goes_before_everything_else() -> None:
    view = seen(USUAL, TURNED, TURNED, TURNED).observe_lens(minutes(50))
    assert view.drift == CameraDrift(Drift.COVERED, minutes(50), hides_all=True)
    assert view.observe_lens(None).drift.kind is Drift.MOVED


def test_with_another_key_the_reference_starts_anew() -> None:
    view = seen(USUAL, TURNED, TURNED, TURNED)
    assert view.for_key("usual") is view
    other = view.for_key("another size")
    assert (other.scene, other.drift) == (None, CameraDrift())
    assert ViewHistory(camera_id="cam1").for_key("usual").key == "usual"


def test_after_a_restart_what_began_before_it_is_not_compared() -> None:
    view = seen(USUAL, TURNED, TURNED, TURNED).restarted(minutes(35))
    assert view.drift == CameraDrift()
    view = view.observe_scene(USUAL, minutes(30)).observe_crowd(crowd_of(*EVEN), minutes(30))
    assert (view.scene, view.crowds) == (None, ())
    assert view.observe_scene(TURNED, minutes(36)).scene == TURNED


def test_it_is_kept_and_read_again(store: ViewStore) -> None:
    view = taught(seen(USUAL, TURNED, TURNED, TURNED).observe_lens(minutes(5)), EVEN)
    assert store.change("cam1", lambda _: view) == view
    assert ViewStore(store.folder).read("cam1") == view


def test_what_does_not_change_is_not_written(store: ViewStore) -> None:
    store.change("cam1", lambda _: seen(*[USUAL] * REFERENCE_SCENES))
    stamps = store.stamps()
    assert set(stamps) == {"cam1"}
    store.change("cam1", lambda view: view.observe_scene(USUAL, minutes(90)))
    assert store.stamps() == stamps
    store.restart("cam1", minutes(100))
    assert store.stamps() != stamps
    assert ViewStore(store.folder / "missing").stamps() == {}


def test_a_file_that_cannot_be_read_is_a_view_without_a_reference(
    store: ViewStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.restart("cam1", minutes(0))
    store.path("cam1").write_text('{"camera_id": "cam1", "scene": {"sums": "AAAA"}}')
    assert store.read("cam1") == ViewHistory(camera_id="cam1")
    assert "is ignored" in caplog.text


def test_it_lies_below_the_installations_calibration(school: Settings) -> None:
    store = ViewStore.of(school)
    store.restart("cam1", minutes(0))
    assert (school.data_dir / "calibration" / "views" / "cam1.json").is_file()


def test_nothing_that_is_kept_is_of_a_person_or_a_picture(store: ViewStore) -> None:
    view = taught(seen(*[USUAL] * 8), *[EVEN] * 15)
    store.change("cam1", lambda _: view)
    text = store.path("cam1").read_text()
    assert len(text) < 8000

    def names(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(names, value.values()))
        return set().union(*map(names, value)) if isinstance(value, list) else set()

    found = names(json.loads(text))
    assert {name for name in found if words(name) & (FORBIDDEN | {"box", "picture"})} == set()
