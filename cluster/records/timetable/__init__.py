"""Timetables in: weekly CSV and iCalendar files, the lessons that they plan."""
