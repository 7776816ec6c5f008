"""`homeroom calibrate`: the input size of a camera, what it sees well, and headcounts by eye."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from cluster.activity.zone import is_in_zone
from cluster.calibration.drawing import as_page, draw_people
from cluster.calibration.headcounts import MIN_HEADCOUNTS, headcount_factor
from cluster.calibration.input_sizes import measure_size
from cluster.calibration.report import CameraView, look_at
from cluster.calibration.store import CalibrationStore, HeadcountPair, Origin
from cluster.calibration.view import ViewStore
from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.installation import write_private_file
from cluster.clock import utc_now
from cluster.district import find_place
from cluster.errors import CalibrationError, SettingsError
from cluster.settings import INPUT_SIZES, Camera, Settings, load_settings
from cluster.settings.tables import FixedInputSize
from cluster.settings.toml import toml_value
from cluster.streams.capture.snapshot import take_snapshot
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from cluster.streams.decode.spread_frames import spread_frames
from cluster.streams.source.config import build_camera_config
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.estimator import PoseEstimator
from cluster.vision.pose.input_size import MIN_HEAD_PIXELS

FRAMES = 12
LOOK_SECONDS = 10.0
MIN_FRAMES = 4
"""Fewer frames with people are not stored as a measurement."""

MAX_DISAGREEMENT = 0.1
"""Counts of one moment that differ by more are to be repeated."""

DRAWING_SUFFIXES = {".svg", ".html"}
VIEW_ACCEPTED = (
    "What the camera shows from now on is what it should show: drift is noticed against that."
)


@dataclass(frozen=True, slots=True)
class _Frames:
    """The frames that are looked at, of one shape, and (width, height) of the camera's own."""

    pixels: list[BgrImage]
    frame_size: tuple[int, int]
    origin: Origin


def calibrate(
    camera: Annotated[str, typer.Argument(help="The camera's id.")],
    file: Annotated[
        str | None,
        typer.Option(help="Footage to look at, instead of the camera's live stream."),
    ] = None,
    at: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Look at ten seconds of the file from this second on, not at all of it."
        ),
    ] = None,
    people: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=10_000,
            help="How many people you count in the room now, without those in the teacher's zone; "
            "once for each person who counts.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Draw where people are, as stick figures (.svg, .html).")
    ] = None,
    accept_view: Annotated[
        bool,
        typer.Option(
            "--accept-view",
            help="Only take what the camera shows from now on as it should be; look at nothing.",
        ),
    ] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose a camera's input size, and say what it sees well; no picture is kept."""
    loaded = load_settings(settings)
    place = find_place(loaded, camera)
    _check_options(people, file, at, out)
    if accept_view:
        if file is not None or people or out is not None:
            raise SettingsError("--accept-view goes with no other option.")
        _restart_view(loaded, camera, as_json=as_json)
        return
    estimator = PoseEstimator.from_settings(loaded)
    frames = _read_frames(loaded, place.camera, file, at)
    fixed = place.camera.input_size
    view = look_at(
        frames.pixels,
        partial(_find_students, estimator, place.camera),
        limit=loaded.analysis.max_input_size,
        frame_side=max(frames.frame_size),
        fixed_size=None if fixed == "auto" else fixed,
    )
    notes = _store(loaded, place.camera, view, frames, estimator.weights.model_id, people)
    if file is None:
        ViewStore.of(loaded).restart(camera, utc_now())
        notes.append(VIEW_ACCEPTED)
    k = loaded.privacy.k
    if out is not None and len(view.shown) < k:
        notes.append(f"Drew nothing: only the number of fewer than {k} people is shown (R3).")
    elif out is not None:
        _write_drawing(out, place.camera.id, view)
        notes.append(f"Drew where the people of one frame are: {out}.")
    if as_json:
        answer_json(_as_json(place.camera, view, notes))
        return
    _show(place.camera, view)
    for note in notes:
        say(note)


