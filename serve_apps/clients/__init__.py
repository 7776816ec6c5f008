"""Typed clients with which one deployment calls another, and the types that they exchange."""
