"""Where people are is counted for at least `k` of them, and coarsely."""

import numpy as np
import pytest

from cluster.calibration.crowd import CrowdMeter, coded_share, crowd_distance
from cluster.vision.people import People
from tests.calibration.views import EVEN, ON_THE_LEFT, crowd_of
from tests.vision.bodies import crowd, person

SIZE = (900, 900)


def people_at(*places: tuple[float, float], unit: float = 39.0) -> People:
    return crowd(*(person(at=place, unit=unit) for place in places))


def test_frames_with_fewer_than_k_people_are_left_out() -> None:
    meter = CrowdMeter(10)
    assert not meter.add(people_at(*[(450.0, 450.0)] * 9), SIZE)
    assert not meter.add(People.empty(), SIZE)
    assert meter.frames == 0
    with pytest.raises(ValueError, match="enough"):
        meter.summarise()
    assert meter.add(people_at(*[(450.0, 450.0)] * 10), SIZE)
    assert meter.frames == 1


def test_k_is_never_below_five() -> None:
    assert not CrowdMeter(1).add(people_at(*[(450.0, 450.0)] * 4), SIZE)


def test_shares_of_regions_are_counted_and_coded() -> None:
    meter = CrowdMeter(10)
    places = [(150.0, 150.0)] * 13 + [(800.0, 800.0)] * 7
    for _ in range(3):
        meter.add(people_at(*places), SIZE)
    shares = meter.summarise().shares
    assert shares == (0.65, *[0.05] * 7, 0.35)


def test_one_person_alone_in_a_region_is_told_by_no_share() -> None:
    meter = CrowdMeter(10)
    meter.add(people_at(*[(150.0, 150.0)] * 20, (800.0, 100.0)), SIZE)
    without = CrowdMeter(10)
    without.add(people_at(*[(150.0, 150.0)] * 21), SIZE)
    assert meter.summarise() == without.summarise()


def test_heads_are_measured_relative_to_the_picture() -> None:
    meter = CrowdMeter(5)
    meter.add(people_at(*[(450.0, 450.0)] * 3, unit=39.0), SIZE)
    meter.add(people_at(*[(450.0, 450.0)] * 5, unit=39.0), SIZE)
    large, small = CrowdMeter(5), CrowdMeter(5)
    large.add(people_at(*[(450.0, 450.0)] * 5, unit=78.0), (1800, 1800))
    small.add(people_at(*[(450.0, 450.0)] * 5, unit=78.0), SIZE)
    assert meter.summarise().head_height == pytest.approx(large.summarise().head_height)
    ratio = small.summarise().head_height / meter.summarise().head_height
    assert ratio == pytest.approx(2, rel=0.05)


def test_people_beyond_the_edge_count_in_the_region_beside_it() -> None:
    meter = CrowdMeter(5)
    meter.add(people_at(*[(-40.0, 1000.0)] * 5), SIZE)
    assert meter.summarise().shares[6] == 0.95


def test_the_distance_is_none_for_the_same_and_grows_with_what_differs() -> None:
    even, left = crowd_of(*EVEN), crowd_of(*ON_THE_LEFT)
    assert crowd_distance(even, even) == 0
    assert crowd_distance(even, left) == crowd_distance(left, even) == pytest.approx(0.45, abs=0.03)


@pytest.mark.parametrize(
    ("share", "coded"), [(0.0, 0.05), (0.051, 0.05), (0.117, 0.12), (0.949, 0.95), (1.0, 0.95)]
)
def test_a_share_is_kept_in_per_cents(share: float, coded: float) -> None:
    assert coded_share(share) == coded
    assert coded_share(float(np.float32(share))) == coded
