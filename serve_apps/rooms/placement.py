"""Which cameras run on which reader: a plan, made anew at each look, that moves little.

Readers themselves are spread over the nodes by Ray, by the CPU that they ask for; here is only
said how many there are, and who reads what.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """Cameras by reader, and the readers that are no longer needed."""

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
    """Give every camera one reader.

    A camera stays where it is; one without a reader goes to the one with most room, and a new
    reader is begun when none has room. Readers that run come before those that are being started,
    which may wait long. A reader without cameras is superfluous.

    Args:
        cameras: That should be read.
        readers: That run, with what they read now.
        cameras_per_reader: Most cameras of a reader.
        new_names: Names for readers to begin, by their order.
        starting: Readers that are being started, with what they will read.
    """
    soon = starting or {}
    wanted = set(cameras)
    placed: dict[str, set[str]] = {}
    for reader_id, holds in [*sorted(readers.items()), *sorted(soon.items())]:
        kept = sorted(wanted & set(holds))[:cameras_per_reader]
        placed[reader_id] = set(kept)
        wanted -= placed[reader_id]
    begun = 0
    for camera_id in sorted(wanted):
        with_room = [r for r, held in placed.items() if len(held) < cameras_per_reader]
        if with_room:
            reader_id = min(with_room, key=lambda r: (r in soon, len(placed[r]), r))
        else:
            reader_id = new_names[begun]
            begun += 1
            placed[reader_id] = set()
        placed[reader_id].add(camera_id)
    return Placement(
        {reader_id: frozenset(held) for reader_id, held in placed.items() if held},
        frozenset(reader_id for reader_id, held in placed.items() if not held),
    )
