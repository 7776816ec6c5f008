"""What a run of the archive job did, for people and as JSON."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from rich.markup import escape

from cluster.errors import FootageUnreadable
from jobs.archive.footage import FootageNote, FootageProblem
from jobs.archive.progress import format_duration
from jobs.archive.stages import FootageGap, SegmentResult

TOUCHING_SECONDS = 0.01


@dataclass(slots=True)
class RunSummary:
    """What a run did.

    Attributes:
        run_id: Its id in the warehouse's `runs`.
        state: `running`, `completed`, `stopped` or `failed`.
        segments_done: Segments that it analysed.
        segments_skipped: Segments that an earlier run had analysed.
        windows: Windows in the segments that it analysed.
        footage_seconds: Footage in them that was read.
        wall_seconds: From start to end.
        startup_seconds: From start to the first segment.
        problems: Files that could not be used, wholly or in part.
        gaps: Stretches of files without frames.
        lost: Stretches of files whose frames could not be decoded; `problems` names them too.
        notes: What else is odd about files.
        input_sizes: The input sizes in pixels that this run measured, by camera.
    """

    run_id: str
    state: str = "running"
    segments_done: int = 0
    segments_skipped: int = 0
    windows: int = 0
    footage_seconds: float = 0.0
    wall_seconds: float = 0.0
    startup_seconds: float = 0.0
    problems: list[FootageProblem] = field(default_factory=list)
    gaps: list[FootageGap] = field(default_factory=list)
    lost: list[FootageGap] = field(default_factory=list)
    notes: list[FootageNote] = field(default_factory=list)
    input_sizes: dict[str, int] = field(default_factory=dict)

    def add(self, result: SegmentResult) -> None:
        """Add a segment that was analysed."""
        self.segments_done += 1
        self.windows += len(result.windows)
        self.footage_seconds += result.read.covered_seconds
        self.problems += [p for p in result.read.problems if p not in self.problems]
        self.notes += [note for note in result.read.notes if note not in self.notes]
        for address in {stretch.address for stretch in result.read.lost}:
            self._add_lost(address, result.read.lost)
        listed = {(gap.address, round(gap.begins)) for gap in self.gaps}
        self.gaps += [g for g in result.read.gaps if (g.address, round(g.begins)) not in listed]

    def _add_lost(self, address: str, stretches: Iterable[FootageGap]) -> None:
        """Join what was lost of a file, and name all of it in one problem."""
        known = [one for one in self.lost if one.address == address]
        joined = _join([*known, *(one for one in stretches if one.address == address)])
        self.lost = [one for one in self.lost if one.address != address] + joined
        if known:
            self.problems.remove(_lost_problem(known))
        self.problems.append(_lost_problem(joined))


def _join(stretches: Iterable[FootageGap]) -> list[FootageGap]:
    """Sort the stretches of a file, and join those that touch."""
    joined: list[FootageGap] = []
    for one in sorted(stretches, key=lambda stretch: stretch.begins):
        last = joined[-1] if joined else None
        if last is not None and one.begins <= last.begins + last.seconds + TOUCHING_SECONDS:
            ends = max(last.begins + last.seconds, one.begins + one.seconds)
            joined[-1] = replace(last, seconds=ends - last.begins)
        else:
            joined.append(one)
    return joined


def _lost_problem(stretches: Sequence[FootageGap]) -> FootageProblem:
    where = ", ".join(
        f"{one.begins:.1f} s to {one.begins + one.seconds:.1f} s" for one in stretches
    )
    reason = f"it is damaged: no frame could be decoded from {where}."
    return FootageProblem(stretches[0].address, FootageUnreadable.code, reason)


def describe_run(summary: RunSummary) -> Iterator[str]:
    """Yield lines of Rich markup that say how a run ended."""
    done = format_duration(summary.footage_seconds)
    if summary.state == "stopped":
        yield (
            f"Stopped. {done} of footage is analysed and safe; run the same command again to do "
            "the rest."
        )
    elif summary.segments_done:
        speed = summary.footage_seconds / max(summary.wall_seconds, 1e-9)
        yield (
            f"Analysed {done} of footage in {format_duration(summary.wall_seconds)} "
            f"({speed:.1f}× real time): {summary.windows} windows, run {summary.run_id}."
        )
    elif summary.segments_skipped:
        yield "Nothing to do: all of this footage has been analysed already."
    if summary.segments_done and summary.segments_skipped:
        yield f"{summary.segments_skipped} minutes had been analysed before."
    if summary.input_sizes:
        counts = Counter(summary.input_sizes.values())
        chosen = ", ".join(f"{size} ({count})" for size, count in sorted(counts.items()))
        yield f"Input sizes were measured, in pixels (number of cameras): {chosen}."
    for gap in summary.gaps:
        yield (
            f"Note: {escape(gap.address)}: no frames for {gap.seconds:.1f} s after "
            f"{format_duration(gap.begins)}; there are no windows of that time."
        )
    for note in summary.notes:
        yield f"Note: {escape(note.address)}: {escape(note.text)}"
    if summary.problems:
        yield f"[red]{len(summary.problems)} could not be used, or not wholly:[/red]"
        for problem in summary.problems:
            yield f"  {escape(problem.address)}: {escape(problem.reason)}"
