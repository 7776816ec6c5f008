"""Exit statuses of Homeroom's programs."""

EXIT_FAILED = 1
"""It could not run."""

EXIT_PARTLY = 3
"""Some of its input could not be used; the rest is done."""

EXIT_STOPPED = 130
"""It was stopped by Ctrl-C or a signal."""
