"""The district's identity provider over HTTP: metadata, keys, tokens for a code, userinfo.

Nothing that it says of somebody is logged: of a response that cannot be used, the kind of the
error alone, and of an error code that the standards define, the code.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx
from cachetools import TTLCache
from joserfc.jwk import KeySet
from pydantic import BaseModel, Field

from cluster.errors import NotSignedIn, ServiceDown
from cluster.settings import AccessSettings
from serve_apps.http.middleware.headers import LOOPBACK_HOSTS

TIMEOUT_SECONDS: Final = 10.0
CACHE_SECONDS: Final = 24 * 3600
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")
"""Error codes of OAuth 2.0 and OpenID Connect; anything else is not written into the log."""

SECRET_IN_HEADER: Final = "client_secret_basic"  # noqa: S105 (a name of the standard)
SECRET_IN_FORM: Final = "client_secret_post"  # noqa: S105

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
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    algorithms: list[str] = Field(["RS256"], alias="id_token_signing_alg_values_supported")
    client_authentication: list[str] = Field(
        [SECRET_IN_HEADER], alias="token_endpoint_auth_methods_supported"
    )


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """What the provider gives for a code.

    Attributes:
        id_token: Not verified yet.
        access_token: For the userinfo endpoint; None where there is none.
    """

    id_token: str = field(repr=False)
    access_token: str | None = field(repr=False)


class IdentityProvider:
    """The identity provider of the settings, with its metadata and keys cached for a day.

    Args:
        access: They name the provider; see `check_oidc_settings`.
    """

    def __init__(self, access: AccessSettings) -> None:
        secret = access.oidc_client_secret
        self.issuer = str(access.oidc_issuer)
        self.client_id = str(access.oidc_client_id)
        self._secret = secret.get_secret_value() if secret else None
        self._metadata: TTLCache[str, ProviderMetadata] = TTLCache(1, CACHE_SECONDS)
        self._keys: TTLCache[str, KeySet] = TTLCache(1, CACHE_SECONDS)

    async def get_metadata(self) -> ProviderMetadata:
        """Return the provider's metadata.

        Raises:
            ServiceDown: It is another issuer's, or no algorithm is acceptable.
        """
        found = self._metadata.get(self.issuer)
        if found is not None:
            return found
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = ProviderMetadata.model_validate(await _get_json(url))
        metadata.algorithms = [one for one in metadata.algorithms if one in ALGORITHMS]
        if metadata.issuer != self.issuer or not metadata.algorithms:
            raise ServiceDown(
                "the identity provider's metadata is not that of access.oidc_issuer.",
                hint="Tell the operator of Homeroom.",
            )
        if not _is_safe_address(metadata.end_session_endpoint):
            metadata.end_session_endpoint = None
        self._metadata[self.issuer] = metadata
        return metadata

    async def get_keys(self) -> KeySet:
        """Return the keys with which the provider signs."""
        keys = self._keys.get(self.issuer)
        if keys is None:
            keys = KeySet.import_key_set(await _get_json((await self.get_metadata()).jwks_uri))
            self._keys[self.issuer] = keys
        return keys

    def forget_keys(self) -> None:
        """Have the keys fetched again: the provider may have others by now."""
        self._keys.clear()

    async def exchange_code(self, code: str, verifier: str, redirect_uri: str) -> ProviderTokens:
        """Return the tokens that the provider gives for a code.

        Raises:
            NotSignedIn: It gives none.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        metadata = await self.get_metadata()
        auth = httpx.Auth()
        if self._secret is None:
            form["client_id"] = self.client_id
        elif _takes_secret_in_form(metadata):
            form |= {"client_id": self.client_id, "client_secret": self._secret}
        else:  # both are form-encoded before (RFC 6749, 2.3.1): they may contain any character
            auth = httpx.BasicAuth(quote_plus(self.client_id), quote_plus(self._secret))
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            response = await client.post(metadata.token_endpoint, data=form, auth=auth)
        if response.is_server_error:
            response.raise_for_status()
        content = response.json()
        if not response.is_success or "error" in content:
            code = describe_error_code(content.get("error"))
            raise rejected_error(f"its token endpoint does not accept the code: {code}")
        if not isinstance(content.get("id_token"), str):
            raise rejected_error("its token endpoint gives no id_token")
        access_token = content.get("access_token")
        return ProviderTokens(
            content["id_token"], access_token if isinstance(access_token, str) else None
        )

    async def get_userinfo(self, access_token: str | None) -> Mapping[str, Any]:
        """Return what the userinfo endpoint says (OpenID Connect Core 1.0, 5.3).

        Nothing where there is no such endpoint, or where it does not answer as it should: then the
        claims of the id_token have to do, and the log says why.
        """
        endpoint = (await self.get_metadata()).userinfo_endpoint
        if endpoint is None or access_token is None:
            return {}
        try:
            content = await _get_json(endpoint, {"Authorization": f"Bearer {access_token}"})
        except httpx.HTTPStatusError as error:
            logger.warning("the userinfo endpoint answers %d", error.response.status_code)
            return {}
        except (httpx.HTTPError, *INVALID_RESPONSE) as error:
            # A signed answer (application/jwt) ends here: no provider sends one unasked.
            logger.warning("the userinfo endpoint gives no JSON: %s", type(error).__name__)
            return {}
        if not isinstance(content, dict):
            logger.warning("the userinfo endpoint gives no JSON object")
            return {}
        return content


@contextmanager
def translate_errors() -> Iterator[None]:
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


def rejected_error(reason: str, *, level: int = logging.WARNING) -> NotSignedIn:
    """Log why a sign-in is rejected, for the operator, and return the error for the browser."""
    logger.log(level, "a sign-in at the identity provider was rejected: %s", reason)
    return NotSignedIn("the sign-in is not valid.", hint="Begin again at /sign-in.")


def describe_error_code(code: object) -> str:
    """Return an error code of the provider for the log, if it is one of the standards' form."""
    return code if isinstance(code, str) and ERROR_CODE.fullmatch(code) else "an unknown error"


def _takes_secret_in_form(metadata: ProviderMetadata) -> bool:
    """Return whether the token endpoint takes a client's secret in no header, but in the form."""
    methods = metadata.client_authentication
    return SECRET_IN_FORM in methods and SECRET_IN_HEADER not in methods


def _is_safe_address(address: str | None) -> bool:
    """Return whether browsers may be sent to an address: https, or this machine."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


async def _get_json(url: str, headers: Mapping[str, str] | None = None) -> Any:
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        response = await client.get(url, headers=headers)
    response.raise_for_status()
    return response.json()
