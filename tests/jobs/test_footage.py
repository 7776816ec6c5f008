"""What the operator named, as files with a camera and a start; or the reason why not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from cluster.errors import FootageListError, SettingsError
from cluster.settings import Settings
from jobs.archive.footage import Footage, FootageProblem, list_footage

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAME = "cam1_20260302T090000Z.mp4"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def memory() -> Iterator[str]:
    """A remote folder."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield "memory://district/archive"
    system.store.clear()


def put(address: str, content: str = "") -> str:
    with fsspec.open(address, "w", encoding="utf-8") as stream:
        stream.write(content)
    return address


def manifest_of(folder: Path, *lines: str, head: str = "path,camera_id,started_at") -> str:
    path = folder / "manifest.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return str(path)


def only_problem(files: list[Footage], problems: list[FootageProblem]) -> FootageProblem:
    assert files == []
    (problem,) = problems
    return problem


def test_a_file_has_camera_and_start_in_its_name(school: Settings, archive: Path) -> None:
    address = str(archive / NAME)
    assert list_footage([address], school) == ([Footage(address, "cam1", NINE)], [])


def test_a_folder_gives_its_videos_and_those_of_folders_in_it(
    school: Settings, archive: Path
) -> None:
    names = [
        "b/cam2_20260302T090000Z.MKV",
        "a/cam1_20260302T090000Z.mp4",
        "cam1_20260301T090000Z.ts",
    ]
    for name in [*names, "notes.txt", "a/cam1_20260302T090000Z.json"]:
        (archive / name).parent.mkdir(exist_ok=True)
        (archive / name).touch()
    files, problems = list_footage([str(archive)], school)
    assert [file.address for file in files] == sorted(str(archive / name) for name in names)
    assert {file.camera_id for file in files} == {"cam1", "cam2"}
    assert problems == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("holiday.mp4", "does not say camera and start"),
        ("cam1.mp4", "does not say camera and start"),
        ("_20260302T090000Z.mp4", "does not say camera and start"),
        ("cam1_2026-03-02.mp4", "does not say camera and start"),
        ("cam1_20260302T090000.mp4", "20260302T090000 in its name has no zone"),
        ("cam1_20261302T090000Z.mp4", "20261302T090000Z is not a time"),
        ("cam1_20260302T256000Z.mp4", "is not a time"),
        ("cam9_20260302T090000Z.mp4", "no camera 'cam9' in the settings (known: cam1, cam2)"),
    ],
)
def test_a_name_without_them_is_a_problem_and_does_not_stop_the_rest(
    school: Settings, archive: Path, name: str, words: str
) -> None:
    good, bad = str(archive / NAME), str(archive / name)
    files, problems = list_footage([bad, good], school)
    assert [file.address for file in files] == [good]
    (problem,) = problems
    assert problem.address == bad
    assert words in problem.reason


