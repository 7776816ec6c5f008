from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rtsp import RtspServer


@pytest.fixture
def rtsp(tmp_path: Path) -> Iterator[RtspServer]:
    """A running server; it serves the files of `rtsp.folder`."""
    folder = tmp_path / "rtsp"
    folder.mkdir()
    server = RtspServer(folder)
    server.start()
    yield server
    server.stop()
