"""Files on the clock: whole minutes, every second once, and only what is left to do."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cluster.activity.durations import MEMORY_SECONDS
from cluster.settings import Settings, load_settings
from cluster.streams.decode.probe import probe
from cluster.warehouse.lake import Lake, PartMetadata
from jobs.archive.footage import Footage
from jobs.archive.segments import (
    Piece,
    Plan,
    Segment,
    analysis_name,
    group_into_runs,
    make_plan,
    part_key,
    probe_footage,
)
from tests.conftest import write_settings, write_video
from tests.plugins.hypothesis_profiles import examples

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MODEL = "pose@1"
LENGTHS = (0.5, 3.0, 20.0, 130.0)
COPIES = 4


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(write_settings(tmp_path_factory.mktemp("district")))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[float, list[str]]:
    """Real videos of each length, several of each."""
    folder = tmp_path_factory.mktemp("videos")
    made: dict[float, list[str]] = {}
    for length in LENGTHS:
        first = write_video(folder / f"{length}.mp4", seconds=length, rate=2, size=(32, 32))
        made[length] = [str(first)]
        for number in range(1, COPIES):
            made[length].append(str(shutil.copyfile(first, folder / f"{length}-{number}.mp4")))
    return made


def plan(
    footage: Sequence[Footage], settings: Settings, lake: Lake | None = None, model: str = MODEL
) -> Plan:
    return make_plan(probe_footage(footage), settings, lake or Lake(settings.lake_dir), model)


def at(address: str, seconds: float, camera_id: str = "cam1") -> Footage:
    """A file that starts some seconds after nine."""
    return Footage(address, camera_id, NINE + timedelta(seconds=seconds))


def clock(seconds: float) -> float:
    return seconds - NINE.timestamp()


def spans(segment: Segment) -> list[tuple[float, float]]:
    """From where to where its pieces go, to a millisecond."""
    return [(round(clock(piece.start), 3), round(clock(piece.end), 3)) for piece in segment.pieces]


def test_a_file_is_cut_at_whole_minutes_of_the_clock(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    made = plan([at(videos[130.0][0], 30)], district)
    assert made.problems == ()
    assert made.done == ()
    assert [clock(segment.start) for segment in made.pending] == [0.0, 60.0, 120.0]
    assert [spans(segment) for segment in made.pending] == [
        [(30.0, 60.0)],
        [(60.0, 120.0)],
        [(120.0, 160.0)],
    ]


def test_a_file_that_fills_its_minutes_makes_no_empty_one(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    made = plan([at(videos[20.0][0], 40)], district)
    assert [spans(segment) for segment in made.pending] == [[(40.0, 60.0)]]


def test_two_files_that_follow_each_other_share_the_minute_between(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    first, second = videos[20.0][:2]
    (segment,) = plan([at(second, 30), at(first, 10)], district).pending
    assert [piece.address for piece in segment.pieces] == [first, second]
    assert spans(segment) == [(10.0, 30.0), (30.0, 50.0)]
    assert segment.seconds == pytest.approx(40.0)
    assert segment.intervals == tuple((piece.start, piece.end) for piece in segment.pieces)


def test_cameras_have_minutes_of_their_own(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    first, second = videos[20.0][:2]
    made = plan([at(first, 0), at(second, 5, "cam2")], district)
    assert made.problems == ()
    assert [(segment.camera_id, len(segment.pieces)) for segment in made.pending] == [
        ("cam1", 1),
        ("cam2", 1),
    ]


def test_the_frames_just_before_a_minute_lead_into_it(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    first, second = videos[130.0][0], videos[20.0][0]
    made = plan([at(first, -70.0), at(second, 61.0)], district).pending
    leads = [
        [
            (piece.address, round(clock(piece.start), 3), round(clock(piece.end), 3))
            for piece in segment.lead_in
        ]
        for segment in made
    ]
    assert leads == [
        [],
        [(first, -60.0 - MEMORY_SECONDS, -60.0)],
        [(first, -MEMORY_SECONDS, 0.0)],
        [(first, 60.0 - MEMORY_SECONDS, 60.0)],
    ]


def test_a_lead_in_may_come_from_the_file_before(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    first, second = videos[20.0][:2]
    before, after = plan([at(first, 38), at(second, 58)], district).pending
    assert before.lead_in == ()
    assert [piece.address for piece in after.lead_in] == [first, second]
    assert clock(after.lead_in[0].start) == pytest.approx(60.0 - MEMORY_SECONDS)
    assert clock(after.lead_in[-1].end) == 60.0


def test_of_two_files_that_overlap_the_later_gives_what_is_beyond(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    first, second, third = videos[20.0][:3]
    made = plan([at(second, 12), at(first, 0), at(third, 32)], district)
    (problem,) = made.problems
    assert problem.address == second
    said = f"overlaps {first} of the same camera by 8 s: only what comes after is used"
    assert said in problem.reason
    (segment,) = made.pending
    assert [piece.address for piece in segment.pieces] == [first, second, third]
    assert spans(segment) == [(0.0, 20.0), (20.0, 32.0), (32.0, 52.0)]


def test_a_file_within_another_gives_nothing_and_is_reported(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    long, short = videos[20.0][0], videos[3.0][0]
    made = plan([at(long, 0), at(short, 10)], district)
    (problem,) = made.problems
    assert problem.address == short
    assert f"overlaps {long} of the same camera by 3 s: nothing of it is used" in problem.reason
    (segment,) = made.pending
    assert [piece.address for piece in segment.pieces] == [long]


def test_files_of_a_recorder_whose_clock_drifts_are_all_used(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    files = [at(address, 17.0 * number) for number, address in enumerate(videos[20.0])]
    made = plan(files, district)
    (first, second) = made.pending
    assert first.seconds + second.seconds == pytest.approx(3 * 17.0 + 20.0)
    assert [problem.address for problem in made.problems] == videos[20.0][1:]


def test_one_file_under_two_starts_gives_its_footage_twice(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    file = videos[3.0][0]
    (segment,) = plan([at(file, 0), at(file, 10)], district).pending
    assert spans(segment) == [(0.0, 3.0), (10.0, 13.0)]


@pytest.mark.parametrize(("over", "problems"), [(0.5, 0), (1.4, 0), (1.6, 1), (5.0, 1)])
def test_an_overlap_is_clipped_and_one_of_a_rounded_second_is_not_reported(
    district: Settings, videos: dict[float, list[str]], over: float, problems: int
) -> None:
    first, second = videos[20.0][:2]
    made = plan([at(first, 0), at(second, 20.0 - over)], district)
    (segment,) = made.pending
    assert len(made.problems) == problems
    assert segment.seconds == pytest.approx(40.0 - over)
    assert segment.pieces[1].start == segment.pieces[0].end


def test_a_clipped_file_still_knows_when_it_starts(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    first, second = videos[20.0][:2]
    (segment,) = plan([at(first, 0), at(second, 19.0)], district).pending
    assert clock(segment.pieces[1].file_start) == 19.0
    assert segment.pieces[1].file_seconds == pytest.approx(20.0)


def test_a_short_file_within_a_rounded_second_does_not_uncover_the_one_before(
    district: Settings, videos: dict[float, list[str]]
) -> None:
    long, short, later = videos[20.0][0], videos[0.5][0], videos[20.0][1]
    made = plan([at(long, 0), at(short, 18.6), at(later, 19.4)], district)
    pieces = [piece for segment in made.pending for piece in segment.pieces]
    assert all(a.end <= b.start + 1e-6 for a, b in pairwise(pieces))


@st.composite
def archives(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Lengths and starts of one camera's files: gaps, neighbours, and overlaps of any size."""
    starts = draw(st.floats(-200, 200))
    files = []
    taken = dict.fromkeys(LENGTHS, 0)
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.sampled_from([n for n in LENGTHS if taken[n] < COPIES]))
        taken[length] += 1
        files.append((length, round(starts, 3)))
        gap = draw(
            st.one_of(st.just(0.0), st.floats(-1.4, 0.0), st.floats(0.0, 90.0), st.floats(-30, -1))
        )
        starts += length + gap
    return files


