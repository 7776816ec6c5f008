"""Sign-in at the district's identity provider: OpenID Connect, authorization code flow with PKCE.

    browser ─/sign-in/provider─► API ─302─► provider ─302─► /sign-in/callback
                                 API ─code, verifier─► provider ─id_token─► API

Verified: state and nonce (both in the browser's sealed cookie), the PKCE verifier (by the
provider), the issuer of the metadata, of the response and of the token, its audience, its times,
and its signature; only algorithms that need the provider's private key are accepted.
Sources: OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE); RFC 9207 (issuer of the response).
"""

import base64
import hashlib
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from cachetools import TTLCache
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, Field

from cluster.errors import NotSignedIn, ServiceDown, SettingsError
from cluster.settings import Settings
from serve_apps.http.middleware.headers import LOOPBACK_HOSTS, public_base_url

CALLBACK_PATH: Final = "/sign-in/callback"
TIMEOUT_SECONDS: Final = 10.0
LEEWAY_SECONDS: Final = 60
CACHE_SECONDS: Final = 24 * 3600
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
INVALID_RESPONSE: Final = (ValueError, KeyError, TypeError, AttributeError, httpx.InvalidURL)
"""Raised where a response of the provider is not what the standard says."""

logging.getLogger("httpcore").setLevel(logging.INFO)  # at DEBUG it writes headers

logger = logging.getLogger(__name__)


