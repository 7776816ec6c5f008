"""Who is signed in, remembered for a few seconds, so that not each request reads the records.

What is remembered is found by a hash of what was carried, never by the secret itself. A sign-in
that is revoked elsewhere stops within those seconds; one that ends in this process stops at once.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.sign_ins import Kind, SignedIn, look_up
from cluster.security.roles import Principal

CACHE_SECONDS = 3.0
MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    signed_in: SignedIn
    until: float


class SignInCache:
    """Sign-ins at hand.

    Args:
        identity: Where they are looked up.
        seconds: How long one is remembered.
        most: How many are; the one that was looked up longest ago goes first.
        monotonic: Tells seconds that never run backwards.
    """

    def __init__(
        self,
        identity: AuditedRecords,
        *,
        seconds: float = CACHE_SECONDS,
        most: int = MAX_CACHED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._seconds = seconds
        self._most = most
        self._monotonic = monotonic
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._ended = 0
        self._lock = Lock()

    def at_hand(self, kind: Kind, text: str) -> Principal | None:
        """Who it is, where that was looked up a moment ago; never waits."""
        with self._lock:
            found = self._remembered.get(_key(kind, text))
        if found is None or self._monotonic() >= found.until:
            return None
        if self._identity.clock() >= found.signed_in.expires_at:
            return None
        return found.signed_in.principal

    def look_up(self, kind: Kind, text: str) -> Principal:
        """Who it is, from the records; this waits for them.

        Raises:
            NotSignedIn: The sign-in does not hold.
            RecordsError: The records cannot be read.
        """
        until = self._monotonic() + self._seconds  # counted from before the look
        with self._lock:
            ended = self._ended
        signed_in = look_up(self._identity, kind, text)
        key = _key(kind, text)
        with self._lock:
            if ended != self._ended:  # meanwhile one has ended: this one, perhaps
                return signed_in.principal
            self._remembered[key] = _Remembered(signed_in, until)
            self._remembered.move_to_end(key)
            while len(self._remembered) > self._most:
                self._remembered.popitem(last=False)
        return signed_in.principal

    def forget(self, sign_in_id: str) -> None:
        """Look it up anew the next time: it has ended."""
        with self._lock:
            self._ended += 1
            for key, one in list(self._remembered.items()):
                if one.signed_in.principal.sign_in_id == sign_in_id:
                    del self._remembered[key]


def _key(kind: Kind, text: str) -> bytes:
    return hashlib.sha256(f"{kind} {text}".encode()).digest()
