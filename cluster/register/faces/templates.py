"""Templates: a student's face as numbers, encrypted with that student's own key.

    consent? ─> embedding ─> AES-256-GCM, key of the student ─> records
                             the key, wrapped by the master key ─> keys_dir

The associated data binds district, student, purpose and engine version: a row that is moved to
another student, another district's records or another engine does not open. To destroy the key is
to destroy the template, wherever a copy of its row may lie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from cluster.errors import KeyMissing, KeyUnusable, NotAllowed
from cluster.records.db.models import TemplateRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import templates
from cluster.register.faces.consent import Decision, Reason
from cluster.register.faces.permissions import FacePermissions
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore, seal, student_key, unseal

PURPOSE = "face-register"

Embedding = npt.NDArray[np.float32]

WORDS: Mapping[Reason, str] = {
    Reason.POLICY_MISSING: "the district has no face policy, or it cannot be read",
    Reason.POLICY_OFF: "the district's policy has face roll call switched off",
    Reason.POLICY_NOT_YET: "the district's policy is not yet in force",
    Reason.POLICY_EXPIRED: "the district's policy has expired",
    Reason.CLASS_NOT_NAMED: "the policy names no class of this student",
    Reason.NOT_ENROLLED: "the student is not in this class",
    Reason.REGISTER_NOT_OPEN: "no register is open for this lesson",
    Reason.OBJECTION: "a guardian or the student objects",
    Reason.NO_GRANT: "no guardian has consented",
    Reason.GRANT_EXPIRED: "the consent has expired",
    Reason.OTHER_NOTICE: "the consent was given to another version of the notice",
    Reason.NOT_GUARDIAN: "who consented is not a guardian any more",
    Reason.CANNOT_BE_ANSWERED: "the question cannot be answered now",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A face as numbers, in memory only."""

    student_id: str
    engine: str
    embedding: Embedding


def store(
    work: UnitOfWork,
    permission: FacePermissions,
    student_id: str,
    engine: str,
    embedding: Embedding,
) -> Decision:
    """Encrypt and keep a template; consent is asked here too, whoever asked before.

    Args:
        work: Its session, keys and log.
        permission: Asked first.
        student_id: Whose face it is.
        engine: Version of the engine that made it.
        embedding: (d,) float32.

    Raises:
        NotAllowed: No consent stands behind it.
    """
    decision = permission.to_keep(work.session, student_id, work.now)
    if not decision.allowed or decision.grant is None:
        refuse(decision)
    version, key = work.keys.current(student_key(student_id))
    plain = np.asarray(embedding, "<f4").tobytes()
    sealed = seal(key, plain, _context(work.district, student_id, engine))
    templates.put(
        work.session,
        student_id=student_id,
        engine=engine,
        key_version=version,
        sealed=sealed,
        grant_seq=decision.grant.seq,
        created_at=work.now,
    )
    work.audit(AuditAction.FACE_REGISTER, student_id, engine=engine, grant=decision.grant.seq)
    return decision


def refuse(decision: Decision) -> NoReturn:
    """Raise what an answer of no comes to.

    Raises:
        NotAllowed: With the reason in words.
    """
    raise NotAllowed(
        f"{WORDS.get(decision.reason, str(decision.reason))}.",
        where=str(decision.reason),
        hint="The register can be taken by hand and by badge.",
    )


def open_templates(work: UnitOfWork, students: Sequence[str], engine: str) -> list[Template]:
    """Decrypt the templates of some students, who must have been asked for; one engine's only.

    One whose key was destroyed is left out; so is one whose row was changed or moved, and the audit
    log says so. The others of the class lose nothing by it.
    """
    found = templates.of_students(work.session, students, engine)
    opened = [_open_or_report(work, row) for row in found]
    work.audit(AuditAction.FACE_OPEN_TEMPLATES, None, students=[row.student_id for row in found])
    return [template for template in opened if template is not None]


def _open_or_report(work: UnitOfWork, row: TemplateRow) -> Template | None:
    try:
        return _open(work.keys, work.district, row)
    except KeyUnusable:
        work.audit(AuditAction.FACE_REJECT_TEMPLATE, row.student_id, engine=row.engine)
        return None


def destroy(work: UnitOfWork, student_id: str, reason: str) -> bool:
    """Destroy a student's key and templates, at once. True if there were any.

    The key goes first: killed in between, the row that is left opens with nothing.
    """
    key_gone = work.keys.destroy(student_key(student_id))
    rows = templates.remove(work.session, student_id)
    if key_gone or rows:
        work.audit(AuditAction.FACE_DESTROY, student_id, reason=reason, templates=rows)
    return bool(key_gone or rows)


def destroy_unpermitted(work: UnitOfWork, permission: FacePermissions) -> list[str]:
    """Destroy every template that no living grant stands behind; whose they were."""
    gone = []
    for row in templates.of_students(work.session):
        decision = permission.grant_behind(work.session, row.student_id, work.now)
        if not decision.allowed and destroy(work, row.student_id, str(decision.reason)):
            gone.append(row.student_id)
    return gone


def rotate_keys(work: UnitOfWork) -> int:
    """Give every student with a template a new key, and seal the template anew; how many.

    The old version of a key is destroyed by `finish_rotation`, after the rows are committed; a
    rotation that was interrupted is simply begun again.
    """
    by_student: dict[str, list[TemplateRow]] = {}
    for row in templates.of_students(work.session):
        by_student.setdefault(row.student_id, []).append(row)
    for student_id, rows in by_student.items():
        opened = [_open_or_report(work, row) for row in rows]
        version, key = work.keys.add_version(student_key(student_id))
        for row, template in zip(rows, opened, strict=True):
            if template is not None:
                context = _context(work.district, student_id, row.engine)
                row.sealed = seal(key, template.embedding.tobytes(), context)
                row.key_version = version
    work.session.flush()
    work.audit(AuditAction.FACE_ROTATE_KEYS, None, students=len(by_student))
    return len(by_student)


def finish_rotation(work: UnitOfWork) -> None:
    """Destroy the versions of keys that no row needs any more."""
    for row in templates.of_students(work.session):
        work.keys.keep_only(student_key(row.student_id), row.key_version)


def _open(keys: KeyStore, district: str, row: TemplateRow) -> Template | None:
    try:
        key = keys.version(student_key(row.student_id), row.key_version)
    except KeyMissing:
        return None
    plain = unseal(key, row.sealed, _context(district, row.student_id, row.engine))
    return Template(row.student_id, row.engine, np.frombuffer(plain, "<f4").astype(np.float32))


def _context(district: str, student_id: str, engine: str) -> str:
    return f"{district}/{student_id}/{PURPOSE}/{engine}"