class ProviderMetadata(BaseModel):
    """What is used of the provider's discovery document (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    algorithms: list[str] = Field(["RS256"], alias="id_token_signing_alg_values_supported")


class OidcClient:
    """The client of an installation at its identity provider.

    Args:
        settings: They name the provider; see `check_oidc_settings`.
    """

    def __init__(self, settings: Settings) -> None:
        access = settings.access
        secret = access.oidc_client_secret
        self._issuer = str(access.oidc_issuer)
        self._client_id = str(access.oidc_client_id)
        self._secret = secret.get_secret_value() if secret else None
        self._redirect_uri = public_base_url(settings.live) + CALLBACK_PATH
        self._metadata: TTLCache[str, ProviderMetadata] = TTLCache(1, CACHE_SECONDS)
        self._keys: TTLCache[str, KeySet] = TTLCache(1, CACHE_SECONDS)

    async def begin_sign_in(self) -> tuple[str, dict[str, str]]:
        """Return the URL to send the browser to, and the state that it must bring back.

        Raises:
            ServiceDown: The provider does not answer, or its metadata cannot be used.
        """
        state = {name: secrets.token_urlsafe(48) for name in ("state", "nonce", "verifier")}
        digest = hashlib.sha256(state["verifier"].encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid",
            "state": state["state"],
            "nonce": state["nonce"],
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        with _translate_errors():
            metadata = await self._get_metadata()
            url = httpx.URL(metadata.authorization_endpoint).copy_merge_params(parameters)
        return str(url), state

    async def finish_sign_in(
        self, response: Mapping[str, str], state: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return the verified claims of a user who comes back from the provider.

        Args:
            response: The query with which the browser came back.
            state: What `begin_sign_in` gave to this browser; empty if it began no sign-in.

        Raises:
            NotSignedIn: This browser began no such sign-in, or the response is not valid.
            ServiceDown: The provider does not answer, or its response cannot be used.
        """
        given, expected = response.get("state", ""), state.get("state", "")
        if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
            raise _rejected_error("another state")
        if response.get("iss", self._issuer) != self._issuer:
            raise _rejected_error("another issuer")
        if "error" in response or "code" not in response:
            raise _rejected_error("no code")
        with _translate_errors():
            id_token = await self._exchange_code(response["code"], state["verifier"])
            return await self._verify(id_token, state["nonce"])

    async def _exchange_code(self, code: str, verifier: str) -> str:
        """Return the id_token that the provider gives for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        auth = httpx.Auth()
        if self._secret is None:
            form["client_id"] = self._client_id
        else:
            auth = httpx.BasicAuth(self._client_id, self._secret)
        metadata = await self._get_metadata()
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            response = await client.post(metadata.token_endpoint, data=form, auth=auth)
        if response.is_server_error:
            response.raise_for_status()
        content = response.json()
        if not response.is_success or "error" in content:
            raise _rejected_error("the code is not accepted")
        if not isinstance(content.get("id_token"), str):
            raise _rejected_error("no id_token")
        return str(content["id_token"])

    async def _verify(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """Return the claims of an id_token whose signature and registered claims are valid."""
        try:
            try:
                claims = await self._decode(id_token)
            except (InvalidKeyIdError, BadSignatureError):
                self._keys.clear()  # the provider may have other keys by now
                claims = await self._decode(id_token)
            audiences = claims.get("aud")
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self._issuer},
                sub={"essential": True},
                aud={"essential": True, "value": self._client_id},
                azp={
                    "essential": isinstance(audiences, list) and len(audiences) > 1,
                    "value": self._client_id,
                },
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except JoseError as error:
            raise _rejected_error(type(error).__name__) from None
        return claims

    async def _decode(self, id_token: str) -> dict[str, Any]:
        metadata = await self._get_metadata()
        keys = self._keys.get(self._issuer)
        if keys is None:
            keys = KeySet.import_key_set(await _get_json(metadata.jwks_uri))
            self._keys[self._issuer] = keys
        registry = JWSRegistry(algorithms=metadata.algorithms, strict_check_header=False)
        return jwt.decode(id_token, keys, registry=registry).claims

    async def _get_metadata(self) -> ProviderMetadata:
        found = self._metadata.get(self._issuer)
        if found is not None:
            return found
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = ProviderMetadata.model_validate(await _get_json(url))
        metadata.algorithms = [one for one in metadata.algorithms if one in ALGORITHMS]
        if metadata.issuer != self._issuer or not metadata.algorithms:
            raise ServiceDown(
                "the identity provider's metadata is not that of access.oidc_issuer.",
                hint="Tell the operator of Homeroom.",
            )
        self._metadata[self._issuer] = metadata
        return metadata


def check_oidc_settings(settings: Settings) -> None:
    """Check that a sign-in at the identity provider is possible and safe, if there is one.

    Raises:
        SettingsError: It is not; names the key.
    """
    access, live = settings.access, settings.live
    if access.oidc_issuer is None:
        return
    address = urlsplit(access.oidc_issuer)
    if address.scheme != "https" and address.hostname not in LOOPBACK_HOSTS:
        raise SettingsError(
            "it must begin with https://, or anybody on the way could sign in as anybody.",
            where="access.oidc_issuer",
        )
    if not access.oidc_client_id:
        raise SettingsError("it is needed with access.oidc_issuer.", where="access.oidc_client_id")
    if live.public_url is None and live.host not in LOOPBACK_HOSTS:
        raise SettingsError(
            "the identity provider must know where to send browsers back to.",
            where="live.public_url",
            hint="Set it to the address that browsers use.",
        )


async def _get_json(url: str) -> Any:
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        response = await client.get(url)
    response.raise_for_status()
    return response.json()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise ServiceDown where the provider does not answer, or not as the standard says."""
    try:
        yield
    except httpx.HTTPError as error:
        logger.warning("the identity provider does not answer: %s", type(error).__name__)
        raise ServiceDown(
            "the identity provider does not answer.", hint="Try again, or use a token."
        ) from None
    except INVALID_RESPONSE as error:
        logger.warning("the identity provider's response is invalid: %s", type(error).__name__)
        raise ServiceDown(
            "the identity provider's response is invalid.", hint="Tell the operator of Homeroom."
        ) from None


def _rejected_error(reason: str) -> NotSignedIn:
    logger.info("a sign-in at the identity provider was rejected: %s", reason)
    return NotSignedIn("the sign-in is not valid.", hint="Begin again at /sign-in.")
