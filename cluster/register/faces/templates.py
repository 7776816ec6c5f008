"""Templates: a student's face embedding, encrypted with that student's own key.

    consent? ─> embedding ─> AES-256-GCM, key of the student ─> records
                             the key, wrapped by the master key ─> keys_dir

The associated data binds district, student, purpose and engine version: a row that is moved to
another student, district or engine does not decrypt. Destroying the key destroys the template, with
every copy of its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.errors import KeyMissing, KeyUnusable, NotAllowed
from cluster.records.db.models import TemplateRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import templates
from cluster.register.faces.consent import ConsentReason, Decision
from cluster.register.faces.permissions import FacePermissions
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore, seal, student_key, unseal

PURPOSE = "face-register"

Embedding = npt.NDArray[np.float32]

REASON_TEXTS: Mapping[ConsentReason, str] = {
    ConsentReason.POLICY_MISSING: "the district has no face policy, or it cannot be read",
    ConsentReason.POLICY_OFF: "the district's policy has face roll call switched off",
    ConsentReason.POLICY_NOT_YET: "the district's policy is not yet in force",
    ConsentReason.POLICY_EXPIRED: "the district's policy has expired",
    ConsentReason.CLASS_NOT_NAMED: "the policy names no class of this student",
    ConsentReason.NOT_ENROLLED: "the student is not in this class",
    ConsentReason.REGISTER_NOT_OPEN: "no register is open for this lesson",
    ConsentReason.OBJECTION: "a guardian or the student objects",
    ConsentReason.NO_GRANT: "no guardian has consented",
    ConsentReason.GRANT_EXPIRED: "the consent has expired",
    ConsentReason.OTHER_NOTICE: "the consent was given to another version of the notice",
    ConsentReason.NOT_GUARDIAN: "who consented is not a guardian any more",
    ConsentReason.CANNOT_BE_ANSWERED: "it cannot be decided now",
}


@dataclass(frozen=True, slots=True)
class FaceTemplate:
    """A decrypted face embedding, in memory only."""

    student_id: str
    engine: str
    embedding: Embedding


def store_template(
    work: UnitOfWork,
    permission: FacePermissions,
    student_id: str,
    engine: str,
    embedding: Embedding,
) -> Decision:
    """Encrypt and store a template, after a check of the permission (R5).

    Args:
        work: Its session, keys and audit log.
        permission: Decides whether the template may be stored.
        student_id: The student.
        engine: Version of the engine that computed the embedding.
        embedding: (d,) float32.

    Raises:
        NotAllowed: It may not be stored.
    """
    decision = permission.may_keep(work.session, student_id, work.now)
    if not decision.allowed or decision.grant is None:
        raise denied_error(decision)
    version, key = work.keys.current(student_key(student_id))
    plain = np.asarray(embedding, "<f4").tobytes()
    sealed = seal(key, plain, _associated_data(work.district, student_id, engine))
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


def denied_error(decision: Decision) -> NotAllowed:
    """Return the error for a denial, with its reason."""
    return NotAllowed(
        f"{REASON_TEXTS.get(decision.reason, str(decision.reason))}.",
        where=str(decision.reason),
        hint="The register can be taken by hand and by badge.",
    )


def decrypt_templates(work: UnitOfWork, students: Sequence[str], engine: str) -> list[FaceTemplate]:
    """Decrypt the templates of some students by one engine; the caller has checked permissions.

    Left out are templates whose key was destroyed, and those whose row was changed or moved; the
    audit log records the latter.
    """
    found = templates.of_students(work.session, students, engine)
    decrypted = [_decrypt_or_report(work, row) for row in found]
    work.audit(AuditAction.FACE_OPEN_TEMPLATES, None, students=[row.student_id for row in found])
    return [template for template in decrypted if template is not None]


def _decrypt_or_report(work: UnitOfWork, row: TemplateRow) -> FaceTemplate | None:
    try:
        return _decrypt(work.keys, work.district, row)
    except KeyUnusable:
        work.audit(AuditAction.FACE_REJECT_TEMPLATE, row.student_id, engine=row.engine)
        return None


def destroy_templates(work: UnitOfWork, student_id: str, reason: str) -> bool:
    """Destroy a student's key and templates at once; returns whether there were any.

    The key is destroyed first: if the process is killed in between, the remaining row is useless.
    """
    key_gone = work.keys.destroy(student_key(student_id))
    rows = templates.remove(work.session, student_id)
    if key_gone or rows:
        work.audit(AuditAction.FACE_DESTROY, student_id, reason=reason, templates=rows)
    return bool(key_gone or rows)


def destroy_unpermitted(work: UnitOfWork, permission: FacePermissions) -> list[str]:
    """Destroy every template without a grant in force (R5, R10); returns the students' ids."""
    destroyed = []
    for row in templates.of_students(work.session):
        decision = permission.may_retain(work.session, row.student_id, work.now)
        if not decision.allowed and destroy_templates(work, row.student_id, str(decision.reason)):
            destroyed.append(row.student_id)
    return destroyed


def rotate_keys(work: UnitOfWork) -> int:
    """Re-encrypt every template with a new key; returns the number of students.

    `finish_rotation` destroys the old versions of the keys once the rows are committed. An
    interrupted rotation is simply repeated.
    """
    by_student: dict[str, list[TemplateRow]] = {}
    for row in templates.of_students(work.session):
        by_student.setdefault(row.student_id, []).append(row)
    for student_id, rows in by_student.items():
        decrypted = [_decrypt_or_report(work, row) for row in rows]
        version, key = work.keys.add_version(student_key(student_id))
        for row, template in zip(rows, decrypted, strict=True):
            if template is not None:
                data = _associated_data(work.district, student_id, row.engine)
                row.sealed = seal(key, template.embedding.tobytes(), data)
                row.key_version = version
    work.session.flush()
    work.audit(AuditAction.FACE_ROTATE_KEYS, None, students=len(by_student))
    return len(by_student)


def finish_rotation(work: UnitOfWork) -> None:
    """Destroy the versions of keys that no row uses any more."""
    for row in templates.of_students(work.session):
        work.keys.keep_only(student_key(row.student_id), row.key_version)


def _decrypt(keys: KeyStore, district: str, row: TemplateRow) -> FaceTemplate | None:
    try:
        key = keys.version(student_key(row.student_id), row.key_version)
    except KeyMissing:
        return None
    plain = unseal(key, row.sealed, _associated_data(district, row.student_id, row.engine))
    return FaceTemplate(row.student_id, row.engine, np.frombuffer(plain, "<f4").astype(np.float32))


def _associated_data(district: str, student_id: str, engine: str) -> str:
    return f"{district}/{student_id}/{PURPOSE}/{engine}"