def test_the_same_file_counts_once(
    school: Settings, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (archive / NAME).touch()
    monkeypatch.chdir(archive)
    manifest = manifest_of(archive, f"{NAME},cam1,2026-03-02T09:00:00Z")
    named = [NAME, f"./{NAME}", str(archive), str(archive / NAME), (archive / NAME).as_uri()]
    files, problems = list_footage(named, school, manifest=manifest)
    assert files == [Footage(str(archive / NAME), "cam1", NINE)]
    assert problems == []


def test_a_file_named_in_two_ways_counts_once(school: Settings, archive: Path) -> None:
    name = "cam1_20260302T090000Z.mp4"
    (archive / name).write_bytes(b"")
    (archive / "other").mkdir()
    (archive.parent / "link").symlink_to(archive)
    ways = [archive / name, archive / "other/.." / name, archive.parent / "link" / name]
    files, problems = list_footage([str(way) for way in ways], school)
    assert [file.address for file in files] == [str(archive / name)]
    assert problems == []


def test_a_file_with_two_starts_counts_twice(school: Settings, archive: Path) -> None:
    rows = [f"a.mp4,cam1,2026-03-02T09:0{minute}:00Z" for minute in (0, 5, 5)]
    files, _ = list_footage([], school, manifest=manifest_of(archive, *rows))
    assert [file.started_at.minute for file in files] == [0, 5]


def test_a_file_url_is_decoded(school: Settings, archive: Path) -> None:
    folder = archive / "room 1 #2"
    folder.mkdir()
    file = folder / "cam1_20260302T090000Z.mp4"
    file.write_bytes(b"")
    for named in (file, folder):
        files, problems = list_footage([named.as_uri()], school)
        assert [one.address for one in files] == [str(file)]
        assert problems == []
    below, _ = list_footage([file.as_uri()], school, roots=[folder.as_uri()])
    assert [one.address for one in below] == [str(file)]
    outside, _ = list_footage([f"file://{folder}/%2e%2e/a.mp4"], school, roots=[folder.as_uri()])
    assert outside == []


def test_a_null_byte_in_a_name_does_not_end_the_list(school: Settings) -> None:
    rows = ["file:///a%00b/cam1_20260302T090000Z.mp4", "/a\0b/cam1_20260302T090100Z.mp4"]
    files, _ = list_footage(rows, school)
    assert len(files) == 2


def test_a_manifest_gives_camera_and_start_of_files_of_any_name(
    school: Settings, archive: Path
) -> None:
    manifest = manifest_of(
        archive,
        "monday.mp4,cam1,2026-03-02T10:00:00+01:00",
        "deep/tuesday.mp4,cam2,2026-03-03T09:00:00Z",
        "/else/where.mp4,cam1,2026-03-04T09:00:00Z",
        "memory://far/away.mp4,cam1,2026-03-05T09:00:00Z",
        '"a, b.mp4",cam1,2026-03-06T09:00:00.250Z',
    )
    files, problems = list_footage([], school, manifest=manifest)
    assert problems == []
    assert files == [
        Footage(str(archive / "monday.mp4"), "cam1", NINE),
        Footage(str(archive / "deep/tuesday.mp4"), "cam2", NINE.replace(day=3)),
        Footage("/else/where.mp4", "cam1", NINE.replace(day=4)),
        Footage("memory://far/away.mp4", "cam1", NINE.replace(day=5)),
        Footage(str(archive / "a, b.mp4"), "cam1", NINE.replace(day=6, microsecond=250_000)),
    ]


def test_paths_of_a_manifest_are_relative_to_it_wherever_the_job_runs(
    school: Settings, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest_of(archive, "a.mp4,cam1,2026-03-02T09:00:00Z")
    monkeypatch.chdir(archive.parent)
    for manifest in ("archive/manifest.csv", (archive / "manifest.csv").as_uri()):
        files, _ = list_footage([], school, manifest=manifest)
        assert [file.address for file in files] == [str(archive / "a.mp4")]


def test_a_manifest_may_name_files_by_address(school: Settings, archive: Path) -> None:
    manifest = manifest_of(archive, "file:///else/where.mp4,cam1,2026-03-02T09:00:00Z")
    files, _ = list_footage([], school, manifest=manifest)
    assert [file.address.removeprefix("file://") for file in files] == ["/else/where.mp4"]


def test_paths_of_a_remote_manifest_are_relative_to_it_too(school: Settings, memory: str) -> None:
    row = "monday.mp4,cam1,2026-03-02T09:00:00Z"
    manifest = put(f"{memory}/list.csv", f"path,camera_id,started_at\n{row}\n")
    files, _ = list_footage([], school, manifest=manifest)
    assert files == [Footage(f"{memory}/monday.mp4", "cam1", NINE)]


def test_a_manifest_written_by_a_spreadsheet_is_read(school: Settings, archive: Path) -> None:
    text = "started_at,note,path,camera_id\r\n2026-03-02T09:00:00Z,æ,a.mp4, cam1 \r\n"
    (archive / "m.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    files, problems = list_footage([], school, manifest=str(archive / "m.csv"))
    assert files == [Footage(str(archive / "a.mp4"), "cam1", NINE)]
    assert problems == []


@pytest.mark.parametrize("missing", ["path", "camera_id", "started_at"])
def test_a_column_that_a_manifest_lacks_is_named(
    school: Settings, archive: Path, missing: str
) -> None:
    columns = [name for name in ("path", "camera_id", "started_at") if name != missing]
    manifest = manifest_of(archive, "x,y", head=",".join(columns))
    with pytest.raises(FootageListError, match=f"the column {missing} is missing") as refused:
        list_footage([], school, manifest=manifest)
    assert refused.value.where == manifest


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.mp4,cam9,2026-03-02T09:00:00Z", "no camera 'cam9'"),
        ("a.mp4,,2026-03-02T09:00:00Z", "no camera ''"),
        ("a.mp4,cam1,yesterday", "'yesterday' is not a time"),
        ("a.mp4,cam1,", "is not a time"),
        ("a.mp4,cam1", "is not a time"),
        ("a.mp4,cam1,2026-03-02T09:00:00", "has no zone"),
    ],
)
def test_a_bad_row_of_a_manifest_is_a_problem_and_does_not_stop_the_rest(
    school: Settings, archive: Path, row: str, words: str
) -> None:
    manifest = manifest_of(archive, "ok.mp4,cam1,2026-03-02T09:00:00Z", row)
    files, problems = list_footage([], school, manifest=manifest)
    assert [file.address for file in files] == [str(archive / "ok.mp4")]
    (problem,) = problems
    assert problem.address == str(archive / "a.mp4")
    assert words in problem.reason


@pytest.mark.parametrize(
    "row",
    ["a.mp4,cam1,yesterday", "a.mp4,cam1,2026-03-02T09:00:00", "a.mp4,cam9,2026-03-02T09:00Z"],
)
def test_a_bad_row_of_a_manifest_is_named_with_its_line(
    school: Settings, archive: Path, row: str
) -> None:
    manifest = manifest_of(archive, "ok.mp4,cam1,2026-03-02T09:00:00Z", row)
    _, problems = list_footage([], school, manifest=manifest)
    assert f"{manifest}:3" in problems[0].reason


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00binary", b'path,camera_id,started_at\n"a.mp4,cam1', b"PK\x03\x04\x00\x00"],
)
def test_a_broken_manifest_is_reported(school: Settings, archive: Path, content: bytes) -> None:
    path = archive / "m.csv"
    path.write_bytes(content)
    with pytest.raises(FootageListError) as refused:
        list_footage([], school, manifest=str(path))
    assert refused.value.where == str(path)


