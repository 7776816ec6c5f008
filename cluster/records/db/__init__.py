"""The records' database: connection, tables, the audited unit of work."""
