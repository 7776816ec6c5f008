"""Sign-ins at hand: few looks into the records, and an end that is soon everywhere."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from cluster.errors import NotSignedIn
from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos import sign_in_cache
from cluster.records.repos.sign_in_cache import SignInCache
from cluster.records.repos.sign_ins import Kind, SignedIn, issue, look_up, revoke
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
    with school.identity.work("operator:test") as work:
        return issue(work, Principal(name, frozenset({Role.ANALYST})), expires_in=DAY).text


def test_who_was_looked_up_is_at_hand_for_a_few_seconds(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.identity, seconds=3, monotonic=seconds)
    token = token_for(school)
    assert cache.at_hand("token", token) is None
    found = cache.look_up("token", token)
    seconds.now = 2.9
    assert cache.at_hand("token", token) == found
    assert cache.at_hand("session", token) is None
    seconds.now = 3.0
    assert cache.at_hand("token", token) is None


def test_a_revoked_token_stops_within_these_seconds_and_at_once_where_it_is_told(
    school: School, seconds: Seconds
) -> None:
    cache = SignInCache(school.identity, seconds=3, monotonic=seconds)
    token = token_for(school)
    sign_in_id = cache.look_up("token", token).sign_in_id
    with school.identity.work("operator:test") as work:
        revoke(work, sign_in_id)
    assert cache.at_hand("token", token) is not None
    cache.forget(sign_in_id)
    assert cache.at_hand("token", token) is None
    with pytest.raises(NotSignedIn):
        cache.look_up("token", token)


def test_what_ends_while_it_is_looked_up_is_not_remembered(
    school: School, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SignInCache(school.identity, seconds=3, monotonic=seconds)
    token, other = token_for(school), token_for(school)

    def read_and_then_revoked(identity: AuditedRecords, kind: Kind, text: str) -> SignedIn:
        """The records are read; before that is remembered, another thread ends the sign-in."""
        found = look_up(identity, kind, text)
        if text == token:
            with identity.work("operator:test") as work:
                revoke(work, found.principal.sign_in_id)
            cache.forget(found.principal.sign_in_id)
        return found

    monkeypatch.setattr(sign_in_cache, "look_up", read_and_then_revoked)
    cache.look_up("token", token)
    assert cache.at_hand("token", token) is None
    with pytest.raises(NotSignedIn):
        cache.look_up("token", token)
    cache.look_up("token", other)
    assert cache.at_hand("token", other) is not None


def test_what_expires_meanwhile_is_not_at_hand(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.identity, monotonic=seconds)
    token = token_for(school)
    cache.look_up("token", token)
    school.clock.advance(days=1)
    assert cache.at_hand("token", token) is None


def test_no_more_are_remembered_than_was_said(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.identity, most=2, monotonic=seconds)
    tokens = [token_for(school, f"analyst:{number}") for number in range(3)]
    for token in tokens:
        cache.look_up("token", token)
    assert [cache.at_hand("token", token) is not None for token in tokens] == [False, True, True]


def test_no_secret_is_kept_in_what_is_remembered(school: School, seconds: Seconds) -> None:
    cache = SignInCache(school.identity, monotonic=seconds)
    token = token_for(school)
    cache.look_up("token", token)
    assert token.rpartition(".")[2] not in repr(vars(cache))
