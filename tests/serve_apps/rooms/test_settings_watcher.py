"""A changed settings file is reloaded, and an invalid one is not applied."""

from pathlib import Path

from serve_apps.rooms.settings_watcher import SettingsWatcher

GOOD = "[privacy]\nk = {k}\n"


def test_a_changed_file_is_reloaded_once(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(GOOD.format(k=10))
    watcher = SettingsWatcher(str(path))
    assert not watcher.reload_if_changed()
    path.write_text(GOOD.format(k=100))
    assert watcher.reload_if_changed()
    assert watcher.settings.privacy.k == 100
    assert not watcher.reload_if_changed()


def test_an_invalid_file_leaves_the_settings_in_force_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(GOOD.format(k=10))
    watcher = SettingsWatcher(str(path))
    path.write_text(GOOD.format(k=2))
    assert not watcher.reload_if_changed()
    assert watcher.settings.privacy.k == 10
    assert "privacy.k" in watcher.problem
    path.write_text(GOOD.format(k=20))
    assert watcher.reload_if_changed()
    assert watcher.problem == ""


def test_a_deleted_file_leaves_the_settings_in_force(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(GOOD.format(k=10))
    watcher = SettingsWatcher(str(path))
    path.unlink()
    assert not watcher.reload_if_changed()
    assert watcher.settings.privacy.k == 10
    assert watcher.problem