def footage_of(
    files: list[tuple[float, float]], videos: dict[float, list[str]]
) -> dict[str, Footage]:
    unused = {length: iter(addresses) for length, addresses in videos.items()}
    footage = [at(next(unused[length]), starts) for length, starts in files]
    return {file.address: file for file in footage}


def union(intervals: list[tuple[float, float]]) -> float:
    """Seconds that lie in at least one interval."""
    total, reached = 0.0, float("-inf")
    for begins, ends in sorted(intervals):
        total += max(0.0, ends - max(begins, reached))
        reached = max(reached, ends)
    return total


@effort(max_examples=examples(60), deadline=None)
@given(archives())
def test_every_second_of_the_files_is_in_one_piece_of_one_segment(
    district: Settings, videos: dict[float, list[str]], files: list[tuple[float, float]]
) -> None:
    footage = footage_of(files, videos)
    made = plan(list(footage.values()), district)
    seconds = {address: probe(address).duration_seconds for address in footage}
    pieces = [piece for segment in made.pending for piece in segment.pieces]

    assert all(piece.start < piece.end for piece in pieces)
    assert all(a.end <= b.start + 1e-6 for a, b in pairwise(pieces))
    for piece in pieces:
        starts = footage[piece.address].started_at.timestamp()
        assert piece.file_start == starts
        assert starts - 1e-6 <= piece.start
        assert piece.end <= starts + seconds[piece.address] + 1e-6
    wanted = union(
        [
            (file.started_at.timestamp(), file.started_at.timestamp() + seconds[file.address])
            for file in footage.values()
        ]
    )
    slivers = 0.05 * (len(made.pending) + len(footage))
    assert sum(segment.seconds for segment in made.pending) == pytest.approx(wanted, abs=slivers)


