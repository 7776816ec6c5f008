"""Placement of cameras on readers: a plan, computed at each reconciliation, that moves few.

Ray spreads the readers over the nodes, by the CPU that they ask for; the plan only says how many
readers there are, and who reads what.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """The cameras of each reader, and the readers that are no longer needed."""

    cameras: Mapping[str, frozenset[str]]
    superfluous: frozenset[str]


def place(
    cameras: Collection[str],
    readers: Mapping[str, Collection[str]],
    *,
    cameras_per_reader: int,
    new_names: Sequence[str],
    starting: Mapping[str, Collection[str]] | None = None,
) -> Placement:
    """Assign every camera to one reader.

    A camera stays where it is; one without a reader goes to the reader with the fewest cameras, and
    a new reader is added when all are full. Running readers come before starting ones, which may
    wait long. A reader without cameras is superfluous.

    Args:
        cameras: The cameras to read.
        readers: The running readers, with their cameras.
        cameras_per_reader: The most cameras of one reader.
        new_names: Names for new readers, used in order.
        starting: The starting readers, with the cameras that they will read.
    """
    starting = starting or {}
    unplaced = set(cameras)
    placed: dict[str, set[str]] = {}
    for reader_id, held in [*sorted(readers.items()), *sorted(starting.items())]:
        kept = sorted(unplaced & set(held))[:cameras_per_reader]
        placed[reader_id] = set(kept)
        unplaced -= placed[reader_id]
    names = iter(new_names)
    for camera_id in sorted(unplaced):
        not_full = [r for r, held in placed.items() if len(held) < cameras_per_reader]
        if not_full:
            reader_id = min(not_full, key=lambda r: (r in starting, len(placed[r]), r))
        else:
            reader_id = next(names)
            placed[reader_id] = set()
        placed[reader_id].add(camera_id)
    return Placement(
        {reader_id: frozenset(held) for reader_id, held in placed.items() if held},
        frozenset(reader_id for reader_id, held in placed.items() if not held),
    )
