"""Footage for the benchmarks: a lesson as a network camera records it.

1080p30 H.264, a key frame every two seconds, no B-frames, sensor noise; the frames show
the photo that `homeroom demo` uses. One minute is encoded and then repeated by copying its
packets, so that every minute costs the same to decode.
"""

from pathlib import Path

import av
import cv2
import numpy as np

from cluster.demo.lesson_video import HEIGHT, WIDTH, frames_of_photo, group_photo

FOLDER = Path(".bench")
RATE = 30
KEY_FRAME_INTERVAL = 60
NOISE_SIGMA = 2.0
NOISE_IMAGES = 8


def lesson(minutes: int) -> Path:
    """Return a lesson of some minutes, made once and cached in `.bench`."""
    path = FOLDER / f"lesson-{minutes}min.mp4"
    if not path.exists():
        _repeat(_one_minute(), minutes, path)
    return path


def two_seconds() -> Path:
    """Return the first two seconds of the lesson, to measure start-up."""
    path = FOLDER / "two-seconds.mp4"
    if not path.exists():
        _encode(path, 2.0)
    return path


def camera_footage(width: int = WIDTH, height: int = HEIGHT) -> Path:
    """Return twenty seconds at 25 frames a second, with a key frame every two seconds."""
    path = FOLDER / f"camera-{height}p.mp4"
    if not path.exists():
        print(f"making twenty seconds of {height}p25 …", flush=True)
        _encode(path, 20.0, rate=25, key_frame_interval=50, size=(width, height))
    return path


def _one_minute() -> Path:
    path = FOLDER / "minute.mp4"
    if not path.exists():
        print("making a minute of 1080p30 …", flush=True)
        _encode(path, 60.0)
    return path


def _encode(
    path: Path,
    seconds: float,
    *,
    rate: int = RATE,
    key_frame_interval: int = KEY_FRAME_INTERVAL,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> None:
    FOLDER.mkdir(exist_ok=True)
    random = np.random.default_rng(1)
    noise_images = [
        random.normal(0, NOISE_SIGMA, (HEIGHT, WIDTH, 3)).astype(np.int8)
        for _ in range(NOISE_IMAGES)
    ]
    scratch = path.with_suffix(".part")
    options = {"preset": "veryfast", "crf": "27", "g": str(key_frame_interval), "bf": "0"}
    with av.open(scratch, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        for index, frame in enumerate(frames_of_photo(group_photo(), seconds, rate)):
            noisy = np.asarray(
                cv2.add(frame, noise_images[index % NOISE_IMAGES], dtype=cv2.CV_8U), np.uint8
            )
            if size != (WIDTH, HEIGHT):
                noisy = np.asarray(cv2.resize(noisy, size, interpolation=cv2.INTER_AREA), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="bgr24")))
        container.mux(stream.encode())
    scratch.replace(path)


def _repeat(minute: Path, times: int, path: Path) -> None:
    scratch = path.with_suffix(".part")
    with av.open(scratch, "w", format="mp4") as target:
        copy = None
        shift = 0
        for _ in range(times):
            with av.open(minute) as source:
                stream = source.streams.video[0]
                copy = copy or target.add_stream_from_template(stream)
                end = shift
                for packet in source.demux(stream):
                    if packet.pts is None or packet.dts is None:
                        continue
                    packet.pts += shift
                    packet.dts += shift
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = copy
                    target.mux(packet)
                shift = end
    scratch.replace(path)
