"""A small OpenID provider on a real server, which can be told to do one thing wrong.

It keeps the standard where it is not told otherwise: the redirect address and PKCE (S256) are
checked, a code is good once, and tokens are signed with a key that `/jwks` shows.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.serve_apps.http.auth_app import on_a_server

CLIENT_ID, CLIENT_SECRET = "homeroom-here", "c4n4ry-client-secret"


@cache
def _key() -> RSAKey:
    """Made once: it takes a while."""
    return RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class OpenIdProvider:
    """The provider.

    Attributes:
        claims: What it says of whoever signs in, above what every token holds.
        userinfo: What it says at the userinfo endpoint, beside the `sub`; None: it has none.
        end_session: The address that ends its session; none: it has none.
        takes_secret_in_form: It takes the client's secret in the form, and in no header.
        wrong: What it does wrong, by name; see where it is asked for.
    """

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    end_session: str | None = None
    takes_secret_in_form: bool = False
    wrong: str = ""
    key: RSAKey = field(default_factory=_key)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    exchanged: int = 0
    access_tokens: list[str] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._document),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/jwks", self._jwks),
                Route("/userinfo", self._userinfo),
            ]
        )

    async def _document(self, _: Request) -> Response:
        if self.wrong == "document is no JSON":
            return Response("<html>")
        algorithms = {"signs with none": ["none"], "signs symmetrically": ["HS256"]}
        endpoints = {
            "userinfo_endpoint": None if self.userinfo is None else f"{self.issuer}/userinfo",
            "end_session_endpoint": self.end_session,
            "token_endpoint_auth_methods_supported": (
                ["client_secret_post", "private_key_jwt"] if self.takes_secret_in_form else None
            ),
        }
        return JSONResponse(
            {name: value for name, value in endpoints.items() if value is not None}
            | {
                "issuer": f"{self.issuer}/other" if self.wrong == "other issuer" else self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": algorithms.get(
                    self.wrong, ["RS256", "none", "HS256"]
                ),
            }
        )

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        back = {"state": query["state"], "iss": self.issuer}
        if self.wrong == "says no":
            back |= {"error": "access_denied", "error_description": "c4n4ry"}
        elif self.wrong == "knows no such scope":
            back |= {"error": "invalid_scope", "error_description": "c4n4ry"}
        elif self.wrong == "says nonsense":
            back |= {"error": "c4n4ry of somebody"}
        else:
            code = secrets.token_urlsafe()
            self.codes[code] = query
            back["code"] = code
        if self.wrong == "answers as another":
            back["iss"] = "https://other.example"
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        self.exchanged += 1
        if self.wrong == "token endpoint fails":
            return Response("c4n4ry", 500)
        form = dict(parse_qsl((await request.body()).decode()))
        begun = self.codes.pop(form.get("code", ""), None)
        if not self._is_authenticated(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        if begun is None or begun["redirect_uri"] != form["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = _base64(digest)
        if begun["code_challenge_method"] != "S256" or begun["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.access_tokens.append(secrets.token_urlsafe())
        answer = {"access_token": self.access_tokens[-1], "token_type": "Bearer"}
        if self.wrong != "no id_token":
            answer["id_token"] = self._id_token(begun["nonce"])
        return JSONResponse(answer)

    def _is_authenticated(self, request: Request, form: dict[str, str]) -> bool:
        header = request.headers.get("authorization")
        if self.takes_secret_in_form:
            given = form.get("client_id"), form.get("client_secret")
            return header is None and given == (CLIENT_ID, CLIENT_SECRET)
        known = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return header == f"Basic {known}" and "client_secret" not in form

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.claims,
        }
        changes: dict[str, dict[str, Any]] = {
            "wrong nonce": {"nonce": "other"},
            "wrong issuer": {"iss": "https://other.example"},
            "wrong audience": {"aud": "other", "azp": CLIENT_ID},
            "expired": {"iat": now - 900, "exp": now - 600},
            "clock is ahead": {"iat": now + 400, "exp": now + 700},
            "did not ask for the password": {"auth_time": now - 3600},
            "asked for the password": {"auth_time": now},
        }
        claims |= changes.get(self.wrong, {})
        for name in ("nonce", "aud", "iss", "exp", "sub"):
            if self.wrong == f"without {name}":
                del claims[name]
        if self.wrong == "wrong signature":
            other = RSAKey.generate_key(2048, {"kid": "one"})
            return jwt.encode({"alg": "RS256", "kid": "one"}, claims, other)
        if self.wrong == "unknown key":
            other = RSAKey.generate_key(2048, {"kid": "c4n4ry"})
            return jwt.encode({"alg": "RS256", "kid": "c4n4ry"}, claims, other)
        if self.wrong == "unsigned":
            body = jwt.encode({"alg": "RS256"}, claims, self.key).split(".")[1]
            return _base64(b'{"alg":"none"}') + f".{body}."
        if self.wrong == "signed with what everybody knows":
            head = _base64(b'{"alg":"HS256","kid":"one"}')
            signed = f"{head}.{jwt.encode({'alg': 'RS256'}, claims, self.key).split('.')[1]}"
            public = self.key.as_pem(private=False)
            return f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}"
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, self.key)

    async def _userinfo(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.access_tokens:
            return Response("c4n4ry", 401)
        answers = {
            "userinfo fails": Response("c4n4ry", 500),
            "userinfo is no JSON": Response("c4n4ry"),
            "userinfo is no object": JSONResponse(["c4n4ry"]),
            "userinfo of somebody else": JSONResponse({"sub": "other", **(self.userinfo or {})}),
            "userinfo of nobody": JSONResponse(self.userinfo),
        }
        sub = {"sub": self.claims.get("sub", "subject-1")}
        return answers.get(self.wrong) or JSONResponse(sub | (self.userinfo or {}))

    async def _jwks(self, _: Request) -> Response:
        if self.wrong == "keys endpoint fails":
            return Response("c4n4ry", 500)
        if self.wrong == "keys are of no kind":
            return JSONResponse({"keys": [{"kty": "nothing"}]})
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def a_provider(**claims: Any) -> Iterator[OpenIdProvider]:
    """A provider on a server."""
    provider = OpenIdProvider(claims=claims)
    with on_a_server(provider.app) as address:
        provider.issuer = address
        yield provider


def access_of(provider: OpenIdProvider) -> dict[str, Any]:
    """The settings under which an installation signs in there."""
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
    }


def at_the_provider(began: httpx.Response) -> httpx.Response:
    """Go where the answer sends the browser, and stop at what comes back from there."""
    assert began.status_code == 302, began.text
    with httpx.Client() as browser:
        back = browser.get(began.headers["location"])
    assert back.status_code == 302
    return back


def path_of(back: httpx.Response) -> str:
    """Path and query of the address that the provider sends the browser to."""
    parts = urlsplit(back.headers["location"])
    assert parse_qs(parts.query)["state"]
    return f"{parts.path}?{parts.query}"
