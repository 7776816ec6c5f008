"""The rules R1 to R10 are stated in one place, cited where they are implemented, and tested."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CITATION = re.compile(r"\bR(\d{1,2})\b")


def stated() -> set[int]:
    """The rules of docs/architecture.md."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    return {int(number) for number in re.findall(r"^\| R(\d+) \|", page, re.MULTILINE)}


def citations(*folders: str) -> dict[int, list[str]]:
    """Rule to the Python files that cite it."""
    found: dict[int, list[str]] = {}
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.name not in ("test_rules.py", "test_repository.py"):  # they speak of citing
                for number in set(CITATION.findall(file.read_text())):
                    found.setdefault(int(number), []).append(str(file.relative_to(ROOT)))
    return found


def test_the_architecture_page_states_ten_rules() -> None:
    assert stated() == set(range(1, 11))


def test_every_cited_rule_exists() -> None:
    found = citations("cluster", "serve_apps", "jobs", "tests", "bench")
    assert {number: files for number, files in found.items() if number not in stated()} == {}


def test_pages_cite_only_rules_that_exist() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        assert {int(number) for number in CITATION.findall(page.read_text())} <= stated(), page.name


def test_every_rule_is_cited_by_a_test() -> None:
    assert stated() - citations("tests").keys() == set()


def test_every_rule_is_cited_by_the_code_that_follows_it() -> None:
    assert stated() - citations("cluster", "serve_apps", "jobs").keys() == set()
