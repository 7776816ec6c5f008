"""Client of the face model: embeddings are computed there, distances in the caller's process."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from ray.serve.handle import DeploymentHandle

from cluster.vision.faces.base import FaceChip, FaceEngineSpec, FaceThresholds
from cluster.vision.people import FloatArray
from serve_apps.clients.errors import translate_serve_errors

CALL_TIMEOUT_SECONDS = 30.0
"""The first call waits until a replica has started."""

R = TypeVar("R")


class FaceModelClient:
    """A `vision.faces.base.FaceComparer` for threads other than that of a running event loop.

    Args:
        handle: Of the face model's deployment.
        loop: The event loop that its calls run in.
    """

    def __init__(self, handle: DeploymentHandle, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self._loop = loop
        self._spec: FaceEngineSpec | None = None

    @property
    def name(self) -> str:
        """The engine: `dlib` or `insightface`."""
        return self._cached_spec().name

    @property
    def version(self) -> str:
        """The network, and the start of its checksum."""
        return self._cached_spec().version

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        return self._cached_spec().dimensions

    @property
    def thresholds(self) -> FaceThresholds:
        """The thresholds that belong to its distances."""
        return self._cached_spec().thresholds

    def embed(self, chips: Sequence[FaceChip]) -> FloatArray:
        """Return the embeddings (n, dimensions) float32 of chips, in their order.

        Raises:
            ServiceBusy: The model's queue is full.
            ServiceDown: It does not answer.
            VisionError: The network failed.
        """
        return self._wait(self._embed(list(chips)))

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        """Return the distances (n, m) float32 of embeddings (n, d) from templates (m, d)."""
        return self._cached_spec().distances(embeddings, templates)

    def _cached_spec(self) -> FaceEngineSpec:
        if self._spec is None:
            self._spec = self._wait(self._fetch_spec())
        return self._spec

    async def _fetch_spec(self) -> FaceEngineSpec:
        async with translate_serve_errors("the face model", seconds=CALL_TIMEOUT_SECONDS):
            spec: FaceEngineSpec = await self._handle.engine_spec.remote()
        return spec

    async def _embed(self, chips: list[FaceChip]) -> FloatArray:
        async with translate_serve_errors("the face model", seconds=CALL_TIMEOUT_SECONDS):
            embeddings: FloatArray = await self._handle.embed.remote(chips)
        return embeddings

    def _wait(self, call: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()
