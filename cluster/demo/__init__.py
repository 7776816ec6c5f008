"""Data for `homeroom demo`: a lesson's video and a school."""
