"""Seeking to where decoding can begin.

In files with an index FFmpeg seeks to a key frame. In streams that were written as they came, and
in an AVI that was cut before its index, it finds any packet: then it is sought further back, until
a key frame comes in time.
"""

from itertools import islice

from cluster.streams.decode.container import OpenVideo

UNINDEXED_FORMATS = frozenset({"mpegts", "mpeg", "flv"})
"""Streams that are written as they come, so that a clock that restarts stays in the file."""

_MAY_LACK_KEY_FRAMES = UNINDEXED_FORMATS | {"avi"}
_STEPS_BACK_SECONDS = (0.0, 2.0, 10.0, 60.0)
_MAX_PACKETS = 4000
_TOLERANCE_SECONDS = 1e-3


def seek_to_key_frame(video: OpenVideo, start: float) -> bool:
    """Seek to a key frame at or before a file time; returns False after going to the file's start.

    Raises:
        av.FFmpegError: It cannot be sought in.
    """
    if video.container.format.name not in _MAY_LACK_KEY_FRAMES:
        video.seek(start)
        return True
    for back in _STEPS_BACK_SECONDS:
        if start - back <= 0:
            break
        video.seek(start - back)
        packets = islice(video.packets(), _MAX_PACKETS)
        key = next((packet.pts for packet in packets if packet.is_keyframe), None)
        if key is not None and video.to_seconds(key, None) <= start + _TOLERANCE_SECONDS:
            video.seek(start - back)
            return True
    video.container.seek(0)
    return False
