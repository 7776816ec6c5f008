"""Whatever goes wrong while Ray starts is a RayError."""

from typing import Any

import pytest
import ray

from cluster.errors import RayError
from cluster.runtime.ray_local import MIN_STORE_BYTES, join_ray, start_local_ray


@pytest.fixture(params=[Exception, RuntimeError, ConnectionError, ValueError, OSError])
def failing_ray(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray, which raises a bare `Exception` where its processes do not start in time."""

    def fail(**_: Any) -> None:
        raise request.param("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", fail)


@pytest.mark.usefixtures("failing_ray")
def test_a_ray_that_does_not_start_is_an_error_with_advice() -> None:
    with pytest.raises(RayError, match=r"cannot be started: The current node timed out.*try again"):
        start_local_ray(MIN_STORE_BYTES)


@pytest.mark.usefixtures("failing_ray")
def test_a_ray_that_cannot_be_joined_is_an_error_with_its_address() -> None:
    with pytest.raises(RayError, match=r"^10\.0\.0\.9:6379: Ray cannot be joined"):
        join_ray("10.0.0.9:6379")
