"""The one camera of a room whose shares are published (R3).

    windows of a room's cameras -> choose_share_camera -> combine_cameras -> the room's window

Two cameras that see the same room give back what the few people do whom only one of them sees: the
difference of their shares. So one camera gives a room's shares for a whole day, however many see
it; the others give headcounts. A choice by the window would be no better: who sits still from one
window to the next is the same group, seen by two cameras.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from cluster.activity.suppression import WITHHELD_FIELDS, ActivityWindow, withhold_shares

MIN_WINDOWS_TO_CHOOSE: Final = 6
"""Live: in so many windows somebody has to see a group that is large enough."""

CameraWindow = tuple[str, ActivityWindow]
"""(camera id, its window)."""


def choose_share_camera(people_seen: Mapping[str, float]) -> str:
    """Return the camera that saw most people; of several, the first by id.

    Args:
        people_seen: By camera id, the sum of `people_mean` over its windows. Not empty.
    """
    return min(people_seen, key=lambda name: (-round(people_seen[name], 1), name))


def choose_live(windows: Iterable[CameraWindow], cameras: Sequence[str]) -> str | None:
    """Return the camera that is to give a room's shares for the rest of the day.

    Args:
        windows: Of the room, that day so far.
        cameras: Ids of the cameras that see the room.

    Returns:
        None while too few windows of a large enough group have been seen to choose one.
    """
    starts: dict[object, list[CameraWindow]] = defaultdict(list)
    for camera_id, window in windows:
        starts[window.window_start].append((camera_id, window))
    large = [seen for seen in starts.values() if not all(w.suppressed for _, w in seen)]
    if len(large) < (MIN_WINDOWS_TO_CHOOSE if len(cameras) > 1 else 1):
        return None
    people_seen: dict[str, float] = defaultdict(float)
    for seen in large:
        for camera_id, window in seen:
            people_seen[camera_id] += window.people_mean
    return choose_share_camera(people_seen)


def combine_cameras(windows: Iterable[CameraWindow], share_camera: str | None) -> CameraWindow:
    """Return the window of a room: most people that a camera saw, shares of one camera.

    Args:
        windows: Of the room's cameras, for the same ten seconds; at least one.
        share_camera: The camera that gives the room's shares; None: there are none.

    Returns:
        The camera with most people, and the window.
    """
    seen = sorted(windows, key=lambda each: (-each[1].people_mean, each[0]))
    camera_id, best = seen[0]
    people_max = max(window.people_max for _, window in seen)
    for other_id, window in seen:
        if other_id == share_camera and not window.suppressed:
            shares: dict[str, Any] = {name: getattr(window, name) for name in WITHHELD_FIELDS}
            shares |= {"suppressed": False, "frames": window.frames}
            return camera_id, replace(best, people_max=people_max, **shares)
    return camera_id, replace(withhold_shares(best), people_max=people_max)
