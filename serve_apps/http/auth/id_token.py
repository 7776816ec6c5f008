"""Verification of an id_token, with the reason for the operator where it is rejected.

Verified: its signature with a key of the provider, its issuer, audience, authorized party, times
and nonce. Sources: OpenID Connect Core 1.0, 3.1.3.7; RFC 7519.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    InvalidKeyIdError,
    JoseError,
)
from joserfc.jws import JWSRegistry

from serve_apps.http.auth.identity_provider import IdentityProvider, rejected_error

LEEWAY_SECONDS: Final = 60


async def verify_id_token(provider: IdentityProvider, id_token: str, nonce: str) -> dict[str, Any]:
    """Return the claims of a valid id_token.

    Args:
        provider: Who must have signed it.
        id_token: As the token endpoint gave it.
        nonce: Of this sign-in.

    Raises:
        NotSignedIn: It is not valid; the log says why.
    """
    claims: dict[str, Any] = {}
    try:
        try:
            claims = await _decode(provider, id_token)
        except (InvalidKeyIdError, BadSignatureError):
            provider.forget_keys()
            claims = await _decode(provider, id_token)
        _validate(provider, claims, nonce)
    except JoseError as error:
        raise rejected_error(_describe(error, claims)) from None
    return claims


def is_older_than(claims: Mapping[str, Any], seconds: float) -> bool:
    """Return whether the user authenticated longer before the token than so many seconds.

    False where the provider does not say when. Both times are of the provider's clock.
    """
    authenticated_at, issued_at = claims.get("auth_time"), claims["iat"]
    if not isinstance(authenticated_at, int | float):
        return False
    return bool(issued_at - authenticated_at > seconds + LEEWAY_SECONDS)


async def _decode(provider: IdentityProvider, id_token: str) -> dict[str, Any]:
    metadata, keys = await provider.get_metadata(), await provider.get_keys()
    registry = JWSRegistry(algorithms=metadata.algorithms, strict_check_header=False)
    return jwt.decode(id_token, keys, registry=registry).claims


def _validate(provider: IdentityProvider, claims: dict[str, Any], nonce: str) -> None:
    audiences = claims.get("aud")
    jwt.JWTClaimsRegistry(
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": provider.issuer},
        sub={"essential": True},
        aud={"essential": True, "value": provider.client_id},
        azp={
            "essential": isinstance(audiences, list) and len(audiences) > 1,
            "value": provider.client_id,
        },
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    ).validate(claims)


def _describe(error: JoseError, claims: Mapping[str, Any]) -> str:
    """Return the reason of a rejection, without a claim's value; times as differences."""
    if isinstance(error, InvalidKeyIdError):
        return "the id_token is signed with a key that is not among those of its jwks_uri"
    if isinstance(error, BadSignatureError):
        return "the signature of the id_token is wrong"
    if isinstance(error, ExpiredTokenError):
        return (
            f"the id_token expired {_seconds_ago(claims['exp'])} s ago by this machine's clock, "
            f"and was issued {_issued(claims)}: if nobody waited that long, this clock, or the "
            "identity provider's, is wrong (use NTP on both)"
        )
    if isinstance(error, ClaimError):
        if error.claim == "iat" and _is_number(claims.get("iat")):
            return (
                f"the id_token was issued {_issued(claims)} by this machine's clock: this clock, "
                "or the identity provider's, is wrong (use NTP on both)"
            )
        return f"the claim {error.claim} of the id_token is missing or wrong"
    return f"the id_token cannot be used ({type(error).__name__})"


def _issued(claims: Mapping[str, Any]) -> str:
    if not _is_number(claims.get("iat")):
        return "at an unknown time"
    seconds = _seconds_ago(claims["iat"])
    return f"{seconds} s ago" if seconds >= 0 else f"{-seconds} s in the future"


def _seconds_ago(timestamp: float) -> int:
    return round(time.time() - timestamp)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
