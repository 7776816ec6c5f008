"""The demo, whole, as a newcomer runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.ray
@pytest.mark.timeout(900)  # two minutes alone; several times as long on a busy machine
def test_the_demo_gives_tables_a_report_and_a_register_that_asked_first(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cluster.cli.main", "demo", "--out=demo", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=880
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["rows"]["activity_windows"] == 6
    assert (answer["proposed"], answer["proposed_after_withdrawal"]) == (4, 3)
    assert "<svg" in Path(answer["report"]).read_text()
    assert "every link of its chain holds" in done.stderr
    names = {line.split()[-1] for line in done.stderr.splitlines() if "proposed" in line}
    assert names == {"proposed"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    command = [sys.executable, "-m", "cluster.cli.main", "demo", "--out=demo"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 1
    assert "the demo cannot write here" in done.stderr
    assert "Traceback" not in done.stderr
