"""Only footage below a root is allowed, however its path is written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import NotAllowed
from serve_apps.http.services.footage_paths import resolve_footage

REMOTE = ["s3://lessons/2026", "s3://other/"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "footage"
    found.mkdir()
    (tmp_path / "footage-2").mkdir()
    (tmp_path / "secret.mp4").touch()
    (found / "lesson.mp4").touch()
    (found / "out").symlink_to(tmp_path)
    (found / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (found / "circle").symlink_to(found / "circle")
    (tmp_path / "in").symlink_to(found)
    return found


@pytest.mark.parametrize(
    "name", ["", "/", "/lesson.mp4", "/not/there/yet.mp4", "/out/footage/lesson.mp4"]
)
def test_a_path_below_a_root_is_allowed(root: Path, name: str) -> None:
    (found,) = resolve_footage([f"{root}{name}"], [str(root)])
    assert Path(found).is_relative_to(root)
    assert ".." not in found


def test_a_root_may_be_given_by_a_link_which_is_resolved(root: Path) -> None:
    found = resolve_footage([f"file://{root.parent}/in/lesson.mp4"], [str(root.parent / "in")])
    assert found == [str(root / "lesson.mp4")]


@pytest.mark.parametrize(
    "name",
    ["/../secret.mp4", "/out/secret.mp4", "/out.mp4", "-2", "-2/a.mp4", "/..", "/circle", "/a\0b"],
)
def test_a_path_that_leads_out_of_a_root_is_denied(root: Path, name: str) -> None:
    with pytest.raises(NotAllowed) as denied:
        resolve_footage([f"{root}{name}"], [str(root)])
    assert "footage_roots" in (denied.value.hint or "")


@pytest.mark.parametrize("item", ["lesson.mp4", "./lesson.mp4", "", "~/lesson.mp4", "--manifest=x"])
def test_a_relative_path_is_denied(root: Path, item: str) -> None:
    with pytest.raises(NotAllowed):
        resolve_footage([item], [str(root)])


def test_the_error_is_the_same_whether_the_file_exists_or_not(root: Path) -> None:
    messages = set()
    for name in ("secret.mp4", "no-such.mp4"):
        with pytest.raises(NotAllowed) as denied:
            resolve_footage([str(root.parent / name)], [str(root)])
        messages.add(str(denied.value))
    assert len(messages) == 1


@pytest.mark.parametrize(
    "item",
    [
        "s3://lessons/2026",
        "s3://lessons/2026/",
        "s3://other/x.mp4",
    ],
)
def test_an_address_below_a_root_is_allowed(item: str) -> None:
    assert resolve_footage([item], REMOTE) == [item]


@pytest.mark.parametrize(
    "item",
    [
        "s3://lessons/2027/a.mp4",
        "s3://lessons/20266/a.mp4",
        "s3://lessons/2026/../2027/a.mp4",
        "s3://lessons/2026/..",
        "s3://lessons/2026/./a.mp4",
        "s3://lessons/2026//a.mp4",
        "s3://lessons/2026/%2e%2e/a.mp4",
        "s3://lessons/2026/a.mp4?x=1",
        "s3://lessons/2026/a.mp4#x",
        "s3://lessons/2026/a b.mp4",
        "s3://key:secret@lessons/2026/a.mp4",
        "S3://lessons/2026/a.mp4",
        "simplecache::s3://lessons/2026/a.mp4",
        "http://lessons/2026/a.mp4",
        "zip://a.mp4::s3://lessons/2026/a.zip",
        "s3://lessons\\2026/a.mp4",
    ],
)
def test_an_address_that_may_lead_elsewhere_is_denied(item: str) -> None:
    with pytest.raises(NotAllowed):
        resolve_footage([item], REMOTE)


def test_without_roots_nothing_is_allowed(root: Path) -> None:
    for item in (str(root), "s3://lessons/2026", "/"):
        with pytest.raises(NotAllowed):
            resolve_footage([item], [])


@given(
    st.text(max_size=60), st.sampled_from(["", "/srv/footage/", "s3://lessons/2026/", "file://"])
)
def test_no_text_raises_another_error_or_leads_out_of_a_root(text: str, prefix: str) -> None:
    try:
        (found,) = resolve_footage([prefix + text], ["/srv/footage", "s3://lessons/2026"])
    except NotAllowed:
        return
    assert found.startswith(("/srv/footage", "s3://lessons/2026"))
    assert ".." not in found.split("/")
