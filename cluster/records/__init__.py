"""The transactional database: roster, lessons, consent, registers, check-ins, audit log.

db/          the database: connection and migrations, tables, the audited unit of work
repos/       queries and changes of its tables, by subject
roster/      OneRoster's CSV files, validated and imported
timetable/   weekly CSV and iCalendar files, expanded to dated lessons and imported
migrations/  Alembic's migrations
"""
