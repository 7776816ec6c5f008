"""From postures to activities: minimum durations, and each raised hand counted once.

They need at most `MEMORY_SECONDS` of the past.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.rules.postures import Postures
from cluster.activity.durations import BRIDGE_SECONDS, BridgedRun, CurrentActivity
from cluster.activity.features import UNTRACKED
from cluster.vision.activity import Activity
from cluster.vision.people import FloatArray

HAND_RAISED_SECONDS = 0.4
HEAD_DOWN_SECONDS = 2.0
STANDING_SECONDS = 0.9
DESK_WORK_SECONDS = 1.9
"""Looking down must last at least this long to be reading or writing."""

WRITING_HAND_MOVEMENT = 0.06
"""Minimum standard deviation of a wrist's position of a writing hand, in body units."""

MIN_WRIST_SAMPLES = 3
WRIST_MEMORY_SECONDS = 3.0

MEMORY_SECONDS = 4.5
"""Two bridges and a raised hand, or a bridge and a lowered head; and one frame at the lowest rate,
in which the tracker has no ids yet."""


@dataclass(slots=True)
class _Track:
    hand: BridgedRun = field(default_factory=BridgedRun)
    head: BridgedRun = field(default_factory=BridgedRun)
    stand: BridgedRun = field(default_factory=BridgedRun)
    desk: BridgedRun = field(default_factory=BridgedRun)
    wrists: deque[tuple[float, FloatArray]] = field(default_factory=deque)
    counted_hand_since: float | None = None
    last_seen: float = -math.inf


class RuleCounter:
    """Classifies the people of a camera's frames by the rules, one frame after another."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}

    def classify(
        self, time_seconds: float, track_ids: npt.NDArray[np.int64], observed: Postures
    ) -> list[CurrentActivity]:
        """Classify the people of one frame.

        Args:
            time_seconds: Timestamp of the frame; must increase.
            track_ids: (n,) track ids, `UNTRACKED` for people without one.
            observed: Postures of the same n people.
        """
        current = []
        for person, track_id in enumerate(track_ids.tolist()):
            is_tracked = track_id != UNTRACKED
            track = self._tracks.setdefault(track_id, _Track()) if is_tracked else _Track()
            current.append(CurrentActivity(*_activity(track, time_seconds, observed, person)))
            track.last_seen = time_seconds
        self._drop_stale_tracks(time_seconds)
        return current

    def _drop_stale_tracks(self, time: float) -> None:
        stale = [i for i, track in self._tracks.items() if time - track.last_seen > MEMORY_SECONDS]
        for track_id in stale:
            del self._tracks[track_id]


def _activity(track: _Track, time: float, observed: Postures, person: int) -> tuple[Activity, bool]:
    """Return the activity of one person, and whether a raised hand was confirmed now."""
    if not observed.visible[person]:
        return Activity.UNCLEAR, False
    hand = track.hand.update(time, bool(observed.hand_raised[person]))
    head = track.head.update(time, bool(observed.head_low[person]))
    stand = track.stand.update(time, bool(observed.standing[person]))
    desk = track.desk.update(time, bool(observed.looking_down[person]))
    _store_wrists(track, time, observed.wrists[person])
    if hand is not None and hand >= HAND_RAISED_SECONDS:
        new = track.counted_hand_since != track.hand.since
        track.counted_hand_since = track.hand.since
        return Activity.HAND_RAISED, new
    if head is not None and head >= HEAD_DOWN_SECONDS:
        return Activity.HEAD_DOWN, False
    if stand is not None and stand >= STANDING_SECONDS:
        return Activity.STANDING, False
    if desk is not None and desk >= DESK_WORK_SECONDS:
        return _desk_work(track), False
    if time - track.last_seen > BRIDGE_SECONDS:
        return Activity.UNCLEAR, False  # one frame alone shows no duration
    if observed.standing[person] or observed.cut_off[person]:
        return Activity.UNCLEAR, False
    return Activity.SITTING, False


def _store_wrists(track: _Track, time: float, wrists: FloatArray) -> None:
    track.wrists.append((time, wrists))
    while time - track.wrists[0][0] > WRIST_MEMORY_SECONDS:
        track.wrists.popleft()


def _desk_work(track: _Track) -> Activity:
    """Return writing where a hand moves, reading where both rest, unclear where none is visible."""
    positions = np.stack([wrists for _, wrists in track.wrists])
    movements = [
        float(np.sqrt(np.nanvar(positions[:, side], axis=0).sum()))
        for side in range(2)
        if np.isfinite(positions[:, side, 0]).sum() >= MIN_WRIST_SAMPLES
    ]
    if not movements:
        return Activity.UNCLEAR
    return Activity.WRITING if max(movements) >= WRITING_HAND_MOVEMENT else Activity.READING
