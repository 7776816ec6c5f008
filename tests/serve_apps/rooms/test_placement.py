"""Every camera gets one reader, and moves only when it must."""

from hypothesis import given
from hypothesis import strategies as st

from serve_apps.rooms.placement import Placement, place

NEW = [f"new-{i}" for i in range(100)]


def placed(
    cameras: set[str],
    readers: dict[str, set[str]],
    per_reader: int = 2,
    starting: dict[str, set[str]] | None = None,
) -> Placement:
    return place(cameras, readers, cameras_per_reader=per_reader, new_names=NEW, starting=starting)


def test_new_readers_are_added_as_cameras_need_them() -> None:
    plan = placed({"a", "b", "c"}, {})
    assert plan.cameras == {"new-0": {"a", "b"}, "new-1": {"c"}}


def test_the_cameras_of_a_dead_reader_go_to_readers_that_are_not_full() -> None:
    plan = placed({"a", "b", "c"}, {"r1": {"a"}}, per_reader=3)
    assert plan.cameras == {"r1": {"a", "b", "c"}}


def test_cameras_of_a_starting_reader_are_not_placed_twice() -> None:
    plan = placed({"a", "b"}, {"r1": {"a"}}, starting={"r2": {"b"}})
    assert plan.cameras == {"r1": {"a"}, "r2": {"b"}}
    assert plan.superfluous == frozenset()


def test_a_camera_goes_to_a_running_reader_before_a_starting_one() -> None:
    plan = placed({"a", "b", "c"}, {"r1": {"a"}}, starting={"r2": set(), "r0": {"b"}})
    assert plan.cameras == {"r0": {"b"}, "r1": {"a", "c"}}
    assert plan.superfluous == {"r2"}


def test_a_starting_reader_whose_cameras_were_removed_is_superfluous() -> None:
    assert placed({"a"}, {"r1": {"a"}}, starting={"r2": {"gone"}}).superfluous == {"r2"}


def test_a_reader_without_cameras_is_superfluous() -> None:
    plan = placed({"a"}, {"r1": {"a"}, "r2": {"gone"}})
    assert plan.cameras == {"r1": {"a"}}
    assert plan.superfluous == {"r2"}


names = st.sets(st.sampled_from("abcdefghij"))


@given(names, st.dictionaries(st.sampled_from(["r1", "r2", "r3", "r4"]), names), st.integers(1, 4))
def test_each_camera_gets_one_reader_and_stays_where_it_is_if_it_can(
    cameras: set[str], readers: dict[str, set[str]], per_reader: int
) -> None:
    plan = placed(cameras, readers, per_reader)
    assigned = [camera for held in plan.cameras.values() for camera in held]
    assert sorted(assigned) == sorted(cameras)
    assert all(len(held) <= per_reader for held in plan.cameras.values())
    assert plan.superfluous <= set(readers)
    for reader, held in readers.items():
        unshared = {c for c in held if sum(c in other for other in readers.values()) == 1} & cameras
        if len(held & cameras) <= per_reader:
            assert unshared <= plan.cameras.get(reader, frozenset())
