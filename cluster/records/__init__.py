"""The transactional database: roster, lessons, consent, registers, audit.

database.py     opens it: SQLite or PostgreSQL; migrations
models.py       its tables         base.py       what they share
checkin_models.py   tables of check-ins
identity.py     a transaction, the keys and the audit log, always together
people.py       names, sealed; who is who; class_list.py
oneroster*.py   reads OneRoster's CSV           roster*.py     imports it
timetable*.py   weekly hours, or a calendar, to dated lessons
consent_events.py    templates.py    badges.py
registers.py    registers, entries and their history
checkins.py     check-ins that are on    help_request_rows.py    checkin_counts.py
agreement_events.py   the ledger of agreements to them
sign_ins.py     tokens and sessions              sign_in_cache.py   for a few seconds
audit_log.py    the rows of the audit log
"""