@effort(max_examples=examples(40), deadline=None)
@given(archives())
def test_segments_lie_in_their_minutes_and_lead_ins_just_before(
    district: Settings, videos: dict[float, list[str]], files: list[tuple[float, float]]
) -> None:
    made = plan(list(footage_of(files, videos).values()), district)
    starts = [segment.start for segment in made.pending]
    assert starts == sorted(set(starts))
    for before, segment in zip([None, *made.pending], made.pending, strict=False):
        assert segment.start % 60 == 0
        assert segment.pieces
        for piece in segment.pieces:
            assert segment.start <= piece.start
            assert piece.end <= segment.start + 60
        lead = segment.lead_in
        assert sum(piece.end - piece.start for piece in lead) <= MEMORY_SECONDS + 1e-6
        assert all(a.end <= b.start + 1e-6 for a, b in pairwise(lead))
        assert all(segment.start - MEMORY_SECONDS <= piece.start for piece in lead)
        assert all(piece.end <= segment.start for piece in lead)
        if before is not None and before.pieces[-1].end == segment.start:
            assert lead[-1].end == segment.start


def test_a_broken_file_is_a_problem_and_does_not_stop_the_others(
    district: Settings, videos: dict[float, list[str]], tmp_path: Path
) -> None:
    good = videos[20.0][0]
    whole = Path(good).read_bytes()
    broken = {
        "empty.mp4": b"",
        "cut.mp4": whole[: len(whole) // 2],
        "text.mp4": b"this is not a video\n" * 100,
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.mp4").mkdir()
    names = [*broken, "folder.mp4", "missing.mp4"]
    bad = [at(str(tmp_path / name), 0, "cam2") for name in names]

    made = plan([*bad[:3], at(good, 0), *bad[3:]], district)

    assert [problem.address for problem in made.problems] == [file.address for file in bad]
    assert {problem.code for problem in made.problems} == {"footage_unreadable"}
    assert all(problem.reason.endswith(".") for problem in made.problems)
    assert [piece.address for segment in made.pending for piece in segment.pieces] == [good]
    assert set(made.videos) == {good}


def finish(made: Plan, settings: Settings, lake: Lake) -> None:
    """Write the parts of a plan, empty ones, as a run would."""
    for segment in made.pending:
        facts = PartMetadata(analysis_name(settings, segment.camera_id, MODEL), segment.intervals)
        lake.write_part(part_key(segment, settings.schools[0]), facts, [])


def test_a_second_plan_has_nothing_to_do(school: Settings, videos: dict[float, list[str]]) -> None:
    lake = Lake(school.lake_dir)
    footage = [at(videos[130.0][0], 10.5), at(videos[20.0][0], 0, "cam2")]
    first = plan(footage, school, lake)
    finish(first, school, lake)
    second = plan(footage, school, lake)
    assert second.pending == ()
    assert second.done == first.pending


def test_only_what_a_killed_run_left_is_done_again(
    school: Settings, videos: dict[float, list[str]]
) -> None:
    lake = Lake(school.lake_dir)
    footage = [at(videos[130.0][0], 0)]
    first = plan(footage, school, lake)
    finish(first, school, lake)
    lake.part_path(part_key(first.pending[1], school.schools[0])).write_bytes(b"damaged")
    second = plan(footage, school, lake)
    assert second.pending == first.pending[1:2]
    assert second.done == (first.pending[0], first.pending[2])


@pytest.mark.parametrize(
    "change",
    [
        {"k": 7},
        {"rate": 1.0},
        {"more": '[[cameras]]\nid = "cam3"\nroom = "r1"\n'},
        {"more": '[district]\nname = "Hills"\n'},
    ],
    ids=["k", "rate", "another camera", "a name"],
)
def test_minutes_made_with_other_settings_are_made_again(
    tmp_path: Path, videos: dict[float, list[str]], change: dict[str, object]
) -> None:
    school = load_settings(write_settings(tmp_path))
    lake = Lake(school.lake_dir)
    footage = [at(videos[20.0][0], 0)]
    finish(plan(footage, school, lake), school, lake)

    changed = load_settings(write_settings(tmp_path, **change))  # type: ignore[arg-type]
    again = plan(footage, changed, lake)
    if "more" in change:
        assert again.pending == ()  # nothing that this camera's windows depend on
    else:
        assert len(again.pending) == 1


def test_minutes_made_with_another_model_are_made_again(
    school: Settings, videos: dict[float, list[str]]
) -> None:
    lake = Lake(school.lake_dir)
    footage = [at(videos[20.0][0], 0)]
    finish(plan(footage, school, lake), school, lake)
    assert len(plan(footage, school, lake, model="pose@2").pending) == 1


def test_a_minute_with_more_footage_than_before_is_made_again(
    school: Settings, videos: dict[float, list[str]]
) -> None:
    lake = Lake(school.lake_dir)
    first, second = at(videos[130.0][0], 0), at(videos[20.0][0], 135)
    finish(plan([first], school, lake), school, lake)
    again = plan([first, second], school, lake)
    assert [clock(segment.start) for segment in again.pending] == [120.0]
    assert len(again.pending[0].pieces) == 2
    assert len(again.done) == 2


def test_a_part_belongs_to_the_local_date_of_its_school(
    school: Settings, videos: dict[float, list[str]]
) -> None:
    late = Footage(videos[20.0][0], "cam1", datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    (segment,) = plan([late], school).pending
    key = part_key(segment, school.schools[0])
    assert (key.school_id, key.date, key.camera_id) == ("hill", "2026-03-02", "cam1")
    assert key.starts_at == late.started_at


def segment_of(camera_id: str, minute: int) -> Segment:
    starts = 60.0 * minute
    piece = Piece(f"{camera_id}.mp4", 0.0, 1e6, starts, starts + 60.0)
    return Segment(camera_id, starts, (piece,), ())


@given(
    st.sets(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 60)), max_size=120),
    st.integers(0, 40),
    st.randoms(use_true_random=False),
)
def test_runs_hold_every_segment_once_and_are_consecutive(
    wanted: set[tuple[str, int]], workers: int, chance: Random
) -> None:
    segments = [segment_of(camera, minute) for camera, minute in sorted(wanted)]
    chance.shuffle(segments)
    runs = group_into_runs(segments, workers)

    grouped = [segment for run in runs for segment in run]
    assert sorted(grouped, key=lambda s: (s.camera_id, s.start)) == [
        segment_of(camera, minute) for camera, minute in sorted(wanted)
    ]
    for run in runs:
        assert run
        assert {segment.camera_id for segment in run} == {run[0].camera_id}
        assert all(b.start - a.start == 60.0 for a, b in pairwise(run))


@given(st.integers(1, 400), st.integers(1, 32))
def test_there_are_enough_runs_for_every_worker(minutes: int, workers: int) -> None:
    runs = group_into_runs([segment_of("a", minute) for minute in range(minutes)], workers)
    assert len(runs) >= min(minutes, workers)
