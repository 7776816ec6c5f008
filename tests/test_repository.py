"""What people expect of a repository is there, and says what is true."""

import re
import subprocess
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from cluster.cli.main import app

ROOT = Path(__file__).resolve().parents[1]

MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = re.search(r"^\.PHONY: ((?:.+\\\n)*.+)$", MAKEFILE, re.MULTILINE)
TARGETS = PHONY[1].replace("\\\n", " ").split() if PHONY else []


def test_make_alone_explains_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = dict(re.findall(r"^ +make ([\w-]+) +(\S.*)$", shown, re.MULTILINE))
    assert len(TARGETS) > 10
    assert set(explained) == set(TARGETS)


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
