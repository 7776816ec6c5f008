"""One camera gives a room's shares (R3): the choice, and the window of a room."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from cluster.activity.share_camera import (
    MIN_WINDOWS_TO_CHOOSE,
    choose_live,
    choose_share_camera,
    combine_cameras,
)
from tests.warehouse.test_lake import window, withheld

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STARTS = [NINE + timedelta(seconds=10 * n) for n in range(MIN_WINDOWS_TO_CHOOSE)]


def test_the_camera_that_saw_most_people_is_chosen() -> None:
    assert choose_share_camera({"front": 110.0, "back": 200.0}) == "back"


@given(st.permutations(["a", "b", "c"]))
def test_of_cameras_that_saw_as_many_the_first_by_id_is_chosen(names: list[str]) -> None:
    assert choose_share_camera(dict.fromkeys(names, 20.0)) == "a"


def test_live_a_camera_is_chosen_after_a_minute_of_a_large_group() -> None:
    front = [("front", window(start, people_mean=11.0, people_max=12)) for start in STARTS]
    back = [("back", window(start)) for start in STARTS]
    assert choose_live([*front, *back], ["front", "back"]) == "back"
    assert choose_live([*front[1:], *back[1:]], ["front", "back"]) is None


def test_live_the_only_camera_of_a_room_is_chosen_at_once() -> None:
    assert choose_live([("front", window(NINE))], ["front"]) == "front"
    assert choose_live([("front", withheld(NINE))], ["front"]) is None


def test_windows_of_small_groups_choose_no_camera() -> None:
    few = [(camera, withheld(start)) for camera in ("front", "back") for start in STARTS]
    assert choose_live(few, ["front", "back"]) is None


def test_a_room_has_the_headcount_of_one_camera_and_the_shares_of_another() -> None:
    seen = [
        ("front", window(NINE, people_mean=12.0, people_max=24, hand_raises=22, frames=19)),
        ("back", window(NINE, reading_share=0.6)),
        ("side", withheld(NINE)),
    ]
    for order in permutations(seen):
        camera_id, combined = combine_cameras(order, "front")
        assert (camera_id, combined.people_mean, combined.people_max) == ("back", 20.0, 24)
        assert (combined.reading_share, combined.hand_raises, combined.frames) == (0.3, 22, 19)


def test_without_its_share_camera_a_room_has_a_headcount() -> None:
    seen = [("front", window(NINE)), ("side", withheld(NINE))]
    for share_camera in (None, "back", "side"):
        _, combined = combine_cameras(seen, share_camera)
        assert (combined.people_mean, combined.suppressed) == (20.0, True)
        assert combined.reading_share is combined.hand_raises is None
