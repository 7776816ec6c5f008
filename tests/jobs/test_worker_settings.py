"""What workers get of a camera's calibration."""

from cluster.calibration.headcounts import headcount_factor, score_factor
from cluster.calibration.store import CalibrationStore
from cluster.district import find_place
from cluster.settings import Settings
from cluster.vision.score import SCORE
from jobs.archive.worker_settings import headcount_factors, worker_settings
from tests.calibration.measurements import headcount


def test_a_camera_has_the_bounds_of_its_counts_else_those_of_the_score(school: Settings) -> None:
    places = [find_place(school, camera) for camera in ("cam1", "cam2")]
    pairs = [headcount(25, 20, model=SCORE.model), headcount(30, 24, model=SCORE.model)]
    store = CalibrationStore.of(school)
    for pair in pairs:
        store.add_headcount("cam1", pair)
    sized = school.with_input_sizes({"cam1": 960, "cam2": 640})

    factors = headcount_factors(sized, places, SCORE.model)

    of_counts = headcount_factor(pairs, model=SCORE.model, input_size=960)
    assert factors == {"cam1": of_counts, "cam2": score_factor(SCORE.model)}
    cameras = worker_settings(sized, places, factors).cameras
    assert cameras["cam1"].factor == of_counts
    unscored = headcount_factors(sized, places, "other@000000000000")
    assert unscored == {"cam1": None, "cam2": None}


def test_a_worker_that_measures_sizes_has_no_factor(school: Settings) -> None:
    cameras = worker_settings(school, [find_place(school, "cam1")]).cameras
    assert cameras["cam1"].factor is None
