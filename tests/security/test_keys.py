"""Keys: wrapped, private, and gone once they are destroyed."""

import base64
import shutil
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import KeyMissing, KeyUnusable
from cluster.security.keys import KeyStore, seal, unseal
from cluster.security.master_key import (
    CommandMasterKey,
    LocalMasterKey,
    load_master_key,
    read_master_key,
)
from cluster.settings import SecuritySettings

pytestmark = pytest.mark.durable

MASTER = LocalMasterKey(b"m" * 32)


def store(tmp_path: Path, master: LocalMasterKey = MASTER) -> KeyStore:
    return KeyStore(tmp_path / "keys", master)


def test_a_key_is_created_once(tmp_path: Path) -> None:
    created = store(tmp_path).current("roster")
    assert store(tmp_path).current("roster") == created
    assert store(tmp_path).current("audit") != created


def test_a_key_file_is_wrapped_and_private(tmp_path: Path) -> None:
    _, key = store(tmp_path).current("students/a")
    file = tmp_path / "keys" / "students" / "a.wrapped"
    assert key not in file.read_bytes()
    assert base64.b64encode(key) not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_master_key_unwraps_nothing(tmp_path: Path) -> None:
    store(tmp_path).current("roster")
    with pytest.raises(KeyUnusable, match="another master key"):
        store(tmp_path, LocalMasterKey(b"x" * 32)).current("roster")


def test_a_renamed_key_file_cannot_be_unwrapped(tmp_path: Path) -> None:
    store(tmp_path).current("roster")
    (tmp_path / "keys" / "roster.wrapped").rename(tmp_path / "keys" / "badges.wrapped")
    with pytest.raises(KeyUnusable):
        store(tmp_path).current("badges")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"versions": 3}', '{"versions": {"a": "b"}}'])
def test_a_damaged_key_file_is_reported_and_not_replaced(tmp_path: Path, content: str) -> None:
    store(tmp_path).current("roster")
    file = tmp_path / "keys" / "roster.wrapped"
    file.write_text(content)
    with pytest.raises(KeyUnusable):
        store(tmp_path).current("roster")
    assert file.read_text() == content


def test_a_destroyed_key_is_gone_for_other_processes_too(tmp_path: Path) -> None:
    one, other = store(tmp_path), store(tmp_path)
    version, _ = one.current("students/a")
    assert other.destroy("students/a")
    assert not other.destroy("students/a")
    with pytest.raises(KeyMissing):
        one.version("students/a", version)
    assert list((tmp_path / "keys" / "students").iterdir()) == []


def test_the_old_version_of_a_key_is_kept_until_keep_only(tmp_path: Path) -> None:
    keys = store(tmp_path)
    first, old = keys.current("students/a")
    second, new = keys.add_version("students/a")
    assert keys.current("students/a") == (second, new)
    assert keys.version("students/a", first) == old
    keys.keep_only("students/a", second)
    assert keys.current("students/a") == (second, new)
    with pytest.raises(KeyMissing):
        keys.version("students/a", first)


def test_a_key_created_after_a_destruction_has_another_version_number(tmp_path: Path) -> None:
    keys = store(tmp_path)
    first, _ = keys.current("students/a")
    keys.destroy("students/a")
    again, _ = keys.current("students/a")
    assert first != again


@pytest.mark.parametrize("temporary", [".a.wrapped.tmp", ".a.wrapped"])
def test_destroying_a_key_also_destroys_temporary_files_of_killed_writes(
    tmp_path: Path, temporary: str
) -> None:
    keys = store(tmp_path)
    keys.current("students/a")
    folder = tmp_path / "keys" / "students"
    shutil.copyfile(folder / "a.wrapped", folder / temporary)
    keys.destroy("students/a")
    assert list(folder.iterdir()) == []


def test_the_old_content_of_a_replaced_key_file_is_overwritten(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.current("students/a")
    file = tmp_path / "keys" / "students" / "a.wrapped"
    with file.open("rb") as old:
        version, _ = keys.add_version("students/a")
        keys.keep_only("students/a", version)
        assert set(old.read()) == {0}


def test_other_files_in_the_folder_are_ignored(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.current("roster")
    (tmp_path / "keys" / "audit-head.json").write_text("{}")
    (tmp_path / "keys" / ".roster.wrapped").write_text("half")
    assert list(keys.names()) == ["roster"]
    assert keys.rewrap(LocalMasterKey(b"n" * 32)) == 1


def test_rewrapping_with_another_master_key_can_be_repeated(tmp_path: Path) -> None:
    keys = store(tmp_path)
    kept = {name: keys.current(name) for name in ("roster", "students/a", "audit")}
    new = LocalMasterKey(b"n" * 32)
    assert keys.rewrap(new) == 3
    assert store(tmp_path).rewrap(new) == 0
    assert {name: store(tmp_path, new).current(name) for name in kept} == kept


def test_by_default_a_master_key_is_created_beside_the_keys(tmp_path: Path) -> None:
    security = SecuritySettings(keys_dir=tmp_path / "keys")
    first, again = load_master_key(security), load_master_key(security)
    assert first.id == again.id
    assert stat.S_IMODE((tmp_path / "keys" / "master.key").stat().st_mode) == 0o600


def test_a_master_key_readable_by_others_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_bytes(base64.b64encode(b"m" * 32))
    file.chmod(0o644)
    with pytest.raises(KeyUnusable, match="others"):
        read_master_key(file)
    file.chmod(0o600)
    assert read_master_key(file).id == MASTER.id


@pytest.mark.parametrize("text", ["", "short", "AAAA", "ä" * 32])
def test_a_malformed_master_key_is_rejected_and_not_in_the_error(text: str) -> None:
    security = SecuritySettings.model_validate({"master_key": text})
    with pytest.raises(KeyUnusable) as caught:
        load_master_key(security)
    assert not text or text not in str(caught.value)


def test_a_missing_master_key_file_that_is_configured_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        load_master_key(SecuritySettings(master_key_file=tmp_path / "none"))


KMS = """
import base64, sys
verb, name = sys.argv[1:]
data = base64.b64decode(sys.stdin.buffer.read())
sys.stdout.write(base64.b64encode(bytes(b ^ 90 for b in data)).decode())
"""


def test_a_kms_program_wraps_keys(tmp_path: Path) -> None:
    program = tmp_path / "kms.py"
    program.write_text(KMS)
    master = load_master_key(SecuritySettings(kms_command=[sys.executable, str(program)]))
    keys = KeyStore(tmp_path / "keys", master)
    version, key = keys.current("roster")
    assert KeyStore(tmp_path / "keys", master).version("roster", version) == key


@pytest.mark.parametrize("command", [["/none"], ["false"], ["echo", "not base64!"]])
def test_a_failing_kms_program_is_reported(command: list[str]) -> None:
    with pytest.raises(KeyUnusable, match="failed to wrap"):
        CommandMasterKey(command).wrap(b"k", "name")


@given(st.binary(max_size=64), st.text(max_size=8), st.text(max_size=8))
def test_sealed_data_is_decrypted_only_in_its_context(
    plain: bytes, context: str, other: str
) -> None:
    sealed = seal(b"k" * 32, plain, context)
    assert unseal(b"k" * 32, sealed, context) == plain
    if other != context:
        with pytest.raises(KeyUnusable):
            unseal(b"k" * 32, sealed, other)


@given(st.binary(min_size=1, max_size=32), st.data())
def test_any_flipped_bit_is_detected(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(b"k" * 32, plain, "c"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(KeyUnusable):
        unseal(b"k" * 32, bytes(sealed), "c")
