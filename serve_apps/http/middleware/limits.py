"""Limits of requests: how large one may be, and how many a client may send in a minute.

Requests are counted in this process, in moving windows, and in bounded memory: where there are too
many clients, the least recently active ones are forgotten first. With several replicas of the API,
each counts on its own.
"""

import ipaddress
import math
import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from cachetools import LRUCache
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.settings import AccessSettings, Settings
from serve_apps.http.errors import error_response

MAX_REQUESTS_COUNTED = 1_000_000
"""Over all clients: some 40 MB."""

MAX_CLIENTS_COUNTED = 50_000
"""Some 40 MB."""

MAX_CONTENT_LENGTH_DIGITS = 15
"""A longer Content-Length is too large whatever the limit."""

GUESSES_PER_MINUTE = 600
"""Unknown check-in codes from one address: a school that mistypes behind one router; of 148 million
codes, an attacker sees almost none."""

CLASSROOM_FACTOR = 10
"""A school's phones come from one address, all in the same minute; their pages are cheap."""

IPV6_PREFIX_BITS = 64
"""A client with one IPv6 address has all that share this prefix."""


class BoundedWindowStorage(Storage, MovingWindowSupport):
    """In-memory moving windows for `limits`, whose own storage never forgets a key.

    Args:
        max_requests: How many requests are counted, over all keys.
        max_clients: How many keys are kept.
        clock: Returns seconds since 1970, as `limits` counts them.
    """

    STORAGE_SCHEME = None

    def __init__(
        self,
        max_requests: int = MAX_REQUESTS_COUNTED,
        max_clients: int = MAX_CLIENTS_COUNTED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._clock = clock
        # A key takes memory of its own, so that one bound holds for both numbers.
        key_size = max_requests // max_clients
        self._windows: LRUCache[str, deque[float]] = LRUCache(
            max_requests, getsizeof=lambda times: max(len(times), key_size)
        )
        self._lock = Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """The errors of the storage; memory raises none."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a request, unless the window is full; return whether it was counted."""
        with self._lock:
            times = self._current(key, expiry)
            if len(times) + amount > limit:
                return False
            times.extend([self._clock()] * amount)
            self._windows[key] = times  # its size has changed
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Return the time of the oldest counted request, and how many are counted."""
        with self._lock:
            times = self._current(key, expiry)
            return (times[0], len(times)) if times else (self._clock(), 0)

    def _current(self, key: str, expiry: int) -> deque[float]:
        times = self._windows.get(key, deque())
        start = self._clock() - expiry
        while times and times[0] <= start:
            times.popleft()
        return times

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not supported: only fixed windows use it."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Return how many requests of a key are counted."""
        with self._lock:
            return len(self._windows.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """Not supported: only fixed windows use it."""
        raise NotImplementedError

    def check(self) -> bool:
        """Return that the storage is available, as memory always is."""
        return True

    def reset(self) -> int:
        """Forget all keys; return how many there were."""
        with self._lock:
            keys = len(self._windows)
            self._windows.clear()
            return keys

    def clear(self, key: str) -> None:
        """Forget a key."""
        with self._lock:
            self._windows.pop(key, None)


class RateLimits:
    """The rate limits of an installation.

    Each `hit_` method counts a request, and returns None, or how many seconds to wait where the
    limit is reached.

    Args:
        access: The limits.
        clock: Returns seconds since 1970.
    """

    def __init__(self, access: AccessSettings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._requests = RateLimitItemPerMinute(access.requests_per_minute)
        self._sign_ins = RateLimitItemPerMinute(access.sign_ins_per_minute)
        self._guesses = RateLimitItemPerMinute(GUESSES_PER_MINUTE)
        self._classroom = RateLimitItemPerMinute(CLASSROOM_FACTOR * access.requests_per_minute)
        # Two storages, so that no number of anonymous clients evicts the counts of signed-in ones.
        self._signed_in = MovingWindowRateLimiter(BoundedWindowStorage(clock=clock))
        self._anonymous = MovingWindowRateLimiter(BoundedWindowStorage(clock=clock))

    def hit_sign_in_id(self, sign_in_id: str) -> int | None:
        """Count a request of a caller who is signed in."""
        return self._hit(self._signed_in, self._requests, "sign-in", sign_in_id)

    def hit_address(self, address: str) -> int | None:
        """Count a request without a valid sign-in."""
        return self._hit(self._anonymous, self._requests, "address", address)

    def hit_classroom(self, address: str) -> int | None:
        """Count a request for a check-in page or a static file."""
        return self._hit(self._anonymous, self._classroom, "classroom", address)

    def hit_attempt(self, address: str) -> int | None:
        """Count an attempt to sign in."""
        return self._hit(self._anonymous, self._sign_ins, "attempt", address)

    def hit_failed_sign_in(self, address: str) -> int | None:
        """Count a sign-in that is not valid.

        Apart from attempts: a page left open overnight must not keep its school from signing in.
        """
        return self._hit(self._anonymous, self._sign_ins, "refused", address)

    def hit_failed_guess(self, address: str) -> None:
        """Count an unknown check-in code."""
        self._anonymous.hit(self._guesses, "guess", address)

    def may_guess(self, address: str) -> bool:
        """Return whether a check-in code may be tried; ask before it is looked up."""
        return self._anonymous.test(self._guesses, "guess", address)

    def _hit(self, limiter: MovingWindowRateLimiter, item: RateLimitItem, *key: str) -> int | None:
        if limiter.hit(item, *key):
            return None
        reset, _ = limiter.get_window_stats(item, *key)
        return max(1, math.ceil(reset - self._clock()))


def client_address(connection: HTTPConnection, *, behind_proxy: bool) -> str:
    """Return the address that a request is counted under.

    Args:
        connection: The request.
        behind_proxy: Use the last address of X-Forwarded-For, which the proxy has added. Without a
            proxy any client can set the header, so it is ignored.
    """
    address = connection.client.host if connection.client is not None else ""
    if behind_proxy:
        forwarded = connection.headers.getlist("x-forwarded-for")
        address = forwarded[-1].rpartition(",")[2].strip() if forwarded else address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX_BITS), strict=False))
    return str(parsed)


