"""From people to windows: tracking for seconds, durations, counting, suppression.

Nothing here knows a student, a face or a seat (R2), and no state outlives its segment.
"""
