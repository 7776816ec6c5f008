"""The transactional database: roster, lessons, consent, registers, audit.

database.py     opens it: SQLite or PostgreSQL; migrations
models.py       its tables
identity.py     a transaction, the keys and the audit log, always together
people.py       names, sealed; who is who; class_list.py
oneroster*.py   reads OneRoster's CSV           roster*.py     imports it
timetable*.py   weekly hours, or a calendar, to dated lessons
consents.py     the ledger        templates.py   encrypted faces       badges.py
registers.py    registers, entries and their history
sign_ins.py     tokens and sessions              sign_in_cache.py   for a few seconds
audit_log.py    the rows of the audit log
"""
