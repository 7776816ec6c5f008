"""Reads and writes of single kinds of rows; callers own the transaction."""
