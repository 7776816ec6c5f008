"""Which camera's shares are published of each room: one for a whole day, by today's rule (R3).

    windows ─> propose ─> stored by the deployment ─> choose ─> combine: headcounts of all cameras,
                                                                shares of the chosen one

Before a choice is stored no share of the room is published; `homeroom publish` reads the same
choice, so that the live service and the warehouse never give shares of two cameras.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.activity.share_camera import choose_live, combine_cameras
from cluster.activity.suppression import ActivityWindow, restrict_window, withhold_shares
from cluster.settings import Settings
from cluster.warehouse.published_shares import RoomDay, ShareCamera

DAYS_KEPT = 3
NO_CAMERA = ""


class RoomShares:
    """The choices that are in force. Pure: they are stored by the caller.

    Args:
        settings: They define rooms, their kind, and `k`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chosen: dict[RoomDay, str] = {}

    def reconfigure(self, settings: Settings) -> None:
        """Apply other settings, also to what was counted before."""
        self._settings = settings

    def choose(self, chosen: Mapping[RoomDay, ShareCamera]) -> None:
        """Put stored choices in force; those of days long past are forgotten.

        Where an archive's shares have been published of a day, there are no live ones.
        """
        self._chosen |= {
            key: one.camera_id if one.source == "live" else NO_CAMERA for key, one in chosen.items()
        }
        newest = max((day for _, day in self._chosen), default=date.min)
        for room_id, day in list(self._chosen):
            if (newest - day).days > DAYS_KEPT:
                del self._chosen[room_id, day]

    def is_chosen(self, window: PublishedWindow) -> bool:
        """Whether a camera has been chosen for a window's room and day."""
        return self._camera(window.room_id, window.window.window_start) is not None

    def propose(
        self, room_id: str, windows: Iterable[PublishedWindow], cameras: Sequence[str]
    ) -> tuple[date, str] | None:
        """Return the day of the newest window and the camera to choose for it.

        Args:
            room_id: The room.
            windows: Its windows, of all cameras.
            cameras: Ids of the cameras that see it.

        Returns:
            None if one has been chosen, or too little has been seen to choose one.
        """
        seen = list(windows)
        if not seen:
            return None
        day = self._day(room_id, max(each.window.window_start for each in seen))
        if (room_id, day) in self._chosen:
            return None
        of_day = (
            (each.camera_id, self._restrict(room_id, each.window, each.k))
            for each in seen
            if self._day(room_id, each.window.window_start) == day
        )
        camera_id = choose_live(of_day, cameras)
        return None if camera_id is None else (day, camera_id)

    def combine(self, windows: Sequence[PublishedWindow]) -> PublishedWindow:
        """Return the window of a room: windows of its cameras for the same ten seconds."""
        room_id, start = windows[0].room_id, windows[0].window.window_start
        seen = [(each.camera_id, self._restrict(room_id, each.window, each.k)) for each in windows]
        share_camera = self._camera(room_id, start)
        camera_id, window = combine_cameras(seen, share_camera)
        by_camera = {each.camera_id: each for each in windows}
        shown = by_camera[camera_id]
        return replace(shown, window=window, k=by_camera.get(share_camera or "", shown).k)

    def combine_live(
        self, room_id: str, current: Mapping[str, LiveCounts]
    ) -> tuple[str, str | None, ActivityWindow]:
        """Combine the live counts of a room's cameras.

        Args:
            room_id: The room.
            current: By camera, the counts that are most current.

        Returns:
            The camera that sees most, the camera that gives shares (None before one is chosen),
            and the room's window: the last seconds.
        """
        newest = max(counts.as_of for counts in current.values())
        share_camera = self._camera(room_id, newest)
        k = self._settings.privacy.k
        seen = []
        for camera_id, counts in current.items():
            window = self._restrict(room_id, counts.window, counts.k)
            if counts.hands_up is not None and counts.people < k:
                window = withhold_shares(window)  # the hands are of a group that is too small now
            seen.append((camera_id, window))
        camera_id, window = combine_cameras(seen, share_camera)
        return camera_id, share_camera, window

    def _restrict(self, room_id: str, window: ActivityWindow, counted_k: int) -> ActivityWindow:
        room = self._settings.rooms_by_id.get(room_id)
        headcount_only = room is not None and room.kind == "vehicle"
        k = self._settings.privacy.k
        return restrict_window(window, k=k, headcount_only=headcount_only, counted_k=counted_k)

    def _camera(self, room_id: str, time: datetime) -> str | None:
        return self._chosen.get((room_id, self._day(room_id, time)))

    def _day(self, room_id: str, time: datetime) -> date:
        return time.astimezone(self._zone(room_id)).date()

    def _zone(self, room_id: str) -> ZoneInfo:
        room = self._settings.rooms_by_id.get(room_id)
        return ZoneInfo("UTC") if room is None else self._settings.schools_by_id[room.school].zone
