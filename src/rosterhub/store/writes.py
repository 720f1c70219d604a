"""Records written over REST: put, posted as a set, deleted (spec/rest.md, "Write rules").

A set is one statement a table, whatever its size; who calls owns the transaction.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from rosterhub.model.bodies import Record
from rosterhub.model.entities import RECORDS
from rosterhub.model.objects import (
    Linked,
    Pairs,
    Reference,
    Rows,
    Scalar,
    Version,
    properties,
)
from rosterhub.store import history, line_items, versions
from rosterhub.store.connect import compiled
from rosterhub.store.times import MOVED_ON

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
            "coalesce(r.academic_session_sourced_id, r.grading_period_sourced_id,"
            " (SELECT c.term_sourced_ids[1] FROM classes c"
            " WHERE c.sourced_id = r.class_sourced_id))"
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

_ANOTHER_CLASS = "t.class_sourced_id IS DISTINCT FROM excluded.class_sourced_id"
_OUTDATED = {
    "lineItems": {
        "school_sourced_id": _ANOTHER_CLASS,
        # One that was its grading period goes with it.
        "academic_session_sourced_id": (
            f"{_ANOTHER_CLASS} OR t.academic_session_sourced_id = t.grading_period_sourced_id"
        ),
    },
    "results": {
        "class_sourced_id": "t.line_item_sourced_id IS DISTINCT FROM excluded.line_item_sourced_id"
    },
}
"""When a value that a client of 1.1 cannot know is about what the record has no more."""


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


async def line_item_elsewhere(
    connection: Connection, records: Sequence[Record], class_id: str
) -> str | None:
    """The first line item that `records`, results, are for and that is of another class."""
    found = await connection.execute(
        "SELECT sourced_id FROM line_items WHERE sourced_id = ANY(%s) AND class_sourced_id <> %s"
        " ORDER BY 1 LIMIT 1",
        [[one.values["line_item_sourced_id"] for one in records], class_id],
    )
    row = await found.fetchone()
    return row[0] if row else None


async def put(connection: Connection, records: Sequence[Record], version: Version = "1.2") -> int:
    """Write `records`, all of one entity, in place of those held; how many are new.

    What `version` does not know of them stays: its client cannot have meant to take it away.
    """
    entity = records[0].entity
    kept = _columns(entity, "1.2") - _columns(entity, version)
    ids = [one.sourced_id for one in records]
    await _to_history(connection, entity, "t.sourced_id = ANY(%s)", ids)
    changed = {entity}
    known = {p.entity for p in properties(entity, version) if isinstance(p, Linked | Rows)}
    live = [one.sourced_id for one in records if one.values["status"] != "tobedeleted"]
    for part, via in _parts(entity):
        if part not in known and await _revive(connection, part, via, entity, live):
            changed.add(part)
    rows = [_row(one) for one in records]
    if entity == "lineItems" and version == "1.1":
        uncategorized = await line_items.complete(connection, rows)
        if uncategorized and await _see_category(connection):
            changed.add("categories")
    created = await _upsert(connection, entity, rows, kept)
    for part, via in _parts(entity):
        if part not in known:
            continue
        belonging = [
            {**row, "status": one.values["status"]}
            for one in records
            for row in one.parts.get(part, ())
        ]
        table = RECORDS[part].table
        await _to_history(connection, part, f"t.{via} = ANY(%s)", ids)
        gone = await connection.execute(
            compiled(f"DELETE FROM {table} WHERE {via} = ANY(%s)"), [ids]
        )
        if belonging:
            await _upsert(connection, part, belonging)
        if belonging or gone.rowcount:
            changed.add(part)
    await _renew(connection, changed)
    return created


async def _revive(connection: Connection, part: str, via: str, entity: str, ids: list[str]) -> bool:
    """Take back what was deleted of `part` together with its owners `ids`; whether there was any.
    For owners that are about to be live again, before they are.
    """
    with_owner = (
        "t.status = 'tobedeleted' AND EXISTS ("
        f"SELECT FROM {RECORDS[entity].table} o WHERE o.sourced_id = t.{via}"
        " AND o.sourced_id = ANY(%s) AND o.status = 'tobedeleted' AND o.valid_from = t.valid_from)"
    )
    return await _mark(connection, part, "active", with_owner, ids)


async def _see_category(connection: Connection) -> bool:
    """See that the category of line items without one is there and live; whether it was not."""
    sourced_id = line_items.UNCATEGORIZED["sourced_id"]
    there = await connection.execute(
        "SELECT FROM categories WHERE sourced_id = %s AND status = 'active'", [sourced_id]
    )
    if there.rowcount:
        return False
    await _to_history(connection, "categories", "t.sourced_id = %s", sourced_id)
    await _upsert(connection, "categories", [line_items.UNCATEGORIZED])
    return True


async def delete(connection: Connection, entity: str, sourced_id: str) -> bool:
    """Mark a record as tobedeleted; False when there is none."""
    found = await connection.execute(
        compiled(f"SELECT FROM {RECORDS[entity].table} WHERE sourced_id = %s"), [sourced_id]
    )
    if not found.rowcount:
        return False
    changed: set[str] = set()
    for name, column in [(entity, "sourced_id"), *_parts(entity)]:
        live = f"t.{column} = %s AND t.status <> 'tobedeleted'"
        if await _mark(connection, name, "tobedeleted", live, sourced_id):
            changed.add(name)
    if changed:
        await _renew(connection, changed)
    return True


async def _mark(
    connection: Connection, entity: str, status: str, where: str, value: object
) -> bool:
    """Give another status to the records that `where` finds; whether it found any."""
    await _to_history(connection, entity, where, value)
    marked = await connection.execute(
        compiled(
            f"UPDATE {RECORDS[entity].table} t SET status = '{status}',"
            f" date_last_modified = {MOVED_ON}, valid_from = now(), import_id = NULL"
            f" WHERE {where}"
        ),
        [value],
    )
    return marked.rowcount > 0


async def make_room(connection: Connection, entity: str) -> None:
    """See that what `put` and `delete` replace can go to its history; before the transaction."""
    names = [entity, *(name for name, _ in _parts(entity))]
    if entity == "lineItems":
        names.append("categories")
    await history.ensure_partitions_async(connection, names)


async def _to_history(connection: Connection, entity: str, where: str, value: object) -> None:
    """Keep the records that `where` finds as they are, before they change; no other write may come
    between."""
    kept = history.keep(RECORDS[entity], f" WHERE {where}", "NULL")
    await connection.execute(compiled(kept), [value])


def _columns(entity: str, version: Version) -> set[str]:
    """The columns that the object of `entity` itself is made of."""
    return {
        p.field.column
        for p in properties(entity, version)
        if isinstance(p, Scalar | Reference | Pairs)
    }


def _row(one: Record) -> dict[str, Any]:
    return {"sourced_id": one.sourced_id, **one.values}


def _parts(entity: str) -> list[tuple[str, str]]:
    """The entities whose rows belong to one of `entity`, with the column that says so."""
    return [(e.name, e.to_owner.column) for e in RECORDS.values() if e.embedded_in == entity]


async def _upsert(
    connection: Connection, entity: str, rows: list[dict[str, Any]], kept: Collection[str] = ()
) -> int:
    """Insert or replace whole rows; how many are new. A column that a row leaves out is NULL, but
    of those `kept` what is held stays, unless it is `_OUTDATED`.
    """
    table = RECORDS[entity].table
    types = {f.column: f.sql_type for f in RECORDS[entity].stored_fields}
    types |= {"sourced_id": "text", "status": "text", "metadata": "jsonb"}
    filled = _FILLED.get(entity, {})
    values = {name: filled.get(name, f'r."{name}"') for name in types}
    values["status"] = "coalesce(r.status, 'active')"
    values |= {
        "date_last_modified": "now()",
        "source_system": "%(source)s",
        "valid_from": "now()",
        "import_id": "NULL",
    }
    columns = ", ".join(f'"{name}"' for name in values)
    after = {name: f'excluded."{name}"' for name in values if name != "sourced_id"}
    outdated = _OUTDATED.get(entity, {})
    after |= {
        name: f'CASE WHEN {outdated.get(name, "false")} THEN excluded."{name}"'
        f' ELSE coalesce(t."{name}", excluded."{name}") END'
        for name in kept
    }
    after["date_last_modified"] = MOVED_ON
    sets = ", ".join(f'"{name}" = {value}' for name, value in after.items())
    definition = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    cursor = await connection.execute(
        compiled(
            "WITH written AS ("
            f"INSERT INTO {table} AS t ({columns}) SELECT {', '.join(values.values())}"
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
    await connection.execute(versions.RENEW, [sorted(entities)])
