"""Frames on their way to the model: fresh ones, and a count of those that were dropped."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.reader.config import LiveFrame
from cluster.streams.reader.frame_queue import MAX_WAITING_PER_CAMERA, LatestFrameQueue


def frame(camera: str, taken_at: float, width: int = 4) -> LiveFrame:
    return LiveFrame(camera, taken_at, np.zeros((2, width, 3), np.uint8))


def inbox(late_seconds: float = 1.0) -> LatestFrameQueue:
    return LatestFrameQueue(late_seconds, lambda: None, lambda f: f.pixels.shape)


def times(frames: list[LiveFrame]) -> list[tuple[str, float]]:
    return [(f.camera_id, f.taken_at) for f in frames]


def test_all_cameras_frames_go_together_the_oldest_first() -> None:
    box = inbox()
    for one in (frame("b", 0.2), frame("a", 0.1), frame("a", 0.6)):
        box.put(one)
    assert times(box.take(0.7, 16)) == [("a", 0.1), ("b", 0.2), ("a", 0.6)]
    assert box.take(0.7, 16) == []


def test_frames_of_different_shapes_go_in_different_calls() -> None:
    box = inbox()
    for one in (frame("a", 0.1), frame("b", 0.2, width=8), frame("c", 0.3)):
        box.put(one)
    assert times(box.take(0.4, 16)) == [("a", 0.1), ("c", 0.3)]
    assert times(box.take(0.4, 16)) == [("b", 0.2)]


def test_a_frame_that_waited_too_long_is_dropped_and_counted() -> None:
    box = inbox()
    box.put(frame("a", 0.0))
    box.put(frame("a", 1.5))
    assert times(box.take(2.0, 16)) == [("a", 1.5)]
    assert box.late["a"] == 1


def test_a_slow_model_costs_the_oldest_frames() -> None:
    box = inbox(late_seconds=100)
    for second in range(10):
        box.put(frame("a", second))
    assert times(box.take(10, 16)) == [("a", 8), ("a", 9)]
    assert box.late["a"] == 8


def test_one_slow_camera_does_not_crowd_out_the_others() -> None:
    box = inbox(late_seconds=100)
    for second in range(50):
        box.put(frame("busy", second))
    box.put(frame("calm", 3))
    assert ("calm", 3.0) in times(box.take(50, 16))


def test_what_is_forgotten_does_not_come_out() -> None:
    box = inbox()
    box.put(frame("a", 0.1))
    box.forget("a")
    assert box.take(0.2, 16) == []


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_every_frame_comes_out_once_or_is_counted(
    steps: list[tuple[str, int, bool]], most: int
) -> None:
    box, out, now = inbox(), 0, 0.0
    for camera, width, takes in steps:
        now += 0.3
        box.put(frame(camera, now, width))
        if takes:
            taken = box.take(now, most)
            assert all(now - f.taken_at <= 1.0 for f in taken)
            out += len(taken)
    waiting = 0
    while taken := box.take(now, most):
        waiting += len(taken)
    assert out + waiting + box.late.total() == len(steps)
    assert waiting <= 3 * MAX_WAITING_PER_CAMERA
