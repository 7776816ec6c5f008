"""The demo, whole, as a newcomer runs it."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cluster.activity.desk_work import DESK_WORK
from cluster.cli.demo import ROOM, STARTS_AT
from cluster.demo.rendered_class import true_windows
from cluster.settings import Settings, load_settings
from cluster.warehouse.report import load_report


def assert_windows_are_near_the_truth(settings: Settings) -> None:
    """Bounds that hold for the clip of the demo; docs/activity.md has the score over many."""
    counted = load_report(settings, ROOM, STARTS_AT, STARTS_AT + timedelta(minutes=1)).windows
    truth = true_windows()
    assert [window.window_start for window in counted] == [
        true.window_start(STARTS_AT) for true in truth
    ]
    assert [window.suppressed for window in counted] == [False] * 5 + [True]
    for window, true in zip(counted, truth, strict=True):
        assert window.people_mean == pytest.approx(true.people_mean, abs=1.0)
        if window.suppressed:
            continue
        assert window.people_low is not None
        assert window.people_high is not None
        assert window.people_low <= true.people_mean <= window.people_high
        for name in ("hand_raised", "head_down", "standing"):
            share = getattr(window, f"{name}_share")
            assert share == pytest.approx(true.share(name), abs=0.1)
        assert window.desk_work_share == pytest.approx(true.share(DESK_WORK), abs=0.2)


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
    assert_windows_are_near_the_truth(load_settings(tmp_path / "demo" / "homeroom.toml"))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    command = [sys.executable, "-m", "cluster.cli.main", "demo", "--out=demo"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 1
    assert "the demo cannot write here" in done.stderr
    assert "Traceback" not in done.stderr
