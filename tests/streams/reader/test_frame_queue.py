"""The queue returns the latest frames in batches, and counts those that it drops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.capture.frame import LiveFrame
from cluster.streams.reader.frame_queue import MAX_WAITING_PER_CAMERA, LatestFrameQueue


def frame(camera: str, taken_at: float, width: int = 4) -> LiveFrame:
    return LiveFrame(camera, taken_at, np.zeros((2, width, 3), np.uint8))


def new_queue(late_seconds: float = 1.0) -> LatestFrameQueue:
    return LatestFrameQueue(late_seconds, lambda: None, lambda f: f.pixels.shape)


def times(frames: list[LiveFrame]) -> list[tuple[str, float]]:
    return [(f.camera_id, f.taken_at) for f in frames]


def test_frames_of_all_cameras_are_taken_together_the_oldest_first() -> None:
    queue = new_queue()
    for one in (frame("b", 0.2), frame("a", 0.1), frame("a", 0.6)):
        queue.put(one)
    assert times(queue.take(0.7, 16)) == [("a", 0.1), ("b", 0.2), ("a", 0.6)]
    assert queue.take(0.7, 16) == []


def test_frames_of_different_shapes_are_taken_in_different_batches() -> None:
    queue = new_queue()
    for one in (frame("a", 0.1), frame("b", 0.2, width=8), frame("c", 0.3)):
        queue.put(one)
    assert times(queue.take(0.4, 16)) == [("a", 0.1), ("c", 0.3)]
    assert times(queue.take(0.4, 16)) == [("b", 0.2)]


def test_a_frame_that_waited_too_long_is_dropped_and_counted() -> None:
    queue = new_queue()
    queue.put(frame("a", 0.0))
    queue.put(frame("a", 1.5))
    assert times(queue.take(2.0, 16)) == [("a", 1.5)]
    assert queue.dropped["a"] == 1


def test_the_oldest_frames_are_dropped_where_the_model_is_slow() -> None:
    queue = new_queue(late_seconds=100)
    for second in range(10):
        queue.put(frame("a", second))
    assert times(queue.take(10, 16)) == [("a", 8), ("a", 9)]
    assert queue.dropped["a"] == 8


def test_one_busy_camera_does_not_displace_the_others() -> None:
    queue = new_queue(late_seconds=100)
    for second in range(50):
        queue.put(frame("busy", second))
    queue.put(frame("quiet", 3))
    assert ("quiet", 3.0) in times(queue.take(50, 16))


def test_frames_of_a_removed_camera_are_dropped() -> None:
    queue = new_queue()
    queue.put(frame("a", 0.1))
    queue.remove_camera("a")
    assert queue.take(0.2, 16) == []


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_every_frame_is_taken_once_or_counted_as_dropped(
    steps: list[tuple[str, int, bool]], max_frames: int
) -> None:
    queue, taken_count, now = new_queue(), 0, 0.0
    for camera, width, takes in steps:
        now += 0.3
        queue.put(frame(camera, now, width))
        if takes:
            taken = queue.take(now, max_frames)
            assert all(now - f.taken_at <= 1.0 for f in taken)
            taken_count += len(taken)
    waiting = 0
    while taken := queue.take(now, max_frames):
        waiting += len(taken)
    assert taken_count + waiting + queue.dropped.total() == len(steps)
    assert waiting <= 3 * MAX_WAITING_PER_CAMERA
