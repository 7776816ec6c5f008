"""Capture of one live camera: its thread, its watchdog, its statistics."""
