"""The figures of the models and registers that Ray exports to Prometheus.

Each is made at its first use, in whatever process that is. Labels hold a model's name or a reason:
never a student, a room, a ticket or an address.
"""

from functools import cache

from ray.util.metrics import Counter, Gauge, Histogram

SIZES = [1, 2, 4, 8, 16, 32, 64]
SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]


@cache
def batch_size() -> Histogram:
    """Pictures that a model was given at once, by `model`."""
    return Histogram(
        "homeroom_model_batch_size",
        description="Pictures in one batch of a model.",
        boundaries=SIZES,
        tag_keys=("model",),
    )


@cache
def inference_seconds() -> Histogram:
    """How long a model took for a batch, by `model`."""
    return Histogram(
        "homeroom_model_inference_seconds",
        description="Seconds that a model took for one batch.",
        boundaries=SECONDS,
        tag_keys=("model",),
    )


@cache
def waiting_seconds() -> Histogram:
    """How long a call waited for the model in its replica, by `model`."""
    return Histogram(
        "homeroom_model_waiting_seconds",
        description="Seconds that a call waited for a model before it ran or was dropped.",
        boundaries=SECONDS,
        tag_keys=("model",),
    )


@cache
def late_pictures() -> Counter:
    """Pictures that a model's replica dropped, since they had waited too long; by `model`."""
    return Counter(
        "homeroom_model_late",
        description="Pictures that were dropped since they had waited too long for a model.",
        tag_keys=("model",),
    )


@cache
def registers_open() -> Gauge:
    """Registers that are open now."""
    return Gauge("homeroom_registers_open", description="Registers that are open now.")


@cache
def registers_comparing() -> Gauge:
    """Registers for which faces are cut now."""
    return Gauge(
        "homeroom_registers_comparing", description="Open registers for which faces are cut now."
    )


@cache
def register_frames() -> Counter:
    """Frames whose faces were compared, or why they were not, by `outcome`."""
    return Counter(
        "homeroom_register_frames",
        description="Frames of open registers: compared, or dropped and why.",
        tag_keys=("outcome",),
    )


@cache
def register_seconds() -> Histogram:
    """How long the faces of one frame took to compare."""
    return Histogram(
        "homeroom_register_seconds",
        description="Seconds from a frame's arrival at its register to its comparison.",
        boundaries=SECONDS,
        tag_keys=(),
    )


@cache
def frames() -> Counter:
    """Pictures of cameras, by `camera` and `outcome`: read, late, dropped."""
    return Counter(
        "homeroom_frames",
        description="Pictures of a camera: read, late (waited too long), dropped (model busy).",
        tag_keys=("camera", "outcome"),
    )


@cache
def latency_seconds() -> Histogram:
    """Seconds from a picture's arrival to the number that rests on it."""
    return Histogram(
        "homeroom_latency_seconds",
        description="Seconds from a picture's arrival to the number that rests on it.",
        boundaries=SECONDS,
        tag_keys=(),
    )


@cache
def cameras_by_state() -> Gauge:
    """Cameras by `state` of their stream."""
    return Gauge(
        "homeroom_cameras", description="Cameras by state of their stream.", tag_keys=("state",)
    )


@cache
def readers_running() -> Gauge:
    """Readers that answer."""
    return Gauge("homeroom_readers", description="Readers that answer.")


@cache
def windows_waiting() -> Gauge:
    """Finished windows that are not in the lake yet."""
    return Gauge(
        "homeroom_windows_waiting", description="Finished windows that are not in the lake yet."
    )


@cache
def windows_finished() -> Counter:
    """Finished windows that were taken into the journal."""
    return Counter("homeroom_windows", description="Finished windows that are safe in the journal.")
