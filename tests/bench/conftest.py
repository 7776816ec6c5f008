"""Bodies and a renderer for the tests that draw; skipped with a reason where there are none."""

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.classroom.bodies import Bodies
    from bench.classroom.renderer import Renderer

COUNT = 16
WIDTH, HEIGHT = 480, 270

os.environ.setdefault("LP_NUM_THREADS", "1")  # of llvmpipe: other tests run beside these


@pytest.fixture(scope="session")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> "Bodies":
    """A few bodies."""
    for package in ("anny", "moderngl"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install '.[classroom]'")
    from bench.classroom.bodies import load_bodies

    return load_bodies(tmp_path_factory.mktemp("bodies"), COUNT)


@pytest.fixture(scope="session")
def renderer(bodies: "Bodies") -> "Renderer":
    """A renderer of small pictures."""
    from bench.classroom.portraits import open_renderer

    try:
        return open_renderer(bodies, WIDTH, HEIGHT)
    except Exception as error:  # noqa: BLE001 - moderngl and the loaders raise what they like
        pytest.skip(f"OpenGL over EGL is not to be had: {error}")
