"""The face model on a real Serve: it starts at the first call, and embeds as its engine does."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from ray import serve

from cluster.errors import VisionError
from cluster.settings import Settings
from cluster.settings.redacted import without_secrets
from cluster.vision.faces.base import FaceChip
from cluster.vision.faces.dlib_engine import DlibEngine
from cluster.vision.people import FloatArray
from cluster.vision.pose.estimator import PoseEstimator
from serve_apps.clients.errors import translate_serve_errors
from serve_apps.clients.faces import FaceModelClient
from serve_apps.deployments.face_model import NICENESS_INCREMENT, FaceModel, face_options
from tests.serve_apps.live_school import Portraits
from tests.serve_apps.serving import bound, deployed

pytestmark = pytest.mark.ray

SETTINGS = Settings()


@pytest.fixture(scope="module")
def portraits(samples: Path) -> Portraits:
    return Portraits(samples, DlibEngine(), PoseEstimator.from_settings(SETTINGS))


@pytest.fixture(scope="module")
def chips(portraits: Portraits) -> list[FaceChip]:
    return portraits.chips("obama_and_biden.jpg")


@pytest.fixture(scope="module")
def faces(serve_port: int) -> Iterator[Any]:  # noqa: ARG001
    app = bound(FaceModel, without_secrets(SETTINGS), **face_options(SETTINGS))
    with deployed(app, "faces") as handle:
        yield handle


def running_replicas() -> int:
    deployments = serve.status().applications["faces"].deployments
    return int(deployments["FaceModel"].replica_states.get("RUNNING", 0))


def embed(handle: Any, *calls: list[FaceChip]) -> list[FloatArray]:
    async def call_all() -> list[FloatArray]:
        async with translate_serve_errors("the face model", seconds=60):
            return list(await asyncio.gather(*(handle.embed.remote(call) for call in calls)))

    return asyncio.run(call_all())


def test_no_replica_runs_until_the_first_call(
    faces: Any, portraits: Portraits, chips: list[FaceChip]
) -> None:
    assert running_replicas() == 0
    (found,) = embed(faces, chips)
    assert running_replicas() == 1
    np.testing.assert_allclose(found, portraits.engine.embed(chips), atol=1e-4)


def test_it_runs_at_a_lower_priority_than_other_deployments() -> None:
    lines = {process: process.cmdline() for process in psutil.process_iter()}
    (model,) = (p for p, line in lines.items() if line and "Replica:faces:FaceModel" in line[0])
    threads = [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in model.threads()]
    assert max(threads) == min(19, model.nice() + NICENESS_INCREMENT)


def test_concurrent_calls_each_get_their_own_embeddings(
    faces: Any, portraits: Portraits, chips: list[FaceChip]
) -> None:
    expected = portraits.engine.embed(chips)
    first, second, empty, many = embed(faces, chips[:1], chips[1:], [], chips * 20)
    np.testing.assert_allclose(first, expected[:1], atol=1e-4)
    np.testing.assert_allclose(second, expected[1:], atol=1e-4)
    assert empty.shape == (0, 128)
    np.testing.assert_allclose(many, np.tile(expected, (20, 1)), atol=1e-4)


@pytest.mark.parametrize(
    "pixels", [np.zeros((112, 112, 3), np.uint8), np.zeros((150, 150, 3), np.float32)]
)
def test_chips_of_another_engine_are_rejected(
    faces: Any, chips: list[FaceChip], pixels: Any
) -> None:
    with pytest.raises(VisionError, match="chips must be"):
        embed(faces, [replace(chips[0], pixels=pixels)])


def test_the_client_computes_the_distances_of_the_engine(
    faces: Any, portraits: Portraits, chips: list[FaceChip]
) -> None:
    async def call() -> tuple[FaceModelClient, FloatArray, FloatArray]:
        client = FaceModelClient(faces, asyncio.get_running_loop())
        found = await asyncio.to_thread(client.embed, chips)
        return client, found, await asyncio.to_thread(client.distances, found, found)

    engine = portraits.engine
    client, found, distances = asyncio.run(call())
    assert (client.name, client.version) == (engine.name, engine.version)
    assert (client.dimensions, client.thresholds) == (engine.dimensions, engine.thresholds)
    np.testing.assert_allclose(distances, engine.distances(found, found), atol=1e-5)