def _restart_view(settings: Settings, camera_id: str, *, as_json: bool) -> None:
    """Take what a camera shows from now on as what it should show."""
    ViewStore.of(settings).restart(camera_id, utc_now())
    if as_json:
        answer_json({"camera": camera_id, "notes": [VIEW_ACCEPTED]})
    else:
        say(VIEW_ACCEPTED)


def _check_options(
    people: Sequence[int] | None, file: str | None, at: float | None, out: Path | None
) -> None:
    """Reject options that contradict each other, before anything is read.

    Raises:
        SettingsError: They do.
    """
    if at is not None and file is None:
        raise SettingsError("--at needs --file.")
    if people and file is not None and at is None:
        raise SettingsError(
            "a count by eye is of one moment.", hint="Say where in the file with --at SECONDS."
        )
    if people and max(people) - min(people) > MAX_DISAGREEMENT * max(people):
        raise SettingsError(
            f"the counts {', '.join(map(str, people))} differ by more than {MAX_DISAGREEMENT:.0%}.",
            hint="Count again, at the same moment.",
        )
    if out is not None and out.suffix.lower() not in DRAWING_SUFFIXES:
        raise SettingsError(
            f"a drawing is {' or '.join(sorted(DRAWING_SUFFIXES))}.", where=str(out)
        )


def _read_frames(settings: Settings, camera: Camera, file: str | None, at: float | None) -> _Frames:
    """Read a few frames at the largest size.

    Raises:
        FootageError: The file cannot be read.
        StreamError: The camera sends nothing.
        CalibrationError: The camera has no address, or the file no frame there.
    """
    if file is None:
        return _read_live_frames(settings, camera)
    video = probe(file)
    if at is None:
        sampled = spread_frames(
            file,
            FRAMES,
            duration_seconds=video.duration_seconds,
            long_side=INPUT_SIZES[-1],
            masks=camera.masks,
        )
    else:
        sampler = FrameSampler(file, rate=1.0, long_side=INPUT_SIZES[-1], masks=camera.masks)
        sampled = sampler.frames(at, at + LOOK_SECONDS)
    pixels = [frame.pixels for frame in sampled]
    if not pixels:
        raise CalibrationError("there is no frame at this time.", where=file)
    return _Frames(_of_one_shape(pixels), (video.width, video.height), "archive")


def _read_live_frames(settings: Settings, camera: Camera) -> _Frames:
    config = build_camera_config(settings, camera)
    if config is None:
        raise CalibrationError(
            "the camera has no address.",
            where=camera.id,
            hint="Give footage of it with --file.",
        )
    say(f"Looking at {camera.id} for {LOOK_SECONDS:.0f} seconds …")
    config = replace(config, input_size=INPUT_SIZES[-1], rate=1.0)
    snapshot = take_snapshot(config, int(LOOK_SECONDS))
    return _Frames(_of_one_shape(snapshot.frames), snapshot.frame_size, "live")


def _of_one_shape(pixels: list[BgrImage]) -> list[BgrImage]:
    return [one for one in pixels if one.shape == pixels[0].shape]


def _find_students(
    estimator: PoseEstimator, camera: Camera, frames: Sequence[BgrImage], input_size: int
) -> list[People]:
    """Find the people that are counted: those outside of the teacher's zone."""
    found = estimator.estimate(frames, input_size)
    zone = camera.teacher_zone
    if zone is None:
        return found
    height, width = frames[0].shape[:2]
    return [people.select(~is_in_zone(people, zone, (width, height))) for people in found]


