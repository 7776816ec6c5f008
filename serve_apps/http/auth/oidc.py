"""Sign-in at the district's identity provider: OpenID Connect, code with PKCE, through Authlib.

    browser ─/sign-in─► here ─302─► provider ─302─► /sign-in/callback ─► code + verifier ─► provider
                                                                          id_token ◄─────────┘

Checked: state and nonce (both in the browser's sealed cookie), the PKCE verifier (by the provider),
the issuer of the document, of the answer and of the token, its audience, its times, and its
signature with a key of the provider; only signatures that need the provider's private key count.
"""

import logging
import time
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped]
from joserfc.errors import JoseError
from starlette.requests import Request

from cluster.errors import NotSignedIn, ServiceDown, SettingsError
from cluster.settings import Settings
from serve_apps.http.middleware.headers import public_base

with warnings.catch_warnings():  # Authlib would rather have httpx2, and works with httpx
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client.oauth2_client import (  # type: ignore[import-untyped]
        httpx2 as http_client,
    )
    from authlib.integrations.starlette_client import (  # type: ignore[import-untyped]
        OAuth,
        OAuthError,
        StarletteOAuth2App,
    )

CALLBACK = "/sign-in/callback"
TIMEOUT_SECONDS = 10.0
LEEWAY_SECONDS = 60
DOCUMENT_SECONDS = 24 * 3600
SIGNATURES = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
UNREADABLE = (ValueError, KeyError, TypeError, RuntimeError, AttributeError)
"""What Authlib raises where an answer of the provider is not what the standard says."""

for _library in ("authlib", "httpcore"):  # at DEBUG they write PKCE verifiers and headers
    logging.getLogger(_library).setLevel(logging.INFO)

logger = logging.getLogger(__name__)


class _Client(StarletteOAuth2App):  # type: ignore[misc]
    """Authlib's client, with the provider's document checked before it is used."""

    issuer: str
    server_metadata: dict[str, Any]

    async def load_server_metadata(self) -> dict[str, Any]:
        """The provider's document.

        Raises:
            ServiceDown: It is another issuer's, or signs with nothing that we take.
        """
        if time.time() - self.server_metadata.get("_loaded_at", 0) > DOCUMENT_SECONDS:
            self.server_metadata = {}
        found: dict[str, Any] = await super().load_server_metadata()
        stated = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        taken = [one for one in stated if one in SIGNATURES]
        if found.get("issuer") != self.issuer or not taken:
            self.server_metadata = {}
            raise ServiceDown(
                "the identity provider's document is not the one of access.oidc_issuer.",
                hint="Tell whoever runs Homeroom.",
            )
        found["id_token_signing_alg_values_supported"] = taken
        return found


class Provider:
    """The identity provider of an installation.

    Args:
        settings: They name it; see `check_provider`.
    """

    def __init__(self, settings: Settings) -> None:
        access = settings.access
        secret = access.oidc_client_secret
        self._issuer = str(access.oidc_issuer)
        self._client_id = str(access.oidc_client_id)
        self._callback = public_base(settings.live) + CALLBACK
        how = {} if secret else {"token_endpoint_auth_method": "none"}
        self._client: _Client = OAuth().register(
            "homeroom",
            client_cls=_Client,
            client_id=self._client_id,
            client_secret=secret.get_secret_value() if secret else None,
            server_metadata_url=f"{self._issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid",
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_SECONDS,
                "follow_redirects": False,
                **how,
            },
        )
        self._client.issuer = self._issuer

    async def begin(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Where to send the browser, and what it must bring back (state, nonce, verifier).

        Raises:
            ServiceDown: The provider does not answer, or not as it should.
        """
        request.scope["session"] = {}
        try:
            response = await self._client.authorize_redirect(request, self._callback)
        except http_client.HTTPError as error:
            raise _away(error) from None
        except UNREADABLE as error:
            raise _unreadable(error) from None
        return response.headers["location"], dict(request.scope["session"])

    async def finish(self, request: Request, brought: Mapping[str, Any]) -> Mapping[str, Any]:
        """The claims of whoever comes back from the provider.

        Args:
            request: With the provider's answer in its query.
            brought: What the browser brought back of `begin`.

        Raises:
            NotSignedIn: The answer is not to a sign-in that this browser began, or does not hold.
            ServiceDown: The provider does not answer, or not as it should.
        """
        request.scope["session"] = dict(brought)
        if request.query_params.get("iss", self._issuer) != self._issuer:  # RFC 9207
            raise _not_held("another issuer")
        wanted = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        try:
            token = await self._client.authorize_access_token(
                request, claims_options=wanted, leeway=LEEWAY_SECONDS
            )
        except OAuthError as error:
            raise _not_held(type(error).__name__) from None
        except JoseError as error:
            self._client.server_metadata.pop("jwks", None)  # its keys may be others by now
            raise _not_held(type(error).__name__) from None
        except http_client.HTTPError as error:
            raise _away(error) from None
        except UNREADABLE as error:
            raise _unreadable(error) from None
        claims = token.get("userinfo")
        if not claims:
            raise _not_held("no id_token")
        return dict(claims)


def check_provider(settings: Settings) -> None:
    """Refuse settings with which a sign-in at a provider could not work, or not safely.

    Raises:
        SettingsError: It names the key.
    """
    access, live = settings.access, settings.live
    if access.oidc_issuer is None:
        return
    address = urlsplit(access.oidc_issuer)
    if address.scheme != "https" and address.hostname not in LOOPBACK:
        raise SettingsError(
            "it must begin with https://, or anybody on the way could sign in as anybody.",
            where="access.oidc_issuer",
        )
    if not access.oidc_client_id:
        raise SettingsError("it is needed with access.oidc_issuer.", where="access.oidc_client_id")
    if live.public_url is None and live.host not in LOOPBACK:
        raise SettingsError(
            "the identity provider must know where to send browsers back to.",
            where="live.public_url",
            hint="Set it to the address that browsers use.",
        )


def _not_held(reason: str) -> NotSignedIn:
    logger.info("a sign-in at the identity provider did not hold: %s", reason)
    return NotSignedIn("the sign-in did not hold.", hint="Begin again at /sign-in.")


def _away(error: Exception) -> ServiceDown:
    logger.warning("the identity provider does not answer: %s", type(error).__name__)
    return ServiceDown("the identity provider does not answer.", hint="Try again, or use a token.")


def _unreadable(error: Exception) -> ServiceDown:
    logger.warning("the identity provider's answer cannot be used: %s", type(error).__name__)
    return ServiceDown(
        "the identity provider's answer cannot be used.", hint="Tell whoever runs Homeroom."
    )
