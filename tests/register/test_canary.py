"""A canary in a name and in an embedding is never stored in plain text."""

import base64
import logging
from pathlib import Path

import numpy as np
import pytest

from cluster.records.db.database import Records
from cluster.register.erasure import erase
from cluster.register.faces.templates import decrypt_templates, store_template
from cluster.security.keys import KeyStore
from tests.register.school import ENGINE, School, create_school, student

NAME = "Canarybird"
EMBEDDING = np.frombuffer(b"CANARY-IN-A-FACE" * 4, "<f4")


def forms(secret: bytes) -> dict[str, bytes]:
    """Return how a secret may appear in a file, by encoding."""
    text = secret.decode("latin-1")
    return {
        "plain": secret,
        "utf-16": text.encode("utf-16-le"),
        "hex": secret.hex().encode(),
        **{
            f"base64 from {skip}": base64.b64encode(secret[skip:])[: (len(secret) - skip) // 3 * 4]
            for skip in range(3)
        },
    }


def found_in(folder: Path) -> list[str]:
    secrets = {
        **{f"name, {form}": text for form, text in forms(NAME.encode()).items()},
        **{f"face, {form}": text for form, text in forms(EMBEDDING.tobytes()).items()},
        "face, as numbers": repr(float(EMBEDDING[0])).encode(),
    }
    return [
        f"{file.name}: {form}"
        for file in folder.rglob("*")
        if file.is_file()
        for form, secret in secrets.items()
        if secret in file.read_bytes()
    ]


@pytest.fixture
def canary(
    records: Records, keys: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> School:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return create_school(records, keys, tmp_path, name=NAME)


def use_school(school: School, log: Path) -> None:
    """Store, decrypt and destroy a template, with all logging at its most detailed."""
    handler = logging.FileHandler(log)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        school.consent(1, 2)
        with school.audited.work("operator:test") as work:
            for number in (1, 2):
                store_template(work, school.permission, student(number), ENGINE, EMBEDDING)
            (template, _) = decrypt_templates(work, [student(1), student(2)], ENGINE)
            assert template.embedding.tobytes() == EMBEDDING.tobytes()
        school.open()
        school.show()
        with school.audited.work("operator:test") as work:
            erase(work, "student-1", keep_entries=True)
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


def test_no_file_contains_a_canary_while_the_database_is_open_and_after(
    canary: School, tmp_path: Path
) -> None:
    use_school(canary, tmp_path / "debug.log")
    assert (tmp_path / "debug.log").exists()
    assert found_in(tmp_path) == []
    canary.audited.records.scrub()
    canary.audited.close()
    assert found_in(tmp_path) == []


def test_the_search_finds_a_canary(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"xx" + NAME.encode())
    (tmp_path / "b").write_bytes(base64.b64encode(b"12" + EMBEDDING.tobytes()))
    assert {hit.split(":")[0] for hit in found_in(tmp_path)} == {"a", "b"}
