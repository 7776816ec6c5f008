"""Only what a selected frame needs is decoded, and the selected frame is returned."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
import pytest

from cluster.streams.decode.frame_selector import FrameSelector
from cluster.streams.decode.lazy_decoder import LazyDecoder
from cluster.streams.decode.packet_groups import MAX_GROUP_PACKETS
from tests.conftest import write_video

RATE = 25
SCALE = 4
"""Grey levels from one frame to the next: a frame's brightness is its number."""

OPTIONS = {"sc_threshold": "0", "preset": "ultrafast", "crf": "1"}
SHAPES = {
    "no B-frames": {**OPTIONS, "g": "50", "bf": "0"},
    "B-frames": {**OPTIONS, "g": "50", "bf": "3", "preset": "veryfast"},
    "no regular key frames": {**OPTIONS, "g": "1000", "bf": "0"},
}


def grey_frames(count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames of one grey each, which encodes their number (modulo 50)."""
    for index in range(count):
        yield np.full((96, 160, 3), 30 + SCALE * (index % 50), np.uint8)


def number_of(frame: av.VideoFrame) -> float:
    """The number (modulo 50) that a frame encodes."""
    yuv_loss = 1.5  # the conversion to YUV and back costs up to three levels
    return float((frame.to_ndarray(format="bgr24").mean() - 30 + yuv_loss) / SCALE)


@pytest.fixture(params=SHAPES.items(), ids=list(SHAPES))
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """200 numbered frames."""
    return write_video(
        tmp_path / "v.mp4",
        rate=RATE,
        size=(160, 96),
        options=request.param[1],
        frames=grey_frames(200),
    )


def run(
    file: Path, decode: Literal["all", "key_frames"] = "all", *, rate: float = 2.0, first: int = 0
) -> tuple[list[tuple[float, av.VideoFrame]], LazyDecoder]:
    """Feed a file's packets at the pace of a camera."""
    with av.open(file) as container:
        stream = container.streams.video[0]
        decoder = LazyDecoder(stream, FrameSelector(rate, decode), lambda *_: False)
        found = []
        for index, packet in enumerate(container.demux(stream)):
            if index >= first:
                found += decoder.feed(packet, index / RATE)
        return found, decoder


def frame_numbers(file: Path) -> list[int]:
    """For each packet in decoding order, the number of its frame (modulo 50)."""
    with av.open(file) as container:
        stream = container.streams.video[0]
        step = 1 / RATE / float(stream.time_base or 1)
        return [
            round(packet.pts / step) % 50
            for packet in container.demux(stream)
            if packet.pts is not None
        ]


def test_the_frame_of_the_selected_packet_is_returned_with_its_arrival_time(
    video: Path,
) -> None:
    found, _ = run(video)
    order = frame_numbers(video)
    assert len(found) >= 15
    for arrived_at, frame in found:
        assert number_of(frame) == pytest.approx(order[round(arrived_at * RATE)], abs=0.6)


def test_what_follows_the_last_selected_frame_of_a_group_is_not_decoded(
    tmp_path: Path,
) -> None:
    file = write_video(
        tmp_path / "v.mp4", rate=RATE, options=SHAPES["no B-frames"], frames=grey_frames(200)
    )
    found, decoder = run(file)
    assert len(found) == 16
    assert decoder.decoded <= 4 * 39


def test_frames_that_no_other_refers_to_are_skipped(tmp_path: Path) -> None:
    file = write_video(
        tmp_path / "v.mp4", rate=RATE, options=SHAPES["B-frames"], frames=grey_frames(200)
    )
    found, decoder = run(file)
    assert len(found) >= 15
    assert decoder.decoded < 4 * 30


def test_with_key_frames_only_nothing_else_is_decoded(video: Path) -> None:
    found, decoder = run(video, "key_frames")
    with av.open(video) as container:
        keys = sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    assert decoder.decoded == keys == len(found)
    assert all(number_of(frame) == pytest.approx(0, abs=0.6) for _, frame in found)


def test_a_stream_joined_in_the_middle_starts_at_a_key_frame(tmp_path: Path) -> None:
    file = write_video(
        tmp_path / "v.mp4", rate=RATE, options=SHAPES["no B-frames"], frames=grey_frames(200)
    )
    found, decoder = run(file, first=20)
    assert found[0][0] == pytest.approx(50 / RATE)
    assert number_of(found[0][1]) == pytest.approx(0, abs=0.6)
    assert decoder.damaged == 0


def test_a_stream_without_key_frames_is_decoded_after_a_while(tmp_path: Path) -> None:
    file = write_video(
        tmp_path / "v.mp4",
        rate=RATE,
        size=(32, 32),
        codec="mpeg4",
        options={"g": "600", "sc_threshold": "1000000000"},
        times=[index / RATE for index in range(MAX_GROUP_PACKETS + 200)],
    )
    with av.open(file) as container:
        stream = container.streams.video[0]
        decoder = LazyDecoder(stream, FrameSelector(2.0, "all"), lambda *_: False)
        found = []
        for index, packet in enumerate(container.demux(stream)):
            packet.is_keyframe = False
            found += decoder.feed(packet, index / RATE)
    assert found


def test_held_packets_are_bounded_even_where_nothing_is_selected(tmp_path: Path) -> None:
    count = MAX_GROUP_PACKETS + 100
    file = write_video(
        tmp_path / "v.mp4",
        size=(32, 32),
        options=SHAPES["no regular key frames"] | {"g": "5000"},
        times=[index / RATE for index in range(count)],
    )
    with av.open(file) as container:
        stream = container.streams.video[0]
        decoder = LazyDecoder(stream, FrameSelector(1.0, "all"), lambda *_: False)
        max_held = 0
        for packet in container.demux(stream):
            decoder.feed(packet, 0.0)  # all at the same time: only the first is selected
            max_held = max(max_held, len(decoder._held))
    assert max_held < MAX_GROUP_PACKETS
    assert decoder.decoded > MAX_GROUP_PACKETS / 2


def test_a_damaged_packet_costs_a_frame_and_not_the_stream(tmp_path: Path) -> None:
    file = write_video(
        tmp_path / "v.mp4", rate=RATE, options=SHAPES["no B-frames"], frames=grey_frames(200)
    )
    with av.open(file) as container:
        stream = container.streams.video[0]
        decoder = LazyDecoder(stream, FrameSelector(2.0, "all"), lambda *_: False)
        found = []
        for index, packet in enumerate(container.demux(stream)):
            if 50 <= index < 60:
                broken = av.Packet(b"\x00" * 40)
                broken.is_keyframe = packet.is_keyframe
                found += decoder.feed(broken, index / RATE)  # type: ignore[arg-type]
            else:
                found += decoder.feed(packet, index / RATE)
    assert decoder.damaged > 0
    assert any(arrived_at > 4.0 for arrived_at, _ in found)


def test_deblocking_is_switched_at_a_key_frame(
    tmp_path: Path,
) -> None:
    """The deblocking filter is skipped for downscaled frames only."""
    noise = np.random.default_rng(1)
    frames = (noise.integers(0, 255, (96, 160, 3)).astype(np.uint8) for _ in range(100))
    options = SHAPES["no B-frames"] | {"g": "25", "crf": "40", "preset": "veryfast"}
    file = write_video(tmp_path / "v.mp4", rate=RATE, options=options, frames=frames)
    exact = list(av.open(file).decode(video=0))
    skips_deblocking = True
    with av.open(file) as container:
        stream = container.streams.video[0]
        decoder = LazyDecoder(stream, FrameSelector(2.0, "all"), lambda *_: skips_deblocking)
        differences = {}
        for index, packet in enumerate(container.demux(stream)):
            skips_deblocking = index < 50
            for arrived_at, frame in decoder.feed(packet, index / RATE):
                number = round(arrived_at * RATE)
                pair = [image.to_ndarray(format="gray") for image in (frame, exact[number])]
                differences[number] = bool((pair[0] != pair[1]).any())
    assert all(is_different for number, is_different in differences.items() if number < 50)
    assert not any(is_different for number, is_different in differences.items() if number >= 50)
