"""How much may be asked: the size of a request, and how many in a minute.

Counts are kept in this process, in a moving window, and in bounded memory: where very many callers
come at once, the ones that were silent longest are forgotten first. With several replicas of the
API, each counts for itself.
"""

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.settings import AccessSettings, Settings
from serve_apps.http.errors import error_response

MOST_COUNTED = 1_000_000
"""Requests that are remembered, over all callers: some 40 MB."""

MOST_CALLERS = 50_000
"""Callers that are remembered: some 40 MB."""

LONGEST_LENGTH = 15
"""Digits of a stated length; a longer one is too large whatever the limit."""

GUESSES_PER_MINUTE = 600
"""Wrong codes of check-ins from one address: a school that mistypes behind one router; of 148
million codes, a stranger sees almost none."""

CLASSROOM_FACTOR = 10
"""A school's phones come from one address, all at the same minute; their pages are cheap."""

IPV6_CUSTOMER = 64
"""Who has one IPv6 address has all that share these bits."""


class BoundedWindows(Storage, MovingWindowSupport):
    """Moving windows in memory, for `limits`; its own storage keeps a key for ever.

    Args:
        most: Requests that are remembered.
        callers: Callers that are.
        clock: Tells seconds since 1970, as `limits` counts them.
    """

    STORAGE_SCHEME = None

    def __init__(
        self,
        most: int = MOST_COUNTED,
        callers: int = MOST_CALLERS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._most = most
        self._callers = callers
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of its own."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a request, unless the window is full."""
        with self._lock:
            times = self._current(key, expiry)
            if len(times) + amount > limit:
                return False
            times.extend([self._clock()] * amount)
            self._count += amount
            while self._is_full() and len(self._times) > 1:
                _, dropped = self._times.popitem(last=False)
                self._count -= len(dropped)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """When the oldest counted request came, and how many are counted."""
        with self._lock:
            times = self._current(key, expiry)
            return (times[0], len(times)) if times else (self._clock(), 0)

    def _is_full(self) -> bool:
        return self._count > self._most or len(self._times) > self._callers

    def _current(self, key: str, expiry: int) -> deque[float]:
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        before = self._clock() - expiry
        while times and times[0] <= before:
            times.popleft()
            self._count -= 1
        return times

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not for moving windows."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """How many requests of a key are remembered."""
        with self._lock:
            return len(self._times.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """Not for moving windows."""
        raise NotImplementedError

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget everything; how many keys."""
        with self._lock:
            keys = len(self._times)
            self._times.clear()
            self._count = 0
            return keys

    def clear(self, key: str) -> None:
        """Forget a key."""
        with self._lock:
            self._count -= len(self._times.pop(key, ()))


class RateLimits:
    """Who may ask once more.

    Args:
        access: The limits.
        clock: Tells seconds since 1970.
    """

    def __init__(self, access: AccessSettings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._requests = RateLimitItemPerMinute(access.requests_per_minute)
        self._sign_ins = RateLimitItemPerMinute(access.sign_ins_per_minute)
        self._guesses = RateLimitItemPerMinute(GUESSES_PER_MINUTE)
        self._phones = RateLimitItemPerMinute(CLASSROOM_FACTOR * access.requests_per_minute)
        # Apart, so that strangers, however many, cannot push the counts of those inside out.
        self._inside = MovingWindowRateLimiter(BoundedWindows(clock=clock))
        self._outside = MovingWindowRateLimiter(BoundedWindows(clock=clock))

    def wait_of_caller(self, sign_in_id: str) -> int | None:
        """Count a request of somebody who is signed in; seconds to wait where it is too many."""
        return self._hit(self._inside, self._requests, "sign-in", sign_in_id)

    def wait_of_address(self, address: str) -> int | None:
        """Count a request without a sign-in; seconds to wait where it is too many."""
        return self._hit(self._outside, self._requests, "address", address)

    def wait_of_classroom(self, address: str) -> int | None:
        """Count a request for a check-in or for a file of the pages; seconds to wait likewise."""
        return self._hit(self._outside, self._phones, "classroom", address)

    def wait_of_attempt(self, address: str) -> int | None:
        """Count an attempt to sign in; seconds to wait where it is too many."""
        return self._hit(self._outside, self._sign_ins, "attempt", address)

    def wait_of_refused(self, address: str) -> int | None:
        """Count a sign-in that did not hold.

        Apart from attempts: a page left open overnight must not keep its school from signing in.
        """
        return self._hit(self._outside, self._sign_ins, "refused", address)

    def count_guess(self, address: str) -> None:
        """Count a code of a check-in that opens nothing."""
        self._outside.hit(self._guesses, "guess", address)

    def may_guess(self, address: str) -> bool:
        """Whether a code may still be tried; asked before it is looked up, right or wrong."""
        return self._outside.test(self._guesses, "guess", address)

    def _hit(self, limiter: MovingWindowRateLimiter, item: RateLimitItem, *who: str) -> int | None:
        if limiter.hit(item, *who):
            return None
        reset, _ = limiter.get_window_stats(item, *who)
        return max(1, math.ceil(reset - self._clock()))


def client_address(connection: HTTPConnection, *, behind_proxy: bool) -> str:
    """Where a request comes from, as limits count it.

    Args:
        connection: The request.
        behind_proxy: The last address in X-Forwarded-For is what the proxy in front saw; without
            one, the header is a stranger's word and counts for nothing.
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
        return str(ipaddress.ip_network((parsed, IPV6_CUSTOMER), strict=False))
    return str(parsed)


class _TooLarge(Exception):
    """The body went past the limit while it was read."""


LARGEST_JSON = 512 * 1024
"""Bytes; the largest request for a job, with 200 long addresses, is less than half of it."""

PICTURES = "/api/analyse"


class BodySizeLimitMiddleware:
    """Refuses requests that are too large, told by their length or by counting what comes.

    Args:
        app: What comes next.
        settings: Say how large one may be.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._largest = settings.access.largest_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most_of(scope)
        stated = Headers(scope=scope).get("content-length")
        if stated is not None and not (stated.isascii() and stated.isdigit()):
            await _unreadable(scope, receive, send)
        elif stated is not None and (len(stated) > LONGEST_LENGTH or int(stated) > most):
            await self._refuse(scope, receive, send)
        else:
            await self._counted(scope, receive, send, most)

    def _most_of(self, scope: Scope) -> int:
        """Pictures may be large; all else is JSON."""
        return self._largest if scope["path"] == PICTURES else min(self._largest, LARGEST_JSON)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        seen, too_large, begun = 0, False, False

        async def counting() -> Message:
            nonlocal seen, too_large
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                too_large = True
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            if too_large and not begun:
                return  # somebody below made another error of ours
            begun = True
            await send(message)

        try:
            await self._app(scope, counting, watched)
        except _TooLarge:
            if begun:
                raise
        if too_large and not begun:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = error_response(
            HTTPConnection(scope),
            413,
            "request_too_large",
            f"the request is larger than {self._most_of(scope)} bytes.",
            headers={"Connection": "close"},
        )
        await response(scope, receive, send)


async def _unreadable(scope: Scope, receive: Receive, send: Send) -> None:
    response = error_response(
        HTTPConnection(scope), 400, "request_unreadable", "Content-Length is no number."
    )
    await response(scope, receive, send)
