"""The audit log's chain detects every kind of tampering, and where (R9)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import AuditBroken
from cluster.security.audit import (
    AUDIT_KEY,
    AuditEntry,
    HeadFile,
    next_entry,
    sign_head,
    verify_chain,
)
from cluster.security.keys import KeyStore
from cluster.security.master_key import LocalMasterKey

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", LocalMasterKey(b"k" * 32))


def chain(keys: KeyStore, length: int) -> list[AuditEntry]:
    _, key = keys.current(AUDIT_KEY)
    entries: list[AuditEntry] = []
    for seq in range(1, length + 1):
        entries.append(
            next_entry(
                key,
                entries[-1].mac if entries else "",
                seq=seq,
                at=AT,
                actor="somebody",
                action="register.show",
                subject=f"lesson-{seq}",
                detail={"version": seq},
            )
        )
    return entries


def test_an_intact_chain_is_valid(keys: KeyStore) -> None:
    entries = chain(keys, 5)
    head = sign_head(keys, 5, entries[-1].mac)
    assert verify_chain(entries, keys, [head]) == (5, entries[-1].mac)
    assert verify_chain([], keys, []) == (0, "")


TAMPERINGS: dict[str, Callable[[list[AuditEntry]], list[AuditEntry]]] = {
    "deleted": lambda e: e[:2] + e[3:],
    "deleted at the beginning": lambda e: e[1:],
    "deleted and renumbered": lambda e: [
        replace(entry, seq=seq) for seq, entry in enumerate(e[:2] + e[3:], start=1)
    ],
    "reordered": lambda e: [e[0], replace(e[2], seq=2), replace(e[1], seq=3), *e[3:]],
    "actor changed": lambda e: [*e[:2], replace(e[2], actor="other"), *e[3:]],
    "time changed": lambda e: [*e[:2], replace(e[2], at=AT.replace(minute=1)), *e[3:]],
    "detail changed": lambda e: [*e[:2], replace(e[2], detail={"version": 9}), *e[3:]],
    "subject removed": lambda e: [*e[:2], replace(e[2], subject=None), *e[3:]],
    "truncated": lambda e: e[:3],
    "emptied": lambda _: [],
    "written twice": lambda e: [*e[:3], e[2], *e[3:]],
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_detected(keys: KeyStore, name: str) -> None:
    entries = chain(keys, 5)
    head = sign_head(keys, 5, entries[-1].mac)
    with pytest.raises(AuditBroken) as caught:
        verify_chain(TAMPERINGS[name](entries), keys, [head])
    assert "audit entry" in str(caught.value)


def test_an_old_head_detects_a_chain_rewritten_with_the_key(keys: KeyStore) -> None:
    entries = chain(keys, 5)
    head = sign_head(keys, 3, "0" * 64)
    with pytest.raises(AuditBroken, match="rewritten"):
        verify_chain(entries, keys, [head])


def test_a_head_with_an_invalid_signature_or_another_key_is_rejected(
    keys: KeyStore, tmp_path: Path
) -> None:
    entries = chain(keys, 2)
    head = sign_head(keys, 2, entries[-1].mac)
    with pytest.raises(AuditBroken, match="signature"):
        verify_chain(entries, keys, [replace(head, seq=1)])
    stranger = KeyStore(tmp_path / "other", LocalMasterKey(b"o" * 32))
    with pytest.raises(AuditBroken, match="another key"):
        verify_chain(entries, keys, [sign_head(stranger, 2, entries[-1].mac)])


def test_the_head_file_only_advances(keys: KeyStore, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(exist_ok=True)
    file = HeadFile(tmp_path / "keys")
    assert file.read() is None
    file.advance(keys, 5, "a" * 64)
    file.advance(keys, 4, "b" * 64)
    head = file.read()
    assert head is not None
    assert (head.seq, head.mac) == (5, "a" * 64)


@given(
    seq=st.integers(0, 3),
    column=st.sampled_from(["actor", "action", "subject"]),
    value=st.text(max_size=8),
)
def test_every_change_of_a_column_is_detected(seq: int, column: str, value: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        keys = KeyStore(Path(folder), LocalMasterKey(b"k" * 32))
        entries = chain(keys, 4)
        if getattr(entries[seq], column) == value:
            return
        entries[seq] = replace(entries[seq], **cast("dict[str, Any]", {column: value}))
        with pytest.raises(AuditBroken):
            verify_chain(entries, keys, [])
