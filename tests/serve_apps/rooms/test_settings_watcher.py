"""The settings file is looked at again, and a slip in it changes nothing."""

from pathlib import Path

from serve_apps.rooms.settings_watcher import SettingsWatcher

GOOD = "[privacy]\nk = {k}\n"


def test_a_change_is_noticed_once(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(GOOD.format(k=10))
    file = SettingsWatcher(str(path))
    assert not file.look()
    path.write_text(GOOD.format(k=100))
    assert file.look()
    assert file.settings.privacy.k == 100
    assert not file.look()


def test_a_file_that_became_wrong_leaves_what_was_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(GOOD.format(k=10))
    file = SettingsWatcher(str(path))
    path.write_text(GOOD.format(k=2))
    assert not file.look()
    assert file.settings.privacy.k == 10
    assert "privacy.k" in file.problem
    path.write_text(GOOD.format(k=20))
    assert file.look()
    assert file.problem == ""


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(GOOD.format(k=10))
    file = SettingsWatcher(str(path))
    path.unlink()
    assert not file.look()
    assert file.settings.privacy.k == 10
    assert file.problem
