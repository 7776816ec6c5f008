"""What a sign-in is carried in: text that our key has signed, so that it cannot be made up.

    hr_<id>.<signature>      a token; the records hold the id
    <secret>.<signature>     a session, in a cookie; the records hold the secret's hash

The key lies in the KeyStore, apart from the records: who has stolen these can make neither. What is
not ours is refused by arithmetic alone, so that guessing never costs a look into the records.
"""

import hashlib
import hmac
import secrets

from itsdangerous import BadSignature, Signer

from cluster.errors import NotSignedIn
from cluster.security.keys import KeyStore

SIGN_IN_KEY = "sign-in"
TOKEN_PREFIX = "hr_"  # noqa: S105 (a prefix by which scanners for leaked secrets can find ours)
LONGEST_TEXT = 200
SECRET_BYTES = 32
ID_LENGTH = 32


def refused() -> NotSignedIn:
    """The one answer to every sign-in that does not hold: it tells nothing of the reason."""
    return NotSignedIn(
        "there is no sign-in, or it does not hold (any more).",
        hint="Sign in again, or ask for a new token.",
    )


def token_of(keys: KeyStore, sign_in_id: str) -> str:
    """The token of a sign-in."""
    return TOKEN_PREFIX + _sign(keys, "token", sign_in_id)


def id_of_token(keys: KeyStore, text: str) -> str:
    """The id of the sign-in that a token carries.

    Raises:
        NotSignedIn: We did not sign it.
    """
    if not text.startswith(TOKEN_PREFIX):
        raise refused()
    return _unsign(keys, "token", text.removeprefix(TOKEN_PREFIX))


def new_session(keys: KeyStore) -> tuple[str, str]:
    """What the cookie of a new session holds, and the id that the records keep of it."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return _sign(keys, "session", secret), _hash(secret)


def id_of_session(keys: KeyStore, text: str) -> str:
    """The id of the sign-in that a session's cookie carries.

    Raises:
        NotSignedIn: We did not sign it.
    """
    return _hash(_unsign(keys, "session", text))


def csrf_token(keys: KeyStore, sign_in_id: str) -> str:
    """What a page must send with each change, to show that it is ours: bound to its session."""
    _, key = keys.current(SIGN_IN_KEY)
    return hmac.new(key, f"homeroom csrf {sign_in_id}".encode(), hashlib.sha256).hexdigest()


def is_csrf_token(keys: KeyStore, sign_in_id: str, text: str) -> bool:
    """Whether it is the one of this session; compared in constant time."""
    return hmac.compare_digest(csrf_token(keys, sign_in_id).encode(), text.encode())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:ID_LENGTH]


def _sign(keys: KeyStore, kind: str, text: str) -> str:
    return _signer(keys, kind).sign(text).decode()


def _unsign(keys: KeyStore, kind: str, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise refused()
    try:
        return _signer(keys, kind).unsign(text).decode()
    except (BadSignature, ValueError):
        raise refused() from None


def _signer(keys: KeyStore, kind: str) -> Signer:
    _, key = keys.current(SIGN_IN_KEY)
    return Signer(key, salt=f"homeroom {kind}", key_derivation="hmac", digest_method=hashlib.sha256)
