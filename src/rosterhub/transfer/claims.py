"""Who works on an import: the database session that holds its advisory lock, and nobody else.

PostgreSQL lets go of the lock when the session ends, so a worker that died claims nothing.
"""

import psycopg.errors

from rosterhub.store.connect import Connection, compiled

HELD = (
    "SELECT objid::bigint AS import_id, pid FROM pg_locks"
    " WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
    " AND classid::bigint = hashtext('rosterhub import')::bigint & 4294967295"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""The imports that are worked on, each with the process of its session."""


def claim(connection: Connection, import_id: int) -> bool:
    """Whether the session of `connection` has the import to itself, from now to its end."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(hashtext('rosterhub import'), %s)", [import_id]
    ).fetchone()
    assert row is not None
    return row[0]


def end(connection: Connection, import_id: int) -> bool:
    """End the session that works on the import, whatever it is doing; whether there was one."""
    try:
        ended = connection.execute(
            compiled(f"SELECT pg_terminate_backend(pid) FROM ({HELD}) h WHERE import_id = %s"),
            [import_id],
        )
    except psycopg.errors.InsufficientPrivilege:
        # A session of another role; its worker sees at the next step that the import has ended.
        return True
    return ended.rowcount > 0
