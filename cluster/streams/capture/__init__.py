"""One live camera: its thread, its watchdog, its statistics."""
