"""Camera addresses: what kind they are, and the credentials in them.

    settings ─> plan_of ─> CameraPlan (SecretStr, credentials merged in) ─> parse_address ─> FFmpeg

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
from cluster.settings import Camera, Settings
from cluster.streams.reader.config import CameraPlan

LARGEST_CREDENTIALS = 4096
"""Bytes of a credentials file that are looked at."""


class Kind(StrEnum):
    """What an address leads to."""

    RTSP = "rtsp"
    RTSPS = "rtsps"
    HTTP = "http"
    HTTPS = "https"
    FILE = "file"
    DEVICE = "v4l2"

    @property
    def is_network(self) -> bool:
        """Whether there is a server at the other end."""
        return self not in {Kind.FILE, Kind.DEVICE}


DEFAULT_PORTS: Final = {Kind.RTSP: 554, Kind.RTSPS: 322, Kind.HTTP: 80, Kind.HTTPS: 443}


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """An address that was understood.

    Attributes:
        kind: What it leads to.
        target: What FFmpeg is given; credentials in it.
        host: Of the server; empty for files and devices.
        port: Likewise; 0 for files and devices.
    """

    kind: Kind
    target: SecretStr
    host: str = ""
    port: int = 0

    @property
    def shown(self) -> str:
        """How messages call it: host and port, or the file's name."""
        if not self.kind.is_network:
            return redact_credentials(Path(self.target.get_secret_value()).name)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(address: SecretStr, where: str | None = None) -> CameraAddress:
    """Understand an address.

    Args:
        address: `rtsp://…`, `rtsps://…`, `http://…`, `https://…`, `file:…`, `/dev/video0`, a path.
        where: The key that holds it, for the message.

    Raises:
        SettingsError: It is of another kind, or has no host; the message does not show it.
    """
    text = address.get_secret_value()
    if not text or re.search(r"[\x00-\x1f\x7f]", text):
        raise SettingsError("the address is empty, or has a control character in it.", where=where)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    name = scheme[1].lower() if scheme else ""
    if "://" not in text and name not in set(Kind):
        return _local(text, where)
    if name == "file":
        path = re.sub(r"^file:(//(localhost(?=/))?)?", "", text, flags=re.IGNORECASE)
        return _local(path, where)
    if name not in set(Kind) - {Kind.DEVICE}:
        raise SettingsError(
            f"addresses that begin with {name}: are not read.",
            where=where,
            hint="Use rtsp, rtsps, http, https, a path, or /dev/video0.",
        )
    return _remote(Kind(name), text, where)


def plan_of(settings: Settings, camera: Camera) -> CameraPlan | None:
    """How a camera is read; None where it has no address.

    Raises:
        SettingsError: An address or the credentials file cannot be used.
    """
    if camera.address is None:
        if camera.substream is not None:
            raise SettingsError(
                "it has a substream, but no address.", where=f"cameras {camera.id!r}"
            )
        return None
    full = _complete(camera, camera.address, "address")
    counted = full
    if camera.substream is not None:
        counted = _complete(camera, camera.substream, "substream")
    return CameraPlan(
        camera_id=camera.id,
        address=counted,
        full_address=full,
        rate=settings.analysis.rate,
        long_side=camera.input_size,
        masks=camera.masks,
        decode=camera.decode,
        open_seconds=settings.live.open_seconds,
        stall_seconds=settings.live.stall_seconds,
        frozen_seconds=settings.live.frozen_seconds,
        longest_pause_seconds=settings.live.longest_pause_seconds,
    )


def _local(text: str, where: str | None) -> CameraAddress:
    if not text:
        raise SettingsError("the address names no file.", where=where)
    if re.match(r"[^/]*:[^/]*@", text):
        raise SettingsError(
            "the address has a user and a password, but no scheme.",
            where=where,
            hint="Begin it with rtsp:// or http://.",
        )
    if re.match(r"/dev/(video\d|v4l/)", text):
        return CameraAddress(Kind.DEVICE, SecretStr(text))
    return CameraAddress(Kind.FILE, SecretStr(str(Path(text).expanduser().absolute())))


def _remote(kind: Kind, text: str, where: str | None) -> CameraAddress:
    if re.search(r"\s", text):
        raise SettingsError(
            "the address has a space in it.", where=where, hint="Write %20 for a space."
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[kind]
    except ValueError:  # its words show a part of the address
        raise _not_an_address(where) from None
    if not host or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise _not_an_address(where)
    return CameraAddress(kind, SecretStr(text), host, port)


def _not_an_address(where: str | None) -> SettingsError:
    return SettingsError(
        "the address has no host, a port that is no number, or an @ behind its host.",
        where=where,
        hint="In user, password and path, write / ? # @ : and % percent-encoded, like %40, or put "
        "user and password in a credentials_file.",
    )


def _complete(camera: Camera, address: SecretStr, key: str) -> SecretStr:
    """The address with the credentials of the file in it."""
    where = f"cameras {camera.id!r}: {key}"
    parsed = parse_address(address, where)
    if camera.credentials_file is None or not parsed.kind.is_network:
        return parsed.target
    parts = urlsplit(parsed.target.get_secret_value())
    if "@" in parts.netloc:
        raise SettingsError(
            "there are credentials in the address, and a credentials_file besides.",
            where=where,
            hint="Take them out of the address.",
        )
    user, password = _credentials(camera.credentials_file)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return SecretStr(parts._replace(netloc=netloc).geturl())


def _credentials(file: Path) -> tuple[str, str]:
    """User and password of a credentials file."""
    where = str(file)
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_CREDENTIALS + 1)
        lines = content.decode("utf-8-sig").strip("\r\n").splitlines()
    except OSError as error:
        raise SettingsError(
            f"the credentials file cannot be read: {error.strerror}.", where=where
        ) from None
    except UnicodeDecodeError:  # its words show a byte of the content
        raise SettingsError("the credentials file is not UTF-8 text.", where=where) from None
    user, colon, password = lines[0].partition(":") if len(lines) == 1 else ("", "", "")
    if not user or not colon or len(content) > LARGEST_CREDENTIALS:
        raise SettingsError(
            "the credentials file is not one line, user:password.",
            where=where,
            hint="No quotes and no encoding: what stands there is taken as it is.",
        )
    return user, password
