"""Keys: wrapped, apart, private, and gone when they are destroyed."""

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


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = store(tmp_path).current("roster")
    assert store(tmp_path).current("roster") == made
    assert store(tmp_path).current("audit") != made


def test_a_key_lies_wrapped_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    _, key = store(tmp_path).current("students/a")
    file = tmp_path / "keys" / "students" / "a.wrapped"
    assert key not in file.read_bytes()
    assert base64.b64encode(key) not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_master_key_opens_nothing(tmp_path: Path) -> None:
    store(tmp_path).current("roster")
    with pytest.raises(KeyUnusable, match="another master key"):
        store(tmp_path, LocalMasterKey(b"x" * 32)).current("roster")


def test_a_key_file_under_another_name_opens_nothing(tmp_path: Path) -> None:
    store(tmp_path).current("roster")
    (tmp_path / "keys" / "roster.wrapped").rename(tmp_path / "keys" / "badges.wrapped")
    with pytest.raises(KeyUnusable):
        store(tmp_path).current("badges")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"versions": 3}', '{"versions": {"a": "b"}}'])
def test_a_damaged_key_file_is_told_and_not_replaced(tmp_path: Path, content: str) -> None:
    store(tmp_path).current("roster")
    file = tmp_path / "keys" / "roster.wrapped"
    file.write_text(content)
    with pytest.raises(KeyUnusable):
        store(tmp_path).current("roster")
    assert file.read_text() == content


def test_a_destroyed_key_is_gone_for_every_process(tmp_path: Path) -> None:
    one, other = store(tmp_path), store(tmp_path)
    version, _ = one.current("students/a")
    assert other.destroy("students/a")
    assert not other.destroy("students/a")
    with pytest.raises(KeyMissing):
        one.version("students/a", version)
    assert list((tmp_path / "keys" / "students").iterdir()) == []


def test_a_new_version_leaves_the_old_one_until_it_is_told(tmp_path: Path) -> None:
    keys = store(tmp_path)
    first, old = keys.current("students/a")
    second, new = keys.add_version("students/a")
    assert keys.current("students/a") == (second, new)
    assert keys.version("students/a", first) == old
    keys.keep_only("students/a", second)
    assert keys.current("students/a") == (second, new)
    with pytest.raises(KeyMissing):
        keys.version("students/a", first)


def test_a_key_that_was_destroyed_and_one_made_anew_have_different_numbers(tmp_path: Path) -> None:
    keys = store(tmp_path)
    first, _ = keys.current("students/a")
    keys.destroy("students/a")
    again, _ = keys.current("students/a")
    assert first != again


def test_destroying_a_key_also_destroys_what_a_killed_write_left(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.current("students/a")
    folder = tmp_path / "keys" / "students"
    shutil.copyfile(folder / "a.wrapped", folder / ".a.wrapped")
    keys.destroy("students/a")
    assert list(folder.iterdir()) == []


def test_what_a_key_file_held_is_overwritten_when_it_is_replaced(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.current("students/a")
    file = tmp_path / "keys" / "students" / "a.wrapped"
    with file.open("rb") as old:
        version, _ = keys.add_version("students/a")
        keys.keep_only("students/a", version)
        assert set(old.read()) == {0}


def test_other_files_in_the_folder_are_no_keys(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.current("roster")
    (tmp_path / "keys" / "audit-head.json").write_text("{}")
    (tmp_path / "keys" / ".roster.wrapped").write_text("half")
    assert list(keys.names()) == ["roster"]
    assert keys.rewrap(LocalMasterKey(b"n" * 32)) == 1


def test_another_master_key_takes_over_and_can_be_interrupted(tmp_path: Path) -> None:
    keys = store(tmp_path)
    kept = {name: keys.current(name) for name in ("roster", "students/a", "audit")}
    new = LocalMasterKey(b"n" * 32)
    assert keys.rewrap(new) == 3
    assert store(tmp_path).rewrap(new) == 0
    assert {name: store(tmp_path, new).current(name) for name in kept} == kept


def test_without_a_word_a_master_key_is_made_beside_the_keys(tmp_path: Path) -> None:
    security = SecuritySettings(keys_dir=tmp_path / "keys")
    first, again = load_master_key(security), load_master_key(security)
    assert first.id == again.id
    assert stat.S_IMODE((tmp_path / "keys" / "master.key").stat().st_mode) == 0o600


def test_a_master_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_bytes(base64.b64encode(b"m" * 32))
    file.chmod(0o644)
    with pytest.raises(KeyUnusable, match="others"):
        read_master_key(file)
    file.chmod(0o600)
    assert read_master_key(file).id == MASTER.id


@pytest.mark.parametrize("text", ["", "short", "AAAA", "ä" * 32])
def test_a_master_key_of_the_wrong_form_is_refused_without_being_shown(text: str) -> None:
    security = SecuritySettings.model_validate({"master_key": text})
    with pytest.raises(KeyUnusable) as caught:
        load_master_key(security)
    assert not text or text not in str(caught.value)


def test_a_named_master_key_file_that_is_not_there_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        load_master_key(SecuritySettings(master_key_file=tmp_path / "none"))


KMS = """
import base64, sys
verb, name = sys.argv[1:]
data = base64.b64decode(sys.stdin.buffer.read())
sys.stdout.write(base64.b64encode(bytes(b ^ 90 for b in data)).decode())
"""


def test_a_kms_is_a_program_that_wraps(tmp_path: Path) -> None:
    program = tmp_path / "kms.py"
    program.write_text(KMS)
    master = load_master_key(SecuritySettings(kms_command=[sys.executable, str(program)]))
    keys = KeyStore(tmp_path / "keys", master)
    version, key = keys.current("roster")
    assert KeyStore(tmp_path / "keys", master).version("roster", version) == key


@pytest.mark.parametrize("command", [["/none"], ["false"], ["echo", "not base64!"]])
def test_a_kms_that_fails_is_told(command: list[str]) -> None:
    with pytest.raises(KeyUnusable, match="failed to wrap"):
        CommandMasterKey(command).wrap(b"k", "name")


@given(st.binary(max_size=64), st.text(max_size=8), st.text(max_size=8))
def test_what_is_sealed_opens_only_in_its_context(plain: bytes, context: str, other: str) -> None:
    sealed = seal(b"k" * 32, plain, context)
    assert unseal(b"k" * 32, sealed, context) == plain
    if other != context:
        with pytest.raises(KeyUnusable):
            unseal(b"k" * 32, sealed, other)


@given(st.binary(min_size=1, max_size=32), st.data())
def test_any_flipped_bit_is_found(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(b"k" * 32, plain, "c"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(KeyUnusable):
        unseal(b"k" * 32, bytes(sealed), "c")
