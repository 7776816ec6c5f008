"""Queries of the warehouse: read-only, in a sandbox.

Analysts' SQL is code. The connection reads the published file and the lake, nothing else: no
other file, no network, no extension, and its settings are locked. DuckDB lets a query write
where it may read, so only statements that read are executed at all.
"""

import glob
from pathlib import Path

import duckdb
import pyarrow as pa

from cluster.errors import NotPublished, QueryRefused
from cluster.settings import Settings
from cluster.warehouse.ddl import quote_literal
from cluster.warehouse.publish import LINK


def open_warehouse(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse read-only, in a sandbox.

    Raises:
        NotPublished: Nothing has been published yet.
        QueryRefused: DuckDB cannot open it.
    """
    link = settings.warehouse_dir / LINK
    if not link.exists():
        raise NotPublished(
            "no warehouse has been published yet.",
            where=str(link),
            hint="Run `homeroom publish` after `homeroom analyse`.",
        )
    try:
        # A new in-memory database: the process may have another, whose settings are locked.
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {quote_literal(str(link.resolve()))} AS district (READ_ONLY)")
        connection.execute("USE district")
        # The view names the lake by a glob pattern, in which some characters are escaped.
        lakes = {f"{settings.lake_dir}/", f"{glob.escape(str(settings.lake_dir))}/"}
        allowed = ", ".join(quote_literal(lake) for lake in sorted(lakes))
        connection.execute(f"SET allowed_directories = [{allowed}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        raise QueryRefused(f"the warehouse cannot be opened: {error}", where=str(link)) from error
    return connection


def run_query(settings: Settings, sql: str) -> pa.Table:
    """Run one statement that reads.

    Args:
        settings: They name the warehouse.
        sql: A `SELECT` (also `FROM …`, `WITH …`, `DESCRIBE …`, `SUMMARIZE …`).

    Raises:
        NotPublished: There is no warehouse yet.
        QueryRefused: It is not one statement that reads, or DuckDB rejects it.
    """
    with open_warehouse(settings) as connection:
        try:
            statements = connection.extract_statements(sql)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise QueryRefused(
                    "only one statement that reads is allowed.",
                    hint="Write a SELECT; the tables are in `SHOW TABLES`.",
                )
            # A SELECT may contain a write (`WITH x AS (COPY …)`), but not as a subquery.
            connection.execute("EXPLAIN FROM query(?)", [sql])
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            # After "LINE 1" DuckDB quotes the statement around the query.
            reason = str(error).split("\n\nLINE 1: EXPLAIN", 1)[0]
            raise QueryRefused(f"DuckDB rejected the query: {reason}") from error


def warehouse_path(settings: Settings) -> Path:
    """Return the link that analysts open."""
    return settings.warehouse_dir / LINK
