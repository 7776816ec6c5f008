"""Weights come from the settings, the package or the download, and are never loaded unchecked."""

import contextlib
import hashlib
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cluster.errors import WeightsError, WeightsMismatch, WeightsMissing
from cluster.settings import WeightsSettings
from cluster.vision.pose.weights import (
    YOLO11N_POSE,
    PublishedModel,
    download_weights,
    find_packaged_weights,
    find_pose_weights,
    sha256_of,
)

CONTENT = b"the right weights" * 1000
OTHER = b"something else" * 1000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Site:
    """A web site on this machine that serves one file."""

    content: bytes = CONTENT
    promised_bytes: int | None = None
    """What the header says of the length, if it is not true."""
    requests: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A running web server; what it serves can be changed."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            self.send_response(200)
            length = site.promised_bytes or len(site.content)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(site.content)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}/small-pose.pt"
        yield site
        server.shutdown()
        thread.join()


def published(url: str, *, package: str = "no_such_package_here") -> PublishedModel:
    """A model that is published at an address, with the checksum of `CONTENT`."""
    return PublishedModel("small-pose", sha256(CONTENT), package, url, "AGPL-3.0")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that carries `small-pose.pt`, and must not be imported."""
    folder = tmp_path / "site" / "weights_carrier"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('the package was imported')")
    (folder / "small-pose.pt").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def only(model: PublishedModel) -> dict[str, PublishedModel]:
    """The model that settings without `weights.pose` name."""
    return {"classroom": model}


def never(model: PublishedModel, cache_dir: Path) -> Path:
    raise AssertionError(f"{model.name} was downloaded to {cache_dir}")


def test_the_configured_file_stands_before_the_package_and_the_download(
    tmp_path: Path, package: Path
) -> None:
    mine = tmp_path / "mine.pt"
    mine.write_bytes(OTHER)
    found = find_pose_weights(
        WeightsSettings(pose=mine, pose_sha256=sha256(OTHER)),
        tmp_path,
        models=only(published("", package=package.name)),
        download=never,
    )
    assert (found.path, found.name, found.sha256) == (mine, "mine", sha256(OTHER))
    assert found.origin == "configured path"
    assert found.licence == "unknown"
    assert found.model_id == f"mine@{sha256(OTHER)[:12]}"


def test_the_package_stands_before_the_download_and_is_not_imported(
    tmp_path: Path, package: Path
) -> None:
    model = published("", package=package.name)
    found = find_pose_weights(WeightsSettings(), tmp_path, models=only(model), download=never)
    assert found.path == package / "small-pose.pt"
    assert found.origin == "package weights_carrier"
    assert found.licence == "AGPL-3.0"


def test_the_download_comes_last(tmp_path: Path, site: Site) -> None:
    found = find_pose_weights(
        WeightsSettings(), tmp_path / "cache", models=only(published(site.url))
    )
    assert found.path.read_bytes() == CONTENT
    assert found.path.parent == tmp_path / "cache"
    assert found.origin == site.url


def test_a_package_without_the_file_gives_way_to_the_download(
    tmp_path: Path, site: Site, package: Path
) -> None:
    (package / "small-pose.pt").unlink()
    model = published(site.url, package=package.name)
    assert (
        find_pose_weights(WeightsSettings(), tmp_path / "cache", models=only(model)).origin
        == site.url
    )


def test_the_official_weights_are_in_the_installed_package() -> None:
    path = find_packaged_weights(YOLO11N_POSE)
    assert path is not None
    assert sha256_of(path) == YOLO11N_POSE.sha256


def test_a_configured_copy_of_the_official_file_needs_no_checksum(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(CONTENT)
    found = find_pose_weights(
        WeightsSettings(pose=copy), tmp_path, models=only(published("")), download=never
    )
    assert found.licence == "AGPL-3.0"


def test_a_configured_file_that_is_missing_is_not_replaced_by_another(
    tmp_path: Path, package: Path
) -> None:
    model = published("", package=package.name)
    lost = tmp_path / "lost.pt"
    with pytest.raises(WeightsMissing, match="no such weights file") as caught:
        find_pose_weights(WeightsSettings(pose=lost), tmp_path, models=only(model), download=never)
    assert caught.value.where == str(lost)
    assert "weights.pose" in str(caught.value.hint)


def test_a_configured_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no such weights file"):
        find_pose_weights(WeightsSettings(pose=tmp_path), tmp_path, download=never)


@pytest.mark.parametrize("stated", [None, sha256(b"a third")])
def test_a_configured_file_with_another_checksum_is_refused_with_both(
    tmp_path: Path, stated: str | None
) -> None:
    mine = tmp_path / "mine.pt"
    mine.write_bytes(OTHER)
    with pytest.raises(WeightsMismatch) as caught:
        find_pose_weights(
            WeightsSettings(pose=mine, pose_sha256=stated),
            tmp_path,
            models=only(published("")),
            download=never,
        )
    assert sha256(OTHER) in str(caught.value)
    assert (stated or "the settings state none") in str(caught.value)
    assert str(mine) in str(caught.value)


def test_a_package_with_a_changed_file_is_refused_with_both_checksums(
    tmp_path: Path, package: Path
) -> None:
    (package / "small-pose.pt").write_bytes(OTHER)
    model = published("", package=package.name)
    with pytest.raises(WeightsMismatch) as caught:
        find_pose_weights(WeightsSettings(), tmp_path, models=only(model), download=never)
    assert sha256(OTHER) in str(caught.value)
    assert sha256(CONTENT) in str(caught.value)


def test_a_checksum_for_ones_own_file_does_not_let_the_packages_file_pass(
    tmp_path: Path, package: Path
) -> None:
    (package / "small-pose.pt").write_bytes(OTHER)
    model = published("", package=package.name)
    with pytest.raises(WeightsMismatch):
        find_pose_weights(
            WeightsSettings(pose_sha256=sha256(OTHER)),
            tmp_path,
            models=only(model),
            download=never,
        )


@dataclass
class Trap:
    """What a bad weights file can hold: when it is unpickled, a file appears."""

    trace: Path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


def test_a_refused_file_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "it_ran"
    mine = tmp_path / "mine.pt"
    mine.write_bytes(pickle.dumps(Trap(trace)))
    with pytest.raises(WeightsMismatch):
        find_pose_weights(WeightsSettings(pose=mine), tmp_path, download=never)
    assert not trace.exists()
    pickle.loads(mine.read_bytes())  # noqa: S301 (the trap is our own)
    assert trace.exists(), "the trap should work"


def test_a_download_is_kept_and_not_fetched_again(tmp_path: Path, site: Site) -> None:
    model = published(site.url)
    first = find_pose_weights(WeightsSettings(), tmp_path, models=only(model))
    second = find_pose_weights(WeightsSettings(), tmp_path, models=only(model))
    assert first == second
    assert len(site.requests) == 1


def test_a_kept_download_that_was_changed_is_refused(tmp_path: Path, site: Site) -> None:
    model = published(site.url)
    find_pose_weights(WeightsSettings(), tmp_path, models=only(model)).path.write_bytes(OTHER)
    with pytest.raises(WeightsMismatch, match=sha256(OTHER)):
        find_pose_weights(WeightsSettings(), tmp_path, models=only(model))


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_download_with_wrong_content_is_refused_with_both_checksums_and_not_kept(
    tmp_path: Path, site: Site
) -> None:
    site.content = OTHER
    with pytest.raises(WeightsMismatch) as caught:
        download_weights(published(site.url), tmp_path)
    assert sha256(OTHER) in str(caught.value)
    assert sha256(CONTENT) in str(caught.value)
    assert caught.value.where == site.url
    assert files_in(tmp_path) == []


def test_a_download_that_breaks_off_takes_no_name_and_the_next_try_succeeds(
    tmp_path: Path, site: Site
) -> None:
    site.content, site.promised_bytes = CONTENT[:5000], len(CONTENT)
    with pytest.raises(WeightsError) as caught:
        download_weights(published(site.url), tmp_path)
    assert caught.value.where == site.url
    assert files_in(tmp_path) == []
    site.content, site.promised_bytes = CONTENT, None
    assert download_weights(published(site.url), tmp_path).read_bytes() == CONTENT


def test_a_server_that_is_down_gives_the_ways_out(tmp_path: Path, site: Site) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        port = gone.server_port
    url = f"http://127.0.0.1:{port}/small-pose.pt"
    with pytest.raises(WeightsMissing, match="could not be downloaded") as caught:
        find_pose_weights(
            WeightsSettings(), tmp_path, models=only(replace(published(site.url), url=url))
        )
    assert caught.value.where == url
    assert "no_such_package_here" in str(caught.value.hint)
    assert "weights.pose" in str(caught.value.hint)


def test_an_unwritable_cache_is_named_and_not_a_raw_error(tmp_path: Path, site: Site) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsMissing, match="could not be downloaded"):
        download_weights(published(site.url), tmp_path / "file" / "cache")
