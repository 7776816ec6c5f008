"""Which live cameras show something else than at first, by the reports of their readers.

    reports, with summaries of views ─> LiveViews ─> store: references, and what differs from them
                                            └─> drift of each camera ─> status, rooms, windows

The store is the truth: what `homeroom calibrate` starts anew there is new here, and after a restart
what was known is known again.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cluster.activity.published import PublishedWindow
from cluster.calibration.drift import CameraDrift, Drift
from cluster.calibration.view import ViewHistory, ViewStore
from cluster.errors import CalibrationError
from cluster.runtime.redaction import redact_credentials
from cluster.settings import Camera, Settings
from cluster.streams.reader.report import Report
from cluster.streams.reader.view_meter import MeasuredCrowd, MeasuredScene, ViewReport

logger = logging.getLogger(__name__)

IsLesson = Callable[[str], bool]
"""Whether a room, by its id, has had a lesson for some minutes."""


@dataclass(frozen=True, slots=True)
class NewView:
    """What a report says of a camera's view that is not stored yet.

    Attributes:
        camera_id: The camera.
        key: What its summaries hold for.
        scene: A new summary of edges.
        crowd: A new summary of people.
        changes_lens: Whether the picture began to show nothing, or something again.
        plain_since: Since when it shows nothing, if so.
    """

    camera_id: str
    key: str
    scene: MeasuredScene | None
    crowd: MeasuredCrowd | None
    changes_lens: bool
    plain_since: datetime | None


class LiveViews:
    """The views of an installation's live cameras.

    Args:
        store: What is known of them.
        model_id: Id of the pose model.
    """

    def __init__(self, store: ViewStore, model_id: str) -> None:
        self._store = store
        self._model_id = model_id
        self._drifts: dict[str, CameraDrift] = {}
        self._plain: dict[str, datetime | None] = {}
        self._taken: dict[tuple[str, str], datetime] = {}
        """When the newest summary of each camera and kind began that was taken."""
        self._stamps: dict[str, int] = {}

    @property
    def drifts(self) -> Mapping[str, CameraDrift]:
        """The drift of each camera; those that are not in it have none."""
        return self._drifts

    def reload(self, settings: Settings) -> None:
        """Read what has changed in the store, of the cameras that there are now."""
        stamps = {
            camera_id: stamp
            for camera_id, stamp in self._store.stamps().items()
            if camera_id in settings.cameras_by_id
        }
        for camera_id in self._stamps.keys() - stamps.keys():
            self._drifts.pop(camera_id, None)
            self._plain.pop(camera_id, None)
        for camera_id, stamp in stamps.items():
            if self._stamps.get(camera_id) != stamp:
                self._keep(self._store.read(camera_id))
        self._stamps = stamps

    def take_new(self, report: Report, settings: Settings, is_lesson: IsLesson) -> list[NewView]:
        """Take what a report says of views; return what is to be stored.

        Args:
            report: Of a reader.
            settings: They define cameras and rooms.
            is_lesson: A picture without light counts as covered during lessons alone.
        """
        new = []
        for reported in report.cameras:
            camera = settings.cameras_by_id.get(reported.health.camera_id)
            if camera is None or reported.view is None:
                continue
            view = reported.view
            scene = view.scene if self._is_new(camera.id, "scene", view.scene) else None
            crowd = view.crowd if self._is_new(camera.id, "crowd", view.crowd) else None
            before = self._plain.get(camera.id)
            plain_since = _plain_since(view, before, is_lesson=is_lesson(camera.room))
            self._plain[camera.id] = plain_since
            changes_lens = plain_since != before
            if scene or crowd or changes_lens:
                key = view_key(settings, camera, view.frame_size, self._model_id)
                new.append(NewView(camera.id, key, scene, crowd, changes_lens, plain_since))
        return new

    def store(self, new: Iterable[NewView]) -> None:
        """Compare new summaries with the references, and store both; logs what drifts."""
        for one in new:
            try:
                self._keep(self._store.change(one.camera_id, partial(_apply, one)))
            except CalibrationError as error:
                logger.warning("the view of camera %s is not stored: %s", one.camera_id, error)
                self._keep(_apply(one, self._store.read(one.camera_id)))

    def uncovered(self, windows: Iterable[PublishedWindow]) -> list[PublishedWindow]:
        """Return the windows of cameras that show something: others would count an empty room."""
        kept = []
        for window in windows:
            plain_since = self._plain.get(window.camera_id)
            if plain_since is None or window.window.window_start < plain_since:
                kept.append(window)
        return kept

    def _is_new(
        self, camera_id: str, kind: str, measured: MeasuredScene | MeasuredCrowd | None
    ) -> bool:
        if measured is None or self._taken.get((camera_id, kind)) == measured.began_at:
            return False
        self._taken[camera_id, kind] = measured.began_at
        return True

    def _keep(self, view: ViewHistory) -> None:
        """Keep a camera's drift; a change of it is logged once."""
        before, now = self._drifts.get(view.camera_id, CameraDrift()), view.drift
        self._plain[view.camera_id] = view.plain_since
        if now.kind is Drift.NONE:
            self._drifts.pop(view.camera_id, None)
        else:
            self._drifts[view.camera_id] = now
        if now.kind is before.kind:
            return
        if now.kind is Drift.NONE:
            logger.info("camera %s shows what it should again", view.camera_id)
        else:
            logger.warning(
                "camera %s: %s since %s. %s", view.camera_id, now.kind, now.since, now.kind.advice
            )


def view_key(settings: Settings, camera: Camera, frame_size: tuple[int, int], model_id: str) -> str:
    """Return what the reference of a camera's view holds for; it tells nothing of its address.

    Args:
        settings: All settings.
        camera: The camera in them.
        frame_size: (width, height) of the frames that are measured, in pixels.
        model_id: Id of the pose model.
    """
    secrets = [one for one in (camera.address, camera.substream) if one is not None]
    addresses = [redact_credentials(one.get_secret_value()) for one in secrets]
    parts = (model_id, frame_size, settings.privacy.k, camera.masks, addresses)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _plain_since(view: ViewReport, before: datetime | None, *, is_lesson: bool) -> datetime | None:
    """Return since when a picture shows nothing though it should.

    A reader that has just started does not know yet: then what was known before holds.
    """
    if view.is_clear:
        return None
    if view.plain_since is None or before is not None:
        return before
    return view.plain_since if is_lesson or not view.is_dark else None


def _apply(new: NewView, view: ViewHistory) -> ViewHistory:
    if new.changes_lens:
        view = view.observe_lens(new.plain_since)
    if new.scene is not None:
        view = view.for_key(new.key).observe_scene(new.scene.summary, new.scene.began_at)
    if new.crowd is not None:
        view = view.for_key(new.key).observe_crowd(new.crowd.summary, new.crowd.began_at)
    return view
