"""The face model on a real Serve: it starts when asked, and embeds as its engine does."""

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
from cluster.settings.redacted import for_models
from cluster.vision.faces.base import FaceChip
from cluster.vision.faces.dlib_engine import DlibEngine
from cluster.vision.people import FloatArray
from cluster.vision.pose.estimator import PoseEstimator
from serve_apps.clients.errors import translate_serve_errors
from serve_apps.clients.faces import FaceModelClient
from serve_apps.deployments.face_model import GIVES_WAY, FaceModel, face_options
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
    app = bound(FaceModel, for_models(SETTINGS), **face_options(SETTINGS))
    with deployed(app, "faces") as handle:
        yield handle


def running() -> int:
    deployments = serve.status().applications["faces"].deployments
    return int(deployments["FaceModel"].replica_states.get("RUNNING", 0))


def embed(handle: Any, *calls: list[FaceChip]) -> list[FloatArray]:
    async def together() -> list[FloatArray]:
        async with translate_serve_errors("the face model", seconds=60):
            return list(await asyncio.gather(*(handle.embed.remote(call) for call in calls)))

    return asyncio.run(together())


def test_no_replica_runs_until_one_is_asked_for(
    faces: Any, portraits: Portraits, chips: list[FaceChip]
) -> None:
    assert running() == 0
    (found,) = embed(faces, chips)
    assert running() == 1
    np.testing.assert_allclose(found, portraits.engine.embed(chips), atol=1e-4)


def test_it_gives_way_to_what_people_wait_for() -> None:
    lines = {process: process.cmdline() for process in psutil.process_iter()}
    (model,) = (p for p, line in lines.items() if line and "Replica:faces:FaceModel" in line[0])
    threads = [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in model.threads()]
    assert max(threads) == min(19, model.nice() + GIVES_WAY)


def test_calls_at_once_each_get_their_own_embeddings(
    faces: Any, portraits: Portraits, chips: list[FaceChip]
) -> None:
    expected = portraits.engine.embed(chips)
    first, second, none, many = embed(faces, chips[:1], chips[1:], [], chips * 20)
    np.testing.assert_allclose(first, expected[:1], atol=1e-4)
    np.testing.assert_allclose(second, expected[1:], atol=1e-4)
    assert none.shape == (0, 128)
    np.testing.assert_allclose(many, np.tile(expected, (20, 1)), atol=1e-4)


@pytest.mark.parametrize(
    "pixels", [np.zeros((112, 112, 3), np.uint8), np.zeros((150, 150, 3), np.float32)]
)
def test_chips_of_another_engine_are_refused(
    faces: Any, chips: list[FaceChip], pixels: Any
) -> None:
    with pytest.raises(VisionError, match="chips must be"):
        embed(faces, [replace(chips[0], pixels=pixels)])


def test_a_register_has_distances_as_the_engine_gives_them(
    faces: Any, portraits: Portraits, chips: list[FaceChip]
) -> None:
    async def remotely() -> tuple[FaceModelClient, FloatArray, FloatArray]:
        remote = FaceModelClient(faces, asyncio.get_running_loop())
        found = await asyncio.to_thread(remote.embed, chips)
        return remote, found, await asyncio.to_thread(remote.distances, found, found)

    engine = portraits.engine
    remote, found, distances = asyncio.run(remotely())
    assert (remote.name, remote.version) == (engine.name, engine.version)
    assert (remote.dimensions, remote.thresholds) == (engine.dimensions, engine.thresholds)
    np.testing.assert_allclose(distances, engine.distances(found, found), atol=1e-5)
