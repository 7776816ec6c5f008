"""Camera addresses: what they lead to, and the credentials in them.

    settings ─> address_with_credentials ─> SecretStr ─> parse_address ─> CameraAddress ─> FFmpeg

An address leaves this module only inside a `SecretStr`. Messages name the host, never the address.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from cluster.errors import SettingsError
from cluster.runtime.redaction import redact_credentials

MAX_CREDENTIALS_BYTES = 4096


class AddressKind(StrEnum):
    """What an address leads to."""

    RTSP = "rtsp"
    RTSPS = "rtsps"
    HTTP = "http"
    HTTPS = "https"
    FILE = "file"
    DEVICE = "v4l2"

    @property
    def is_network(self) -> bool:
        """Whether it leads to a server."""
        return self not in {AddressKind.FILE, AddressKind.DEVICE}


DEFAULT_PORTS: Final = {
    AddressKind.RTSP: 554,
    AddressKind.RTSPS: 322,
    AddressKind.HTTP: 80,
    AddressKind.HTTPS: 443,
}


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A parsed address.

    Attributes:
        kind: What it leads to.
        target: The URL or path for FFmpeg, with credentials.
        host: Of the server; empty for files and devices.
        port: Likewise; 0 for files and devices.
    """

    kind: AddressKind
    target: SecretStr
    host: str = ""
    port: int = 0

    @property
    def display_name(self) -> str:
        """Its name in messages: host and port, or the file's name."""
        if not self.kind.is_network:
            return redact_credentials(Path(self.target.get_secret_value()).name)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(address: SecretStr, where: str | None = None) -> CameraAddress:
    """Parse an address.

    Args:
        address: `rtsp://…`, `rtsps://…`, `http://…`, `https://…`, `file:…`, `/dev/video0`, a path.
        where: The settings key that holds it, for the message.

    Raises:
        SettingsError: It is of another kind, or has no host; the message does not contain it.
    """
    text = address.get_secret_value()
    if not text or re.search(r"[\x00-\x1f\x7f]", text):
        raise SettingsError("the address is empty, or has a control character in it.", where=where)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    name = scheme[1].lower() if scheme else ""
    if "://" not in text and name not in set(AddressKind):
        return _parse_local(text, where)
    if name == "file":
        path = re.sub(r"^file:(//(localhost(?=/))?)?", "", text, flags=re.IGNORECASE)
        return _parse_local(path, where)
    if name not in set(AddressKind) - {AddressKind.DEVICE}:
        raise SettingsError(
            f"addresses that begin with {name}: are not supported.",
            where=where,
            hint="Use rtsp, rtsps, http, https, a path, or /dev/video0.",
        )
    return _parse_network(AddressKind(name), text, where)


def address_with_credentials(
    address: SecretStr, credentials_file: Path | None, where: str
) -> SecretStr:
    """Return a network address with the user and password of a credentials file in it.

    Args:
        address: See `parse_address`.
        credentials_file: A file with one line, `user:password`; None leaves the address unchanged.
        where: The settings key that holds the address, for the message.

    Raises:
        SettingsError: The address or the file cannot be used, or both hold credentials.
    """
    parsed = parse_address(address, where)
    if credentials_file is None or not parsed.kind.is_network:
        return parsed.target
    parts = urlsplit(parsed.target.get_secret_value())
    if "@" in parts.netloc:
        raise SettingsError(
            "there are credentials both in the address and in the credentials_file.",
            where=where,
            hint="Remove them from the address.",
        )
    user, password = _read_credentials(credentials_file)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return SecretStr(parts._replace(netloc=netloc).geturl())


def _parse_local(text: str, where: str | None) -> CameraAddress:
    if not text:
        raise SettingsError("the address names no file.", where=where)
    if re.match(r"[^/]*:[^/]*@", text):
        raise SettingsError(
            "the address has a user and a password, but no scheme.",
            where=where,
            hint="Begin it with rtsp:// or http://.",
        )
    if re.match(r"/dev/(video\d|v4l/)", text):
        return CameraAddress(AddressKind.DEVICE, SecretStr(text))
    return CameraAddress(AddressKind.FILE, SecretStr(str(Path(text).expanduser().absolute())))


def _parse_network(kind: AddressKind, text: str, where: str | None) -> CameraAddress:
    if re.search(r"\s", text):
        raise SettingsError(
            "the address has a space in it.", where=where, hint="Write %20 for a space."
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[kind]
    except ValueError:  # its message contains a part of the address
        raise _malformed_address_error(where) from None
    if not host or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise _malformed_address_error(where)
    return CameraAddress(kind, SecretStr(text), host, port)


def _malformed_address_error(where: str | None) -> SettingsError:
    return SettingsError(
        "the address has no host, a port that is no number, or an @ behind its host.",
        where=where,
        hint="In user, password and path, write / ? # @ : and % percent-encoded, like %40, or put "
        "user and password in a credentials_file.",
    )


def _read_credentials(file: Path) -> tuple[str, str]:
    """Read the user and password of a credentials file."""
    where = str(file)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_CREDENTIALS_BYTES + 1)
        lines = content.decode("utf-8-sig").strip("\r\n").splitlines()
    except OSError as error:
        raise SettingsError(
            f"the credentials file cannot be read: {error.strerror}.", where=where
        ) from None
    except UnicodeDecodeError:  # its message contains a byte of the content
        raise SettingsError("the credentials file is not UTF-8 text.", where=where) from None
    user, colon, password = lines[0].partition(":") if len(lines) == 1 else ("", "", "")
    if not user or not colon or len(content) > MAX_CREDENTIALS_BYTES:
        raise SettingsError(
            "the credentials file is not one line, user:password.",
            where=where,
            hint="Write it without quotes and without encoding.",
        )
    return user, password
