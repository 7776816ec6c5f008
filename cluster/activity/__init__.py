"""People to windows: tracking for seconds, durations, counting, suppression.

Nothing here knows a student, a face or a seat, and nothing here outlives its segment.
"""
