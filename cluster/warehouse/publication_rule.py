"""Whether a publication still follows the rule of today (R3).

A publication is made with the `k` and the vehicles of its day. Where these hide more now, it is not
read any more: a file that anybody may query cannot be made to hide more afterwards.
"""

import duckdb

from cluster.settings import Settings


def find_looser_rule(connection: duckdb.DuckDBPyConnection, settings: Settings) -> str:
    """Return in which way a publication tells more than R3 allows now; empty if it does not.

    Args:
        connection: It uses the publication.
        settings: Those of today.
    """
    try:
        row = connection.execute("SELECT k FROM publications").fetchone()
    except duckdb.CatalogException:
        return "an earlier version of the program made it"
    if row is None or row[0] < settings.privacy.k:
        return f"k is {settings.privacy.k}, and was {row[0] if row else 'not recorded'}"
    rooms = connection.execute("SELECT room_id FROM rooms WHERE kind = 'vehicle'")
    vehicles = {room_id for (room_id,) in rooms.fetchall()}
    new = sorted(r.id for r in settings.rooms if r.kind == "vehicle" and r.id not in vehicles)
    with_shares = (
        new
        and connection.execute(
            "SELECT DISTINCT room_id FROM activity_windows "
            "WHERE NOT suppressed AND room_id IN (SELECT unnest(?)) ORDER BY room_id",
            [new],
        ).fetchall()
    )
    if not with_shares:  # a bus that was added since has no windows there
        return ""
    return f"a headcount is all of {', '.join(room_id for (room_id,) in with_shares)}"