def _store(
    settings: Settings,
    camera: Camera,
    view: CameraView,
    frames: _Frames,
    model: str,
    counts: Sequence[int] | None,
) -> list[str]:
    """Store the size and a headcount; return what was done, for people."""
    store, now, notes = CalibrationStore.of(settings), utc_now(), []
    if view.heads is None or view.heads.frames < MIN_FRAMES:
        notes.append(
            "Too few frames show people: no size was stored. Look again while the room is full."
        )
    elif camera.input_size != "auto":
        notes.append(f"The settings fix input_size = {camera.input_size}: no size was stored.")
    else:
        size = measure_size(
            view.heads,
            model=model,
            limit=settings.analysis.max_input_size,
            frame_size=frames.frame_size,
            origin=frames.origin,
            now=now,
            measured_side=max(view.frame_size),
        )
        store.add_size(camera.id, size)
        notes.append(f"Stored: {camera.id} is analysed at {size.input_size} pixels from now on.")
    if counts:
        pair = HeadcountPair(
            true=round(fmean(counts)),
            found=round(view.found, 1),
            model=model,
            input_size=cast("FixedInputSize", view.input_size),
            counted_at=now,
        )
        known = store.add_headcount(camera.id, pair).headcounts
        notes.append(f"Stored: {pair.true} people counted, {pair.found:g} found.")
        factor = headcount_factor(known, model=model, input_size=view.input_size)
        if factor is None:
            notes.append(
                f"Count {MIN_HEADCOUNTS} times in all, in different lessons, for an interval."
            )
        else:
            low, high = factor.interval(view.found)
            notes.append(
                f"Where {view.found:.0f} are found, there are {low} to {high} people (95%, by "
                f"{factor.headcounts} counts)."
            )
    return notes


def _write_drawing(out: Path, camera_id: str, view: CameraView) -> None:
    title = (
        f"{camera_id}: {len(view.shown)} people at {view.input_size} pixels; red: heads below "
        f"{MIN_HEAD_PIXELS:.0f} pixels"
    )
    drawing = draw_people(view.shown, frame_size=view.frame_size, scale=view.scale, title=title)
    text = as_page(drawing, camera_id) if out.suffix.lower() == ".html" else drawing
    write_private_file(out, text)


def _show(camera: Camera, view: CameraView) -> None:
    table = Table(box=None)
    for title in ("input size", "people found", "in one frame", "smallest heads", "cost"):
        table.add_column(title)
    for size in view.sizes:
        is_used = size.input_size == view.input_size
        head = "–" if size.head_pixels is None else f"{size.head_pixels:.0f} pixels"
        table.add_row(
            f"{size.input_size}{' (used)' if is_used else ''}",
            f"{size.people:.1f}",
            f"{size.fewest} to {size.most}",
            head,
            f"{(size.input_size / INPUT_SIZES[0]) ** 2:.2g}",
        )
    answers.print(table)
    if view.choice is not None and not view.choice.sees_everybody:
        answers.print(_too_small(view), highlight=False)
    for region in view.regions:
        for problem in region.problems:
            answers.print(f"Not seen well: {region.name}: {problem}.", highlight=False)
    if view.teacher_zone is not None and camera.teacher_zone is None:
        answers.print("Somebody stands apart from the others. If that is the teacher:")
        answers.print(f"teacher_zone = {toml_value(view.teacher_zone)}", highlight=False)


def _too_small(view: CameraView) -> str:
    largest = view.sizes[-1]
    advice = "Move the camera nearer, or let it send larger pictures."
    if largest.head_pixels is not None and largest.head_pixels >= MIN_HEAD_PIXELS:
        advice = f'Allow {largest.input_size} pixels: quality = "full" under [analysis].'
    return f"Heads are too small for every allowed size. {advice}"


def _as_json(camera: Camera, view: CameraView, notes: Sequence[str]) -> dict[str, Any]:
    return {
        "camera": camera.id,
        "input_size": view.input_size,
        "sees_everybody": None if view.choice is None else view.choice.sees_everybody,
        "sizes": [asdict(size) for size in view.sizes],
        "regions": [
            {"name": region.name, "people": region.people, "problems": region.problems}
            for region in view.regions
        ],
        "teacher_zone": view.teacher_zone,
        "notes": list(notes),
    }
