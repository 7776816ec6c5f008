"""From distances to proposals: which students were seen, and how sure that is.

    distances of one frame's faces -> one student a face, one face a student -> sightings
    sightings of many frames -> Proposal: `proposed` | `unsure`; unseen students are absent

Nothing here decides anything: a teacher confirms. A face counts for its own nearest template
or for nobody, so a stranger is never handed a student because others were taken. Sightings
live in this object and end with it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.floating]

LEAST_SIGHTINGS: Final = 3
LEAST_SECONDS: Final = 5.0

ROUNDING: Final = 1e-3
"""1 - cosine of equal faces may fall this far below nothing."""

Verdict = Literal["proposed", "unsure"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the machine offers a teacher for one student.

    Attributes:
        student_id: Who.
        verdict: `proposed`, or `unsure` where the evidence is thin or another student is as near.
        sightings: In how many frames.
        first_seen: Seconds, on the clock of the updates.
        last_seen: Seconds, on the clock of the updates.
        distance: Median distance to the student's template.
        margin: Median lead over the second nearest template; in a class of one template, over
            the largest distance that matches.
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

    moments: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)


class ClassMatcher:
    """Gathers sightings of one class inside one open register.

    Students whose templates lie closer together than the margin (twins, above all) are always
    `unsure`, also after one of them is forgotten: that student may still be in the room.

    Args:
        student_ids: Who has a template, in the order of the columns to come.
        template_distances: (m, m) distances between the templates, by the same engine.
        match_distance: The engine's largest distance of a match.
        margin: The engine's least lead over the second nearest template.

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
        """Whose templates are compared now: the columns of the next update, in order."""
        return tuple(self._students)

    def update(self, moment_seconds: float, distances: Matrix) -> None:
        """Take in the faces of one frame.

        Faces with a distance that is not a number, infinite or below nothing are passed over.

        Args:
            moment_seconds: When, on any clock that does not jump.
            distances: (n, m) of n faces to the templates of `student_ids`.

        Raises:
            ValueError: The columns are not those of `student_ids`, or the moment is no number.
        """
        if not math.isfinite(moment_seconds):
            raise ValueError(f"{moment_seconds} is no moment")
        found = np.asarray(distances, np.float64)
        if found.ndim != 2 or found.shape[1] != len(self._students):
            raise ValueError(f"{len(self._students)} students, but distances {found.shape}")
        found = found[(np.isfinite(found) & (found >= -ROUNDING)).all(axis=1)].clip(min=0)
        if not found.size:
            return
        for column, distance, lead in self._assigned(found):
            evidence = self._evidence.setdefault(self._students[column], _Evidence())
            evidence.moments.append(float(moment_seconds))
            evidence.distances.append(distance)
            evidence.margins.append(lead)

    def _assigned(self, found: Matrix) -> list[tuple[int, float, float]]:
        """Column, distance and lead of each student seen in a frame, once each.

        As a face may only be the student of its own nearest template, the assignment of least
        total distance falls apart into one choice a student: the closest of the faces that ask
        for them. Of two as close the more doubtful is taken, and of two templates as near the
        first by name, so that no order of faces or of students changes the outcome.
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
        if found.shape[1] == 1:  # nobody to compare with: the limit stands in
            return np.asarray(self._match_distance - best)
        return np.asarray(np.partition(found, 1, axis=1)[:, 1] - best)

    def forget(self, student_id: str) -> None:
        """Drop a student's evidence and column: from the next update on they are not compared.

        Whoever was never here, or is forgotten already, stays so.
        """
        self._evidence.pop(student_id, None)
        self._students = [student for student in self._students if student != student_id]

    def proposals(self) -> list[Proposal]:
        """What is known so far, in the order of `student_ids`. Students not seen are absent."""
        return [
            self._proposal(student, self._evidence[student])
            for student in self._students
            if student in self._evidence
        ]

    def _proposal(self, student: str, evidence: _Evidence) -> Proposal:
        first, last = min(evidence.moments), max(evidence.moments)
        lead = median(evidence.margins)
        enough = len(evidence.moments) >= LEAST_SIGHTINGS and last - first >= LEAST_SECONDS
        clear = lead >= self._margin and student not in self._alike
        return Proposal(
            student_id=student,
            verdict="proposed" if enough and clear else "unsure",
            sightings=len(evidence.moments),
            first_seen=first,
            last_seen=last,
            distance=median(evidence.distances),
            margin=lead,
        )
