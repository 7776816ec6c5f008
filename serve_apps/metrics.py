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