def test_a_manifest_that_is_not_there_is_reported(school: Settings, archive: Path) -> None:
    for name in (str(archive / "none.csv"), str(archive), "nosuch://m.csv"):
        with pytest.raises(FootageListError, match="cannot be read") as refused:
            list_footage([], school, manifest=name)
        assert refused.value.where == name


def test_an_address_whose_driver_is_not_installed_is_reported(school: Settings) -> None:
    fsspec.register_implementation("absent", "no_such_driver.System", clobber=True)
    with pytest.raises(FootageListError, match="no_such_driver"):
        list_footage([], school, manifest="absent://m.csv")
    _, problems = list_footage(["absent://folder"], school)
    assert [problem.address for problem in problems] == ["absent://folder"]
    assert "no_such_driver" in problems[0].reason


def test_camera_and_start_may_be_given_for_one_file(school: Settings, archive: Path) -> None:
    address = str(archive / "holiday.mp4")
    said = list_footage([address], school, camera_id="cam1", started_at="2026-03-02T10:00:00+01:00")
    assert said == ([Footage(address, "cam1", NINE)], [])


def test_options_override_the_name(school: Settings, archive: Path) -> None:
    address = str(archive / NAME)
    files, _ = list_footage([address], school, camera_id="cam2", started_at="2026-03-05T09:00:00Z")
    assert files == [Footage(address, "cam2", NINE.replace(day=5))]


