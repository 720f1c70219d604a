"""What records were before: a history table for each entity, and views of a moment in the past.

A record's row says since when it holds and which import wrote it (`valid_from`, `import_id`). What
replaces it first keeps it in `history.<table>`, with when and by which import that was. The views
`past.<table>` show every record as it was at the setting `rosterhub.as_of`, so that a read of the
past is the same statement under another search path (docs/adr/0010). Partitions are months.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

import psycopg
import psycopg.errors
from psycopg.rows import TupleRow

from rosterhub.model.entities import RECORDS, Entity
from rosterhub.store.connect import compiled
from rosterhub.store.schema import columns, indexes

Connection = psycopg.Connection[TupleRow]
AsyncConnection = psycopg.AsyncConnection[TupleRow]

ENDED = ("valid_to", "replaced_by")
"""What a history row has besides the record's own columns: until when, and by which import."""


def create_history(entity: Entity) -> list[str]:
    """The statements that create an entity's history table and its view of the past."""
    table = entity.table
    names = ", ".join(f'"{c.name}"' for c in columns(entity))
    # Paths are followed in the past as they are now; to filter it by anything else may take longer.
    own = [
        f"CREATE INDEX ON history.{table} {i.definition}"
        for i in indexes(entity)
        if "_sourced_id" in i.definition and "(org_sourced_ids)" not in i.definition
    ]
    return [
        f"CREATE TABLE history.{table} (LIKE public.{table},"
        " valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to)",
        f"CREATE INDEX ON history.{table} (sourced_id)",
        f"CREATE INDEX ON history.{table} (replaced_by)",
        *own,
        f"CREATE VIEW past.{table} AS SELECT {names} FROM public.{table}"
        f" WHERE valid_from <= {_AS_OF} UNION ALL SELECT {names} FROM history.{table}"
        f" WHERE valid_from <= {_AS_OF} AND valid_to > {_AS_OF}",
    ]


_AS_OF = "current_setting('rosterhub.as_of')::timestamptz"

LOOK_BACK = (
    "SELECT set_config('search_path', 'past, public', true),"
    " set_config('rosterhub.as_of', %s, true)"
)
"""In a transaction: from here to its end, read the past of the moment that the parameter names."""


def create_all_history() -> list[str]:
    """The statements that create the history of every entity."""
    return [statement for e in RECORDS.values() for statement in create_history(e)]


def ensure_partitions(connection: Connection, entities: Iterable[str]) -> None:
    """Make this month's partitions for the history of `entities`, each before it is needed.

    Each is made by itself and then attached, so that it waits for no reader of the past, and none
    for it. Not within the transaction that fills them, which would keep others waiting longer.
    """
    wanted = _partitions(entities)
    found = connection.execute(_MISSING, [list(wanted)])
    for (name,) in found.fetchall():
        connection.execute(wanted[name])


async def ensure_partitions_async(connection: AsyncConnection, entities: Iterable[str]) -> None:
    """The same for the API."""
    wanted = _partitions(entities)
    found = await connection.execute(_MISSING, [list(wanted)])
    for (name,) in await found.fetchall():
        await connection.execute(wanted[name])


_MISSING = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL"


def _partitions(entities: Iterable[str]) -> dict[str, bytes]:
    """The partitions by name with what makes each; the next month too: a write may run over
    midnight.
    """
    now = datetime.now(UTC)
    first = datetime(now.year, now.month, 1, tzinfo=UTC)
    found: dict[str, bytes] = {}
    for begin in (first, _next(first)):
        for name in entities:
            parent = f"history.{RECORDS[name].table}"
            partition = f"{parent}_{begin:%Y%m}"
            found[partition] = _attach(parent, partition, begin)
    return found


def _attach(parent: str, partition: str, begin: datetime) -> bytes:
    """What makes the partition for the month of `begin`, unless somebody else just did."""
    return compiled(
        "DO $$ BEGIN"
        f" PERFORM pg_advisory_xact_lock(hashtext('{partition}'));"
        f" IF to_regclass('{partition}') IS NULL THEN"
        f" CREATE TABLE {partition} (LIKE {parent});"
        f" ALTER TABLE {parent} ATTACH PARTITION {partition}"
        f" FOR VALUES FROM ('{begin:%Y-%m-%d}Z') TO ('{_next(begin):%Y-%m-%d}Z');"
        " END IF; END $$"
    )


def _next(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def keep(entity: Entity, source: str, replaced_by: str) -> str:
    """SQL that keeps the records that `source` (FROM items and WHERE, on the row `t`) names, and
    locks them: what is kept is what the change that follows replaces, whoever else is writing.
    """
    names = ", ".join(f'"{c.name}"' for c in columns(entity))
    values = ", ".join(f't."{c.name}"' for c in columns(entity))
    return (
        f"INSERT INTO history.{entity.table} ({names}, valid_to, replaced_by)"
        f" SELECT {values}, now(), {replaced_by} FROM {entity.table} t{source}"
        " FOR NO KEY UPDATE OF t"
    )


def prune(connection: Connection, before: datetime) -> list[str]:
    """Drop the partitions in which everything ended before `before`; the names of those that are
    gone, which one that is being read is not. The commits of that time are forgotten with them.
    """
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'history'"
        " AND c.relkind = 'r' ORDER BY 1"
    ).fetchall()
    dropped: list[str] = []
    for (name,) in rows:
        month = datetime.strptime(name[-6:], "%Y%m").replace(tzinfo=UTC)
        if _next(month) <= before:
            # Reads of the past may hold it; another round comes.
            with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '2s'")
                connection.execute(compiled(f'DROP TABLE history."{name}"'))
                dropped.append(name)
    # The last one stays: the next delta goes on from it.
    connection.execute(
        "DELETE FROM data_commits WHERE committed < %s"
        " AND committed < (SELECT max(committed) FROM data_commits)",
        [before],
    )
    return dropped


def begins(connection: Connection) -> datetime | None:
    """The first month of which any history is kept; None when there is none."""
    row = connection.execute(
        "SELECT min(right(c.relname, 6)) FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = 'history' AND c.relkind = 'r'"
    ).fetchone()
    if not row or not row[0]:
        return None
    return datetime.strptime(row[0], "%Y%m").replace(tzinfo=UTC)
