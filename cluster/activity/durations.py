"""Postures to activities: what must last, lasts; a raised hand counts once.

The rules are those of docs/activity.md. They need no more than `MEMORY_SECONDS` of the past, so
a segment that starts with that much lead-in counts what an unbroken run would count.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cluster.vision.activity import Activity, Postures
from cluster.vision.people import FloatArray

UNTRACKED = -1
"""Stands for a track number where somebody has none yet."""

HAND_RAISED_SECONDS = 0.4
HEAD_DOWN_SECONDS = 2.0
STANDING_SECONDS = 0.9
DESK_WORK_SECONDS = 1.9
"""Looking down must last this long to be reading or writing."""

BRIDGE_SECONDS = 1.5
"""A posture that is missed for less than this goes on."""

WRITING_HAND_MOVES = 0.06
"""Standard deviation of a wrist's place, in body units, from which a hand is writing."""

LEAST_WRISTS_SEEN = 3
WRISTS_SECONDS = 3.0

MEMORY_SECONDS = 4.5
"""Two bridges and a raised hand, or a bridge and a lowered head, and a frame at the lowest rate
in which the tracker has no number for anybody yet."""


@dataclass(slots=True)
class _Run:
    """A posture's unbroken stretch (short misses do not break it)."""

    since: float | None = None
    last: float = 0.0

    def lasts(self, time: float, shown: bool) -> float | None:
        """Seconds that it has lasted, or None where it is not shown now."""
        if self.since is not None and time - self.last > BRIDGE_SECONDS:
            self.since = None
        if not shown:
            return None
        if self.since is None:
            self.since = time
        self.last = time
        return time - self.since


@dataclass(slots=True)
class _Track:
    hand: _Run = field(default_factory=_Run)
    head: _Run = field(default_factory=_Run)
    stand: _Run = field(default_factory=_Run)
    desk: _Run = field(default_factory=_Run)
    wrists: deque[tuple[float, FloatArray]] = field(default_factory=deque)
    counted_hand_since: float | None = None
    last_seen: float = -math.inf


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """One frame of a room: how many, doing what. No track is named.

    Attributes:
        time_seconds: Of the frame.
        people: Students in it.
        activities: How many of each; their sum is `people`.
        hand_raises: Hands that went up and were confirmed at this frame.
    """

    time_seconds: float
    people: int
    activities: dict[Activity, int]
    hand_raises: int


class ActivityCounter:
    """Counts a camera's activities, frame after frame."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}

    def update(
        self, time_seconds: float, numbers: npt.NDArray[np.int64], shown: Postures
    ) -> FrameCounts:
        """Count one frame.

        Args:
            time_seconds: Of the frame; must grow.
            numbers: (n,) track numbers, `UNTRACKED` for people without one.
            shown: Postures of the same n people.
        """
        counts = dict.fromkeys(Activity, 0)
        raises = 0
        for person, number in enumerate(numbers.tolist()):
            track = _Track() if number == UNTRACKED else self._tracks.setdefault(number, _Track())
            activity, raised = _activity(track, time_seconds, shown, person)
            track.last_seen = time_seconds
            counts[activity] += 1
            raises += raised
        self._forget(time_seconds)
        return FrameCounts(time_seconds, len(numbers), counts, raises)

    def _forget(self, time: float) -> None:
        gone = [n for n, track in self._tracks.items() if time - track.last_seen > MEMORY_SECONDS]
        for number in gone:
            del self._tracks[number]


def _activity(track: _Track, time: float, shown: Postures, person: int) -> tuple[Activity, bool]:
    """The activity of one person, and whether a hand has just been counted."""
    if not shown.visible[person]:
        return Activity.UNCLEAR, False
    hand = track.hand.lasts(time, bool(shown.hand_raised[person]))
    head = track.head.lasts(time, bool(shown.head_low[person]))
    stand = track.stand.lasts(time, bool(shown.standing[person]))
    desk = track.desk.lasts(time, bool(shown.looking_down[person]))
    _remember_wrists(track, time, shown.wrists[person])
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
        return Activity.UNCLEAR, False  # one picture alone does not tell what lasts
    if shown.standing[person] or shown.cut_off[person]:
        return Activity.UNCLEAR, False
    return Activity.SITTING, False


def _remember_wrists(track: _Track, time: float, wrists: FloatArray) -> None:
    track.wrists.append((time, wrists))
    while time - track.wrists[0][0] > WRISTS_SECONDS:
        track.wrists.popleft()


def _desk_work(track: _Track) -> Activity:
    """Writing where a hand moves, reading where both rest, unclear where none is seen."""
    places = np.stack([wrists for _, wrists in track.wrists])
    moves = [
        float(np.sqrt(np.nanvar(places[:, side], axis=0).sum()))
        for side in range(2)
        if np.isfinite(places[:, side, 0]).sum() >= LEAST_WRISTS_SEEN
    ]
    if not moves:
        return Activity.UNCLEAR
    return Activity.WRITING if max(moves) >= WRITING_HAND_MOVES else Activity.READING
