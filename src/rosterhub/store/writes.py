"""Records written over REST: put, posted as a set, deleted (spec/rest.md, "Write rules").

A set is one statement a table, whatever its size; who calls owns the transaction.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from rosterhub.model.bodies import Record
from rosterhub.model.entities import RECORDS
from rosterhub.store.connect import compiled

Connection = psycopg.AsyncConnection[TupleRow]

SOURCE = "rest"
"""The sending system of what comes over REST: no bulk file of another decides about it."""

_FILLED = {
    "lineItems": {
        "school_sourced_id": (
            "coalesce(r.school_sourced_id, (SELECT c.school_sourced_id FROM classes c"
            " WHERE c.sourced_id = r.class_sourced_id))"
        ),
        "academic_session_sourced_id": (
            "coalesce(r.academic_session_sourced_id, r.grading_period_sourced_id)"
        ),
    },
    "scoreScales": {
        "org_sourced_id": (
            "(SELECT c.school_sourced_id FROM classes c WHERE c.sourced_id = r.class_sourced_id)"
        ),
        "course_sourced_id": (
            "coalesce(r.course_sourced_id, (SELECT c.course_sourced_id FROM classes c"
            " WHERE c.sourced_id = r.class_sourced_id))"
        ),
    },
}
"""What the file requires and the object may leave out, from what it refers to."""


async def unknown(connection: Connection, records: Sequence[Record]) -> tuple[str, str] | None:
    """The first reference that leads to nothing: where it stands and its sourcedId."""
    wanted: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in records:
        for target, place, sourced_id in one.refers:
            wanted[target].append((place, sourced_id))
    for target, found in wanted.items():
        cursor = await connection.execute(
            compiled(
                "SELECT w.place, w.id FROM unnest(%s::text[], %s::text[]) AS w(place, id)"
                f" WHERE NOT EXISTS (SELECT FROM {RECORDS[target].table} t"
                " WHERE t.sourced_id = w.id) LIMIT 1"
            ),
            ([place for place, _ in found], [sourced_id for _, sourced_id in found]),
        )
        row = await cursor.fetchone()
        if row:
            return row[0], row[1]
    return None


async def put(connection: Connection, records: Sequence[Record]) -> int:
    """Write `records`, all of one entity, in place of those held; how many are new."""
    entity = records[0].entity
    created = await _upsert(connection, entity, [_row(one) for one in records])
    ids = [one.sourced_id for one in records]
    changed = {entity}
    for part, via in _parts(entity):
        rows = [row for one in records for row in one.parts.get(part, ())]
        table = RECORDS[part].table
        gone = await connection.execute(
            compiled(f"DELETE FROM {table} WHERE {via} = ANY(%s)"), [ids]
        )
        if rows:
            await _upsert(connection, part, rows)
        if rows or gone.rowcount:
            changed.add(part)
    await _renew(connection, changed)
    return created


async def delete(connection: Connection, entity: str, sourced_id: str) -> bool:
    """Mark a record as tobedeleted; False when there is none."""
    cursor = await connection.execute(
        compiled(
            f"UPDATE {RECORDS[entity].table} SET status = 'tobedeleted',"
            " date_last_modified = CASE status WHEN 'tobedeleted' THEN date_last_modified"
            " ELSE now() END WHERE sourced_id = %s"
        ),
        [sourced_id],
    )
    if cursor.rowcount:
        await _renew(connection, {entity})
    return bool(cursor.rowcount)


def _row(one: Record) -> dict[str, Any]:
    return {"sourced_id": one.sourced_id, **one.values}


def _parts(entity: str) -> list[tuple[str, str]]:
    """The entities whose rows belong to one of `entity`, with the column that says so."""
    owned = [e for e in RECORDS.values() if e.embedded_in == entity]
    return [
        (e.name, next(f.column for f in e.fields if f.reference == entity and f.required))
        for e in owned
    ]


async def _upsert(connection: Connection, entity: str, rows: list[dict[str, Any]]) -> int:
    """Insert or replace whole rows; how many are new. A column that a row leaves out is NULL."""
    table = RECORDS[entity].table
    types = {f.column: f.sql_type for f in RECORDS[entity].stored_fields}
    types |= {"sourced_id": "text", "status": "text", "metadata": "jsonb"}
    filled = _FILLED.get(entity, {})
    values = {name: filled.get(name, f'r."{name}"') for name in types}
    values["status"] = "coalesce(r.status, 'active')"
    values |= {"date_last_modified": "now()", "source_system": "%(source)s"}
    columns = ", ".join(f'"{name}"' for name in values)
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in values if name != "sourced_id")
    definition = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    cursor = await connection.execute(
        compiled(
            "WITH written AS ("
            f"INSERT INTO {table} ({columns}) SELECT {', '.join(values.values())}"
            f" FROM jsonb_to_recordset(%(rows)s) AS r({definition})"
            f" ON CONFLICT (sourced_id) DO UPDATE SET {sets} RETURNING xmax = 0 AS created"
            ") SELECT count(*) FILTER (WHERE created) FROM written"
        ),
        {"rows": Jsonb(rows), "source": SOURCE},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def _renew(connection: Connection, entities: set[str]) -> None:
    """New versions for what changed, so that no count or answer of before is used again."""
    await connection.execute(
        "UPDATE data_versions SET version = gen_random_uuid() WHERE entity = ANY(%s)",
        [sorted(entities)],
    )
