"""Badges: a signed QR code that a student shows to a camera or scanner.

The code holds the district, a serial and a signature, and nothing about the student. A new badge
rotates the serial, which invalidates the old badge.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

import segno
from itsdangerous import BadSignature, URLSafeSerializer

from cluster.errors import BadgeRefused
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import badges
from cluster.records.repos.people import names_of
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore

BADGE_KEY = "badges"
MAX_TOKEN_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge to print.

    Attributes:
        student_id: The student.
        token: The content of the QR code.
        expires_at: UTC.
    """

    student_id: str
    token: str
    expires_at: datetime


def issue(work: UnitOfWork, student_id: str, days: int) -> Badge:
    """Issue a badge, which invalidates the student's old one."""
    expires_at = work.now + timedelta(days=days)
    serial = badges.replace(work.session, student_id, issued_at=work.now, expires_at=expires_at)
    work.audit(AuditAction.BADGE_ISSUE, student_id, expires_at=expires_at)
    token = _serializer(work.keys).dumps([work.district, serial])
    return Badge(student_id, str(token), expires_at)


def verify(work: UnitOfWork, token: str) -> str:
    """Verify the token of a badge, and return the id of its student.

    Raises:
        BadgeRefused: It was not signed by this district, has expired, or was replaced.
    """
    try:
        if len(token) > MAX_TOKEN_LENGTH:
            raise BadSignature("too long")
        district, serial = _serializer(work.keys).loads(token.strip())
    except (BadSignature, ValueError, TypeError):
        raise BadgeRefused("this is no badge of this district.") from None
    row = badges.by_serial(work.session, str(serial)) if district == work.district else None
    if row is None:
        raise BadgeRefused(
            "this badge was replaced by a newer one.", hint="Print a new one: homeroom badge print"
        )
    if work.now >= row.expires_at:
        raise BadgeRefused(
            f"this badge expired on {row.expires_at:%Y-%m-%d}.",
            hint="Print a new one: homeroom badge print",
        )
    return row.student_id


def render_sheet(work: UnitOfWork, issued: list[Badge]) -> str:
    """Return a self-contained HTML page of badges to print and cut; it shows names."""
    names = names_of(work.session, work.keys, [badge.student_id for badge in issued])
    cards = "\n".join(
        f"<figure>{segno.make_qr(badge.token).svg_inline(scale=4)}"
        f"<figcaption>{escape(names[badge.student_id].display_name)}<br>"
        f"until {badge.expires_at:%Y-%m-%d}</figcaption></figure>"
        for badge in issued
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Badges</title><style>'
        "body{display:flex;flex-wrap:wrap;font:14px sans-serif}"
        "figure{border:1px dashed #888;margin:8px;padding:8px;text-align:center;"
        "break-inside:avoid}</style>\n"
        f"{cards}\n</html>\n"
    )


def _serializer(keys: KeyStore) -> URLSafeSerializer:
    return URLSafeSerializer(keys.current(BADGE_KEY)[1], salt="homeroom badge")
