"""Parts of the rooms deployment: state of rooms, pool of readers, reloading of settings."""
