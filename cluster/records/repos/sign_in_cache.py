"""Verified sign-ins, cached for a few seconds, so that not each request reads the records.

Keys are hashes of tokens and cookies, never the secrets themselves. A sign-in that another process
revokes is rejected here within those seconds, one that this process ends at once.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cachetools import TLRUCache

from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.sign_ins import Kind, VerifiedSignIn, look_up
from cluster.security.roles import Principal

CACHE_SECONDS = 3.0
MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class _CachedSignIn:
    signed_in: VerifiedSignIn
    valid_until: float


class SignInCache:
    """A cache of verified sign-ins with a time to live; threads may share it.

    Args:
        audited: The records that hold the sign-ins.
        ttl_seconds: How long an entry may be used.
        max_size: The number of entries; the least recently used is evicted first.
        monotonic: Returns monotonic seconds.
    """

    def __init__(
        self,
        audited: AuditedRecords,
        *,
        ttl_seconds: float = CACHE_SECONDS,
        max_size: int = MAX_CACHED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audited = audited
        self._ttl_seconds = ttl_seconds
        self._monotonic = monotonic
        self._cached: TLRUCache[bytes, _CachedSignIn] = TLRUCache(
            max_size, ttu=lambda _key, entry, _now: entry.valid_until, timer=monotonic
        )
        self._evictions = 0
        self._lock = Lock()

    def get_cached(self, kind: Kind, text: str) -> Principal | None:
        """Return the principal of a cached sign-in, or None; never waits for the records."""
        with self._lock:
            found = self._cached.get(_key(kind, text))
        if found is None or self._audited.clock() >= found.signed_in.expires_at:
            return None
        return found.signed_in.principal

    def look_up(self, kind: Kind, text: str) -> Principal:
        """Read a sign-in from the records, cache it, and return its principal.

        Raises:
            NotSignedIn: The sign-in is not valid.
            RecordsError: The records cannot be read.
        """
        valid_until = self._monotonic() + self._ttl_seconds  # counted from before the read
        with self._lock:
            evictions = self._evictions
        signed_in = look_up(self._audited, kind, text)
        with self._lock:
            if evictions == self._evictions:  # else the sign-in that ended may be this one
                self._cached[_key(kind, text)] = _CachedSignIn(signed_in, valid_until)
        return signed_in.principal

    def evict(self, sign_in_id: str) -> None:
        """Drop the entries of a sign-in that has ended."""
        with self._lock:
            self._evictions += 1
            for key in list(self._cached):
                entry = self._cached.get(key)  # it may have expired since
                if entry is not None and entry.signed_in.principal.sign_in_id == sign_in_id:
                    self._cached.pop(key, None)


def _key(kind: Kind, text: str) -> bytes:
    return hashlib.sha256(f"{kind} {text}".encode()).digest()
