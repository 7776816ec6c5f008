"""The documentation says what the code does."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.activity import durations
from cluster.calibration.input_sizes import MIN_PEOPLE
from cluster.cli.main import app
from cluster.settings import Settings
from cluster.vision import activity, duplicates
from cluster.vision.pose import input_size
from cluster.warehouse.schema import TABLES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def _row(page: str, name: str) -> str:
    return "\n".join(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))


def test_the_page_of_activities_states_the_constants_of_the_code() -> None:
    page = (ROOT / "docs" / "activity.md").read_text()
    for number in (
        activity.TORSO_LENGTH_TO_UNIT,
        activity.RAISED_WRIST_ABOVE_SHOULDERS,
        activity.RAISED_WRIST_ABOVE_ELBOW,
        activity.RAISED_WRIST_FROM_NOSE,
        duplicates.CONTAINED_SHARE,
        duplicates.HEAD_DISTANCE,
        duplicates.HEAD_POINT_SCORE,
        duplicates.POINT_DISTANCE,
        durations.BRIDGE_SECONDS,
        durations.SMOOTHING_SECONDS,
        durations.MIN_PROBABILITY,
        durations.MIN_HAND_PROBABILITY,
        durations.MIN_RULE_HAND_PROBABILITY,
        durations.MIN_HELD_HAND_PROBABILITY,
        durations.HAND_RAISED_SECONDS,
    ):
        assert str(number) in page


def test_the_page_states_how_input_sizes_are_chosen_as_the_code_does() -> None:
    page = (ROOT / "docs" / "activity.md").read_text()
    section = page.split("## Sizes")[1].split("\n## ")[0]
    for ratio in (
        input_size.SHOULDERS_TO_HEAD,
        input_size.TORSO_TO_HEAD,
        input_size.BOX_WIDTH_TO_HEAD,
    ):
        assert f"divided by {1 / ratio:.1f}" in " ".join(section.split())
    assert f"at least {input_size.WANTED_HEAD_PIXELS:.0f} pixels" in " ".join(section.split())
    assert f"fewer than {input_size.MIN_HEAD_PIXELS:.0f} pixels" in " ".join(section.split())
    assert input_size.SMALLEST_PERCENTILE == 10
    assert "smallest tenth" in section
    assert "three people; otherwise" in " ".join((ROOT / "docs" / "archive.md").read_text().split())
    assert MIN_PEOPLE == 3


def test_every_activity_is_defined() -> None:
    page = (ROOT / "docs" / "activity.md").read_text()

    assert all(_row(page, str(name)) for name in activity.Activity)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_column_is_documented_with_its_comment(table: object) -> None:
    page = (ROOT / "docs" / "warehouse.md").read_text()
    known = next(t for t in TABLES if t is table)

    assert f"## {known.name}\n\n{known.comment}\n" in page
    for column in known.columns:
        assert f"| `{column.name}` | {column.type} | {column.comment} |" in page


def test_every_setting_appears_in_the_file_that_init_writes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from cluster.cli.main import run; run()",
        "init",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True)
    text = (tmp_path / "homeroom.toml").read_text()

    for name in Settings.model_fields:
        assert re.search(rf"^(# )?\[*{name}\b", text, re.MULTILINE), name


GROUPS = {str(group.name) for group in app.registered_groups}


def _commands() -> list[str]:
    """The `homeroom` commands in the documentation's shell blocks."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return sorted({line.split("#")[0].strip() for line in lines if line.startswith("homeroom ")})


@pytest.mark.parametrize("line", _commands())
def test_every_command_in_the_documentation_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)
    depth = 3 if words[1] in GROUPS else 2
    result = CliRunner().invoke(app, [*words[1:depth], "--help"], env={"COLUMNS": "200"})

    assert result.exit_code == 0, result.output
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        assert option in result.output


def test_every_make_target_in_the_documentation_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word
        for page in [*PAGES, ROOT / "CONTRIBUTING.md"]
        for word in re.findall(
            r"make (\w[\w-]*)",
            "\n".join(re.findall(r"`[^`]*`|```.*?```", page.read_text(), re.DOTALL)),
        )
    }

    assert named
    assert named <= targets


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+|[A-Z]\w+)`", (ROOT / "docs" / "threats.md").read_text()))
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"^(?:def|class) (\w+)", written, re.MULTILINE))
    assert len(named) > 20
    assert named <= existing


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_committed_openapi_document_is_what_the_code_says() -> None:
    command = [sys.executable, "-c", "from cluster.cli.main import run; run()", "openapi"]
    checked = subprocess.run(
        [*command, f"--check={ROOT / 'docs' / 'openapi.json'}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
