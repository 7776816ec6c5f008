"""Measures what a live camera's view is like, by a frame every few seconds.

    frame, people ─> nothing to be seen in it: since when
                  ├> where edges lie, in ten minutes: MeasuredScene
                  └> where people are, in an hour: MeasuredCrowd

Frames with fewer than `k` people, but for empty rooms, belong to no summary (R3). Summaries are
compared in `cluster.calibration`.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from cluster.calibration.crowd import CrowdMeter, CrowdSummary
from cluster.calibration.scene import EdgeFrame, SceneMeter, SceneSummary
from cluster.streams.source.config import CameraConfig
from cluster.vision.people import BgrImage, People

SAMPLE_SECONDS: Final = 5.0
"""A frame is measured this often."""

SCENE_FRAMES: Final = 120
"""Frames of a summary of edges: ten minutes."""

CROWD_FRAMES: Final = 720
"""Frames of a summary of people: an hour."""

PLAIN_SECONDS: Final = 300.0
"""A picture that shows nothing for this long is reported."""

REPEAT_SECONDS: Final = 30.0
"""A summary is part of every report for this long, as one may be lost."""


@dataclass(frozen=True, slots=True)
class MeasuredScene:
    """Where edges lay in some minutes.

    Attributes:
        summary: Where.
        began_at: When the first of its frames was taken, UTC.
    """

    summary: SceneSummary
    began_at: datetime


@dataclass(frozen=True, slots=True)
class MeasuredCrowd:
    """Where people were in an hour.

    Attributes:
        summary: Where.
        began_at: When the first of its frames was taken, UTC.
    """

    summary: CrowdSummary
    began_at: datetime


@dataclass(frozen=True, slots=True)
class ViewReport:
    """What a camera's view is like.

    Attributes:
        frame_size: (width, height) of the downscaled frames, in pixels.
        is_clear: Whether something is to be seen in its picture now.
        plain_since: When its picture began to show nothing, UTC, once that lasts; else None.
        is_dark: Whether that may be for lack of light.
        scene: The last summary of edges, while it is new.
        crowd: The last summary of people, while it is new.
    """

    frame_size: tuple[int, int]
    is_clear: bool = True
    plain_since: datetime | None = None
    is_dark: bool = False
    scene: MeasuredScene | None = None
    crowd: MeasuredCrowd | None = None


class ViewMeter:
    """Measures the view of one camera; its memory is bounded.

    Args:
        config: Of the camera.
    """

    def __init__(self, config: CameraConfig) -> None:
        self._k = config.k
        self._masks = config.masks
        self._sampled_at = -math.inf
        self._frame_size: tuple[int, int] | None = None
        self._plain_since: tuple[float, datetime] | None = None
        self._is_plain_for_long = False
        self._is_dark = False
        self._scene, self._crowd = SceneMeter(), CrowdMeter(config.k)
        self._scene_began_at: datetime | None = None
        self._crowd_began_at: datetime | None = None
        self._last_scene: tuple[float, MeasuredScene] | None = None
        self._last_crowd: tuple[float, MeasuredCrowd] | None = None

    def add(self, pixels: BgrImage, people: People, now: float, taken_at: datetime) -> None:
        """Measure a frame, if one is due.

        Args:
            pixels: (height, width, 3) uint8 BGR, downscaled.
            people: Found in it.
            now: When it was taken, in seconds of the monotonic clock.
            taken_at: The same in UTC.
        """
        if now - self._sampled_at < SAMPLE_SECONDS:
            return
        self._sampled_at = now
        self._start_anew_with_another_size((pixels.shape[1], pixels.shape[0]))
        frame = EdgeFrame(pixels, self._masks)
        detail = frame.detail()
        if detail.is_plain and not len(people):
            self._plain_since = self._plain_since or (now, taken_at)
            self._is_plain_for_long = now - self._plain_since[0] >= PLAIN_SECONDS
            self._is_dark = detail.is_dark
            return
        self._plain_since, self._is_plain_for_long, self._is_dark = None, False, False
        if not detail.is_dark and (not len(people) or len(people) >= self._k):
            self._add_to_scene(frame, people, now, taken_at)
        self._add_to_crowd(people, now, taken_at)

    def report(self, now: float) -> ViewReport | None:
        """Return what is known; None before the first frame.

        Args:
            now: Seconds of the monotonic clock.
        """
        if self._frame_size is None:
            return None
        plain_since = self._plain_since[1] if self._plain_since is not None else None
        return ViewReport(
            self._frame_size,
            plain_since is None,
            plain_since if self._is_plain_for_long else None,
            self._is_plain_for_long and self._is_dark,
            _while_new(self._last_scene, now),
            _while_new(self._last_crowd, now),
        )

    def _start_anew_with_another_size(self, frame_size: tuple[int, int]) -> None:
        if frame_size != self._frame_size:
            self._frame_size = frame_size
            self._scene, self._crowd = SceneMeter(), CrowdMeter(self._k)

    def _add_to_scene(
        self, frame: EdgeFrame, people: People, now: float, taken_at: datetime
    ) -> None:
        if not self._scene.frames:
            self._scene_began_at = taken_at
        self._scene.add(frame, people.boxes)
        if self._scene.frames >= SCENE_FRAMES and self._scene_began_at is not None:
            measured = MeasuredScene(self._scene.summarise(), self._scene_began_at)
            self._last_scene, self._scene = (now, measured), SceneMeter()

    def _add_to_crowd(self, people: People, now: float, taken_at: datetime) -> None:
        if self._frame_size is None or not self._crowd.add(people, self._frame_size):
            return
        if self._crowd.frames == 1:
            self._crowd_began_at = taken_at
        if self._crowd.frames >= CROWD_FRAMES and self._crowd_began_at is not None:
            measured = MeasuredCrowd(self._crowd.summarise(), self._crowd_began_at)
            self._last_crowd, self._crowd = (now, measured), CrowdMeter(self._k)


_Measured = TypeVar("_Measured", MeasuredScene, MeasuredCrowd)


def _while_new(last: tuple[float, _Measured] | None, now: float) -> _Measured | None:
    return last[1] if last is not None and now - last[0] <= REPEAT_SECONDS else None
