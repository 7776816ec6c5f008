"""Measurements are kept whole: for broken files, other models and two writers at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.calibration.store import (
    MAX_HEADCOUNTS,
    Calibration,
    CalibrationStore,
    SizeMeasurement,
)
from cluster.errors import CalibrationError
from cluster.settings import Settings
from tests.calibration.measurements import MODEL, headcount, measurement
from tests.test_architecture import FORBIDDEN, words


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path / "calibration")


def test_it_lies_below_the_installations_data(school: Settings) -> None:
    store = CalibrationStore.of(school)
    store.add_size("cam1", measurement())
    assert (school.data_dir / "calibration" / "cam1.json").is_file()


def test_what_is_stored_is_read_again(store: CalibrationStore) -> None:
    assert store.read("cam1") == Calibration(camera_id="cam1")
    store.add_size("cam1", measurement())
    store.add_headcount("cam1", headcount(23, 21.5))
    known = store.read("cam1")
    assert known.sizes == (measurement(),)
    assert known.headcounts == (headcount(23, 21.5),)
    assert store.read("cam2").sizes == ()


def test_a_newer_measurement_of_the_same_kind_replaces_the_older(store: CalibrationStore) -> None:
    store.add_size("cam1", measurement())
    store.add_size("cam1", measurement(frame_width=640, frame_height=360))
    store.add_size("cam1", measurement(1, input_size=960))
    assert [size.input_size for size in store.read("cam1").sizes] == [640, 960]


@pytest.mark.parametrize(
    "other",
    [
        {"model": "other@000000000000"},
        {"limit": 1280},
        {"frame_size": (640, 360)},
        {"origin": "live"},
    ],
)
def test_a_measurement_of_another_kind_is_not_found(
    store: CalibrationStore, other: dict[str, object]
) -> None:
    known = store.add_size("cam1", measurement())
    asked = {"model": MODEL, "limit": 960, "frame_size": (1920, 1080), "origin": "archive"}
    assert known.find_size(**asked) == measurement()  # type: ignore[arg-type]
    assert known.find_size(**{**asked, **other}) is None  # type: ignore[arg-type]


def test_of_several_kinds_the_newest_is_found(store: CalibrationStore) -> None:
    store.add_size("cam1", measurement())
    known = store.add_size("cam1", measurement(1, frame_width=640, input_size=960))
    found = known.find_size(MODEL, 960)
    assert found is not None
    assert found.input_size == 960


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 2, "camera_id": "cam1"}', b'{"camera_id": "x"}'],
)
def test_a_broken_or_foreign_file_is_ignored_and_replaced(
    store: CalibrationStore, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store.folder.mkdir()
    path = store.folder / "cam1.json"
    path.write_bytes(content)
    assert store.read("cam1") == Calibration(camera_id="cam1")
    assert str(path) in caplog.text
    store.add_size("cam1", measurement())
    assert store.read("cam1").sizes == (measurement(),)


def test_a_file_with_an_unknown_key_is_ignored(store: CalibrationStore) -> None:
    store.add_size("cam1", measurement())
    path = store.folder / "cam1.json"
    values = json.loads(path.read_text())
    values["sizes"][0]["picture"] = "…"
    path.write_text(json.dumps(values))
    assert store.read("cam1").sizes == ()


def test_two_writers_at_once_lose_nothing(store: CalibrationStore) -> None:
    def write(index: int) -> None:
        CalibrationStore(store.folder).add_headcount("cam1", headcount(index, index))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert sorted(pair.true for pair in store.read("cam1").headcounts) == list(range(40))
    assert [path.name for path in store.folder.glob("*.json")] == ["cam1.json"]


def test_old_headcounts_are_dropped(store: CalibrationStore) -> None:
    known = Calibration(
        camera_id="cam1", headcounts=tuple(headcount(i, i) for i in range(MAX_HEADCOUNTS))
    )
    store.folder.mkdir()
    (store.folder / "cam1.json").write_text(known.model_dump_json())
    pairs = store.add_headcount("cam1", headcount(999, 1)).headcounts
    assert len(pairs) == MAX_HEADCOUNTS
    assert (pairs[0].true, pairs[-1].true) == (1, 999)


def test_a_change_of_any_file_changes_the_stores_stamp(store: CalibrationStore) -> None:
    stamps = [store.changed_at()]
    for camera in ("cam1", "cam2", "cam1"):
        store.add_size(camera, measurement())
        stamps.append(store.changed_at())
    assert len(set(stamps)) == 4


def test_a_folder_that_cannot_be_written_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "calibration").write_text("a file")
    with pytest.raises(CalibrationError, match=r"cam1\.json"):
        CalibrationStore(tmp_path / "calibration").add_size("cam1", measurement())


def test_nothing_of_a_person_and_no_picture_is_stored() -> None:
    names = {*Calibration.model_fields, *SizeMeasurement.model_fields}
    names |= set(type(headcount(1, 1)).model_fields)
    assert [name for name in names if words(name) & (FORBIDDEN | {"box", "picture", "pixels"})] == [
        "head_pixels"
    ]