class _TooLarge(Exception):
    """The body exceeded the limit while it was read."""


MAX_JSON_BYTES = 512 * 1024
"""The largest request for a job, with 200 long addresses, is less than half of it."""

IMAGE_PATH = "/api/analyse"


class BodySizeLimitMiddleware:
    """Rejects requests whose body is too large, by Content-Length or while it is read.

    Args:
        app: The next application.
        settings: They have the limit.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_bytes = settings.access.largest_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = self._max_bytes_of(scope)
        length = Headers(scope=scope).get("content-length")
        if length is not None and not (length.isascii() and length.isdigit()):
            await _reject_content_length(scope, receive, send)
        elif length is not None and (
            len(length) > MAX_CONTENT_LENGTH_DIGITS or int(length) > max_bytes
        ):
            await self._reject(scope, receive, send)
        else:
            await self._call_counting(scope, receive, send, max_bytes)

    def _max_bytes_of(self, scope: Scope) -> int:
        """Images may be large; everything else is JSON."""
        return (
            self._max_bytes if scope["path"] == IMAGE_PATH else min(self._max_bytes, MAX_JSON_BYTES)
        )

    async def _call_counting(
        self, scope: Scope, receive: Receive, send: Send, max_bytes: int
    ) -> None:
        received, too_large, started = 0, False, False

        async def counting_receive() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                too_large = True
                raise _TooLarge
            return message

        async def tracking_send(message: Message) -> None:
            nonlocal started
            if too_large and not started:
                return  # an inner application has answered `_TooLarge` with a response of its own
            started = True
            await send(message)

        try:
            await self._app(scope, counting_receive, tracking_send)
        except _TooLarge:
            if started:
                raise
        if too_large and not started:
            await self._reject(scope, receive, send)

    async def _reject(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = error_response(
            HTTPConnection(scope),
            413,
            "request_too_large",
            f"the request is larger than {self._max_bytes_of(scope)} bytes.",
            headers={"Connection": "close"},
        )
        await response(scope, receive, send)


async def _reject_content_length(scope: Scope, receive: Receive, send: Send) -> None:
    response = error_response(
        HTTPConnection(scope), 400, "request_unreadable", "Content-Length is not a number."
    )
    await response(scope, receive, send)
