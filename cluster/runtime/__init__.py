"""Shared by all processes: local Ray, logging, redaction, thread scheduling, footage roots."""
