"""Queries of the warehouse: read-only, in a sandbox.

Analysts' SQL is code. The connection reads the published file, nothing else: no other file (in the
lake is what R3 hides), no network, no extension, and its settings are locked. Only statements that
read are executed at all. A publication that tells more than the settings of today allow is not
opened.
"""

from pathlib import Path

import duckdb
import pyarrow as pa

from cluster.errors import NotPublished, QueryRefused
from cluster.settings import Settings
from cluster.warehouse.ddl import quote_literal
from cluster.warehouse.publication_rule import find_looser_rule
from cluster.warehouse.publish import LINK


def open_warehouse(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse read-only, in a sandbox.

    Raises:
        NotPublished: Nothing has been published yet, or not by the rule of today.
        QueryRefused: DuckDB cannot open it.
    """
    link = warehouse_path(settings)
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
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        reason = find_looser_rule(connection, settings)
    except duckdb.Error as error:
        raise QueryRefused(f"the warehouse cannot be opened: {error}", where=str(link)) from error
    if reason:
        connection.close()
        raise NotPublished(
            f"the last publication tells more than the settings allow now: {reason}.",
            where=str(link),
            hint="Run `homeroom publish`.",
        )
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
