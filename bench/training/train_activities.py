"""Trains the activity classifier on rendered clips.

    python -m bench.classroom --seed 10000 --seconds 40 --rate 2 --out CLIPS/10000   # and so on
    python -m bench.training.train_activities CLIPS --out cluster/activity/activities.npz

Each folder in CLIPS holds a clip with its truth. A tenth of them, by seed, chooses when to stop.
Seeds kept for the score and for choosing are refused. Prints the confusion and the SHA-256 that
`cluster/activity/classifier.py` must state.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from bench.classroom.truth import ClipTruth
from bench.scoring.seeds import may_train
from bench.training.activity_dataset import CLASSES, Examples, examples_of_folder
from bench.training.mirrored import mirror
from cluster.settings import Settings
from cluster.vision.pose.estimator import PoseEstimator

INPUT_SIZES: Final = (640, 960)
RATES: Final = (2.0,)
HIDDEN: Final = (160, 96)
EPOCHS: Final = 40
BATCH: Final = 512
SETTLED_SECONDS: Final = 0.5
"""Person-frames right after a change are left out: the truth of a transition is a convention."""

VALIDATION_EVERY: Final = 10
NOISE: Final = 0.02


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the clips, train, write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, help="Folder of folders with a clip each.")
    parser.add_argument("--out", type=Path, required=True, help="The .npz file to write.")
    parser.add_argument("--cache", type=Path, help="Folder for what the pose network found.")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args(arguments)
    train, validation = _read(options.clips, options.cache or options.clips / ".examples")
    print(f"{len(train.labels)} person-frames to train, {len(validation.labels)} to choose by")
    network, mean, scale = _train(train, validation, options.epochs)
    _write(network, mean, scale, options.out)
    print(f"SHA-256 {hashlib.sha256(options.out.read_bytes()).hexdigest()}")


def _read(folder: Path, cache: Path) -> tuple[Examples, Examples]:
    cache.mkdir(parents=True, exist_ok=True)
    estimator = PoseEstimator.from_settings(Settings())
    train: list[Examples] = []
    validation: list[Examples] = []
    for clip in sorted(path for path in folder.iterdir() if any(path.glob("*.truth.json*"))):
        (file,) = clip.glob("*.truth.json*")
        seed = ClipTruth.read(file).seed
        if not may_train(seed):
            raise SystemExit(f"{clip}: seed {seed} is kept for the score or for choosing")
        for rate in RATES:
            for input_size in INPUT_SIZES:
                stored = cache / f"{clip.name}-{rate:g}-{input_size}-{estimator.weights.sha256[:8]}"
                path = stored.with_suffix(".npz")
                if not path.exists():
                    examples = examples_of_folder(clip, estimator, rate=rate, input_size=input_size)
                    examples.save(path)
                (validation if seed % VALIDATION_EVERY == 0 else train).append(Examples.load(path))
    if not train or not validation:
        raise SystemExit("there must be clips of which some have a seed that ends in 0")
    return Examples.join(train), Examples.join(validation)


def _train(
    train: Examples, validation: Examples, epochs: int
) -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    torch.manual_seed(7)
    torch.set_num_threads(1)
    keep = train.settled_seconds >= SETTLED_SECONDS
    features = np.concatenate([train.features[keep], mirror(train.features[keep])])
    x = torch.from_numpy(features)
    y = torch.from_numpy(np.concatenate([train.labels[keep]] * 2))
    mean, scale = x.mean(dim=0), 1 / x.std(dim=0).clamp_min(0.05)
    counts = torch.bincount(y, minlength=len(CLASSES)).float()
    weights = (counts.sum() / counts.clamp_min(1)).sqrt()
    loss_of = nn.CrossEntropyLoss(weight=weights / weights.mean(), label_smoothing=0.05)
    network = _network(x.shape[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.5e-3, weight_decay=1e-2)
    steps = epochs * (len(x) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    best, best_state = 0.0, {k: v.clone() for k, v in network.state_dict().items()}
    for epoch in range(epochs):
        network.train()
        for chosen in torch.split(torch.randperm(len(x)), BATCH):
            values = (x[chosen] + NOISE * torch.randn(len(chosen), x.shape[1]) - mean) * scale
            loss = loss_of(network(values), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        score, table = _validate(network, mean, scale, validation)
        print(f"epoch {epoch + 1}: {score:.3f}", flush=True)
        if score > best:
            best, best_state = score, {k: v.clone() for k, v in network.state_dict().items()}
            best_table = table
    network.load_state_dict(best_state)
    print(f"best {best:.3f}; rows are true, columns counted: {', '.join(CLASSES)}\n{best_table}")
    return network, mean, scale


def _network(inputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for outputs in HIDDEN:
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(0.2)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, len(CLASSES)))


def _validate(
    network: nn.Sequential, mean: torch.Tensor, scale: torch.Tensor, examples: Examples
) -> tuple[float, np.ndarray]:
    """Return the mean of the share right over all and over the activities, and the confusion."""
    network.eval()
    keep = examples.settled_seconds >= SETTLED_SECONDS
    with torch.no_grad():
        values = (torch.from_numpy(examples.features[keep]) - mean) * scale
        counted = network(values).argmax(dim=1).numpy()
    true = examples.labels[keep]
    table = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(table, (true, counted), 1)
    recall = np.diag(table) / np.maximum(table.sum(axis=1), 1)
    right = np.diag(table).sum() / max(1, table.sum())
    return float((right + recall[table.sum(axis=1) > 0].mean()) / 2), table


def _write(network: nn.Sequential, mean: torch.Tensor, scale: torch.Tensor, path: Path) -> None:
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    arrays = {"mean": mean.numpy(), "scale": scale.numpy()}
    for index, layer in enumerate(linear):
        arrays[f"weights{index}"] = layer.weight.detach().numpy().T
        arrays[f"biases{index}"] = layer.bias.detach().numpy()
    stored: dict[str, Any] = {name: array.astype(np.float16) for name, array in arrays.items()}
    np.savez(path, **stored)


if __name__ == "__main__":
    main()
