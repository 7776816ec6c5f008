"""Exports pose weights to OpenVINO, once for each input shape, in a subprocess.

    python -m cluster.vision.pose.export WEIGHTS HEIGHT WIDTH FOLDER

A subprocess because PyTorch and Ultralytics take half a gigabyte that the CPU path never needs
again. `export_to_openvino` holds a lock and renames the result into place, so that neither
concurrent processes nor a killed one leave a partial model.
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

EXPORT_VERSION = 1
"""Increment when a change of the export invalidates caches."""

EXPORT_TIMEOUT_SECONDS = 600


def export_to_openvino(weights: WeightsFile, height: int, width: int, cache_dir: Path) -> Path:
    """Return the OpenVINO model (`.xml`) for one input shape, exported on first use.

    Args:
        weights: A verified weights file.
        height: Input height in pixels, a multiple of 32.
        width: Input width in pixels, a multiple of 32.
        cache_dir: Folder of exported models.

    Raises:
        VisionError: The export failed, or the cache cannot be written.
    """
    from importlib.metadata import version

    versions = (
        f"openvino{version('openvino')}-ultralytics{version('ultralytics')}-f{EXPORT_VERSION}"
    )
    name = f"{weights.name}-{weights.sha256[:16]}-{width}x{height}-{versions}"
    folder = cache_dir / "openvino" / name
    model = folder / "model.xml"
    if model.is_file():
        return model
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{name}.lock"):
            if not model.is_file():
                _export_in_subprocess(weights, height, width, folder)
    except OSError as error:
        raise VisionError(
            f"the model cannot be exported: {error}.",
            where=str(cache_dir),
            hint="Set `cache_dir` in the settings to a writable folder.",
        ) from error
    return model


def _export_in_subprocess(weights: WeightsFile, height: int, width: int, folder: Path) -> None:
    prefix = f".exporting-{folder.name}-"
    for leftover in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a killed export
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
            done = subprocess.run(  # noqa: S603 (own module, own arguments)
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=EXPORT_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise VisionError(
                f"the export to OpenVINO took over {EXPORT_TIMEOUT_SECONDS} s.",
                where=str(weights.path),
            ) from error
        exported = Path(scratch) / "out"
        if done.returncode or not (exported / "model.xml").is_file():
            raise VisionError(
                f"the export to OpenVINO failed: {_last_error(done.stderr)}",
                where=str(weights.path),
            )
        exported.rename(folder)


def _last_error(output: str) -> str:
    """Return a program's last error message, without the traceback."""
    lines = output.strip().splitlines()
    inner = [index for index, line in enumerate(lines) if line.startswith((" ", "Traceback"))]
    return "\n".join(lines[inner[-1] + 1 :] if inner else lines)[-2000:] or "no message"


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
