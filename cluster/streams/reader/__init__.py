"""The Ray actor that reads several cameras, and what it reports."""
