"""Finds people in frames.

    frames -> letterbox (grey border) -> network (OpenVINO | PyTorch) -> boxes, NMS -> People

`PoseEstimator` picks the backend: OpenVINO on a CPU, PyTorch in FP16 on CUDA. Both give the
results of Ultralytics' own predictor (tests/vision/pose/test_estimator.py).
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import platformdirs

from cluster.settings import AnalysisSettings, Settings, WeightsSettings
from cluster.vision.duplicates import remove_duplicates
from cluster.vision.people import BgrImage, FloatArray, Letterbox, People, decode_output
from cluster.vision.pose.export import export_to_openvino
from cluster.vision.pose.weights import WeightsFile, find_pose_weights

Network = Callable[[BgrImage], list[FloatArray]]

MAX_THREADS = 8
"""A small network gains little from more threads."""


def model_cache_dir(settings: Settings) -> Path:
    """Return the folder of exported and downloaded models."""
    return settings.cache_dir or Path(platformdirs.user_cache_dir("homeroom"))


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def select_device(analysis: AnalysisSettings) -> str:
    """Return the device to run on: `cpu`, or `cuda` if there is a GPU and the settings allow it."""
    if analysis.device != "auto":
        return analysis.device
    if not Path("/dev/nvidiactl").exists():
        return "cpu"  # without importing PyTorch
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class PoseEstimator:
    """Finds people and their keypoints.

    Args:
        weights: A verified weights file.
        device: `cpu` (OpenVINO) or a PyTorch device such as `cuda`.
        confidence: Lowest score of a person, 0 to 1; that of the weights unless given.
        threads: CPU threads of one network.
        batch_size: Largest batch on a GPU.
        cache_dir: Folder of exported models.
        keeps_duplicates: Boxes that share one head are kept, as Ultralytics does.
    """

    def __init__(
        self,
        weights: WeightsFile,
        *,
        cache_dir: Path,
        device: str = "cpu",
        confidence: float | None = None,
        threads: int | None = None,
        batch_size: int = 16,
        keeps_duplicates: bool = False,
    ) -> None:
        self.weights = weights
        self.device = device
        self._confidence = weights.confidence if confidence is None else confidence
        self._cache_dir = cache_dir
        self._threads = threads or min(available_cores(), MAX_THREADS)
        self._batch_size = batch_size
        self._keeps_duplicates = keeps_duplicates
        self._networks: dict[tuple[int, int], Network] = {}
        self._loading = threading.Lock()
        cv2.setNumThreads(1)

    @staticmethod
    def from_settings(settings: Settings) -> "PoseEstimator":
        """Create the estimator that the settings describe.

        Raises:
            WeightsError: The weights are missing, or have another checksum.
        """
        return PoseEstimator.from_tables(
            settings.analysis, settings.weights, model_cache_dir(settings)
        )

    @staticmethod
    def from_tables(
        analysis: AnalysisSettings, weights: WeightsSettings, cache_dir: Path
    ) -> "PoseEstimator":
        """Create the estimator that two tables of the settings describe.

        Raises:
            WeightsError: See `from_settings`.
        """
        return PoseEstimator(
            find_pose_weights(weights, cache_dir),
            cache_dir=cache_dir,
            device=select_device(analysis),
            confidence=analysis.confidence,
            threads=analysis.threads,
            batch_size=analysis.batch_size,
        )

    def prepare(self, frame_height: int, frame_width: int, input_size: int) -> None:
        """Export the model for frames of this shape, if the device needs it.

        Raises:
            VisionError: The export failed.
        """
        if self.device == "cpu":
            box = Letterbox.of(frame_height, frame_width, input_size)
            export_to_openvino(self.weights, box.height, box.width, self._cache_dir)

    def estimate(self, frames: Sequence[BgrImage], input_size: int = 640) -> list[People]:
        """Find the people of each frame.

        Args:
            frames: (height, width, 3) uint8 BGR, all of one shape.
            input_size: Longer side of the network's input, in pixels: a multiple of 32.

        Returns:
            One `People` per frame, in that frame's own pixels.

        Raises:
            VisionError: The network cannot be exported, compiled or run.
        """
        if not len(frames):
            return []
        shape = frames[0].shape[:2]
        letterbox = Letterbox.of(shape[0], shape[1], input_size)
        canvases = letterbox.new_canvases(len(frames))
        for frame, canvas in zip(frames, canvases, strict=True):
            letterbox.place(frame, canvas)
        outputs = self._network(letterbox)(canvases)
        found = [
            decode_output(output, letterbox, (shape[0], shape[1]), self._confidence)
            for output in outputs
        ]
        return found if self._keeps_duplicates else [remove_duplicates(one) for one in found]

    def _network(self, letterbox: Letterbox) -> Network:
        key = (letterbox.height, letterbox.width)
        with self._loading:
            if key not in self._networks:
                self._networks[key] = self._load(*key)
            return self._networks[key]

    def _load(self, height: int, width: int) -> Network:
        if self.device == "cpu":
            from cluster.vision.pose.openvino_backend import OpenVinoNetwork

            model = export_to_openvino(self.weights, height, width, self._cache_dir)
            return OpenVinoNetwork(model, self._threads)
        if self._networks:  # PyTorch's network takes every shape
            return next(iter(self._networks.values()))
        from cluster.vision.pose.torch_backend import TorchNetwork

        return TorchNetwork(self.weights.path, self.device, self._batch_size)
