"""The pose network through PyTorch: FP16 on CUDA, FP32 elsewhere.

Batches have a few fixed sizes, so that cuDNN plans its convolutions once for each. When memory runs
out, the batch size is halved, down to one frame, and stays there.
"""

import logging
from pathlib import Path

import numpy as np
import torch

from cluster.errors import VisionError
from cluster.vision.people import BgrImage, FloatArray

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)

_log = logging.getLogger(__name__)


class TorchNetwork:
    """One network on one device; takes any input shape.

    Args:
        weights: A verified `.pt` file.
        device: A PyTorch device, like `cuda:0` or `cpu`.
        batch_size: The largest batch, one of `BATCH_SIZES`.

    Raises:
        VisionError: PyTorch cannot use the device.
    """

    def __init__(self, weights: Path, device: str, batch_size: int) -> None:
        from ultralytics import YOLO
        from ultralytics.utils import SETTINGS

        SETTINGS.update({"sync": False})
        self._device = torch.device(device)
        self._dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        model = YOLO(weights, task="pose").model
        model.fuse(verbose=False)
        try:
            model = model.to(self._device, self._dtype).to(memory_format=torch.channels_last)
        except (RuntimeError, AssertionError) as error:
            raise VisionError(
                f"PyTorch cannot use the device {device}: {error}",
                hint="Set `analysis.device` to `auto` or `cpu`.",
            ) from error
        self._model = model.eval()
        self.batch_size = batch_size

    def __call__(self, canvases: BgrImage) -> list[FloatArray]:
        """Run the network.

        Args:
            canvases: (n, height, width, 3) uint8, BGR.

        Returns:
            n outputs of (56, anchors) float32.

        Raises:
            VisionError: Memory does not even suffice for one frame.
        """
        outputs: list[FloatArray] = []
        start = 0
        while start < len(canvases):
            chunk = canvases[start : start + self.batch_size]
            try:
                outputs.extend(self._forward(chunk))
            except torch.cuda.OutOfMemoryError as error:
                self._halve(error)
                continue
            start += len(chunk)
        return outputs

    def _halve(self, error: Exception) -> None:
        if self.batch_size == 1:
            raise VisionError(
                f"the GPU has no memory for one frame: {error}",
                hint="Lower the camera's input_size, or free the GPU.",
            ) from error
        self.batch_size //= 2
        torch.cuda.empty_cache()
        _log.warning("out of GPU memory; continuing with batches of %d", self.batch_size)

    @torch.inference_mode()
    def _forward(self, chunk: BgrImage) -> list[FloatArray]:
        size = next(size for size in BATCH_SIZES if size >= len(chunk))
        padded = np.zeros((size, *chunk.shape[1:]), np.uint8)
        padded[: len(chunk)] = chunk
        tensor = torch.from_numpy(padded).to(self._device, non_blocking=True)
        tensor = tensor.permute(0, 3, 1, 2).flip(1).to(self._dtype).div_(255)
        output = self._model(tensor.contiguous(memory_format=torch.channels_last))
        raw = output[0] if isinstance(output, tuple | list) else output
        result: FloatArray = raw[: len(chunk)].float().cpu().numpy()
        return list(result)
