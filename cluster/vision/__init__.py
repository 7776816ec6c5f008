"""Pixels in; people and what they do out. No storage, no Ray, no clock."""
