"""Faces of an open register, frame after frame, to proposals.

    frame ─> may any face be compared now? ─no─> nothing is cut, nothing is computed
                   │yes
                   v
    people ─> face chips ─> embeddings ─> this class's templates, of those who agreed ─> sightings
                                              (what matches nobody is dropped here)
    sightings ─> proposals ─> register

Consent is asked again at every frame: who objects while a register is open is forgotten at once.
The live service and `homeroom register watch` both go through here.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import numpy as np

from cluster.errors import RecordsError
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.registers import entries_of, register_of
from cluster.register.faces.consent import Decision
from cluster.register.faces.matching import ClassMatcher, Proposal
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.templates import Embedding, open_templates
from cluster.register.service import RegisterService
from cluster.register.types import RegisterView, Sighted
from cluster.settings import Settings
from cluster.vision.faces.base import FaceChip, FaceComparer

ACTOR = "system:roll-call"

Chips = Callable[[], list[FaceChip]]


class Readiness(StrEnum):
    """Whether it makes sense to look at a frame."""

    NOBODY_ALLOWED = "nobody_allowed"
    NO_TEMPLATE = "no_template"
    READY = "ready"


class FaceRecogniser:
    """The faces of one lesson's open register.

    Args:
        identity: Records, keys and log.
        settings: How registers are taken.
        permission: Asked before anything touches a face.
        engine: Compares faces; templates of other engines are not looked at.
        lesson_id: Of which lesson.
    """

    def __init__(
        self,
        identity: AuditedRecords,
        settings: Settings,
        permission: FacePermissions,
        engine: FaceComparer,
        lesson_id: str,
    ) -> None:
        self._identity = identity
        self._settings = settings
        self._permission = permission
        self._engine = engine
        self._lesson_id = lesson_id
        self._templates: dict[str, Embedding] = {}
        self._matcher: ClassMatcher | None = None
        self._asked = False
        self.frames_compared = 0

    def see(self, moment: datetime, cut: Chips) -> bool:
        """Look at one frame, if that is allowed now.

        Args:
            moment: When the frame was taken, UTC; the register must be open then, and now.
            cut: Cuts the frame's face chips; it is called only if a face may be compared.

        Returns:
            Whether it was looked at.
        """
        if self.readiness(moment) is not Readiness.READY or self._matcher is None:
            return False
        chips = cut()
        self.frames_compared += 1
        if chips:
            students = self._matcher.student_ids
            templates = np.stack([self._templates[student] for student in students])
            distances = self._engine.distances(self._engine.embed(chips), templates)
            self._matcher.update(moment.timestamp(), distances)
        return True

    def readiness(self, moment: datetime) -> Readiness:
        """May any face be compared that was taken at a moment, and is there a template for it?

        Whoever's face may not be compared now is forgotten.

        Args:
            moment: UTC.
        """
        allowed = self._allowed(moment)
        self._forget_others(allowed)
        if not allowed:
            return Readiness.NOBODY_ALLOWED
        if not self._asked:
            self._open_templates(allowed)
        if self._matcher is None or not self._matcher.student_ids:
            return Readiness.NO_TEMPLATE
        return Readiness.READY

    def reasons(self) -> dict[str, int]:
        """Why the faces of so many students are not compared now; those without a template too."""
        answers = self._ask(self._identity.clock())
        reasons = Counter(str(a.reason) for a in answers.values() if not a.allowed)
        if self._asked:
            reasons["no_template"] = sum(
                answer.allowed and student not in self._templates
                for student, answer in answers.items()
            )
        return {reason: count for reason, count in reasons.items() if count}

    def proposals(self) -> list[Proposal]:
        """What is known so far."""
        return self._matcher.proposals() if self._matcher else []

    def propose(self) -> RegisterView:
        """Write what is known into the register; consent is asked once more.

        Raises:
            RegisterError: The register is not open any more.
        """
        with self._identity.work(ACTOR) as work:
            found = self.proposals()
            decisions = self._permission.may_compare(
                work.session, [p.student_id for p in found], self._lesson_id, work.now
            )
            sighted = [
                Sighted(
                    p.student_id,
                    p.verdict == "proposed",
                    datetime.fromtimestamp(p.first_seen, tz=work.now.tzinfo),
                )
                for p in found
                if decisions[p.student_id].allowed
            ]
            return RegisterService(work, self._settings).propose(self._lesson_id, sighted)

    def _allowed(self, moment: datetime) -> frozenset[str]:
        """Whose face may be compared, both now and when the frame was taken."""
        answers = self._ask(moment, self._identity.clock())
        return frozenset(student for student, answer in answers.items() if answer.allowed)

    def _ask(self, *moments: datetime) -> dict[str, Decision]:
        try:
            with self._identity.records.reading() as session:
                row = register_of(session, self._lesson_id)
                students = [e.student_id for e in entries_of(session, row.id)] if row else []
                return self._permission.may_compare(session, students, self._lesson_id, *moments)
        except RecordsError:
            return {}  # it cannot be answered: no

    def _forget_others(self, allowed: frozenset[str]) -> None:
        for student_id in [known for known in self._templates if known not in allowed]:
            del self._templates[student_id]
            if self._matcher is not None:
                self._matcher.forget(student_id)

    def _open_templates(self, allowed: frozenset[str]) -> None:
        version = self._engine.version  # asked before: it may take time, and others want to write
        with self._identity.work(ACTOR) as work:
            opened = open_templates(work, sorted(allowed), version)
        self._asked = True
        self._templates = {template.student_id: template.embedding for template in opened}
        if not opened:
            return
        stacked = np.stack(list(self._templates.values()))
        self._matcher = ClassMatcher(
            list(self._templates),
            template_distances=self._engine.distances(stacked, stacked),
            match_distance=self._engine.thresholds.match_distance,
            margin=self._engine.thresholds.margin,
        )
