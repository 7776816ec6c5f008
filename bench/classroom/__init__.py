"""Rendered classrooms: clips of people who do not exist, with the truth beside them."""
