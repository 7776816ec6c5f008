"""Metrics that Ray exports to Prometheus.

Each is created at its first use, in the process that uses it. Labels hold the name of a model, a
camera or an outcome: never a student, a room, a ticket or an address (R2).
"""

from functools import cache

from ray.util.metrics import Counter, Gauge, Histogram

BATCH_SIZE_BUCKETS = [1, 2, 4, 8, 16, 32, 64]
SECONDS_BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]


@cache
def batch_size() -> Histogram:
    """Images in one batch of a model, by `model`."""
    return Histogram(
        "homeroom_model_batch_size",
        description="Images in one batch of a model.",
        boundaries=BATCH_SIZE_BUCKETS,
        tag_keys=("model",),
    )


@cache
def inference_seconds() -> Histogram:
    """Inference time of one batch, by `model`."""
    return Histogram(
        "homeroom_model_inference_seconds",
        description="Inference time of one batch, in seconds.",
        boundaries=SECONDS_BUCKETS,
        tag_keys=("model",),
    )


@cache
def waiting_seconds() -> Histogram:
    """Time that a call waited for the model in its replica, by `model`."""
    return Histogram(
        "homeroom_model_waiting_seconds",
        description="Seconds that a call waited before the model ran or dropped it.",
        boundaries=SECONDS_BUCKETS,
        tag_keys=("model",),
    )


@cache
def late_images() -> Counter:
    """Images that were dropped because they had waited too long, by `model`."""
    return Counter(
        "homeroom_model_late",
        description="Images dropped because they waited too long for a model.",
        tag_keys=("model",),
    )


@cache
def registers_open() -> Gauge:
    """Open registers."""
    return Gauge("homeroom_registers_open", description="Open registers.")


@cache
def registers_comparing() -> Gauge:
    """Open registers for which faces are being cut."""
    return Gauge(
        "homeroom_registers_comparing", description="Open registers for which faces are being cut."
    )


@cache
def register_frames() -> Counter:
    """Frames of open registers, by `outcome`: compared, or the reason why they were dropped."""
    return Counter(
        "homeroom_register_frames",
        description="Frames of open registers: compared, or the reason why they were dropped.",
        tag_keys=("outcome",),
    )


@cache
def register_seconds() -> Histogram:
    """Time from a frame's arrival to the comparison of its faces."""
    return Histogram(
        "homeroom_register_seconds",
        description="Seconds from a frame's arrival at its register to its comparison.",
        boundaries=SECONDS_BUCKETS,
        tag_keys=(),
    )


@cache
def frames() -> Counter:
    """Frames of cameras, by `camera` and `outcome`: read, late, dropped."""
    return Counter(
        "homeroom_frames",
        description="Frames of a camera: read, late (waited too long), dropped (model busy).",
        tag_keys=("camera", "outcome"),
    )


@cache
def latency_seconds() -> Histogram:
    """Seconds from a frame's arrival to the report of its counts."""
    return Histogram(
        "homeroom_latency_seconds",
        description="Seconds from a frame's arrival to the report of its counts.",
        boundaries=SECONDS_BUCKETS,
        tag_keys=(),
    )


@cache
def cameras_by_state() -> Gauge:
    """Cameras, by `state` of their stream."""
    return Gauge(
        "homeroom_cameras", description="Cameras by state of their stream.", tag_keys=("state",)
    )


@cache
def cameras_by_drift() -> Gauge:
    """Cameras, by what became of their view, as `state`."""
    return Gauge(
        "homeroom_cameras_drift",
        description="Cameras that show what they did at first, or by what became of their view.",
        tag_keys=("state",),
    )


@cache
def readers_running() -> Gauge:
    """Running readers."""
    return Gauge("homeroom_readers", description="Running readers.")


@cache
def windows_waiting() -> Gauge:
    """Finished windows that are not in the lake yet."""
    return Gauge(
        "homeroom_windows_waiting", description="Finished windows that are not in the lake yet."
    )


@cache
def windows_finished() -> Counter:
    """Finished windows that were added to the journal."""
    return Counter(
        "homeroom_windows", description="Finished windows that were added to the journal."
    )
