"""Timetables: weekly CSV and iCalendar files, and the import of their lessons."""
