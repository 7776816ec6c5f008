"""Whom a reader talks to, as it sees them; on Serve they are deployments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cluster.streams.reader.report import Ack, Report
from cluster.vision.faces.base import FaceChip, FaceCutter
from cluster.vision.people import BgrImage, People


class PoseFinder(Protocol):
    """The pose model."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        """See `serve_apps.clients.interfaces.PoseService`."""


class ReportSink(Protocol):
    """Whoever is told the numbers."""

    async def report(self, report: Report) -> Ack:
        """Take a report; gives up to which window all is safe."""


class ChipSink(Protocol):
    """Whoever compares faces."""

    async def see(self, ticket: str, moment: datetime, chips: list[FaceChip]) -> None:
        """Take the face chips of one frame."""


class CutterMaker(Protocol):
    """Loads what cuts face chips; called at the first lease, in a thread."""

    def __call__(self) -> FaceCutter:
        """The cutter."""
