"""Face recognition in an open register: from frames to proposals.

    frame ─> may any face be compared now? ─no─> no face is cut, nothing is computed
                   │yes
                   v
    people ─> face chips ─> embeddings ─> this class's templates with consent ─> sightings
                                              (embeddings without a match are dropped here)
    sightings ─> proposals ─> register

Permissions are checked at every frame: a student who objects while the register is open is removed
at once (R5). Faces are compared only while the register is open (R6). The live service and
`homeroom register watch` both use this.
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
from cluster.register.faces.templates import Embedding, decrypt_templates
from cluster.register.service import RegisterService
from cluster.register.types import FaceMatch, RegisterView
from cluster.settings import Settings
from cluster.vision.faces.base import FaceChip, FaceComparer

ACTOR = "system:roll-call"

ChipCutter = Callable[[], list[FaceChip]]


class Readiness(StrEnum):
    """Whether frames can be processed now."""

    NOBODY_ALLOWED = "nobody_allowed"
    NO_TEMPLATE = "no_template"
    READY = "ready"


class FaceRecogniser:
    """Recognises the faces of one lesson's open register.

    Args:
        audited: Records, keys and audit log.
        settings: How registers are taken.
        permission: Decides whose faces may be compared.
        engine: Compares faces; templates of other engines are not used.
        lesson_id: The lesson.
    """

    def __init__(
        self,
        audited: AuditedRecords,
        settings: Settings,
        permission: FacePermissions,
        engine: FaceComparer,
        lesson_id: str,
    ) -> None:
        self._audited = audited
        self._settings = settings
        self._permission = permission
        self._engine = engine
        self._lesson_id = lesson_id
        self._templates: dict[str, Embedding] = {}
        self._matcher: ClassMatcher | None = None
        self._are_templates_loaded = False
        self.frames_compared = 0

    def process_frame(self, captured_at: datetime, cut_chips: ChipCutter) -> bool:
        """Compare the faces of one frame, if that is permitted now.

        Args:
            captured_at: When the frame was captured, UTC; the register must be open then, and now.
            cut_chips: Returns the frame's face chips; called only if a face may be compared.

        Returns:
            Whether the frame was processed.
        """
        if self.readiness(captured_at) is not Readiness.READY or self._matcher is None:
            return False
        chips = cut_chips()
        self.frames_compared += 1
        if chips:
            students = self._matcher.student_ids
            templates = np.stack([self._templates[student] for student in students])
            distances = self._engine.distances(self._engine.embed(chips), templates)
            self._matcher.update(captured_at.timestamp(), distances)
        return True

    def readiness(self, captured_at: datetime) -> Readiness:
        """Return whether any face may be compared in a frame, and has a template.

        Students whose face may not be compared now are removed from memory.

        Args:
            captured_at: When the frame was captured, UTC.
        """
        allowed = self._allowed(captured_at)
        self._remove_others(allowed)
        if not allowed:
            return Readiness.NOBODY_ALLOWED
        if not self._are_templates_loaded:
            self._load_templates(allowed)
        if self._matcher is None or not self._matcher.student_ids:
            return Readiness.NO_TEMPLATE
        return Readiness.READY

    def denial_reasons(self) -> dict[str, int]:
        """Return why faces are not compared now: number of students by reason."""
        decisions = self._decide(self._audited.clock())
        reasons = Counter(str(one.reason) for one in decisions.values() if not one.allowed)
        if self._are_templates_loaded:
            reasons["no_template"] = sum(
                decision.allowed and student not in self._templates
                for student, decision in decisions.items()
            )
        return {reason: count for reason, count in reasons.items() if count}

    def proposals(self) -> list[Proposal]:
        """Return the proposals so far."""
        return self._matcher.proposals() if self._matcher else []

    def propose(self) -> RegisterView:
        """Write the proposals into the register, after another check of permissions.

        Raises:
            RegisterError: The register is no longer open.
        """
        with self._audited.work(ACTOR) as work:
            proposals = self.proposals()
            decisions = self._permission.may_compare(
                work.session, [p.student_id for p in proposals], self._lesson_id, work.now
            )
            matches = [
                FaceMatch(
                    p.student_id,
                    p.verdict == "proposed",
                    datetime.fromtimestamp(p.first_seen, tz=work.now.tzinfo),
                )
                for p in proposals
                if decisions[p.student_id].allowed
            ]
            return RegisterService(work, self._settings).propose(self._lesson_id, matches)

    def _allowed(self, captured_at: datetime) -> frozenset[str]:
        """Return the students whose face may be compared, now and when the frame was captured."""
        decisions = self._decide(captured_at, self._audited.clock())
        return frozenset(student for student, one in decisions.items() if one.allowed)

    def _decide(self, *times: datetime) -> dict[str, Decision]:
        try:
            with self._audited.records.reading() as session:
                row = register_of(session, self._lesson_id)
                students = [e.student_id for e in entries_of(session, row.id)] if row else []
                return self._permission.may_compare(session, students, self._lesson_id, *times)
        except RecordsError:
            return {}  # undecidable: nobody is allowed

    def _remove_others(self, allowed: frozenset[str]) -> None:
        for student_id in [one for one in self._templates if one not in allowed]:
            del self._templates[student_id]
            if self._matcher is not None:
                self._matcher.remove(student_id)

    def _load_templates(self, allowed: frozenset[str]) -> None:
        version = self._engine.version  # before the transaction: it may take time
        with self._audited.work(ACTOR) as work:
            templates = decrypt_templates(work, sorted(allowed), version)
        self._are_templates_loaded = True
        self._templates = {template.student_id: template.embedding for template in templates}
        if not templates:
            return
        stacked = np.stack(list(self._templates.values()))
        self._matcher = ClassMatcher(
            list(self._templates),
            template_distances=self._engine.distances(stacked, stacked),
            match_distance=self._engine.thresholds.match_distance,
            margin=self._engine.thresholds.margin,
        )
