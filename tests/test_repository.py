"""What people expect of a repository is there, and says what is true."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
HIDDEN = [path for name in (".github", ".devcontainer") for path in (ROOT / name).rglob("*.*")]
CONFIGURATION = sorted(
    path
    for path in [*HIDDEN, *ROOT.glob(".*.yaml"), *ROOT.glob("*.yaml"), *ROOT.glob("deploy/**/*.*")]
    if path.suffix in {".yml", ".yaml", ".json"}
)
FORMS = sorted(
    path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""Pages that tell what is; the changelog tells what was, under the names of its time."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path | str) -> Any:
    text = (ROOT / path).read_text()
    return json.loads(text) if Path(path).suffix == ".json" else yaml.safe_load(text)


@pytest.mark.parametrize("path", CONFIGURATION, ids=named)
def test_configuration_can_be_parsed(path: Path) -> None:
    assert parsed(path)


def test_the_workflow_runs_the_ci_script_with_few_rights_and_an_end() -> None:
    workflow = parsed(".github/workflows/ci.yml")
    (job,) = workflow["jobs"].values()
    commands = " ".join(step.get("run", "") for step in job["steps"])
    assert "bash .ci/run" in commands
    assert (ROOT / ".ci/run").is_file()
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    assert job["timeout-minutes"] <= 60


def test_workflows_use_nothing_but_a_pinned_checkout() -> None:
    used = [
        step["uses"]
        for path in (ROOT / ".github/workflows").iterdir()
        for job in parsed(path)["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert used
    assert [one for one in used if not re.fullmatch(r"actions/checkout@[0-9a-f]{40}", one)] == []


@pytest.mark.parametrize("path", FORMS, ids=named)
def test_an_issue_form_asks_for_the_doctor_and_for_nobodys_picture(path: Path) -> None:
    form = parsed(path)
    assert {"name", "description", "body"} <= set(form)
    kinds = {"markdown": "value", "textarea": "label", "dropdown": "label", "checkboxes": "label"}
    for part in form["body"]:
        assert part["attributes"][kinds[part["type"]]]
    names = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(set(names)) == len(names)
    text = path.read_text()
    assert "homeroom doctor --json" in text
    assert "Never attach pictures" in text


def test_the_pull_request_template_asks_for_rules_tests_documentation_and_changelog() -> None:
    boxes = re.findall(
        r"^- \[ \] (.+)$", (ROOT / ".github/PULL_REQUEST_TEMPLATE.md").read_text(), re.MULTILINE
    )
    for word in ("R1 to R10", "Tests", "`docs/`", "CHANGELOG.md", "pupil"):
        assert any(word in box for box in boxes), word


MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = re.search(r"^\.PHONY: ((?:.+\\\n)*.+)$", MAKEFILE, re.MULTILINE)
TARGETS = PHONY[1].replace("\\\n", " ").split() if PHONY else []


def test_make_alone_explains_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = dict(re.findall(r"^ +make ([\w-]+) +(\S.*)$", shown, re.MULTILINE))
    assert len(TARGETS) > 10
    assert set(explained) == set(TARGETS)


def test_every_test_that_starts_ray_is_in_a_run_of_make() -> None:
    command = ["make", "--dry-run", "test-ray-jobs", "test-ray-services"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named_in_runs = re.findall(r"tests/[\w/]+\.py", shown)

    starting = [
        file
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"pytest\.mark\.ray\b", file.read_text())
    ]
    assert len(starting) > 10
    assert sorted(map(named, starting)) == sorted(named_in_runs)


def code_in(page: Path) -> Iterator[str]:
    """The words of a page that stand in backticks or in a block of code."""
    text = page.read_text()
    for block in re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from block.split()
    for span in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)):
        yield from span.split()


def test_contributing_names_targets_that_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    made = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page, re.MULTILINE))
    assert {"help", "setup", "test", "test-fast", "check"} <= made
    assert made <= set(TARGETS)


def test_the_devcontainer_is_set_up_by_a_target_that_exists() -> None:
    command = parsed(".devcontainer/devcontainer.json")["postCreateCommand"]
    (target,) = re.findall(r"&& make (\S+)$", command)
    assert target in TARGETS


def test_hooks_fetch_nothing_and_run_what_make_check_runs() -> None:
    repositories = parsed(".pre-commit-config.yaml")["repos"]
    assert {one["repo"] for one in repositories} == {"local"}
    hooks = [hook for one in repositories for hook in one["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system", "pygrep"}
    programs = {
        hook["entry"].split()[0].removeprefix(".venv/bin/")
        for hook in hooks
        if hook["language"] == "system"
    }
    recipe = MAKEFILE.partition("\ncheck:")[2].partition("\n\n")[0]
    assert programs == set(re.findall(r"\$\(BIN\)/([\w-]+)", recipe))


FOLDERS = {
    *("cluster", "serve_apps", "jobs", "tests", "docs", "bench", "deploy"),
    *(".ci", ".github", ".devcontainer"),
}
TEST_FILES = {path.name for path in (ROOT / "tests").rglob("test_*.py")}


def paths_in(page: Path) -> set[str]:
    """The words in a page's code that look like paths of the repository."""
    found = set()
    for word in code_in(page):
        path = word.strip("()[],;:'\"").partition("::")[0]
        is_below = re.fullmatch(r"[\w.*<>-]+(/[\w.*<>-]+)*/?", path) and "/" in path
        is_page_or_test = re.fullmatch(r"[A-Z_]+\.md|test_\w+\.py", path)
        if is_page_or_test or (is_below and path.split("/")[0] in FOLDERS):
            found.add(path)
    return found


def exists(path: str) -> bool:
    """Whether there is such a file or folder; `<…>` stands for any text."""
    if path in TEST_FILES:
        return True
    return any(ROOT.glob(re.sub(r"<[^>]*>", "*", path.rstrip("/"))))


def test_paths_are_found_in_code_and_looked_for() -> None:
    found = set().union(*(paths_in(page) for page in NOW))
    assert {"tests/test_docs.py", ".devcontainer/devcontainer.json"} <= found
    assert exists("tests/test_<name>.py")
    assert exists("docs/")
    assert not exists("tests/no_such_file.py")
    assert not exists("test_no_such_file.py")


@pytest.mark.parametrize("page", NOW, ids=named)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert sorted(path for path in paths_in(page) if not exists(path)) == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=named)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
RELEASES = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", CHANGELOG, re.MULTILINE)


def test_the_newest_release_of_the_changelog_is_the_version_that_homeroom_prints() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.output == f"homeroom {RELEASES[0][0]}\n"


def test_releases_are_dated_and_stand_newest_first_below_what_is_unreleased() -> None:
    sections = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert sections == ["[Unreleased]", *(f"[{name}] - {day}" for name, day in RELEASES)]
    versions = [tuple(map(int, name.split("."))) for name, _ in RELEASES]
    days = [date.fromisoformat(day) for _, day in RELEASES]
    assert versions == sorted(set(versions), reverse=True)
    assert days == sorted(days, reverse=True)


def test_the_changelog_uses_the_usual_headings() -> None:
    headings = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert headings <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
