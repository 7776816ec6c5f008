"""Reading, writing and averaging of YOLO11-pose weights files, as Ultralytics stores them."""

from pathlib import Path
from typing import Any

import torch

from bench.scoring.configurations import official_weights


def read_network(name: str) -> Any:
    """Return the network of a file, or of `official`, in single precision.

    Raises:
        FileNotFoundError: There is no such file.
    """
    from ultralytics.cfg import get_cfg

    path = official_weights().path if name == "official" else Path(name)
    stored = torch.load(path, map_location="cpu", weights_only=False)
    network = (stored.get("ema") or stored["model"]).float()
    network.args = get_cfg()
    network.criterion = None
    return network


def write_network(network: Any, path: Path) -> None:
    """Write a network in half precision, by a rename, so that a kill leaves no half file."""
    import ultralytics
    from ultralytics.cfg import get_cfg

    stored = {
        "epoch": -1,
        "model": network.half(),
        "ema": None,
        "optimizer": None,
        "updates": None,
        "train_args": vars(get_cfg()),
        "date": "",
        "version": ultralytics.__version__,
    }
    part = path.with_suffix(".part")
    torch.save(stored, part)
    part.replace(path)


def average(first: Any, second: Any, share: float) -> Any:
    """Return the second network with its weights moved towards the first's.

    Args:
        first: A network.
        second: Another one of the same shape; it is changed.
        share: 0 gives the first, 1 the second.

    Raises:
        ValueError: They are not of one shape.
    """
    old, new = first.state_dict(), second.state_dict()
    if old.keys() != new.keys() or any(old[name].shape != new[name].shape for name in new):
        raise ValueError("the two files hold different networks")
    second.load_state_dict(
        {
            name: old[name] + (value - old[name]) * share if value.is_floating_point() else value
            for name, value in new.items()
        }
    )
    return second
