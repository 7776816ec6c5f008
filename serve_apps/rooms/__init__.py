"""Parts of the rooms deployment: state of rooms, pool of readers, hot reload of settings."""
