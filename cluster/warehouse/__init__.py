"""The lake (Parquet, the truth of activity) and the warehouse (DuckDB, what analysts open)."""
