"""Signed tokens and session cookies, which cannot be forged.

    hr_<id>.<signature>      a token; the records hold the id
    <secret>.<signature>     a session cookie; the records hold the secret's hash

The key is in the KeyStore, apart from the records: stolen records suffice to forge neither. A bad
signature is rejected without a query, so that guessing does not load the records.
"""

import hashlib
import hmac
import secrets

from itsdangerous import BadSignature, Signer

from cluster.errors import NotSignedIn
from cluster.security.keys import KeyStore

SIGN_IN_KEY = "sign-in"
TOKEN_PREFIX = "hr_"  # noqa: S105 (a prefix for scanners of leaked secrets)
MAX_TEXT_LENGTH = 200
SECRET_BYTES = 32
ID_LENGTH = 32


def invalid_sign_in_error() -> NotSignedIn:
    """Return the one error for every invalid sign-in, which does not reveal the reason."""
    return NotSignedIn(
        "the sign-in is missing, invalid or expired.",
        hint="Sign in again, or ask for a new token.",
    )


def sign_token(keys: KeyStore, sign_in_id: str) -> str:
    """Return the token of a sign-in."""
    return TOKEN_PREFIX + _sign(keys, "token", sign_in_id)


def verify_token(keys: KeyStore, text: str) -> str:
    """Verify a token, and return the id of its sign-in.

    Raises:
        NotSignedIn: The signature is invalid.
    """
    if not text.startswith(TOKEN_PREFIX):
        raise invalid_sign_in_error()
    return _unsign(keys, "token", text.removeprefix(TOKEN_PREFIX))


def new_session_cookie(keys: KeyStore) -> tuple[str, str]:
    """Return the content of a new session's cookie, and the id that the records store."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return _sign(keys, "session", secret), _hash(secret)


def verify_session_cookie(keys: KeyStore, text: str) -> str:
    """Verify a session cookie, and return the id of its sign-in.

    Raises:
        NotSignedIn: The signature is invalid.
    """
    return _hash(_unsign(keys, "session", text))


def csrf_token(keys: KeyStore, sign_in_id: str) -> str:
    """Return the CSRF token of a session, which every form of a page sends."""
    _, key = keys.current(SIGN_IN_KEY)
    return hmac.new(key, f"homeroom csrf {sign_in_id}".encode(), hashlib.sha256).hexdigest()


def is_csrf_token(keys: KeyStore, sign_in_id: str, text: str) -> bool:
    """Whether a text is the CSRF token of a session; compared in constant time."""
    return hmac.compare_digest(csrf_token(keys, sign_in_id).encode(), text.encode())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:ID_LENGTH]


def _sign(keys: KeyStore, kind: str, text: str) -> str:
    return _signer(keys, kind).sign(text).decode()


def _unsign(keys: KeyStore, kind: str, text: str) -> str:
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid_sign_in_error()
    try:
        return _signer(keys, kind).unsign(text).decode()
    except (BadSignature, ValueError):
        raise invalid_sign_in_error() from None


def _signer(keys: KeyStore, kind: str) -> Signer:
    _, key = keys.current(SIGN_IN_KEY)
    return Signer(key, salt=f"homeroom {kind}", key_derivation="hmac", digest_method=hashlib.sha256)
