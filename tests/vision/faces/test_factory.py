"""Whoever reads cameras can cut faces, and has nothing that could compare them."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.settings import Settings
from cluster.vision.faces.dlib_engine import NETWORK, PREDICTOR, DlibCutter, find_packaged_weights
from cluster.vision.faces.factory import create_face_cutter, create_face_engine
from cluster.vision.faces.insightface_engine import InsightFaceCutter

INSIGHTFACE = Settings.model_validate({"registers": {"engine": "insightface"}})


def test_the_cutter_of_the_settings_cannot_compare() -> None:
    cutter = create_face_cutter(Settings())
    assert hasattr(cutter, "chips")
    assert not hasattr(cutter, "embed")
    assert not hasattr(InsightFaceCutter, "embed")
    assert create_face_engine(Settings()).thresholds == cutter.thresholds


def test_a_cutter_needs_no_network_on_its_machine(tmp_path: Path) -> None:
    (tmp_path / PREDICTOR).write_bytes((find_packaged_weights() / PREDICTOR).read_bytes())
    assert not (tmp_path / NETWORK).exists()
    assert DlibCutter(tmp_path).thresholds.in_lesson.min_width_pixels > 0


def test_a_cutter_loads_nothing_that_knows_persons() -> None:
    code = (
        "import sys; from cluster.settings import Settings;"
        "from cluster.vision.faces.factory import create_face_cutter;"
        "create_face_cutter(Settings()); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "cluster.vision.faces.dlib_engine" in loaded
    known = ("cluster.register", "cluster.records", "cluster.activity")
    assert [name for name in loaded if name.startswith(known)] == []


@pytest.mark.parametrize("make", [create_face_cutter, create_face_engine])
def test_insightface_without_a_pack_says_how_to_get_one(make: object) -> None:
    assert callable(make)
    with pytest.raises(SettingsError, match="homeroom face download"):
        make(INSIGHTFACE)
