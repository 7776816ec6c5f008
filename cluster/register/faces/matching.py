"""Matching: from distances between faces and templates to proposals, with their certainty.

    distances of one frame's faces -> one student a face, one face a student -> sightings
    sightings of many frames -> Proposal: `proposed` | `unsure`; unseen students get none

A teacher decides (R7). A face matches its own nearest template or none, so that a stranger is never
matched to a student because other students are matched already. Sightings are kept in memory, in
the matcher alone (R6).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.floating]

MIN_SIGHTINGS: Final = 3
MIN_SECONDS_SEEN: Final = 5.0

ROUNDING: Final = 1e-3
"""The distance 1 - cosine of equal faces may be this far below zero."""

Verdict = Literal["proposed", "unsure"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed to a teacher for one student.

    Attributes:
        student_id: The student.
        verdict: `proposed`, or `unsure` with little evidence or another student at a similar
            distance.
        sightings: Number of frames with the student.
        first_seen: Seconds, on the clock of the updates.
        last_seen: Seconds, on the clock of the updates.
        distance: Median distance to the student's template.
        margin: Median lead over the second nearest template; in a class of one template, over
            `match_distance`.
    """

    student_id: str
    verdict: Verdict
    sightings: int
    first_seen: float
    last_seen: float
    distance: float
    margin: float


@dataclass(slots=True)
class _Evidence:
    """The sightings of one student."""

    times_seconds: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)


class ClassMatcher:
    """Collects the sightings of one class in one open register.

    Students whose templates are closer together than the margin (twins, above all) are always
    `unsure`, even after one of them is removed: that student may still be in the room.

    Args:
        student_ids: The students with a template, in the order of the columns of `update`.
        template_distances: (m, m) distances between the templates, by the same engine.
        match_distance: The engine's maximum distance of a match.
        margin: The engine's minimum lead over the second nearest template.

    Raises:
        ValueError: A student is named twice, the shape is wrong, or a threshold is not above 0.
    """

    def __init__(
        self,
        student_ids: Sequence[str],
        *,
        template_distances: Matrix,
        match_distance: float,
        margin: float,
    ) -> None:
        if len(set(student_ids)) != len(student_ids):
            raise ValueError("a student is named twice")
        if not (0 < match_distance < math.inf and 0 < margin < math.inf):
            raise ValueError(f"match_distance {match_distance} and margin {margin} must be above 0")
        between = np.array(template_distances, np.float64)
        if between.shape != (len(student_ids), len(student_ids)):
            raise ValueError(f"{len(student_ids)} students, but distances {between.shape}")
        np.fill_diagonal(between, np.inf)
        pairs = np.argwhere(~(between >= margin))
        self._students = list(student_ids)
        self._alike = {student_ids[int(column)] for column in pairs.ravel()}
        self._match_distance = match_distance
        self._margin = margin
        self._evidence: dict[str, _Evidence] = {}

    @property
    def student_ids(self) -> tuple[str, ...]:
        """The students who are compared now: the columns of the next update, in order."""
        return tuple(self._students)

    def update(self, time_seconds: float, distances: Matrix) -> None:
        """Add the faces of one frame.

        Faces with a distance that is not a number, infinite or negative are ignored.

        Args:
            time_seconds: Time of the frame, on any clock that does not jump.
            distances: (n, m) of n faces to the templates of `student_ids`.

        Raises:
            ValueError: The number of columns is wrong, or the time is not finite.
        """
        if not math.isfinite(time_seconds):
            raise ValueError(f"{time_seconds} is not a time")
        found = np.asarray(distances, np.float64)
        if found.ndim != 2 or found.shape[1] != len(self._students):
            raise ValueError(f"{len(self._students)} students, but distances {found.shape}")
        found = found[(np.isfinite(found) & (found >= -ROUNDING)).all(axis=1)].clip(min=0)
        if not found.size:
            return
        for column, distance, lead in self._assign(found):
            evidence = self._evidence.setdefault(self._students[column], _Evidence())
            evidence.times_seconds.append(float(time_seconds))
            evidence.distances.append(distance)
            evidence.margins.append(lead)

    def _assign(self, found: Matrix) -> list[tuple[int, float, float]]:
        """Return column, distance and lead of each student seen in a frame, once each.

        As a face may only match its own nearest template, the assignment of minimum total distance
        reduces to one choice per student: the closest of the faces nearest to their template. Ties
        between faces go to the smaller lead, and ties between templates to the first student by id,
        so that the order of faces or students does not change the result.
        """
        by_name = np.argsort(self._students)
        nearest = by_name[found[:, by_name].argmin(axis=1)]
        best = found[np.arange(len(found)), nearest]
        leads = self._leads(found, best)
        chosen: dict[int, tuple[int, float, float]] = {}
        for face in np.lexsort((leads, best)):
            column = int(nearest[face])
            if best[face] <= self._match_distance and column not in chosen:
                chosen[column] = (column, float(best[face]), float(leads[face]))
        return list(chosen.values())

    def _leads(self, found: Matrix, best: Matrix) -> Matrix:
        if found.shape[1] == 1:  # no second template: the lead is over the limit
            return np.asarray(self._match_distance - best)
        return np.asarray(np.partition(found, 1, axis=1)[:, 1] - best)

    def remove(self, student_id: str) -> None:
        """Delete a student's evidence and column; from the next update on they are not compared.

        An unknown student is ignored.
        """
        self._evidence.pop(student_id, None)
        self._students = [student for student in self._students if student != student_id]

    def proposals(self) -> list[Proposal]:
        """Return the proposals so far, in the order of `student_ids`; none for unseen students."""
        return [
            self._proposal(student, self._evidence[student])
            for student in self._students
            if student in self._evidence
        ]

    def _proposal(self, student: str, evidence: _Evidence) -> Proposal:
        first, last = min(evidence.times_seconds), max(evidence.times_seconds)
        lead = median(evidence.margins)
        is_enough = (
            len(evidence.times_seconds) >= MIN_SIGHTINGS and last - first >= MIN_SECONDS_SEEN
        )
        is_clear = lead >= self._margin and student not in self._alike
        return Proposal(
            student_id=student,
            verdict="proposed" if is_enough and is_clear else "unsure",
            sightings=len(evidence.times_seconds),
            first_seen=first,
            last_seen=last,
            distance=median(evidence.distances),
            margin=lead,
        )
