"""The face model as a register sees it: it embeds elsewhere, and takes distances here."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from ray.serve.handle import DeploymentHandle

from cluster.vision.faces.base import FaceChip, FaceEngineSpec, FaceThresholds
from cluster.vision.people import FloatArray
from serve_apps.clients.errors import translate_serve_errors

ANSWER_SECONDS = 30.0
"""The first call waits until a replica has started."""

R = TypeVar("R")


class FaceModelClient:
    """A `vision.faces.base.FaceComparer`, to be used in threads beside a running event loop.

    Args:
        handle: Of the face model's deployment.
        loop: Where its calls run.
    """

    def __init__(self, handle: DeploymentHandle, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self._loop = loop
        self._spec: FaceEngineSpec | None = None

    @property
    def name(self) -> str:
        """`dlib` or `insightface`."""
        return self._known().name

    @property
    def version(self) -> str:
        """Network and start of its checksum."""
        return self._known().version

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        return self._known().dimensions

    @property
    def thresholds(self) -> FaceThresholds:
        """The figures that go with its distances."""
        return self._known().thresholds

    def embed(self, chips: Sequence[FaceChip]) -> FloatArray:
        """Embeddings (n, dimensions) float32 of chips, in their order.

        Raises:
            ServiceBusy: The model's queue is full.
            ServiceDown: It does not answer.
            VisionError: The network failed.
        """
        return self._wait(self._embed(list(chips)))

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        """How far each embedding (n, d) is from each template (m, d): (n, m) float32."""
        return self._known().distances(embeddings, templates)

    def _known(self) -> FaceEngineSpec:
        if self._spec is None:
            self._spec = self._wait(self._ask())
        return self._spec

    async def _ask(self) -> FaceEngineSpec:
        async with translate_serve_errors("the face model", seconds=ANSWER_SECONDS):
            spec: FaceEngineSpec = await self._handle.spec.remote()
        return spec

    async def _embed(self, chips: list[FaceChip]) -> FloatArray:
        async with translate_serve_errors("the face model", seconds=ANSWER_SECONDS):
            embeddings: FloatArray = await self._handle.embed.remote(chips)
        return embeddings

    def _wait(self, asked: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()
