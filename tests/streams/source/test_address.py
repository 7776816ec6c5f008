"""Addresses are parsed or rejected, and never shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from cluster.errors import SettingsError
from cluster.streams.source.address import AddressKind, parse_address

CANARY = "hunter2"


def parsed(text: str) -> tuple[AddressKind, str, int]:
    address = parse_address(SecretStr(text))
    return address.kind, address.host, address.port


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("rtsp://cam.example/1", AddressKind.RTSP, "cam.example", 554),
        ("RTSP://u:p@cam.example:8554/1?a=b", AddressKind.RTSP, "cam.example", 8554),
        ("rtsps://cam.example/1", AddressKind.RTSPS, "cam.example", 322),
        ("http://[2001:db8::7]:8080/v", AddressKind.HTTP, "2001:db8::7", 8080),
        ("https://cam.example/v", AddressKind.HTTPS, "cam.example", 443),
        ("/dev/video0", AddressKind.DEVICE, "", 0),
        ("/dev/v4l/by-id/cam", AddressKind.DEVICE, "", 0),
        ("/footage/room.mp4", AddressKind.FILE, "", 0),
        ("file:///footage/room.mp4", AddressKind.FILE, "", 0),
    ],
)
def test_an_address_has_a_kind_a_host_and_a_port(
    text: str, kind: AddressKind, host: str, port: int
) -> None:
    assert parsed(text) == (kind, host, port)


def test_a_file_is_given_to_ffmpeg_by_its_absolute_path() -> None:
    for text in ("room 1.mp4", "file:room 1.mp4"):
        target = parse_address(SecretStr(text)).target.get_secret_value()
        assert target == str(Path.cwd() / "room 1.mp4")


@pytest.mark.parametrize(
    "text",
    [
        f"ftp://viewer:{CANARY}@cam.example/1",
        f"viewer:{CANARY}@cam.example/1",
        f"rtsp://viewer:{CANARY}#1@cam.example/1",
        f"rtsp://viewer:{CANARY}/1@cam.example/1",
        f"rtsp://viewer:12/{CANARY}@cam.example/1",
        f"rtsp://viewer:{CANARY}?1@cam.example/1",
        f"rtsp://viewer:{CANARY}@cam.example:{CANARY}/1",
        f"rtsp://viewer:{CANARY}@/1",
        f"rtsp://viewer:{CANARY}@[2001:db8::7/1",
        f"rtsp:/viewer:{CANARY}@cam.example",
        f"rtsp://viewer:{CANARY} 1@cam.example/1",
        f"rtsp://viewer:{CANARY}\n@cam.example/1",
        "",
        "file:",
    ],
)
def test_a_malformed_address_is_rejected_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_address(SecretStr(text), "cameras 'cam1': address")
    assert CANARY not in str(caught.value)
    assert "viewer" not in str(caught.value)
    assert "cameras 'cam1': address" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_neither_repr_nor_display_name_shows_credentials() -> None:
    address = parse_address(SecretStr(f"rtsp://viewer:{CANARY}@cam.example/1?token={CANARY}"))
    assert CANARY not in repr(address)
    assert address.display_name == "cam.example:554"
    assert parse_address(SecretStr("http://[::1]/v")).display_name == "[::1]:80"
