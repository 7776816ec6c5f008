"""The audit log (R9): a tamper-evident chain of every access to identity data, and every change.

Each entry's MAC covers the entry and the MAC before it (HMAC-SHA256, RFC 2104), so that a changed,
removed or reordered entry breaks every later link. A truncated chain is consistent in itself; so
the head (number and MAC of the last entry) is also signed with Ed25519 (RFC 8032) and stored with
the keys, apart from the records. It can be exported to storage that this installation cannot write.

Ids in the log are `users.id`: random, and meaningless once the user's row is deleted. Names,
embeddings and the school system's keys are never logged: `detail` accepts only a few types.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from filelock import FileLock

from cluster.errors import AuditBroken, KeyUnusable
from cluster.runtime.files import atomic_write
from cluster.security.keys import KeyStore

AUDIT_KEY = "audit"
SIGNING_KEY = "audit-signing"
HEAD_FILE = "audit-head.json"

Detail = Mapping[str, str | int | bool | list[str] | None]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry.

    Attributes:
        seq: Its number, from 1, without gaps.
        at: When, UTC.
        actor: A `users.id`, or `system:…`, `operator:…`.
        action: Like `register.confirm`.
        subject: The id of what it concerns.
        detail: Further values, without names.
        mac: Hex; covers the entry and the MAC before it.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str | None
    detail: Detail
    mac: str


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The signed end of the chain at a time, which can be kept elsewhere.

    Attributes:
        seq: Number of the last entry.
        mac: Its MAC.
        signature: Ed25519 over both, base64.
        public_key: For verification, base64.
    """

    seq: int
    mac: str
    signature: str
    public_key: str


def next_entry(
    key: bytes,
    previous_mac: str,
    *,
    seq: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str | None,
    detail: Detail,
) -> AuditEntry:
    """Return the entry that follows the one with `previous_mac`."""
    text = json.dumps(
        [previous_mac, seq, at.isoformat(), actor, action, subject, detail],
        sort_keys=True,
        ensure_ascii=True,
        separators=(",", ":"),
    )
    mac = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return AuditEntry(seq, at, actor, action, subject, detail, mac)


def verify_chain(
    entries: Iterable[AuditEntry], keys: KeyStore, heads: Iterable[SignedHead]
) -> tuple[int, str]:
    """Verify every link and signed head; returns number and MAC of the last entry.

    Args:
        entries: All entries, by rising number.
        keys: They hold the chain's key.
        heads: Signed heads: at least the one that is stored with the keys.

    Raises:
        AuditBroken: It names the entry that was changed, removed, moved or truncated.
    """
    _, key = keys.current(AUDIT_KEY)
    public = _decode_base64(public_key_of(keys))
    signed = {}
    for head in heads:
        _check_signature(head, public)
        signed[head.seq] = head.mac
    last_seq, last_mac = 0, ""
    for entry in entries:
        if entry.seq != last_seq + 1:
            raise AuditBroken(
                f"entry {last_seq + 1} is missing: {entry.seq} follows {last_seq}.",
                where=f"audit entry {last_seq + 1}",
            )
        expected = next_entry(
            key,
            last_mac,
            seq=entry.seq,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
        )
        if not hmac.compare_digest(expected.mac, entry.mac):
            raise AuditBroken(
                f"entry {entry.seq} ({entry.at:%Y-%m-%d %H:%M:%S}Z, {entry.action}) was changed, "
                "or moved.",
                where=f"audit entry {entry.seq}",
            )
        if signed.get(entry.seq, entry.mac) != entry.mac:
            raise AuditBroken(
                "the chain was rewritten: it is not the one whose head was signed.",
                where=f"audit entry {entry.seq}",
            )
        last_seq, last_mac = entry.seq, entry.mac
    if signed and max(signed) > last_seq:
        raise AuditBroken(
            f"the end was truncated: {max(signed)} entries were signed, and {last_seq} are left.",
            where=f"audit entry {last_seq + 1}",
        )
    return last_seq, last_mac


def sign_head(keys: KeyStore, seq: int, mac: str) -> SignedHead:
    """Sign the end of the chain."""
    private = _private_key(keys)
    signature = base64.b64encode(private.sign(_head_bytes(seq, mac))).decode()
    return SignedHead(seq, mac, signature, public_key_of(keys))


def public_key_of(keys: KeyStore) -> str:
    """Return the public key that verifies heads: raw Ed25519, base64."""
    return base64.b64encode(_private_key(keys).public_key().public_bytes_raw()).decode()


class HeadFile:
    """The last signed head, stored with the keys.

    Args:
        folder: The folder of the keys.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / HEAD_FILE

    def read(self) -> SignedHead | None:
        """Return the head; None before the first.

        Raises:
            AuditBroken: The file is damaged.
            KeyUnusable: It cannot be read.
        """
        try:
            return SignedHead(**json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyUnusable(f"cannot be read: {error}.", where=str(self.path)) from error
        except (ValueError, TypeError):
            raise AuditBroken("the signed head is damaged.", where=str(self.path)) from None

    def advance(self, keys: KeyStore, seq: int, mac: str) -> None:
        """Sign and store a head, unless a later one is stored.

        Called after the entry is committed: if the process is killed in between, the file is behind
        the chain, which is valid. It is never ahead of it.

        Raises:
            KeyUnusable: It cannot be written.
        """
        try:
            with FileLock(self.path.with_suffix(".lock"), mode=0o600):
                stored = self.read()
                if stored is not None and stored.seq >= seq:
                    return
                head = asdict(sign_head(keys, seq, mac))
                with atomic_write(self.path, mode=0o600) as stream:
                    stream.write(json.dumps(head).encode("ascii"))
        except OSError as error:
            raise KeyUnusable(f"cannot be written: {error}.", where=str(self.path)) from error


def head_from_json(content: Any, where: str) -> SignedHead:
    """Parse an exported head.

    Raises:
        AuditBroken: It is not a signed head.
    """
    try:
        head = SignedHead(**content)
    except TypeError:
        raise AuditBroken("it is not a signed head.", where=where) from None
    texts = (head.mac, head.signature, head.public_key)
    if not isinstance(head.seq, int) or not all(isinstance(text, str) for text in texts):
        raise AuditBroken("it is not a signed head.", where=where)
    return head


def _check_signature(head: SignedHead, public: bytes) -> None:
    try:
        if _decode_base64(head.public_key) != public:
            raise AuditBroken(
                "a head is signed with another key than this installation's.",
                where=f"audit entry {head.seq}",
            )
        Ed25519PublicKey.from_public_bytes(public).verify(
            _decode_base64(head.signature), _head_bytes(head.seq, head.mac)
        )
    except (InvalidSignature, ValueError):
        raise AuditBroken(
            "the signature of a head is invalid.", where=f"audit entry {head.seq}"
        ) from None


def _head_bytes(seq: int, mac: str) -> bytes:
    return f"homeroom audit head {seq} {mac}".encode()


def _private_key(keys: KeyStore) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.current(SIGNING_KEY)[1])


def _decode_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
