"""The services that a reader calls; on Serve they are deployments."""

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
    """Receives the reports of readers."""

    async def report(self, report: Report) -> Ack:
        """Receive a report; returns up to which window all are stored."""


class ChipSink(Protocol):
    """Receives face chips, and compares them."""

    async def submit_chips(self, ticket: str, captured_at: datetime, chips: list[FaceChip]) -> None:
        """Receive the face chips of one frame, and when it was taken."""


class FaceCutterFactory(Protocol):
    """Loads the face cutter."""

    def __call__(self) -> FaceCutter:
        """Return the face cutter; called at the first lease, in a thread."""
