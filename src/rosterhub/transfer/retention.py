"""What is kept of imports that have ended, and for how long; the room it took is free again.

The import itself, with its counts and timings, stays. Rows are deleted in batches, so that nothing
is locked for long, and vacuumed at the end: the tables then give back what is free at their ends,
and use the rest again.
"""

from collections.abc import Iterator

from psycopg.rows import TupleRow

from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer import claims, records

_BATCHES = {
    "import_chunks": 64,
    "import_issues": 10_000,
    "import_changes": 10_000,
    "import_health": 10_000,
}
"""Tables that are pruned, and rows deleted at once; a chunk is a megabyte."""

KEPT = (
    "SELECT i.size, i.entity, count(c.number) FROM imports i LEFT JOIN import_chunks c"
    " ON c.import_id = i.id WHERE i.id = %s GROUP BY i.id"
)
"""Of an import: the bytes of its upload, its entity (NULL for a package), the chunks there are."""
CHUNK = "SELECT data FROM import_chunks WHERE import_id = %s AND number = %s"
"""One of them; they are numbered from 0."""

_ABANDONED = (
    "SELECT DISTINCT i.id FROM imports i JOIN pg_class c"
    " ON c.relnamespace = 'staging'::regnamespace AND c.relkind = 'r'"
    " AND split_part(c.relname, '_', 1) = 'i' || i.id"
    f" WHERE i.finished_at < now() - interval '1 minute'"
    f" AND i.id NOT IN (SELECT import_id FROM ({claims.HELD}) h)"
)
"""Imports that have ended and whose worker died before it tidied up."""


def prune(connection: Connection, days: int) -> int:
    """Delete uploads, issues, differences and health of imports that ended `days` days ago or
    earlier, and staging tables that nobody dropped; how many rows those were.
    """
    for (import_id,) in connection.execute(compiled(_ABANDONED)).fetchall():
        records.drop_staging(connection, import_id)
    deleted = 0
    for table in _BATCHES:
        rows = sum(_delete(connection, table, days))
        if rows:
            connection.execute(compiled(f"VACUUM (ANALYZE) {table}"))
        deleted += rows
    return deleted


def upload_name(import_id: int, row: TupleRow) -> str:
    """What to call an upload that is taken out again, from a row of `KEPT`."""
    return f"import-{import_id}.{'csv' if row[1] else 'zip'}"


def gone(import_id: int) -> str:
    """What to say where there is no upload."""
    return (
        f"The upload of import {import_id} is not kept any more (IMPORT_RETENTION_DAYS), or it was"
        " removed when the import ended, as are those that were rejected or may hold passwords."
    )


def _delete(connection: Connection, table: str, days: int) -> Iterator[int]:
    statement = compiled(
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM {table} t"
        " JOIN imports i ON i.id = t.import_id"
        " WHERE i.finished_at <= now() - make_interval(days => %s) LIMIT %s))"
    )
    while rows := connection.execute(statement, [days, _BATCHES[table]]).rowcount:
        yield rows
