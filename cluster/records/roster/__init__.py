"""OneRoster exports in: CSV files, typed rows, the import into the records."""
