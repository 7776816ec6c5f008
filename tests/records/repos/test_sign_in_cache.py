"""The cache of sign-ins: how long an entry is used, and that a sign-in that has ended is not."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from cluster.errors import NotSignedIn
from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos import sign_in_cache
from cluster.records.repos.sign_in_cache import SignInCache
from cluster.records.repos.sign_ins import Kind, VerifiedSignIn, issue, look_up, revoke
from cluster.security.keys import KeyStore
from cluster.security.roles import Principal, Role
from tests.register.school import School, create_school

DAY = timedelta(days=1)


@dataclass
class Seconds:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def school(records: Records, keys: KeyStore, tmp_path: Path) -> School:
    return create_school(records, keys, tmp_path, students=1)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def token_for(school: School, name: str = "analyst:anna") -> str:
    with school.audited.work("operator:test") as work:
        return issue(work, Principal(name, frozenset({Role.ANALYST})), expires_in=DAY).text


def test_a_sign_in_is_cached_until_its_time_to_live_is_over(
    school: School, seconds: Seconds
) -> None:
    cache = SignInCache(school.audited, ttl_seconds=3, monotonic=seconds)
    token = token_for(school)
    assert cache.get_cached("token", token) is None
    found = cache.look_up("token", token)
    seconds.now = 2.9
    assert cache.get_cached("token", token) == found
    assert cache.get_cached("session", token) is None
    seconds.now = 3.0
    assert cache.get_cached("token", token) is None


def test_the_time_to_live_begins_before_the_read(
    school: School, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SignInCache(school.audited, ttl_seconds=3, monotonic=seconds)
    token = token_for(school)

    def read_slowly(audited: AuditedRecords, kind: Kind, text: str) -> VerifiedSignIn:
        seconds.now += 2
        return look_up(audited, kind, text)

    monkeypatch.setattr(sign_in_cache, "look_up", read_slowly)
    cache.look_up("token", token)
    seconds.now += 0.9
    assert cache.get_cached("token", token) is not None
    seconds.now += 0.1
    assert cache.get_cached("token", token) is None


def test_a_revoked_token_stays_cached_until_it_is_evicted(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.audited, ttl_seconds=3, monotonic=seconds)
    token = token_for(school)
    sign_in_id = cache.look_up("token", token).sign_in_id
    with school.audited.work("operator:test") as work:
        revoke(work, sign_in_id)
    assert cache.get_cached("token", token) is not None
    cache.evict(sign_in_id)
    assert cache.get_cached("token", token) is None
    with pytest.raises(NotSignedIn):
        cache.look_up("token", token)


def test_a_sign_in_that_ends_during_its_look_up_is_not_cached(
    school: School, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SignInCache(school.audited, ttl_seconds=3, monotonic=seconds)
    token, other = token_for(school), token_for(school)

    def look_up_then_revoke(audited: AuditedRecords, kind: Kind, text: str) -> VerifiedSignIn:
        """Another thread ends the sign-in between the read of the records and the caching."""
        found = look_up(audited, kind, text)
        if text == token:
            with audited.work("operator:test") as work:
                revoke(work, found.principal.sign_in_id)
            cache.evict(found.principal.sign_in_id)
        return found

    monkeypatch.setattr(sign_in_cache, "look_up", look_up_then_revoke)
    cache.look_up("token", token)
    assert cache.get_cached("token", token) is None
    with pytest.raises(NotSignedIn):
        cache.look_up("token", token)
    cache.look_up("token", other)
    assert cache.get_cached("token", other) is not None


def test_a_cached_sign_in_that_expires_is_not_returned(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.audited, monotonic=seconds)
    token = token_for(school)
    cache.look_up("token", token)
    school.clock.advance(days=1)
    assert cache.get_cached("token", token) is None


def test_the_least_recently_used_entry_is_evicted_at_the_maximum_size(
    school: School, seconds: Seconds
) -> None:
    cache = SignInCache(school.audited, max_size=2, monotonic=seconds)
    tokens = [token_for(school, f"analyst:{number}") for number in range(3)]
    cache.look_up("token", tokens[0])
    cache.look_up("token", tokens[1])
    assert cache.get_cached("token", tokens[0]) is not None
    cache.look_up("token", tokens[2])
    assert [cache.get_cached("token", token) is not None for token in tokens] == [True, False, True]


def test_no_secret_is_in_the_cache(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.audited, monotonic=seconds)
    token = token_for(school)
    cache.look_up("token", token)
    assert token.rpartition(".")[2] not in repr(vars(cache))
