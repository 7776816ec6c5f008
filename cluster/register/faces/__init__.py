"""Face roll call: consent, templates, matching. Off unless the policy allows it (R4)."""
