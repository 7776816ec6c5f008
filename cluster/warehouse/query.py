"""Asking the warehouse: read-only, and shut in.

Analysts' SQL is code. The connection reads the published file and the lake, nothing else: no
other file, no network, no extension, and its settings are locked. DuckDB lets a query write
where it may read, so only statements that read are let through at all.
"""

import glob
from pathlib import Path

import duckdb
import pyarrow as pa

from cluster.errors import NotPublished, QueryRefused
from cluster.settings import Settings
from cluster.warehouse.ddl import quoted
from cluster.warehouse.publish import LINK


def open_warehouse(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse, read-only and shut in.

    Raises:
        NotPublished: There is none yet.
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
        # A connection of its own: the process may hold another, with settings locked already.
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {quoted(str(link.resolve()))} AS district (READ_ONLY)")
        connection.execute("USE district")
        # The view names the lake by a pattern, in which some characters are escaped.
        lakes = {f"{settings.lake_dir}/", f"{glob.escape(str(settings.lake_dir))}/"}
        allowed = ", ".join(quoted(lake) for lake in sorted(lakes))
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
        QueryRefused: It is not one statement that reads, or DuckDB refuses it.
    """
    with open_warehouse(settings) as connection:
        try:
            statements = connection.extract_statements(sql)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise QueryRefused(
                    "only one statement that reads is allowed.",
                    hint="Write a SELECT; the tables are in `SHOW TABLES`.",
                )
            # Also inside a SELECT something may write (`WITH x AS (COPY …)`); as a subquery not.
            connection.execute("EXPLAIN FROM query(?)", [sql])
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            # Behind "LINE 1" DuckDB quotes our own words around the query.
            reason = str(error).split("\n\nLINE 1: EXPLAIN", 1)[0]
            raise QueryRefused(f"DuckDB refused the query: {reason}") from error


def warehouse_path(settings: Settings) -> Path:
    """The link that analysts open."""
    return settings.warehouse_dir / LINK
