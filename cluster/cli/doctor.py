"""`homeroom doctor`: the machine, versions, weights, backend, and what is measured of cameras."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import psutil
import typer
from rich.markup import escape
from rich.table import Table

from cluster import __version__
from cluster.calibration.input_sizes import auto_cameras
from cluster.calibration.store import CalibrationStore
from cluster.calibration.view import ViewStore
from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers
from cluster.errors import HomeroomError, SettingsError
from cluster.runtime.exit_status import EXIT_FAILED
from cluster.settings import (
    ENV_SETTINGS_FILE,
    SETTINGS_FILE,
    Settings,
    load_settings,
    parse_settings,
)
from cluster.vision.pose.estimator import available_cores, model_cache_dir, select_device
from cluster.vision.pose.input_size import MIN_HEAD_PIXELS
from cluster.vision.pose.weights import WeightsFile, find_pose_weights

PACKAGES = ("ray", "torch", "ultralytics", "openvino", "av", "duckdb", "pandas", "trackers")
MIN_FREE_BYTES = 2 * 2**30
GIB = 2**30


def doctor(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show the machine, versions, weights, backend, cameras; exit with 1 if there is a problem."""
    loaded, summary = _load(settings)
    weights = _find_weights(loaded)
    report: dict[str, Any] = {
        "machine": _machine(loaded),
        "versions": {"homeroom": __version__, **{name: version(name) for name in PACKAGES}},
        "settings": summary,
        "pose": _pose(loaded, weights),
        "cameras": _cameras(loaded, weights),
    }
    problems, warnings = (
        [f"{part}: {report[part][kind]}" for part in report if kind in report[part]]
        for kind in ("problem", "warning")
    )
    if as_json:
        answer_json({**report, "problems": problems, "warnings": warnings})
    else:
        for part, facts in report.items():
            table = Table(title=part, title_justify="left", show_header=False, box=None)
            table.add_column(no_wrap=True)
            table.add_column(overflow="fold")
            for name, value in facts.items():
                style = {"problem": "red", "warning": "yellow"}.get(name)
                table.add_row(f"  {name}", escape(str(value)), style=style)
            answers.print(table)
    if problems:
        raise typer.Exit(EXIT_FAILED)


def _load(path: Path | None) -> tuple[Settings, dict[str, Any]]:
    file = Path(path or os.environ.get(ENV_SETTINGS_FILE) or SETTINGS_FILE)
    is_default = path is None and ENV_SETTINGS_FILE not in os.environ
    try:
        if is_default and not file.exists():
            return parse_settings({}, file.absolute()), {"file": "none; the defaults are used"}
        settings = load_settings(path)
    except SettingsError as error:
        return Settings.model_construct(), {"problem": str(error)}
    return settings, {"file": str(file), "data": str(settings.data_dir)}


def _machine(settings: Settings) -> dict[str, Any]:
    folder = next(
        p
        for p in (settings.data_dir.absolute(), *settings.data_dir.absolute().parents)
        if p.exists()
    )
    free = psutil.disk_usage(str(folder)).free
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "cores": available_cores(),
        "memory": f"{psutil.virtual_memory().total / GIB:.1f} GiB",
        "disk free": f"{free / GIB:.1f} GiB at {folder}",
        "gpus": _gpus() or "none",
        "ffmpeg": ".".join(map(str, av.library_versions["libavcodec"])) + " (libavcodec)",
    }
    if free < MIN_FREE_BYTES:
        facts["problem"] = f"less than {MIN_FREE_BYTES // GIB} GiB are free at {folder}"
    return facts


def _gpus() -> str:
    if not Path("/dev/nvidiactl").exists():
        return ""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ", ".join(torch.cuda.get_device_name(index) for index in range(count))


def _find_weights(settings: Settings) -> WeightsFile | HomeroomError:
    try:
        return find_pose_weights(settings.weights, model_cache_dir(settings))
    except HomeroomError as error:
        return error


def _pose(settings: Settings, weights: WeightsFile | HomeroomError) -> dict[str, Any]:
    if isinstance(weights, HomeroomError):
        return {"problem": str(weights)}
    cache_dir, device = model_cache_dir(settings), select_device(settings.analysis)
    exported = sorted(path.name for path in (cache_dir / "openvino").glob("*/"))
    backend = "OpenVINO" if device == "cpu" else f"PyTorch on {device}, FP16"
    return {
        "weights": str(weights.path),
        "origin": weights.origin,
        "sha256": f"{weights.sha256} (verified)",
        "licence": weights.licence,
        "backend": f"{backend} {version('openvino') if device == 'cpu' else version('torch')}",
        "converted": ", ".join(exported) or "none yet; the first run exports",
        "cache": str(cache_dir),
    }


def _cameras(settings: Settings, weights: WeightsFile | HomeroomError) -> dict[str, Any]:
    """Say how many cameras are measured; warn of heads that are too small, and of drift."""
    if isinstance(weights, HomeroomError):
        return {}
    limit = settings.analysis.max_input_size
    store = CalibrationStore.of(settings)
    sizes = {
        camera.id: store.read(camera.id).find_size(weights.model_id, limit)
        for camera in auto_cameras(settings)
    }
    measured = {camera_id: size for camera_id, size in sizes.items() if size is not None}
    facts: dict[str, Any] = {
        "auto": f"{len(measured)} of {len(sizes)} measured, up to {limit} pixels",
    }
    too_small = [
        f"{camera_id} ({size.head_pixels:.0f} pixels at {size.input_size})"
        for camera_id, size in measured.items()
        if size.head_pixels < MIN_HEAD_PIXELS
    ]
    warnings = []
    if too_small:
        warnings.append(
            f"the smallest heads have fewer than {MIN_HEAD_PIXELS:.0f} pixels at every allowed "
            f"size: {', '.join(too_small)}. `homeroom calibrate CAMERA` says what helps."
        )
    warnings += _drifts(settings)
    if warnings:
        facts["warning"] = " ".join(warnings)
    return facts


def _drifts(settings: Settings) -> list[str]:
    """Say which live cameras showed something else than at first, when the service last ran."""
    store = ViewStore.of(settings)
    drifts = {camera.id: store.read(camera.id).drift for camera in settings.cameras}
    return [
        f"{camera_id}: {drift.kind} since {drift.since:%Y-%m-%d %H:%M} UTC. {drift.kind.advice}"
        for camera_id, drift in drifts.items()
        if drift.since is not None
    ]
