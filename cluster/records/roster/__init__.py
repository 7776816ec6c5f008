"""OneRoster exports: CSV files, validated rows, and their import into the records."""
