"""Fine-tunes the pose network on rendered pictures, on a CPU or a GPU.

    python -m bench.classroom --pictures 2000 --seed 100 --out PICTURES
    python -m bench.training.train_pose PICTURES --start official --seconds 5400 --out trained.pt
    python -m bench.training.average_pose official trained.pt 0.5 classroom-pose.pt

The first layers keep their weights, batches have one random size of 640 to 1280, and the weights
that are written are an exponential moving average. They are written every ten minutes and at the
end; with `--start` on such a file, a run goes on where the last one stopped.
"""

import argparse
import copy
import math
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch

import cluster  # noqa: F401 (switches reports off)
from bench.training.crops import draw_crop, read_picture
from bench.training.keypoint_loss import FarKeypointLoss
from bench.training.network_file import read_network, write_network
from cluster.vision.people import STRIDE

FROZEN_LAYERS: Final = 11
BATCH_PIXELS: Final = 16 * 640 * 384
SIZES: Final = range(576, 897, STRIDE)
SAVE_SECONDS: Final = 600.0
WARM_UP_STEPS: Final = 60
AHEAD: Final = 3
"""Batches that are prepared while the network is busy."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="Folder with images/ and labels/.")
    parser.add_argument("--start", default="official", help="A .pt file, or `official`.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, default=6e-4, help="Highest learning rate.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    files = sorted((options.pictures / "images").glob("*.jpg"))
    if not files:
        raise SystemExit(f"there are no pictures in {options.pictures}/images")
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    Training(read_network(options.start), options.rate).run(
        _ahead(_batches(files, random.Random(options.seed))), options.seconds, options.out
    )


class Training:
    """A network that is being trained, with its moving average.

    Args:
        network: Of Ultralytics.
        rate: Highest learning rate.
    """

    def __init__(self, network: Any, rate: float) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network.to(self._device)
        self._rate = rate
        frozen = tuple(f"model.{layer}." for layer in range(FROZEN_LAYERS))
        for name, parameter in self._network.named_parameters():
            parameter.requires_grad_(not name.startswith(frozen) and ".dfl" not in name)
        self._average = copy.deepcopy(self._network).eval()
        self._network.criterion = self._network.init_criterion()
        self._network.criterion.keypoint_loss = FarKeypointLoss(
            self._network.criterion.keypoint_loss.sigmas
        )
        trained = [one for one in self._network.parameters() if one.requires_grad]
        self._parameters = trained
        self._optimiser = torch.optim.AdamW(
            [
                {"params": [one for one in trained if one.ndim > 1], "weight_decay": 5e-4},
                {"params": [one for one in trained if one.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=rate,
        )
        self._step = 0

    def run(self, batches: Iterator[dict[str, torch.Tensor]], seconds: float, out: Path) -> None:
        """Train for a time, and write the moving average."""
        self._network.train()
        for layer in range(FROZEN_LAYERS):
            self._network.model[layer].eval()
        began = saved = time.monotonic()
        pictures = 0
        while (now := time.monotonic()) - began < seconds:
            batch = next(batches)
            loss = self._train(batch, (now - began) / seconds)
            pictures += len(batch["img"])
            if self._step % 25 == 0:
                print(f"{now - began:.0f} s, {pictures} pictures, loss {loss:.2f}", flush=True)
            if now - saved > SAVE_SECONDS:
                saved = now
                write_network(copy.deepcopy(self._average), out)
        write_network(copy.deepcopy(self._average), out)

    def _train(self, batch: dict[str, torch.Tensor], progress: float) -> float:
        cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * cosine * min(1.0, (self._step + 1) / WARM_UP_STEPS)
        loss, _ = self._network.loss({key: one.to(self._device) for key, one in batch.items()})
        total = loss.sum()
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 10.0)
        self._optimiser.step()
        self._step += 1
        self._update_average()
        return float(total.detach()) / len(batch["img"])

    def _update_average(self) -> None:
        decay = 0.998 * (1 - math.exp(-self._step / 200))
        current = self._network.state_dict()
        with torch.no_grad():
            for name, value in self._average.state_dict().items():
                if value.is_floating_point():
                    value.mul_(decay).add_(current[name].float(), alpha=1 - decay)
                else:
                    value.copy_(current[name])


def _batches(files: Sequence[Path], rng: random.Random) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches of one random size each, for ever."""
    order: list[Path] = []
    while True:
        chance = rng.random()
        width = 640 if chance < 0.4 else 1280 if chance < 0.5 else rng.choice(SIZES)
        height = math.ceil(width * rng.choice((0.5625, 0.5625, 0.5625, 0.75)) / STRIDE) * STRIDE
        count = max(2, round(BATCH_PIXELS / (width * height)))
        crops = []
        for _ in range(count):
            if not order:
                order = list(files)
                rng.shuffle(order)
            crops.append(draw_crop(read_picture(order.pop()), width, height, rng))
        boxes = np.concatenate([crop.boxes for crop in crops])
        centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        keypoints = np.concatenate([crop.keypoints for crop in crops])
        keypoints[..., :2] /= (width, height)
        shares = np.array([width, height, width, height], np.float32)
        boxes = np.concatenate([centres, sizes], axis=1) / shares
        pixels = np.stack([crop.pixels[..., ::-1].transpose(2, 0, 1) for crop in crops])
        owners = np.concatenate(
            [np.full(len(crop.boxes), index, np.float32) for index, crop in enumerate(crops)]
        )
        yield {
            "img": torch.from_numpy(pixels.copy()).float() / 255,
            "bboxes": torch.from_numpy(boxes),
            "keypoints": torch.from_numpy(keypoints),
            "batch_idx": torch.from_numpy(owners),
            "cls": torch.zeros(len(boxes), 1),
        }


def _ahead(batches: Iterator[dict[str, torch.Tensor]]) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the same, prepared in a thread; what is raised there is raised here."""
    with ThreadPoolExecutor(1) as pool:
        prepared = deque(pool.submit(next, batches) for _ in range(AHEAD))
        while True:
            prepared.append(pool.submit(next, batches))
            yield prepared.popleft().result()


if __name__ == "__main__":
    main()
