"""`homeroom analyse`, `serve` and `openapi` are the job and the service themselves, imported."""

import subprocess
import sys
from pathlib import Path

from tests.cli.command import Homeroom
from tests.conftest import write_settings

ROOT = Path(__file__).resolve().parents[2]


def test_analyse_explains_all_options_of_the_job(homeroom: Homeroom) -> None:
    answer = homeroom("analyse", "--help")
    assert answer.code == 0
    options = ("--manifest", "--camera", "--started-at", "--below", "--lessons", "--address")
    assert all(option in answer.out for option in (*options, "--settings", "--json"))


def test_analyse_without_footage_ends_with_1_and_its_code(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    answer = homeroom("analyse", "--json", "--settings", write_settings(tmp_path))
    assert answer.code == 1
    assert answer.json["error"]["code"] == "footage_list_invalid"
    assert answer.stderr_contains("no footage was named")


def test_analyse_with_an_unknown_option_ends_with_2(homeroom: Homeroom) -> None:
    assert homeroom("analyse", "--nonsense", "a.mp4").code == 2


def test_a_lessons_file_that_is_wrong_is_named_with_its_line(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    lessons = tmp_path / "lessons.csv"
    lessons.write_text("lesson_id,room_id,class_id,starts_at,ends_at\nl1,r9,7b,,\n")
    settings = write_settings(tmp_path)
    answer = homeroom("analyse", "a.mp4", "--lessons", lessons, "--settings", settings)
    assert answer.code == 1
    assert answer.stderr_contains("lessons.csv:2: room_id: there is no room 'r9'")


def test_the_api_document_is_written(homeroom: Homeroom, tmp_path: Path) -> None:
    out = tmp_path / "openapi.json"
    assert homeroom("openapi", "--out", out).code == 0
    assert out.read_text() == (ROOT / "docs" / "openapi.json").read_text()
    assert homeroom("openapi", "--check", out).code == 0
    out.write_text("{}")
    assert homeroom("openapi", "--check", out).code == 1


def test_the_command_line_starts_without_what_only_a_command_needs() -> None:
    heavy = {
        "fastapi",
        "matplotlib",
        "openvino",
        "ray",
        "scipy",
        "serve_apps",
        "supervision",
        "torch",
    }
    code = f"import sys, cluster.cli.main; print({heavy!r} & set(sys.modules) or 'none')"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ended.stdout.strip() == "none"
