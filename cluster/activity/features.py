"""What the activity classifier sees of a person: the last seconds of one track, as numbers.

    People of a frame -> BodyHistory (per track, 3 s) -> (n, FEATURES) float32

Lengths are in units of the person's own body, from the middle of the shoulders, so that the first
row and the last look alike. Nothing of the picture, the place or the person is kept (R2), and
nothing for longer than `HISTORY_SECONDS`.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.vision.activity import TORSO_LENGTH_TO_UNIT
from cluster.vision.people import KEYPOINTS, FloatArray, People

HISTORY_SECONDS: Final = 3.0
SLOT_SECONDS: Final = 0.4
"""Of earlier frames, the first of each such slot of the clock is kept, so that features depend
little on the rate of analysis, and not on when the analysis began."""

UNTRACKED: Final = -1
"""The track id of a person without a track yet."""

MIN_UNIT_TO_BOX: Final = 0.15
"""The unit is at least this fraction of the box's longer side: shoulders that were guessed in one
place would make everything else infinitely far away."""

COORDINATE_LIMIT: Final = 6.0

_HEAD: Final = slice(0, 5)
_SHOULDERS: Final = [5, 6]
_WRISTS: Final = [9, 10]
_HIPS: Final = [11, 12]
_POINTS: Final = len(KEYPOINTS)
_SHAPE: Final = 8
FEATURES: Final = 3 * _POINTS + 2 * (2 * _POINTS) + 2 * _POINTS + _SHAPE + 5
"""Length of one person's features."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """The people of one frame in their own units.

    Attributes:
        points: (n, 17, 2) keypoints from the middle of the shoulders, in units; y grows downwards.
        scores: (n, 17) of the keypoints, 0 to 1.
        shape: (n, 8) the box: its sides from the middle of the shoulders and its size in units,
            how far the frame's lower and upper edge are from it, the person's score, and the log of
            the unit in pixels.
        middles: (n, 2) middle of the shoulders, in pixels.
        units: (n,) in pixels.
    """

    points: FloatArray
    scores: FloatArray
    shape: FloatArray
    middles: FloatArray
    units: FloatArray


def normalise(people: People, frame_size: tuple[int, int]) -> Bodies:
    """Return people in their own units.

    Args:
        people: n people.
        frame_size: (width, height) of the frame, in the same pixels.
    """
    points, scores = people.keypoints[..., :2], people.keypoints[..., 2]
    boxes = people.boxes
    sides = boxes[:, 2:] - boxes[:, :2]
    middles = points[:, _SHOULDERS].mean(axis=1)
    width = np.linalg.norm(points[:, 5] - points[:, 6], axis=1)
    torso = np.linalg.norm(middles - points[:, _HIPS].mean(axis=1), axis=1)
    units = np.maximum(width, TORSO_LENGTH_TO_UNIT * torso)
    units = np.maximum(np.maximum(units, MIN_UNIT_TO_BOX * sides.max(axis=1)), 1.0)
    relative = (points - middles[:, None]) / units[:, None, None]
    edges = (boxes.reshape(-1, 2, 2) - middles[:, None]).reshape(-1, 4) / units[:, None]
    margins = np.stack([frame_size[1] - boxes[:, 3], boxes[:, 1]], axis=1) / units[:, None]
    shape = np.concatenate(
        [
            edges,
            np.clip(margins, 0, 2),
            people.scores[:, None],
            np.log(units / 20)[:, None],
        ],
        axis=1,
    )
    return Bodies(
        points=np.clip(relative, -COORDINATE_LIMIT, COORDINATE_LIMIT).astype(np.float32),
        scores=scores.astype(np.float32),
        shape=np.clip(shape, -COORDINATE_LIMIT, COORDINATE_LIMIT).astype(np.float32),
        middles=middles.astype(np.float32),
        units=units.astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class _Moment:
    time: float
    points: FloatArray
    scores: FloatArray
    middle: FloatArray
    unit: float


class BodyHistory:
    """The last seconds of each track of one camera."""

    def __init__(self) -> None:
        self._tracks: dict[int, deque[_Moment]] = {}

    def update(
        self,
        time_seconds: float,
        track_ids: npt.NDArray[np.int64],
        people: People,
        frame_size: tuple[int, int],
    ) -> FloatArray:
        """Add a frame, and return the features of its people.

        Args:
            time_seconds: Timestamp of the frame; must increase.
            track_ids: (n,) track ids, `UNTRACKED` for people without one.
            people: The n people.
            frame_size: (width, height) of the frame, in pixels.

        Returns:
            (n, FEATURES) float32.
        """
        bodies = normalise(people, frame_size)
        features = np.empty((len(people), FEATURES), np.float32)
        for index, track_id in enumerate(track_ids.tolist()):
            moment = _Moment(
                time_seconds,
                bodies.points[index],
                bodies.scores[index],
                bodies.middles[index],
                float(bodies.units[index]),
            )
            earlier = self._tracks.setdefault(track_id, deque()) if track_id != UNTRACKED else ()
            _forget(earlier, time_seconds)
            features[index] = _describe(moment, earlier, bodies.shape[index])
            if track_id != UNTRACKED and (
                not earlier or _slot(time_seconds) != _slot(earlier[-1].time)
            ):
                self._tracks[track_id].append(moment)
        self._drop_stale_tracks(time_seconds)
        return features

    def _drop_stale_tracks(self, time: float) -> None:
        stale = [
            track_id
            for track_id, moments in self._tracks.items()
            if not moments or time - moments[-1].time > HISTORY_SECONDS
        ]
        for track_id in stale:
            del self._tracks[track_id]


def _slot(time: float) -> int:
    return int(time // SLOT_SECONDS)


def _forget(moments: "deque[_Moment] | tuple[()]", time: float) -> None:
    while moments and time - moments[0].time > HISTORY_SECONDS:
        moments.popleft()


def _describe(
    moment: _Moment, earlier: "deque[_Moment] | tuple[()]", shape: FloatArray
) -> FloatArray:
    """Return one person's features: now, over the last seconds, and how those moved."""
    moments = [*earlier, moment]
    points = np.stack([one.points for one in moments])
    scores = np.stack([one.scores for one in moments])
    middles = np.stack([one.middle for one in moments])
    drift = (middles - moment.middle) / moment.unit
    size = np.array([one.unit for one in moments], np.float32) / moment.unit
    weights = scores + 1e-3
    weights /= weights.sum(axis=0)
    mean = (points * weights[..., None]).sum(axis=0)
    spread = np.sqrt((((points - mean) ** 2) * weights[..., None]).sum(axis=0))
    movement = np.array(
        [
            np.abs(drift).max(),
            np.ptp(drift[:, 0]),
            np.ptp(drift[:, 1]),
            np.ptp(size),
            (moment.time - moments[0].time) / HISTORY_SECONDS,
        ],
        np.float32,
    )
    return np.concatenate(
        [
            moment.points.ravel(),
            moment.scores,
            mean.ravel(),
            spread.ravel(),
            scores.mean(axis=0),
            scores.min(axis=0),
            shape,
            np.clip(movement, -COORDINATE_LIMIT, COORDINATE_LIMIT),
        ]
    ).astype(np.float32)
