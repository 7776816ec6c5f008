"""Reconciliation of what the readers read with what the settings ask for.

observe: which cameras does each reader read? ─> unassigned, overdue
apply:   plan ─> launch or assign readers ─> stop the superfluous and the outdated
"""

import asyncio
import time
from collections.abc import Collection, Mapping

from cluster.settings import Settings
from cluster.streams.source.config import CameraConfig
from serve_apps.rooms.placement import place
from serve_apps.rooms.reader_pool import ReaderPool

PLACEMENT_TIMEOUT_SECONDS = 15.0
"""A camera without a reader for longer is overdue: readers start within seconds."""


class ReaderReconciler:
    """Moves the readers of a pool towards the wanted cameras, one round at a time.

    Args:
        pool: The readers.

    Attributes:
        assignments: The cameras of each reader after the last round.
    """

    def __init__(self, pool: ReaderPool) -> None:
        self._pool = pool
        self._running: dict[str, Mapping[str, CameraConfig]] = {}
        self._starting: dict[str, Collection[str]] = {}
        self._unassigned_since: dict[str, float] = {}
        self.assignments: dict[str, Mapping[str, CameraConfig]] = {}

    async def observe(self, camera_ids: Collection[str]) -> tuple[set[str], set[str]]:
        """Ask the readers what they read.

        Args:
            camera_ids: The cameras that should be read.

        Returns:
            The cameras without a running reader, and those of them that are overdue.
        """
        self._pool.evict_silent()
        self._running = await self._pool.poll()
        self._starting = self._pool.starting()
        unassigned = set(camera_ids) - {c for held in self._running.values() for c in held}
        now = time.monotonic()
        self._unassigned_since = {c: self._unassigned_since.get(c, now) for c in unassigned}
        overdue = {
            camera_id
            for camera_id, since in self._unassigned_since.items()
            if now - since > PLACEMENT_TIMEOUT_SECONDS
        }
        return unassigned, overdue

    async def apply(self, configs: Mapping[str, CameraConfig], settings: Settings) -> set[str]:
        """Change the readers' cameras to the wanted ones.

        Args:
            configs: The cameras that should be read, by id.
            settings: In force.

        Returns:
            The readers that have ended since the last round.
        """
        limit = await asyncio.to_thread(self._pool.max_cameras_per_reader, settings)
        plan = place(
            configs,
            {r: list(held) for r, held in self._running.items() if self._pool.is_current(r)},
            cameras_per_reader=limit,
            new_names=[self._pool.new_reader_id() for _ in configs],
            starting=self._starting,
        )
        await asyncio.gather(
            *(
                self._assign(reader_id, [configs[c] for c in sorted(cameras)], settings)
                for reader_id, cameras in plan.cameras.items()
                if reader_id not in self._starting
            )
        )
        await self._stop_superfluous(configs, plan.superfluous)
        previous = set(self.assignments)
        self.assignments = await self._pool.poll()
        return previous - set(self.assignments)

    async def _assign(
        self, reader_id: str, configs: list[CameraConfig], settings: Settings
    ) -> None:
        held = self._running.get(reader_id)
        if held is None:
            self._pool.launch(reader_id, settings, configs)
        elif {config.camera_id: config for config in configs} != dict(held):
            await self._pool.assign(reader_id, configs)

    async def _stop_superfluous(
        self, configs: Collection[str], superfluous: Collection[str]
    ) -> None:
        """Stop readers without cameras, and those of an older version after a handover."""
        running = await self._pool.poll()
        handed_over = {c for r, held in running.items() if self._pool.is_current(r) for c in held}
        outdated = {
            reader_id
            for reader_id, held in running.items()
            if not self._pool.is_current(reader_id) and (set(held) & set(configs)) <= handed_over
        }
        await asyncio.gather(*(self._pool.stop(r) for r in {*superfluous, *outdated}))
