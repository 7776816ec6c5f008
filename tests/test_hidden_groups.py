"""An attack on R3: everything that is published of a room, put together, narrows no group below k.

    people of a room, seen by several cameras and analyses -> the real ways out: live answers and
    events, windows, lessons, reports, exports -> linear bounds of every group of fewer than k

The measure is somebody who is told exactly, of one camera's frames with k people and more, how many
do what. All that is published together must tell no more of any smaller group.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.warehouse.lake import PartKey
from tests.attacked_room import FRAMES, PER_WINDOW, Room, later_camera
from tests.group_bounds import Atom

pytestmark = pytest.mark.unmeasured


def people(**sizes: int) -> tuple[Atom, ...]:
    """Atoms by the analyses that see them: `a_b=11` are eleven people whom both see."""
    return tuple(
        Atom(frozenset(analyses.split("_")), (size,) * FRAMES) for analyses, size in sizes.items()
    )


def leaving(atoms: tuple[Atom, ...], number: int, window: int) -> tuple[Atom, ...]:
    """The same, but an atom leaves in a window."""
    stays = window * PER_WINDOW - 1
    left = Atom(
        atoms[number].analyses, (atoms[number].present[0],) * stays + (0,) * (FRAMES - stays)
    )
    return (*atoms[:number], left, *atoms[number + 1 :])


ROOMS = {
    "nine outside": people(a_b_a2_c=11, a_a2_c=9, a2_c=4, c=3),
    "one seat": people(a_b_a2_c=10, a_a2_c=1, a2=1, b_c=1),
    "overlap": people(a_a2=7, a_b_a2_c=8, b_c=5, c=2),
    "tie": people(a_b_a2=10, a_a2_c=3, b_c=3),
    "some leave": leaving(people(a_b_a2_c=8, a_a2_c=5, a2_c=2), 1, 7),
}


@pytest.mark.parametrize(
    ("atoms", "stays", "publishes_parts"),
    [
        *(pytest.param(atoms, False, False, id=name) for name, atoms in ROOMS.items()),
        *(
            pytest.param(ROOMS[name], False, True, id=f"{name}, reading apart")
            for name in ("nine outside", "one seat")
        ),
        *(
            pytest.param(atoms, True, False, id=f"{name}, and nobody moves")
            for name, atoms in ROOMS.items()
            if name != "some leave"  # by decision: see docs/privacy.md
        ),
    ],
)
def test_all_that_is_published_narrows_no_group_below_k(
    atoms: tuple[Atom, ...], stays: bool, publishes_parts: bool, tmp_path: Path
) -> None:
    missing = {"a": [7]} if stays else {}
    room = Room(atoms, tmp_path, stays, publishes_parts=publishes_parts, missing=missing)
    room.run_live("a", "b")
    room.publish()
    room.settings = later_camera(tmp_path)
    room.run_archive("a2")
    room.run_archive("c")
    room.publish()
    assert room.published, "nothing was published at all"
    assert list(room.narrowed(room.published)) == []


@pytest.mark.parametrize("stays", [False, True], ids=["people change", "nobody moves"])
@pytest.mark.parametrize("atoms", [ROOMS["nine outside"], ROOMS["one seat"]])
def test_the_attack_finds_small_groups_in_what_the_lake_holds(
    atoms: tuple[Atom, ...], stays: bool, tmp_path: Path
) -> None:
    room = Room(atoms, tmp_path, stays)
    room.run_archive("a2")
    room.run_archive("b")
    room.publish()
    assert list(room.narrowed(room.published)) == []
    for key in room.lake.folder.glob("activity_windows/*/*/*_*.parquet"):
        camera, _, stamp = key.stem.partition("_")
        minute = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        part = room.lake.read_part(PartKey("hill", "2026-03-02", camera, minute))
        assert part is not None
        for row in part[1]:
            room.learn_window(row)
    assert list(room.narrowed(room.published)) != []
