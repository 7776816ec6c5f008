"""The PyTorch network gives each frame its own result, in whatever batches memory allows."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import platformdirs
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import VisionError
from cluster.settings import WeightsSettings
from cluster.vision.people import BgrImage, FloatArray
from cluster.vision.pose.torch_backend import TorchNetwork
from cluster.vision.pose.weights import find_pose_weights
from tests.plugins.hypothesis_profiles import examples

SIDE = 64
ANCHORS = 84
"""Of an input of 64x64: 8x8, 4x4 and 2x2 cells."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """PyTorch's threads wait by spinning, which takes minutes beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network_of(batch_size: int) -> TorchNetwork:
    cache_dir = Path(platformdirs.user_cache_dir("homeroom"))
    return TorchNetwork(find_pose_weights(WeightsSettings(), cache_dir).path, "cpu", batch_size)


@cache
def shared_network() -> TorchNetwork:
    return network_of(16)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> TorchNetwork:
    """The network, with its batch size and its model as they were first."""
    network = shared_network()
    monkeypatch.setattr(network, "batch_size", 16)
    monkeypatch.setattr(network, "_model", network._model)
    return network


def pictures(count: int) -> BgrImage:
    """Frames that are all different: coarse patterns, because noise looks alike to a network."""
    random = np.random.default_rng(5)
    coarse = random.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    grown = [cv2.resize(picture, (SIDE, SIDE)) for picture in coarse]
    return np.asarray(grown, np.uint8).reshape(count, SIDE, SIDE, 3)


FRAMES = pictures(24)


@cache
def one_by_one() -> list[FloatArray]:
    """What each frame gives alone."""
    return [shared_network()(FRAMES[index : index + 1])[0] for index in range(len(FRAMES))]


def assert_same(found: list[FloatArray], expected: list[FloatArray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)


class LittleMemory:
    """The network on a GPU whose memory holds a few frames at most."""

    def __init__(self, model: Any, holds: int) -> None:
        self._model = model
        self._holds = holds
        self.tried: list[int] = []

    def __call__(self, tensor: torch.Tensor) -> Any:
        self.tried.append(len(tensor))
        if len(tensor) > self._holds:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return self._model(tensor)


def with_memory_for(network: TorchNetwork, frames: int) -> LittleMemory:
    model = LittleMemory(network._model, frames)
    network._model = model
    return model


def test_frames_that_differ_give_results_that_differ() -> None:
    first, second = one_by_one()[:2]
    assert first.shape == (56, ANCHORS)
    assert first.dtype == np.float32
    assert np.abs(first - second).max() > 1


def test_no_frames_give_no_results(network: TorchNetwork) -> None:
    assert network(np.zeros((0, SIDE, SIDE, 3), np.uint8)) == []


@settings(max_examples=examples(20), deadline=None)
@given(count=st.integers(1, 24), batch_size=st.sampled_from([1, 2, 4, 8, 16, 32, 64]))
def test_results_do_not_depend_on_the_batch(count: int, batch_size: int) -> None:
    network = shared_network()
    network.batch_size = batch_size
    assert_same(network(FRAMES[:count]), one_by_one()[:count])
    assert network.batch_size == batch_size


@settings(max_examples=examples(15), deadline=None)
@given(order=st.permutations(range(8)))
def test_results_come_in_the_order_of_the_frames(order: list[int]) -> None:
    network = shared_network()
    network.batch_size = 4
    assert_same(network(FRAMES[order]), [one_by_one()[index] for index in order])


@pytest.mark.parametrize("count", [3, 5, 9, 17])
def test_a_batch_that_is_filled_up_gives_results_for_its_frames_alone(
    network: TorchNetwork, count: int
) -> None:
    found = network(FRAMES[:count])
    assert len(found) == count
    assert_same(found, one_by_one()[:count])


def test_batches_have_few_sizes_so_that_plans_are_made_once(network: TorchNetwork) -> None:
    model = with_memory_for(network, 16)
    for count in range(1, 17):
        network(FRAMES[:count])
    assert set(model.tried) == {1, 2, 4, 8, 16}


def test_one_network_takes_several_input_shapes(network: TorchNetwork) -> None:
    wide = np.zeros((2, 64, 96, 3), np.uint8)
    assert [output.shape for output in network(wide)] == [(56, 126), (56, 126)]
    assert_same(network(FRAMES[:2]), one_by_one()[:2])


@pytest.mark.parametrize(("holds", "kept"), [(8, 8), (7, 4), (3, 2), (1, 1)])
def test_a_batch_that_is_too_large_for_memory_is_halved_and_no_frame_is_lost(
    network: TorchNetwork, holds: int, kept: int
) -> None:
    with_memory_for(network, holds)
    assert_same(network(FRAMES), one_by_one())
    assert network.batch_size == kept


def test_the_smaller_batch_is_kept(network: TorchNetwork) -> None:
    model = with_memory_for(network, 4)
    network(FRAMES[:16])
    model.tried.clear()
    network(FRAMES[:16])
    assert model.tried == [4, 4, 4, 4]


def test_memory_that_runs_out_in_the_middle_repeats_and_loses_nothing(
    network: TorchNetwork,
) -> None:
    model = network._model
    calls: list[int] = []

    def shrinking(tensor: torch.Tensor) -> Any:
        calls.append(len(tensor))
        if len(calls) > 1 and len(tensor) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return model(tensor)

    network.batch_size = 8
    network._model = shrinking
    assert_same(network(FRAMES[:16]), one_by_one()[:16])
    assert calls == [8, 8, 4, 2, 2, 2, 2]


def test_memory_that_does_not_hold_one_frame_is_an_error_with_the_way_out(
    network: TorchNetwork,
) -> None:
    model = with_memory_for(network, 0)
    with pytest.raises(VisionError, match="no memory for one frame") as caught:
        network(FRAMES[:3])
    assert "input_size" in str(caught.value.hint)
    assert model.tried[-1] == 1
    assert len(model.tried) <= 6


def test_other_errors_are_not_taken_for_a_lack_of_memory(network: TorchNetwork) -> None:
    def broken(tensor: torch.Tensor) -> Any:
        raise ArithmeticError(f"no result for {len(tensor)} frames")

    network._model = broken
    with pytest.raises(ArithmeticError):
        network(FRAMES[:3])
    assert network.batch_size == 16


def test_the_frames_are_left_as_they_were(network: TorchNetwork) -> None:
    before: npt.NDArray[np.uint8] = FRAMES.copy()
    network(FRAMES)
    np.testing.assert_array_equal(FRAMES, before)
