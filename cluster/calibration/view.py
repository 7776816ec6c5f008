"""What is known of a camera's view over time: its reference, and whether it has drifted from it.

    data_dir/calibration/views/<camera>.json

    the first hour of scenes, the first ten hours with people ─> reference
    the newest ones, compared with it ─> moved, covered in part, seats moved
    a picture that shows nothing now ─> covered

A reference holds for one model, input size, shape of frames, address and set of masks; with
another, and after `homeroom calibrate`, it starts anew. No picture is kept (R8), and nothing of
less than `k` people (R3).
"""

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cluster.calibration.camera_files import CameraFiles, CameraRecord
from cluster.calibration.crowd import CrowdSummary
from cluster.calibration.drift import (
    CONFIRMING_SCENES,
    RECENT_CROWDS,
    REFERENCE_CROWDS,
    CameraDrift,
    Drift,
    compare_scenes,
    sit_elsewhere,
)
from cluster.calibration.scene import SceneSummary
from cluster.settings import Settings

REFERENCE_SCENES: Final = 6
"""Summaries of ten minutes that the reference is the mean of."""


class DatedCrowd(BaseModel):
    """Where people were in an hour, and when it began."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    began_at: AwareDatetime
    crowd: CrowdSummary


class ViewHistory(CameraRecord):
    """What is known of one camera's view.

    Attributes:
        version: Of this format.
        camera_id: The camera.
        key: What the reference holds for; empty while there is none.
        began_at: What began before this is not compared; None: all is.
        scene: The reference: where edges lie.
        scenes: How many summaries it is the mean of.
        changes: How many summaries in a row differ from it.
        changing_since: When the first of them began.
        scene_drift: `moved`, `covered` or `none`, once that is confirmed.
        crowds: The reference: the first hours with people.
        recent: The last ones after these.
        elsewhere_since: When the first of the recent hours began, where people sit elsewhere.
        plain_since: Since when the picture shows nothing; None where it does.
    """

    version: Literal[1] = 1
    key: str = ""
    began_at: AwareDatetime | None = None
    scene: SceneSummary | None = None
    scenes: int = Field(default=0, ge=0)
    changes: int = Field(default=0, ge=0)
    changing_since: AwareDatetime | None = None
    scene_drift: Drift = Drift.NONE
    crowds: tuple[DatedCrowd, ...] = ()
    recent: tuple[DatedCrowd, ...] = ()
    elsewhere_since: AwareDatetime | None = None
    plain_since: AwareDatetime | None = None

    @property
    def drift(self) -> CameraDrift:
        """What became of the view: of several changes, the one that hides most."""
        if self.plain_since is not None:
            return CameraDrift(Drift.COVERED, self.plain_since, hides_all=True)
        if self.scene_drift is not Drift.NONE:
            return CameraDrift(self.scene_drift, self.changing_since)
        if self.elsewhere_since is not None:
            return CameraDrift(Drift.SEATS_MOVED, self.elsewhere_since)
        return CameraDrift()

    def for_key(self, key: str) -> "ViewHistory":
        """Return the view, without its reference where that holds for something else."""
        if self.key in {"", key}:
            return self._with(key=key)
        return ViewHistory(camera_id=self.camera_id, key=key, plain_since=self.plain_since)

    def observe_scene(self, scene: SceneSummary, began_at: datetime) -> "ViewHistory":
        """Return the view after a summary of ten minutes.

        Args:
            scene: The summary.
            began_at: When its first frame was taken, UTC.
        """
        if self._is_before(began_at):
            return self
        if self.scene is None:
            return self._with(scene=scene, scenes=1)
        comparison = compare_scenes(self.scene, scene)
        if comparison is None:
            return self
        if not comparison.is_covered and not comparison.is_moved:
            grown = {}
            if self.scenes < REFERENCE_SCENES:
                merged = self.scene.merged(scene, self.scenes)
                grown = {"scene": merged, "scenes": self.scenes + 1}
            return self._with(changes=0, changing_since=None, scene_drift=Drift.NONE, **grown)
        changes = min(self.changes + 1, CONFIRMING_SCENES)
        kind = Drift.COVERED if comparison.is_covered else Drift.MOVED
        return self._with(
            changes=changes,
            changing_since=self.changing_since or began_at,
            scene_drift=kind if changes >= CONFIRMING_SCENES else self.scene_drift,
        )

    def observe_crowd(self, crowd: CrowdSummary, began_at: datetime) -> "ViewHistory":
        """Return the view after an hour with people; arguments as in `observe_scene`.

        Where people sit is compared only while the camera shows what it showed at first.
        """
        if self._is_before(began_at) or self.changes:
            return self
        dated = DatedCrowd(began_at=began_at, crowd=crowd)
        if len(self.crowds) < REFERENCE_CROWDS:
            return self._with(crowds=(*self.crowds, dated))
        recent = (*self.recent, dated)[-RECENT_CROWDS:]
        is_elsewhere = sit_elsewhere(
            [one.crowd for one in self.crowds], [one.crowd for one in recent]
        )
        since = (self.elsewhere_since or recent[0].began_at) if is_elsewhere else None
        return self._with(recent=recent, elsewhere_since=since)

    def observe_lens(self, plain_since: datetime | None) -> "ViewHistory":
        """Return the view after the picture began to show nothing, or something again."""
        return self._with(plain_since=plain_since)

    def restarted(self, now: datetime) -> "ViewHistory":
        """Return the view without a reference: the next one is of what begins after `now`."""
        return ViewHistory(camera_id=self.camera_id, began_at=now)

    def _is_before(self, began_at: datetime) -> bool:
        return self.began_at is not None and began_at < self.began_at

    def _with(self, **changes: object) -> "ViewHistory":
        """Return itself where nothing changes, so that it is not written again."""
        if all(getattr(self, name) == value for name, value in changes.items()):
            return self
        return self.model_copy(update=changes)


class ViewStore(CameraFiles[ViewHistory]):
    """The views of an installation's cameras.

    Args:
        folder: Their folder; created by the first write.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ViewHistory)

    @staticmethod
    def of(settings: Settings) -> "ViewStore":
        """Return the store of an installation."""
        return ViewStore(settings.data_dir / "calibration" / "views")

    def restart(self, camera_id: str, now: datetime) -> None:
        """Start a camera's reference anew: it was looked at, and is as it should be.

        Raises:
            CalibrationError: It cannot be written.
        """
        self.change(camera_id, lambda view: view.restarted(now))
