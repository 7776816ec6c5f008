"""A camera's configuration is built from the settings and its credentials file."""

import pickle
from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.settings import Settings, load_settings
from cluster.streams.source.config import build_camera_config
from tests.conftest import write_settings

CANARY = "hunter2"


def settings_with(tmp_path: Path, camera: str, more: str = "") -> Settings:
    table = f'[[cameras]]\nid = "live"\nroom = "r1"\n{camera}\n{more}'
    return load_settings(write_settings(tmp_path, more=table))


def test_a_camera_without_an_address_has_no_configuration(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "")
    assert build_camera_config(settings, settings.cameras_by_id["live"]) is None


def test_every_field_comes_from_the_settings(tmp_path: Path) -> None:
    settings = settings_with(
        tmp_path,
        'address = "rtsp://cam.example/1"\nsubstream = "rtsp://cam.example/2"\n'
        'decode = "key_frames"\ninput_size = 1280\nmasks = [[[0, 0], [1, 0], [1, 0.2]]]',
        "[live]\nopen_seconds = 3\nstall_seconds = 4\nfrozen_seconds = 5\n"
        "longest_pause_seconds = 6\n",
    )
    config = build_camera_config(settings, settings.cameras_by_id["live"])
    assert config is not None
    assert config.address.get_secret_value() == "rtsp://cam.example/2"
    assert config.full_address.get_secret_value() == "rtsp://cam.example/1"
    assert config.masks == (((0.0, 0.0), (1.0, 0.0), (1.0, 0.2)),)
    assert (config.rate, config.input_size, config.decode) == (2.0, 1280, "key_frames")
    assert (config.open_seconds, config.stall_seconds) == (3, 4)
    assert (config.frozen_seconds, config.longest_pause_seconds) == (5, 6)


def test_credentials_of_a_file_are_merged_percent_encoded_into_both_addresses(
    tmp_path: Path,
) -> None:
    (tmp_path / "cam1.txt").write_text("viewer:p@ss:/?#%word \n")
    settings = settings_with(
        tmp_path,
        'address = "rtsp://cam.example:8554/1?a=b"\nsubstream = "http://cam.example/2"\n'
        'credentials_file = "cam1.txt"',
    )
    config = build_camera_config(settings, settings.cameras_by_id["live"])
    assert config is not None
    merged = "viewer:p%40ss%3A%2F%3F%23%25word%20@cam.example"
    assert config.full_address.get_secret_value() == f"rtsp://{merged}:8554/1?a=b"
    assert config.address.get_secret_value() == f"http://{merged}/2"
    assert "viewer" not in repr(config)
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 (a trusted pickle)


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
def test_an_unusable_credentials_file_is_rejected_without_its_content(
    tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    file = tmp_path / "cam1.txt"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = settings_with(
        tmp_path, 'address = "rtsp://cam.example/1"\ncredentials_file = "cam1.txt"'
    )
    with pytest.raises(SettingsError, match=message) as caught:
        build_camera_config(settings, settings.cameras_by_id["live"])
    assert CANARY not in str(caught.value)
    assert str(file) in str(caught.value)


def test_credentials_in_the_address_and_in_a_file_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "cam1.txt").write_text("viewer:other")
    settings = settings_with(
        tmp_path,
        f'address = "rtsp://viewer:{CANARY}@cam.example/1"\ncredentials_file = "cam1.txt"',
    )
    with pytest.raises(
        SettingsError, match="both in the address and in the credentials_file"
    ) as caught:
        build_camera_config(settings, settings.cameras_by_id["live"])
    assert CANARY not in str(caught.value)


def test_a_bad_address_is_rejected_with_the_id_of_its_camera(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, f'address = "ftp://viewer:{CANARY}@cam.example"')
    with pytest.raises(SettingsError, match=r"cameras 'live': address: .* ftp:") as caught:
        build_camera_config(settings, settings.cameras_by_id["live"])
    assert CANARY not in str(caught.value)


def test_a_substream_without_an_address_is_rejected(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, 'substream = "rtsp://cam.example/2"')
    with pytest.raises(SettingsError, match="a substream, but no address"):
        build_camera_config(settings, settings.cameras_by_id["live"])
