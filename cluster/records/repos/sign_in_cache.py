"""A cache of verified sign-ins, so that not every request reads the records.

Keys are hashes of credentials, never the credentials themselves. A sign-in that another process
revokes is accepted until its entry expires; one that ends in this process is rejected at once.
"""

import hashlib
import time
from collections.abc import Callable
from threading import Lock

from cachetools import TLRUCache

from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.sign_ins import Kind, SignedIn, look_up
from cluster.security.roles import Principal

TTL_SECONDS = 3.0
MAX_ENTRIES = 10_000


class SignInCache:
    """Sign-ins that were verified within the last seconds.

    Args:
        identity: The records that they are read from.
        ttl_seconds: How long an entry is kept.
        max_entries: How many are kept; the least recently used one is dropped first.
        monotonic: Returns monotonic seconds.
    """

    def __init__(
        self,
        identity: AuditedRecords,
        *,
        ttl_seconds: float = TTL_SECONDS,
        max_entries: int = MAX_ENTRIES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._ttl_seconds = ttl_seconds
        self._monotonic = monotonic
        self._entries: TLRUCache[bytes, tuple[float, SignedIn]] = TLRUCache(
            max_entries, ttu=lambda _key, entry, _now: entry[0], timer=monotonic
        )
        self._evictions = 0
        self._lock = Lock()

    def get_cached(self, kind: Kind, text: str) -> Principal | None:
        """Return the principal of a sign-in that is cached; never blocks on the records."""
        with self._lock:
            found = self._entries.get(_key(kind, text))
        if found is None or self._identity.clock() >= found[1].expires_at:
            return None
        return found[1].principal

    def look_up(self, kind: Kind, text: str) -> Principal:
        """Read the principal of a sign-in from the records, and cache it; this blocks.

        Raises:
            NotSignedIn: The sign-in is not valid.
            RecordsError: The records cannot be read.
        """
        until = self._monotonic() + self._ttl_seconds  # what is read may be revoked meanwhile
        with self._lock:
            evictions = self._evictions
        signed_in = look_up(self._identity, kind, text)
        with self._lock:
            if evictions == self._evictions:  # else one ended meanwhile: this one, perhaps
                self._entries[_key(kind, text)] = (until, signed_in)
        return signed_in.principal

    def evict(self, sign_in_id: str) -> None:
        """Drop a sign-in that has ended; the next request reads the records."""
        with self._lock:
            self._evictions += 1
            for key in list(self._entries):
                found = self._entries.get(key)
                if found is not None and found[1].principal.sign_in_id == sign_in_id:
                    self._entries.pop(key, None)


def _key(kind: Kind, text: str) -> bytes:
    return hashlib.sha256(f"{kind} {text}".encode()).digest()
