"""Converts pose weights to OpenVINO, once for each input shape, in a process of its own.

    python -m cluster.vision.pose.export WEIGHTS HEIGHT WIDTH FOLDER

A process of its own because PyTorch and Ultralytics take half a gigabyte that the CPU path
never needs again. `converted_model` guards it with a lock, and the result takes its name in one
rename, so that two processes that convert at once, or one that is killed, leave no half model.
"""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from cluster.errors import VisionError
from cluster.vision.pose.weights import WeightsFile

FORMAT = 1
"""Raise this when the conversion changes in a way that makes old caches wrong."""

CONVERT_TIMEOUT_SECONDS = 600


def converted_model(weights: WeightsFile, height: int, width: int, cache_dir: Path) -> Path:
    """The OpenVINO model (`.xml`) of some weights for one input shape; converted if it is new.

    Args:
        weights: A checked weights file.
        height: Input height in pixels, a multiple of 32.
        width: Input width in pixels, likewise.
        cache_dir: Where converted models are kept.

    Raises:
        VisionError: The conversion failed, or the cache cannot be written.
    """
    from importlib.metadata import version

    versions = f"openvino{version('openvino')}-ultralytics{version('ultralytics')}-f{FORMAT}"
    name = f"{weights.name}-{weights.sha256[:16]}-{width}x{height}-{versions}"
    folder = cache_dir / "openvino" / name
    model = folder / "model.xml"
    if model.is_file():
        return model
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{name}.lock"):
            if not model.is_file():
                _convert_beside(weights, height, width, folder)
    except OSError as error:
        raise VisionError(
            f"the model cannot be converted: {error}.",
            where=str(cache_dir),
            hint="Set `cache_dir` in the settings to a folder that can be written.",
        ) from error
    return model


def _convert_beside(weights: WeightsFile, height: int, width: int, folder: Path) -> None:
    prefix = f".converting-{folder.name}-"
    for left in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)  # of a conversion that was killed
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as scratch:
        command = [sys.executable, "-m", "cluster.vision.pose.export"]
        command += [str(weights.path), str(height), str(width), scratch]
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "",
            "YOLO_CONFIG_DIR": scratch,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        try:
            done = subprocess.run(  # noqa: S603 (our own module, arguments of our own)
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=CONVERT_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise VisionError(
                f"the conversion to OpenVINO took over {CONVERT_TIMEOUT_SECONDS} s.",
                where=str(weights.path),
            ) from error
        made = Path(scratch) / "out"
        if done.returncode or not (made / "model.xml").is_file():
            raise VisionError(
                f"the conversion to OpenVINO failed: {_last_error(done.stderr)}",
                where=str(weights.path),
            )
        made.rename(folder)


def _last_error(output: str) -> str:
    """What a program said last, without its traceback."""
    lines = output.strip().splitlines()
    inner = [index for index, line in enumerate(lines) if line.startswith((" ", "Traceback"))]
    return "\n".join(lines[inner[-1] + 1 :] if inner else lines)[-2000:] or "it said nothing"


def _main(weights: str, height: str, width: str, scratch: str) -> None:
    from ultralytics import YOLO
    from ultralytics.utils import SETTINGS

    SETTINGS.update({"sync": False})
    folder = Path(scratch)
    copy = shutil.copyfile(weights, folder / "weights.pt")
    chatter = io.StringIO()
    with contextlib.redirect_stdout(chatter):
        exported = YOLO(copy, task="pose").export(
            format="openvino", imgsz=(int(height), int(width)), dynamic=False, verbose=False
        )
    out = folder / "out"
    out.mkdir()
    for part in Path(exported).iterdir():
        if part.suffix in {".xml", ".bin"}:
            part.rename(out / f"model{part.suffix}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
