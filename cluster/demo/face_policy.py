"""The face policy of a made-up district, as text."""

from datetime import date, timedelta

NOTICE = "2026-1"


def policy_text(class_id: str, today: date) -> str:
    """Return a policy that switches face roll call on for one class, for 180 days from today."""
    return f"""\
# In a real district, the person responsible decides after an impact assessment (docs/privacy.md).
[face_roll_call]
switched_on = true
classes = ["{class_id}"]
legal_basis = "Explicit consent (GDPR Art. 9(2)(a))"
impact_assessment = "DPIA-EXAMPLE"
approved_by = "Data protection officer of a made-up district"
approved_on = {today.isoformat()}
valid_until = {(today + timedelta(days=180)).isoformat()}
notice_version = "{NOTICE}"
"""
