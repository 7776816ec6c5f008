"""Queries and changes of single kinds of rows; callers own the transaction."""
