"""How long a connection may deliver packets without a frame, by the rhythm of its key frames.

    opened ── packets ──> first key frame ── packets ──> second ── interval ──> third ...
    └── up to MAX_WAIT_SECONDS ──┘└── likewise ──┘ then up to two of the longest interval

A stream that is joined between two key frames cannot be decoded before the next one. Cameras send
one every few seconds, or every few minutes where they save bandwidth ("smart" codecs): as long as
packets arrive and only the key frame is missing, such a camera is healthy. A key frame that has
come and gives no frame is another matter: that stream cannot be decoded.

Times are passed in, in seconds of the monotonic clock.
"""

MAX_WAIT_SECONDS = 300.0
"""A key frame is awaited this long before the stream's rhythm is known, and never longer."""

MAX_INTERVALS = 2.0
"""The next key frame may be this many times as far away as any two have been on the connection."""

LATE_INTERVALS = 1.5
"""Where only key frames are decoded, the next one is late after this many intervals."""

MAX_STALLS = 3.0
"""Without a frame, any connection is kept for this many times `stall_seconds`."""

NOTICE_SECONDS = 3.0
"""Before the first frame, a wait is reported after this time."""


class KeyFrameWait:
    """Follows the key frames and the decoded frames of one connection.

    The interval after the first key frame is not counted: many cameras send that one to every new
    client, whenever their next one is due.

    Args:
        opened_at: When the connection was opened.
        stall_seconds: The camera's `stall_seconds`.
    """

    def __init__(self, opened_at: float, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._last_frame_at = opened_at
        self._has_frame = False
        self._keys = 0
        self._last_key_at = opened_at
        self._undecoded_key_at: float | None = None
        self._longest_interval: float | None = None

    def record_packet(self, now: float, *, is_key: bool) -> None:
        """Record that a packet arrived, before it is decoded."""
        if not is_key:
            return
        self._keys += 1
        if self._keys > 2:
            interval = now - self._last_key_at
            self._longest_interval = max(interval, self._longest_interval or 0.0)
        self._last_key_at = now
        if self._undecoded_key_at is None:
            self._undecoded_key_at = now

    def record_frame(self, now: float) -> None:
        """Record that a packet gave a frame."""
        self._last_frame_at, self._has_frame = now, True
        self._undecoded_key_at = None

    @property
    def needs_key_frame(self) -> bool:
        """Whether no key frame has come since the last frame, or since the connection was opened.

        Where it is false, and still no frame comes, the stream cannot be decoded.
        """
        return self._undecoded_key_at is None

    @property
    def limit_seconds(self) -> float:
        """Seconds without a frame after which the connection is given up."""
        shortest = MAX_STALLS * self._stall_seconds
        if self._longest_interval is not None:
            return max(shortest, min(MAX_WAIT_SECONDS, MAX_INTERVALS * self._longest_interval))
        return max(shortest, MAX_WAIT_SECONDS) if self.needs_key_frame else shortest

    def is_exceeded(self, now: float) -> bool:
        """Whether the connection is to be given up."""
        since = self._last_frame_at if self.needs_key_frame else self._undecoded_key_at
        return since is not None and now - since > self.limit_seconds

    def is_noticeable(self, now: float, *, only_key_frames: bool) -> bool:
        """Whether the wait for a key frame is longer than usual, so that it should be reported.

        Args:
            now: The time.
            only_key_frames: Whether nothing else is decoded: then waiting is usual.
        """
        if not self.needs_key_frame:
            return False
        usual = self._stall_seconds if self._has_frame else NOTICE_SECONDS
        if self._has_frame and only_key_frames and self._longest_interval is not None:
            usual = max(usual, LATE_INTERVALS * self._longest_interval)
        return now - self._last_frame_at > usual
