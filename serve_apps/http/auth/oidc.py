"""Sign-in at the district's identity provider: OpenID Connect, authorization code flow with PKCE.

    browser ─/sign-in/provider─► API ─302─► provider ─302─► /sign-in/callback
                                 API ─code, verifier─► provider ─id_token, access_token─► API
                                 API ─access_token─► userinfo, where a claim is missing

    browser ─POST /sign-out─► API ─303─► /signed-out ─link─► provider ─302─► /signed-out

Verified: state and nonce (both in the browser's sealed cookie), the PKCE verifier (by the
provider), the issuer of the metadata, of the response and of the token, its audience, its times,
and its signature; only algorithms that need the provider's private key are accepted. What the
userinfo endpoint says counts only for the `sub` of the id_token, and never overrides it.
Sources: OpenID Connect Core 1.0, 3.1 and 5.3; RFC 7636 (PKCE); RFC 9207 (issuer of the response);
OpenID Connect RP-Initiated Logout 1.0.
"""

import base64
import hashlib
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from cluster.errors import ServiceDown, SettingsError, SignInCancelled
from cluster.security.claims import names_of_used_claims
from cluster.settings import Settings
from serve_apps.http.auth.id_token import is_older_than, verify_id_token
from serve_apps.http.auth.identity_provider import (
    IdentityProvider,
    describe_error_code,
    rejected_error,
    translate_errors,
)
from serve_apps.http.middleware.headers import LOOPBACK_HOSTS, public_base_url

CALLBACK_PATH: Final = "/sign-in/callback"
SIGNED_OUT_PATH: Final = "/signed-out"
CANCELLED: Final = "access_denied"
"""The provider's error code if somebody cancels, or may not use this client."""

REAUTHENTICATION_PROMPTS: Final = {"https://accounts.google.com": "select_account"}
"""Values of `prompt` at providers that do not know `login`, by issuer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderSignIn:
    """A user who has signed in at the provider.

    Attributes:
        claims: Verified; those of the userinfo endpoint are among them.
        id_token: To end the provider's session with.
        from_userinfo: Names of the claims that only the userinfo endpoint gave; None where it was
            not asked.
    """

    claims: Mapping[str, Any] = field(repr=False)
    id_token: str = field(repr=False)
    from_userinfo: frozenset[str] | None


class OidcClient:
    """The client of an installation at its identity provider.

    Args:
        settings: They name the provider; see `check_oidc_settings`.
    """

    def __init__(self, settings: Settings) -> None:
        access, address = settings.access, public_base_url(settings.live)
        self._provider = IdentityProvider(access)
        self._scopes = dict.fromkeys(("openid", *access.oidc_scopes))
        self._used_claims = names_of_used_claims(access)
        self._redirect_uri = address + CALLBACK_PATH
        self._signed_out_uri = address + SIGNED_OUT_PATH

    async def begin_sign_in(self, *, reauthenticate: bool) -> tuple[str, dict[str, str]]:
        """Return the URL to send the browser to, and the state that it must bring back.

        Args:
            reauthenticate: Have the provider ask who it is, although it may know somebody.

        Raises:
            ServiceDown: The provider does not answer, or its metadata cannot be used.
        """
        state = {name: secrets.token_urlsafe(48) for name in ("state", "nonce", "verifier")}
        digest = hashlib.sha256(state["verifier"].encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._scopes),
            "state": state["state"],
            "nonce": state["nonce"],
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if reauthenticate:
            issuer = self._provider.issuer
            parameters["prompt"] = REAUTHENTICATION_PROMPTS.get(issuer, "login")
            state["reauthenticate_from"] = str(time.time())
        with translate_errors():
            metadata = await self._provider.get_metadata()
            url = httpx.URL(metadata.authorization_endpoint).copy_merge_params(parameters)
        return str(url), state

    async def finish_sign_in(
        self, response: Mapping[str, str], state: Mapping[str, str]
    ) -> ProviderSignIn:
        """Return the user who comes back from the provider.

        Args:
            response: The query with which the browser came back.
            state: What `begin_sign_in` gave to this browser; empty if it began no sign-in.

        Raises:
            SignInCancelled: They did not sign in there.
            NotSignedIn: This browser began no such sign-in, or the response is not valid.
            ServiceDown: The provider does not answer, or its response cannot be used.
        """
        given, expected = response.get("state", ""), state.get("state", "")
        if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
            raise rejected_error(
                "another state: it began in another browser, or took too long", level=logging.INFO
            )
        if response.get("iss", self._provider.issuer) != self._provider.issuer:
            raise rejected_error("the response is another issuer's")
        if response.get("error") == CANCELLED:
            logger.info(
                "a sign-in was cancelled, or the identity provider let nobody in: %s", CANCELLED
            )
            raise SignInCancelled("nobody signed in there.", hint="Begin again at /sign-in.")
        if "error" in response or "code" not in response:
            code = describe_error_code(response.get("error"))
            raise rejected_error(f"its authorization endpoint gives no code: {code}")
        with translate_errors():
            tokens = await self._provider.exchange_code(
                response["code"], state["verifier"], self._redirect_uri
            )
            claims = await verify_id_token(self._provider, tokens.id_token, state["nonce"])
            begun_at = state.get("reauthenticate_from")
            if begun_at is not None and is_older_than(claims, time.time() - float(begun_at)):
                raise rejected_error("it did not ask who it is, although prompt=login was sent")
            more = await self._get_missing_claims(claims, tokens.access_token)
        added = None if more is None else frozenset(more) - frozenset(claims)
        return ProviderSignIn({**(more or {}), **claims}, tokens.id_token, added)

    async def get_sign_out_url(self, id_token: str | None) -> str | None:
        """Return the URL that ends the provider's session, and brings the browser back.

        Args:
            id_token: Of the sign-in; some providers end no session without it.

        Returns:
            None where the provider has no such URL, or does not answer.
        """
        try:
            with translate_errors():
                endpoint = (await self._provider.get_metadata()).end_session_endpoint
                if endpoint is None:
                    return None
                parameters = {
                    "client_id": self._provider.client_id,
                    "post_logout_redirect_uri": self._signed_out_uri,
                    **({} if id_token is None else {"id_token_hint": id_token}),
                }
                return str(httpx.URL(endpoint).copy_merge_params(parameters))
        except ServiceDown:  # logged; the session here has ended in any case
            return None

    async def _get_missing_claims(
        self, claims: Mapping[str, Any], access_token: str | None
    ) -> Mapping[str, Any] | None:
        """Return what the userinfo endpoint says; None where nothing that is used is missing."""
        if self._used_claims <= claims.keys():
            return None
        more = await self._provider.get_userinfo(access_token)
        if more and more.get("sub") != claims["sub"]:
            raise rejected_error("the userinfo endpoint speaks of another sub than the id_token")
        return more


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
