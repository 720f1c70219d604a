"""The indexes of the rosters set aside for a first load, and whatever is missing made again.

A large table is filled in half the time when its indexes are built afterwards (`make bench
BENCH=indexes`). Neither takes a lock that a reader or writer could meet: both go on concurrently,
outside of any transaction, so whoever dies in between leaves indexes missing; `complete` mends
that, after the load or when a worker starts.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg

from rosterhub.model.entities import RECORDS, Entity
from rosterhub.store.connect import Connection, compiled
from rosterhub.store.schema import Index, indexes

_WORKING = frozenset({"idx_roles_user_sourced_id"})
"""What an import itself looks records up by."""
_LOCK = "SELECT pg_try_advisory_lock(hashtext('rosterhub indexes'))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('rosterhub indexes'))"
_TURN_SECONDS = 60.0
_VALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisvalid"


def set_aside(connection: Connection, entity: Entity) -> bool:
    """Drop the indexes of an entity's table that its first load can do without; whether it did.

    Only where the table is empty, and not for long: while others use the table it stays as it is.
    """
    row = connection.execute(compiled(f"SELECT EXISTS (SELECT FROM {entity.table})")).fetchone()
    names = [i.name for i in indexes(entity) if not i.unique and i.name not in _WORKING]
    if not names or row is None or row[0]:
        return False
    # Somebody may look at it all the while, a backup for one.
    with _waiting(connection, "1s"), suppress(psycopg.errors.LockNotAvailable):
        for name in names:
            connection.execute(compiled(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
    return True


def complete(connection: Connection) -> int:
    """Make every index that is missing or not whole, one caller at a time; how many it made.

    Raises:
        psycopg.errors.LockNotAvailable: somebody has looked at a table for a minute on end, or is
            at it already; try again later.
    """
    with _waiting(connection, "1min"):
        _take_turns(connection)
        try:
            return sum(_made(connection, table, index) for table, index in _missing(connection))
        finally:
            if not connection.broken:
                connection.execute(_UNLOCK)


def _take_turns(connection: Connection) -> None:
    """Be the only one at it. A statement that waits would hold a snapshot all the while, which the
    other's CREATE INDEX CONCURRENTLY waits for.
    """
    end = time.monotonic() + _TURN_SECONDS
    while not connection.execute(_LOCK).fetchall()[0][0]:
        if time.monotonic() > end:
            raise psycopg.errors.LockNotAvailable("Somebody else makes the indexes.")
        time.sleep(0.1)


def _missing(connection: Connection) -> list[tuple[str, Index]]:
    valid = {name for (name,) in connection.execute(_VALID).fetchall()}
    return [
        (entity.table, index)
        for entity in RECORDS.values()
        for index in indexes(entity)
        if index.name not in valid
    ]


def _made(connection: Connection, table: str, index: Index) -> int:
    connection.execute(compiled(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}"))
    how = f"{'UNIQUE ' if index.unique else ''}INDEX CONCURRENTLY {index.name}"
    connection.execute(compiled(f"CREATE {how} ON {table} {index.definition}"))
    return 1


@contextmanager
def _waiting(connection: Connection, most: str) -> Generator[None]:
    """Wait no longer than that for whoever uses a table."""
    connection.execute(compiled(f"SET lock_timeout = '{most}'"))
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("RESET lock_timeout")
