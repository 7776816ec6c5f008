"""The entry point: exit statuses, and errors in words, for people and as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import __version__
from cluster.cli.main import app
from tests.cli.command import Homeroom
from tests.conftest import write_settings


def test_the_version_is_the_packages(homeroom: Homeroom) -> None:
    answer = homeroom("--version")
    assert (answer.code, answer.out) == (0, f"homeroom {__version__}\n")


def test_an_unknown_command_ends_with_2_and_is_named(homeroom: Homeroom) -> None:
    answer = homeroom("nonsense")
    assert answer.code == 2
    assert answer.stderr_contains("No such command 'nonsense'")
    assert answer.out == ""


@pytest.mark.parametrize("arguments", [("check", "--nonsense"), ("query",), ("report", "r1")])
def test_a_command_that_is_called_wrongly_ends_with_2(
    homeroom: Homeroom, arguments: tuple[str, ...]
) -> None:
    assert homeroom(*arguments).code == 2


def test_help_names_every_command(homeroom: Homeroom) -> None:
    answer = homeroom("--help")
    assert answer.code == 0
    commands = {command.name for command in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    assert {"demo", "init", "check", "doctor", "analyse", "publish", "query", "report"} <= commands
    assert groups == {
        *("roster", "consent", "face", "register", "badge", "token", "audit", "records"),
        "checkin",
    }
    assert all(f" {name} " in answer.out for name in commands | groups)


def test_every_command_explains_itself_and_takes_json(homeroom: Homeroom) -> None:
    for group in app.registered_groups:
        inner = group.typer_instance
        assert inner is not None
        for command in inner.registered_commands:
            name = str(command.name or getattr(command.callback, "__name__", ""))
            shown = homeroom(str(group.name), name, "--help")
            assert shown.code == 0
            assert "--json" in shown.out, (group.name, name)


def test_an_error_ends_a_process_with_1_in_words_and_as_json_without_a_traceback(
    tmp_path: Path,
) -> None:
    missing = tmp_path / "none.toml"
    code = "from cluster.cli.main import run; run()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "check", "--json", "--settings", str(missing)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    said = "".join(ended.stderr.split())
    assert said == f"Error:{missing}:thereisnosuchsettingsfile.`homeroominit`writesone."
    assert json.loads(ended.stdout) == {
        "error": {
            "code": "settings_invalid",
            "detail": "there is no such settings file.",
            "where": str(missing),
            "hint": "`homeroom init` writes one.",
        }
    }


def test_without_json_an_error_leaves_standard_output_empty(homeroom: Homeroom) -> None:
    answer = homeroom("check")
    assert (answer.code, answer.out) == (1, "")


def test_an_error_shows_text_as_it_is_and_not_as_markup(homeroom: Homeroom, tmp_path: Path) -> None:
    path = tmp_path / "[red]none[/b].toml"
    answer = homeroom("check", "--settings", path)
    assert answer.code == 1
    assert answer.stderr_contains(str(path))


def test_a_place_in_an_error_can_be_copied_whole(homeroom: Homeroom, tmp_path: Path) -> None:
    path = tmp_path / ("a-long-name-" * 9) / "homeroom.toml"
    assert str(path) in homeroom("check", "--settings", path).err


def test_the_environment_names_the_settings_where_no_option_does(
    homeroom: Homeroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert homeroom("check").code == 1
    monkeypatch.setenv("HOMEROOM_SETTINGS", str(write_settings(tmp_path)))
    assert homeroom("check").code == 0


def test_the_working_folder_has_the_settings_where_nothing_else_names_them(
    homeroom: Homeroom,
) -> None:
    write_settings(Path())
    assert homeroom("check").code == 0
