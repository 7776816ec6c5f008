"""Pixels to people and postures. No storage, no Ray, no clock."""
