"""A certified OpenID provider in a process of its own: npm's `oidc-provider`.

    npm ci --prefix tests/oidc_provider        once; needs Node 20
    with run_provider(accounts) as provider: …

Set `NODE_EXECUTABLE` to name Node; the tests then fail without it, or without the package, and do
not skip.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "oidc_provider"
NODE_EXECUTABLE = os.environ.get("NODE_EXECUTABLE")
"""Read at import; where it is set, a missing Node is a failure."""

INSTALL_HINT = (
    "the OpenID provider is missing: install Node 20, `npm ci --prefix tests/oidc_provider`"
)
CLIENT_ID, CLIENT_SECRET = "homeroom-here", "c4n4ry+client%secret:&="
HOMEROOM = "http://127.0.0.1:8000"
"""Where the settings of the tests say that browsers reach Homeroom."""


@dataclass
class ProviderBrowser:
    """A browser with cookies of its own at the provider.

    Attributes:
        passwords: How many pages asked for a password.
    """

    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))
    passwords: int = 0

    def sign_in(self, address: str, account: str) -> str:
        """Sign in where Homeroom sends the browser; return where the provider sends it back to."""
        response = self.http.get(address)
        while True:
            while response.is_redirect:
                location = str(response.headers["location"])
                if location.startswith(HOMEROOM):
                    return location
                response = self.http.get(response.url.join(location))
            assert response.status_code == 200, response.text
            form = _hidden_fields_of(response)
            if 'name="login"' in response.text:
                self.passwords += 1
                form |= {"login": account, "password": "made-up"}
            response = self.http.post(_action_of(response), data=form)

    def cancel(self, address: str) -> str:
        """Cancel the sign-in; return where the provider sends the browser back to."""
        response = self.http.get(address, follow_redirects=True)
        [abort] = re.findall(r'href="([^"]+/abort)"', response.text)
        response = self.http.get(response.url.join(abort))
        while not str(response.headers["location"]).startswith(HOMEROOM):
            response = self.http.get(response.url.join(response.headers["location"]))
        return str(response.headers["location"])

    def sign_out(self, address: str) -> str:
        """Confirm the sign-out; return where the provider sends the browser back to."""
        response = self.http.get(address)
        assert response.status_code == 200, response.text
        form = _hidden_fields_of(response) | {"logout": "yes"}
        response = self.http.post(_action_of(response), data=form)
        assert response.status_code == 303, response.text
        return str(response.headers["location"])


@dataclass(frozen=True)
class CertifiedProvider:
    """A running provider."""

    issuer: str

    @property
    def access(self) -> dict[str, Any]:
        """Settings under which Homeroom signs in there."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
        }


@contextmanager
def run_provider(accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[CertifiedProvider]:
    """Run a provider; skip without Node or its package.

    Args:
        accounts: The claims of each account, by its name.
    """
    node = shutil.which(NODE_EXECUTABLE or "node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        if NODE_EXECUTABLE:
            raise FileNotFoundError(INSTALL_HINT)
        pytest.skip(INSTALL_HINT)
    options = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": f"{HOMEROOM}/sign-in/callback",
        "post_logout_redirect_uri": f"{HOMEROOM}/signed-out",
        "accounts": accounts,
    }
    with subprocess.Popen(
        [node, "provider.mjs", json.dumps(options)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert issuer, "the provider did not start"
        yield CertifiedProvider(issuer)
        process.stdin.close()  # ends it


def _action_of(response: httpx.Response) -> httpx.URL:
    """Return the address that the form of a page is sent to."""
    [action] = re.findall(r'<form[^>]* action="([^"]+)"', response.text)
    return response.url.join(action)


def _hidden_fields_of(response: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', response.text))
