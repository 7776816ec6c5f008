"""How fast footage becomes tables: Homeroom's job, the naive loop and the limit, in one run.

    make bench          or          python -m bench.archive --minutes 10
    python -m bench.archive --qualities     # the job at each analysis.quality, into bench/results

The limit is decoding alone (the job's own cheapest decoding, one process a core) plus OpenVINO
inference alone (the job's own network, all cores), one after the other on the same cores. Start-up
is what the same program takes over two seconds of footage; speeds are with start-up taken off.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench.lesson import RATE, lesson, two_seconds
from bench.measure import MEBIBYTE, Measurement, run
from bench.scoring.qualities import COSTS, QUALITIES, QualityCosts
from cluster.cli.settings_file import FirstSchool, render_settings
from cluster.settings import AnalysisSettings, Settings
from cluster.settings.tables import Quality
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from cluster.vision.people import Letterbox
from cluster.vision.pose.estimator import PoseEstimator, available_cores, model_cache_dir
from cluster.vision.pose.torch_backend import BATCH_SIZES

ANALYSIS_RATE = 2.0
INFERENCE_FRAMES = 200
CAMERA = "bench"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--no-naive", action="store_true", help="Leave out the slowest part.")
    parser.add_argument(
        "--qualities",
        action="store_true",
        help="Measure the job at the largest input size of each quality instead.",
    )
    options = parser.parse_args()
    video, short = lesson(options.minutes), two_seconds()
    footage = probe(str(video)).duration_seconds
    if options.qualities:
        _measure_qualities(video, short, footage)
        return
    print(
        f"{footage:.0f} s of 1080p{RATE}, {ANALYSIS_RATE:g} analysed a second, "
        f"{available_cores()} cores\n"
    )
    decode = _time_decoding(video, footage, cheap=True)
    plain = _time_decoding(video, footage, cheap=False)
    inference = inference_alone(footage)
    limit = footage / (decode + inference)
    _print_speed(
        "decoding alone", footage / decode, f"{footage / plain:.0f} without the short cuts"
    )
    _print_speed("OpenVINO inference alone", footage / inference)
    _print_speed("limit: one after the other", limit)
    start, whole = _run_job(short), _run_job(video)
    speed = footage / (whole.seconds - start.seconds)
    _print_speed(
        "Homeroom's job",
        speed,
        f"start-up {start.seconds:.1f} s, peak {whole.peak_bytes / MEBIBYTE:.0f} MiB",
    )
    if not options.no_naive:
        stride = round(RATE / ANALYSIS_RATE)
        slow_start, slow = _run_naive(short, stride), _run_naive(video, stride)
        naive = footage / (slow.seconds - slow_start.seconds)
        _print_speed(
            "naive loop",
            naive,
            f"start-up {slow_start.seconds:.1f} s, peak {slow.peak_bytes / MEBIBYTE:.0f} MiB",
        )
        print(f"\nHomeroom / naive   {speed / naive:.2f}")
    print(f"Homeroom / limit   {speed / limit:.2f}")
    _measure_gpu()


def _measure_qualities(video: Path, short: Path, footage: float) -> None:
    """Measure the job at the largest input size of each quality, and write the speeds."""
    speeds: dict[Quality, float] = {}
    for quality in QUALITIES:
        size = AnalysisSettings(quality=quality).max_input_size
        start, whole = _run_job(short, input_size=size), _run_job(video, input_size=size)
        speeds[quality] = round(footage / (whole.seconds - start.seconds), 1)
        _print_speed(f"{quality}, {size} pixels", speeds[quality])
    model = PoseEstimator.from_settings(Settings()).weights.model_id
    QualityCosts(model=model, cores=available_cores(), speeds=speeds).write()
    print(f"written to {COSTS}; `python -m bench.accuracy --write-docs` shows it")


def _print_speed(what: str, speed: float, more: str = "") -> None:
    print(f"{what:<28}{speed:8.1f} footage seconds a second   {more}", flush=True)


def _time_decoding(video: Path, footage: float, *, cheap: bool) -> float:
    """Return seconds to decode and downscale all that the job needs, one process a core."""
    cores = available_cores()
    edges = [footage * part / cores for part in range(cores + 1)]
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(_decode, [str(video)] * cores, [0.0] * cores, [1.0] * cores, [cheap] * cores))
        began = time.monotonic()
        list(pool.map(_decode, [str(video)] * cores, edges[:-1], edges[1:], [cheap] * cores))
        return time.monotonic() - began


def _decode(video: str, start: float, end: float, cheap: bool) -> int:
    sampler = FrameSampler(video, rate=ANALYSIS_RATE, cheap=cheap)
    return sum(1 for _ in sampler.frames(start, end))


def inference_alone(footage: float, clock: Callable[[], float] = time.monotonic) -> float:
    """Return seconds to infer as many frames as the footage has, on all cores.

    Args:
        footage: Its length in seconds.
        clock: `time.process_time` for CPU seconds, which other load on the machine does not change.
    """
    from cluster.vision.pose.openvino_backend import OpenVinoNetwork

    estimator = PoseEstimator.from_settings(Settings())
    box = Letterbox.of(360, 640, 640)
    estimator.prepare(360, 640, 640)
    from cluster.vision.pose.export import export_to_openvino

    model = export_to_openvino(
        estimator.weights, box.height, box.width, model_cache_dir(Settings())
    )
    network = OpenVinoNetwork(model, available_cores())
    frames = box.new_canvases(INFERENCE_FRAMES)
    frames += np.random.default_rng(1).integers(0, 99, frames.shape, np.uint8)
    network(frames[:16])
    began = clock()
    network(frames)
    each = (clock() - began) / INFERENCE_FRAMES
    return each * math.ceil(footage * ANALYSIS_RATE)


def _run_job(video: Path, *, input_size: int | None = None) -> Measurement:
    """Run the job, as an operator does, into an empty lake; at a fixed input size if given."""
    with tempfile.TemporaryDirectory(prefix="homeroom-bench-") as folder:
        settings = Path(folder) / "homeroom.toml"
        text = render_settings(FirstSchool("Bench", "UTC", "Bench", CAMERA))
        if input_size is not None:
            text = with_input_size(text, input_size)
        settings.write_text(text)
        command = [sys.executable, "-m", "jobs.analyse_archive", str(video), "--json"]
        command += [f"--camera={CAMERA}", "--started-at=2026-03-02T09:00:00Z"]
        measured = run([*command, f"--settings={settings}"])
    summary = json.loads(measured.output)
    if summary["problems"]:
        raise SystemExit(f"the job had problems: {summary['problems']}")
    return measured


def with_input_size(settings: str, input_size: int) -> str:
    """Return settings whose cameras have a fixed input size.

    Raises:
        ValueError: They have no camera.
    """
    table = "[[cameras]]\n"
    if table not in settings:
        raise ValueError("these settings have no camera")
    return settings.replace(table, f"{table}input_size = {input_size}\n")


def _run_naive(video: Path, stride: int) -> Measurement:
    return run([sys.executable, "-m", "bench.naive", str(video), str(stride)])


def _measure_gpu() -> None:
    """Print the speed of the CUDA backend by batch size, if there is a GPU."""
    import torch

    if not torch.cuda.is_available():
        print("\nno GPU here: the CUDA backend was not measured")
        return
    print(f"\n{torch.cuda.get_device_name()}, FP16, 640x384, copies to and from the GPU included")
    frames = Letterbox.of(360, 640, 640).new_canvases(64)
    weights = PoseEstimator.from_settings(Settings()).weights
    from cluster.vision.pose.torch_backend import TorchNetwork

    for size in BATCH_SIZES:
        network = TorchNetwork(weights.path, "cuda", size)
        for _ in range(3):
            network(frames)
        began = time.monotonic()
        for _ in range(10):
            network(frames)
        print(f"batch {size:>2}   {10 * len(frames) / (time.monotonic() - began):8.0f} frames/s")


if __name__ == "__main__":
    main()
