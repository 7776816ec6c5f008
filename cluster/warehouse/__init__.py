"""The lake (Parquet files, the source of truth) and the warehouse (the DuckDB file of analysts)."""
