"""Addresses are understood, completed, refused, and never shown."""

import pickle
from pathlib import Path

import pytest
from pydantic import SecretStr

from cluster.errors import SettingsError
from cluster.settings import Settings, load_settings
from cluster.streams.source.address import Kind, parse_address, plan_of
from tests.conftest import write_settings

CANARY = "hunter2"


def parsed(text: str) -> tuple[Kind, str, int]:
    address = parse_address(SecretStr(text))
    return address.kind, address.host, address.port


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("rtsp://cam.example/1", Kind.RTSP, "cam.example", 554),
        ("RTSP://u:p@cam.example:8554/1?a=b", Kind.RTSP, "cam.example", 8554),
        ("rtsps://cam.example/1", Kind.RTSPS, "cam.example", 322),
        ("http://[2001:db8::7]:8080/v", Kind.HTTP, "2001:db8::7", 8080),
        ("https://cam.example/v", Kind.HTTPS, "cam.example", 443),
        ("/dev/video0", Kind.DEVICE, "", 0),
        ("/dev/v4l/by-id/cam", Kind.DEVICE, "", 0),
        ("/footage/room.mp4", Kind.FILE, "", 0),
        ("file:///footage/room.mp4", Kind.FILE, "", 0),
    ],
)
def test_an_address_says_what_it_leads_to(text: str, kind: Kind, host: str, port: int) -> None:
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
def test_what_cannot_be_an_address_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_address(SecretStr(text), "cameras 'cam1': address")
    assert CANARY not in str(refused.value)
    assert "viewer" not in str(refused.value)
    assert "cameras 'cam1': address" in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_neither_repr_nor_what_messages_call_it_shows_credentials() -> None:
    address = parse_address(SecretStr(f"rtsp://viewer:{CANARY}@cam.example/1?token={CANARY}"))
    assert CANARY not in repr(address)
    assert address.shown == "cam.example:554"
    assert parse_address(SecretStr("http://[::1]/v")).shown == "[::1]:80"


def settings_with(tmp_path: Path, camera: str, more: str = "") -> Settings:
    table = f'[[cameras]]\nid = "live"\nroom = "r1"\n{camera}\n{more}'
    return load_settings(write_settings(tmp_path, more=table))


def test_a_camera_without_an_address_has_no_plan(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "")
    assert plan_of(settings, settings.cameras_by_id["live"]) is None


def test_a_plan_takes_everything_from_the_settings(tmp_path: Path) -> None:
    settings = settings_with(
        tmp_path,
        'address = "rtsp://cam.example/1"\nsubstream = "rtsp://cam.example/2"\n'
        'decode = "key_frames"\ninput_size = 1280\nmasks = [[[0, 0], [1, 0], [1, 0.2]]]',
        "[live]\nopen_seconds = 3\nstall_seconds = 4\nfrozen_seconds = 5\n"
        "longest_pause_seconds = 6\n",
    )
    plan = plan_of(settings, settings.cameras_by_id["live"])
    assert plan is not None
    assert plan.address.get_secret_value() == "rtsp://cam.example/2"
    assert plan.full_address.get_secret_value() == "rtsp://cam.example/1"
    assert plan.masks == (((0.0, 0.0), (1.0, 0.0), (1.0, 0.2)),)
    assert (plan.rate, plan.long_side, plan.decode) == (2.0, 1280, "key_frames")
    assert (plan.open_seconds, plan.stall_seconds) == (3, 4)
    assert (plan.frozen_seconds, plan.longest_pause_seconds) == (5, 6)


def test_credentials_of_a_file_come_into_both_addresses_percent_encoded(tmp_path: Path) -> None:
    (tmp_path / "cam1.txt").write_text("viewer:p@ss:/?#%word \n")
    settings = settings_with(
        tmp_path,
        'address = "rtsp://cam.example:8554/1?a=b"\nsubstream = "http://cam.example/2"\n'
        'credentials_file = "cam1.txt"',
    )
    plan = plan_of(settings, settings.cameras_by_id["live"])
    assert plan is not None
    merged = "viewer:p%40ss%3A%2F%3F%23%25word%20@cam.example"
    assert plan.full_address.get_secret_value() == f"rtsp://{merged}:8554/1?a=b"
    assert plan.address.get_secret_value() == f"http://{merged}/2"
    assert "viewer" not in repr(plan)
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301 (our own)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (f"{CANARY}", "not one line, user:password"),
        (f":{CANARY}", "not one line, user:password"),
        (f"viewer:{CANARY}\nviewer:{CANARY}\n", "not one line, user:password"),
        ("", "not one line, user:password"),
        (f"viewer:{CANARY}" + "x" * 5000, "not one line, user:password"),
        (f"viewer:{CANARY}".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_credentials_file_that_cannot_be_used_is_refused_without_showing_it(
    tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    file = tmp_path / "cam1.txt"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = settings_with(
        tmp_path, 'address = "rtsp://cam.example/1"\ncredentials_file = "cam1.txt"'
    )
    with pytest.raises(SettingsError, match=message) as refused:
        plan_of(settings, settings.cameras_by_id["live"])
    assert CANARY not in str(refused.value)
    assert str(file) in str(refused.value)


def test_credentials_in_the_address_and_in_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cam1.txt").write_text("viewer:other")
    settings = settings_with(
        tmp_path,
        f'address = "rtsp://viewer:{CANARY}@cam.example/1"\ncredentials_file = "cam1.txt"',
    )
    with pytest.raises(SettingsError, match="credentials_file besides") as refused:
        plan_of(settings, settings.cameras_by_id["live"])
    assert CANARY not in str(refused.value)


def test_a_bad_address_is_refused_with_the_name_of_its_camera(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, f'address = "ftp://viewer:{CANARY}@cam.example"')
    with pytest.raises(SettingsError, match=r"cameras 'live': address: .* ftp:") as refused:
        plan_of(settings, settings.cameras_by_id["live"])
    assert CANARY not in str(refused.value)


def test_a_substream_without_an_address_is_refused(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, 'substream = "rtsp://cam.example/2"')
    with pytest.raises(SettingsError, match="a substream, but no address"):
        plan_of(settings, settings.cameras_by_id["live"])