@pytest.mark.parametrize(
    ("inputs", "camera_id", "started_at"),
    [
        (["a.mp4"], "cam1", None),
        (["a.mp4"], None, "2026-03-02T09:00:00Z"),
        (["a.mp4", "b.mp4"], "cam1", "2026-03-02T09:00:00Z"),
    ],
)
def test_camera_and_start_go_together_with_one_file(
    school: Settings, inputs: list[str], camera_id: str | None, started_at: str | None
) -> None:
    with pytest.raises(FootageListError, match="go together, with one file"):
        list_footage(inputs, school, camera_id=camera_id, started_at=started_at)


@pytest.mark.parametrize("started_at", ["soon", "2026-03-02T09:00:00", ""])
def test_a_start_that_is_no_time_with_a_zone_ends_the_run(
    school: Settings, started_at: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        list_footage(["a.mp4"], school, camera_id="cam1", started_at=started_at)
    assert refused.value.where == "--started-at"


def test_a_camera_that_does_not_exist_is_a_problem_of_its_file(
    school: Settings, archive: Path
) -> None:
    address = str(archive / "a.mp4")
    said = list_footage([address], school, camera_id="cam9", started_at="2026-03-02T09:00:00Z")
    problem = only_problem(*said)
    assert problem.address == address
    assert "no camera 'cam9'" in problem.reason


def test_a_remote_folder_gives_its_videos(school: Settings, memory: str) -> None:
    for name in ("cam1_20260302T090000Z.mp4", "deep/cam2_20260302T090000Z.mp4", "notes.txt"):
        put(f"{memory}/{name}")
    files, problems = list_footage([memory], school)
    assert problems == []
    assert files == [
        Footage(f"{memory}/cam1_20260302T090000Z.mp4", "cam1", NINE),
        Footage(f"{memory}/deep/cam2_20260302T090000Z.mp4", "cam2", NINE),
    ]


def test_a_remote_file_may_be_named(school: Settings, memory: str) -> None:
    address = put(f"{memory}/{NAME}")
    assert list_footage([address], school) == ([Footage(address, "cam1", NINE)], [])


def test_no_footage_is_reported(school: Settings) -> None:
    with pytest.raises(FootageListError, match="no footage was named"):
        list_footage([], school)


def told_of_an_empty_folder(folder: str, others: list[str], school: Settings) -> bool:
    try:
        _, problems = list_footage([folder, *others], school)
    except FootageListError as error:
        return "holds no video" in str(error)
    return any("holds no video" in problem.reason for problem in problems)


def test_a_folder_without_videos_is_reported(school: Settings, archive: Path) -> None:
    (archive / "notes.txt").touch()
    assert told_of_an_empty_folder(str(archive), [], school)


def test_a_remote_folder_without_videos_is_reported(school: Settings, memory: str) -> None:
    put(f"{memory}/notes.txt")
    assert told_of_an_empty_folder(memory, [], school)


def test_a_folder_without_videos_does_not_stop_the_rest(school: Settings, archive: Path) -> None:
    (archive / "empty").mkdir()
    (archive / NAME).touch()
    files, problems = list_footage([str(archive / "empty"), str(archive / NAME)], school)
    assert [file.address for file in files] == [str(archive / NAME)]
    assert [problem.address for problem in problems] == [str(archive / "empty")]


@pytest.fixture
def linked(archive: Path) -> Path:
    """Footage with links: to a file beside the archive, to a folder there, within, in a circle."""
    beside = archive.parent / "beside"
    beside.mkdir()
    for folder in (beside, archive):
        (folder / "day.mp4").touch()
    (beside / "cam1_20260302T100000Z.mp4").touch()
    (archive / NAME).symlink_to(beside / "day.mp4")
    (archive / "cam1_20260302T110000Z.mp4").symlink_to(archive / "day.mp4")
    (archive / "cam1_20260302T120000Z.mp4").symlink_to(archive / "cam1_20260302T120000Z.mp4")
    (archive / "folder").symlink_to(beside)
    (archive / "cam1_20260302T130000Z.mp4").touch()
    return archive


def test_below_roots_what_a_link_leads_out_to_is_reported_and_not_opened(
    linked: Path, school: Settings
) -> None:
    files, problems = list_footage([str(linked)], school, roots=[str(linked)])
    assert {Path(file.address) for file in files} == {
        linked / "day.mp4",  # as the link names it, and opened where it is
        linked / "cam1_20260302T130000Z.mp4",
    }
    outside = [one for one in problems if "is outside of the folders" in one.reason]
    assert {Path(one.address).name for one in outside} >= {NAME, "cam1_20260302T120000Z.mp4"}
    assert not [file for file in files if "beside" in str(Path(file.address).resolve())]


def test_below_roots_nothing_that_is_named_by_hand_or_in_a_manifest_leads_out(
    linked: Path, school: Settings
) -> None:
    out = str(linked / NAME)
    through = str(linked / "folder" / "cam1_20260302T100000Z.mp4")
    manifest = manifest_of(linked, f"{out},cam1,2026-03-02T09:00:00Z")
    ways = [
        list_footage([out], school, roots=[str(linked)]),
        list_footage([through], school, roots=[str(linked)]),
        list_footage([str(linked / "folder")], school, roots=[str(linked)]),
        list_footage(
            [out], school, camera_id="cam1", started_at="2026-03-02T09:00Z", roots=[str(linked)]
        ),
        list_footage([], school, manifest=manifest, roots=[str(linked)]),
    ]
    for files, problems in ways:
        assert files == []
        assert any("is outside of the folders" in problem.reason for problem in problems)


def test_without_roots_links_are_followed(linked: Path, school: Settings) -> None:
    files, _ = list_footage([str(linked / NAME)], school)
    assert [file.address for file in files] == [str(linked / NAME)]


def test_below_roots_an_address_must_begin_with_one(memory: str, school: Settings) -> None:
    address = put(f"{memory}/{NAME}")
    listed = list_footage([memory], school, roots=["memory://district"])
    assert listed == ([Footage(address, "cam1", NINE)], [])
    problem = only_problem(*list_footage([memory], school, roots=["memory://district/other"]))
    assert "is outside of the folders" in problem.reason


@pytest.mark.parametrize("stamp", ["99991231T235940Z", "00010101T000000Z", "19700101T000000Z"])
def test_a_year_in_which_no_camera_recorded_is_a_problem(
    school: Settings, archive: Path, stamp: str
) -> None:
    path = archive / f"cam1_{stamp}.mp4"
    path.touch()
    problem = only_problem(*list_footage([str(archive)], school))
    assert problem.address == str(path)
    assert f"it cannot have started in the year {int(stamp[:4])}" in problem.reason
    time = f"{stamp[:4]}-12-31T23:59:40Z"
    problem = only_problem(*list_footage([str(path)], school, camera_id="cam1", started_at=time))
    assert "the recorder's clock" in problem.reason


def test_a_path_with_dots_and_an_encoded_url_name_the_same_file(
    school: Settings, archive: Path
) -> None:
    folder = archive / "a week"
    folder.mkdir()
    (folder / NAME).touch()
    named = [
        str(folder / NAME),
        f"{folder}/../a week/{NAME}",
        f"file://{archive}/a%20week/{NAME}",
        f"file://localhost{archive}/a%20week/{NAME}",
        f"file://{archive}/x/../a%20week",
    ]
    files, problems = list_footage(named, school)
    assert files == [Footage(str(folder / NAME), "cam1", NINE)]
    assert problems == []
