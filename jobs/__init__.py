"""Ray jobs: programs that run to their end over stored data."""
