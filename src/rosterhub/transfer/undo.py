"""An import taken back: every record that it wrote is again what it was before, exactly.

What a later import or write has touched since is a conflict: without `force` nothing is done, with
it those records stay as they are. The rows taken back go to the history like any other change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg.errors
from psycopg.types.json import Jsonb

from rosterhub.model.entities import RECORDS, SYSTEM_FIELDS, Entity, Field
from rosterhub.store import history, versions
from rosterhub.store.connect import Connection, compiled
from rosterhub.store.schema import LIVE, columns
from rosterhub.store.times import MOVED_ON
from rosterhub.transfer.apply import ORGS_OF_USER
from rosterhub.transfer.issues import Issue

SHOWN = 1_000
"""Conflicts that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A record that something later depends on: it was `changed` since, or is `referred` to by one
    that the import did not write. `import_id` is the later import, None for a write over REST.
    """

    entity: str
    sourced_id: str
    why: str
    import_id: int | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did, or with `conflicts` and `done` false, why it did nothing."""

    done: bool
    restored: int
    removed: int
    conflicts: tuple[Conflict, ...]
    conflicts_in_all: int

    @property
    def document(self) -> dict[str, Any]:
        """As it stands in the job document (docs/safety.md)."""
        return {
            "state": "done" if self.done else "refused",
            "restored": self.restored,
            "removed": self.removed,
            "conflicts": [
                {"entity": c.entity, "sourcedId": c.sourced_id, "why": c.why, "jobId": c.import_id}
                for c in self.conflicts
            ],
            "conflictsInAll": self.conflicts_in_all,
        }


def undo(connection: Connection, import_id: int, *, force: bool = False) -> Undone:
    """Take back the import `import_id`, which is completed, and say so of it; all or nothing.

    Raises:
        psycopg.errors.UniqueViolation: a name that has to be given back belongs to somebody else
            now.
        psycopg.errors.SerializationFailure: another change came in between; begin again.
    """
    touched = [e for e in RECORDS.values() if _wrote(connection, e, import_id)]
    names = {e.name for e in touched}
    # Where roles go or come back, so do orgs of their users.
    names |= {"users"} if "roles" in names else set()
    history.ensure_partitions(connection, names)
    with connection.transaction():
        connection.execute("SELECT FROM imports WHERE id = %s FOR UPDATE", [import_id])
        for entity in touched:
            _list(connection, entity, import_id)
        # What stays keeps what it refers to, and so on.
        while True:
            staying = {e.name for e in RECORDS.values() if _any_stays(connection, e, touched)}
            if not sum(_mark_referred(connection, e, touched, staying) for e in touched):
                break
        conflicts = [c for e in touched for c in _conflicts(connection, e)]
        total = sum(_count(connection, e, "conflict IS NOT NULL") for e in touched)
        if total and not force:
            return Undone(False, 0, 0, tuple(conflicts[:SHOWN]), total)
        restored = removed = 0
        _list_users_with_orgs(connection, touched, import_id)
        for entity in touched:
            _to_history(connection, entity, import_id)
            removed += _remove(connection, entity)
        for entity in touched:
            _let_names_go(connection, entity)
        for entity in touched:
            restored += _restore(connection, entity)
        _set_orgs(connection)
        connection.execute(versions.RENEW, [sorted(names)])
        done = Undone(True, restored, removed, tuple(conflicts[:SHOWN]), total)
        connection.execute(
            "UPDATE imports SET state = 'undone', undo = %s WHERE id = %s",
            [Jsonb(done.document), import_id],
        )
    return done


def name_taken(connection: Connection, import_id: int) -> Issue | None:
    """Why the import `import_id` cannot be taken back: who holds now the name of somebody who would
    get it back. None where nobody does.
    """
    for entity in RECORDS.values():
        for unique in (f for f in entity.stored_fields if f.unique):
            row = connection.execute(
                compiled(
                    f"SELECT h.sourced_id, t.sourced_id FROM history.{entity.table} h"
                    f' JOIN {entity.table} t ON t."{unique.column}" = h."{unique.column}"'
                    f" WHERE h.replaced_by = %(id)s AND h.{LIVE} AND t.{LIVE}"
                    " AND t.sourced_id <> h.sourced_id AND t.import_id IS DISTINCT FROM %(id)s"
                    " ORDER BY 1, 2 LIMIT 1"
                ),
                {"id": import_id},
            ).fetchone()
            if row:
                details = {"entity": entity.name, "column": unique.csv}
                return Issue(
                    "undo_name_taken", details={**details, "value": row[0], "other": row[1]}
                )
    return None


def _wrote(connection: Connection, entity: Entity, import_id: int) -> bool:
    """Whether the import wrote any record of `entity`."""
    table = entity.table
    row = connection.execute(
        compiled(
            f"SELECT EXISTS (SELECT FROM {table} WHERE import_id = %(id)s)"
            f" OR EXISTS (SELECT FROM history.{table} WHERE replaced_by = %(id)s)"
            f" OR EXISTS (SELECT FROM history.{table} WHERE import_id = %(id)s)"
        ),
        {"id": import_id},
    ).fetchone()
    return bool(row and row[0])


def _name(entity: Entity) -> str:
    return f"undo_{entity.table}"


def _list(connection: Connection, entity: Entity, import_id: int) -> None:
    """The table of what the import wrote: whether each was new then, whose it is now, and whether
    it is in conflict.
    """
    table, name = entity.table, _name(entity)
    connection.execute(
        compiled(
            f"CREATE TEMP TABLE {name} ON COMMIT DROP AS"
            " SELECT w.sourced_id, bool_or(w.old) AS old, min(t.import_id) AS later,"
            " CASE WHEN bool_or(t.import_id IS DISTINCT FROM %(id)s) THEN 'changed' END AS conflict"
            " FROM ("
            f" SELECT sourced_id, false AS old FROM {table} WHERE import_id = %(id)s"
            f" UNION ALL SELECT sourced_id, false FROM history.{table} WHERE import_id = %(id)s"
            f" UNION ALL SELECT sourced_id, true FROM history.{table} WHERE replaced_by = %(id)s"
            f") w LEFT JOIN {table} t USING (sourced_id) GROUP BY 1"
        ),
        {"id": import_id},
    )
    connection.execute(compiled(f"ALTER TABLE {name} ADD PRIMARY KEY (sourced_id)"))
    connection.execute(compiled(f"ANALYZE {name}"))


def _stays(entity: Entity, touched: list[Entity]) -> str:
    """SQL for whether the record `r` of `entity` is there after the undo."""
    stays = "r.status <> 'tobedeleted'"
    if entity in touched:
        stays += (
            f" AND NOT EXISTS (SELECT FROM {_name(entity)} o WHERE o.sourced_id = r.sourced_id"
            " AND o.conflict IS NULL)"
        )
    return stays


def _any_stays(connection: Connection, entity: Entity, touched: list[Entity]) -> bool:
    row = connection.execute(
        compiled(f"SELECT EXISTS (SELECT FROM {entity.table} r WHERE {_stays(entity, touched)})")
    ).fetchone()
    return bool(row and row[0])


def _mark_referred(
    connection: Connection, entity: Entity, touched: list[Entity], staying: set[str]
) -> int:
    """Put new records into conflict that somebody of the entities `staying` refers to who stays;
    how many.
    """
    name = _name(entity)
    marked = 0
    for other, column in _referrers(entity):
        if other.name not in staying:
            continue
        value = f'unnest(r."{column.column}")' if column.many else f'r."{column.column}"'
        if column.metadata_key:
            value = f"r.metadata ->> '{column.metadata_key}'"
        marked += connection.execute(
            compiled(
                f"UPDATE {name} u SET conflict = 'referred', later = x.import_id FROM ("
                f"SELECT {value} AS target, r.import_id FROM {other.table} r"
                f" WHERE {_stays(other, touched)}) x"
                " WHERE u.sourced_id = x.target AND NOT u.old AND u.conflict IS NULL"
            )
        ).rowcount
    return marked


def _conflicts(connection: Connection, entity: Entity) -> list[Conflict]:
    found = connection.execute(
        compiled(
            f"SELECT sourced_id, conflict, later FROM {_name(entity)} WHERE conflict IS NOT NULL"
            f" ORDER BY 1 LIMIT {SHOWN}"
        )
    )
    return [Conflict(entity.name, *row) for row in found.fetchall()]


def _referrers(entity: Entity) -> Iterator[tuple[Entity, Field]]:
    """The fields that refer to records of `entity`, with theirs."""
    for other in RECORDS.values():
        for column in other.fields:
            if column.reference == entity.name:
                yield other, column
        if other.identity_of == entity.name:
            yield other, SYSTEM_FIELDS[0]


def _count(connection: Connection, entity: Entity, condition: str) -> int:
    row = connection.execute(
        compiled(f"SELECT count(*) FROM {_name(entity)} WHERE {condition}")
    ).fetchone()
    assert row is not None
    return row[0]


def _to_history(connection: Connection, entity: Entity, import_id: int) -> None:
    """Keep what the import wrote: it was so until now."""
    mine = (
        f", {_name(entity)} u WHERE u.sourced_id = t.sourced_id AND u.conflict IS NULL"
        f" AND t.import_id = {import_id}"
    )
    kept = connection.execute(compiled(history.keep(entity, mine, "NULL"))).rowcount
    if kept < _count(connection, entity, "conflict IS NULL"):
        raise psycopg.errors.SerializationFailure("Another change came in between.")


def _remove(connection: Connection, entity: Entity) -> int:
    """Remove the records that there were not before."""
    return connection.execute(
        compiled(
            f"DELETE FROM {entity.table} t USING {_name(entity)} u"
            " WHERE u.sourced_id = t.sourced_id AND u.conflict IS NULL AND NOT u.old"
        )
    ).rowcount


def _before(entity: Entity) -> str:
    """FROM items and conditions for each record `t` that gets back the row `h`."""
    return (
        f"history.{entity.table} h, {_name(entity)} u"
        " WHERE u.conflict IS NULL AND u.old AND t.sourced_id = u.sourced_id"
        " AND h.sourced_id = u.sourced_id AND h.replaced_by = t.import_id"
    )


def _let_names_go(connection: Connection, entity: Entity) -> None:
    """Blank the unique values that change, so that two records can take theirs back crosswise."""
    for field in entity.stored_fields:
        if field.unique:
            column = f'"{field.column}"'
            connection.execute(
                compiled(
                    f"UPDATE {entity.table} t SET {column} = NULL FROM {_before(entity)}"
                    f" AND t.{column} IS DISTINCT FROM h.{column}"
                )
            )


def _restore(connection: Connection, entity: Entity) -> int:
    """Give records back the rows that the import replaced."""
    own = [c.name for c in columns(entity) if c.name not in ("sourced_id", "valid_from")]
    sets = ", ".join(f'"{name}" = h."{name}"' for name in own)
    return connection.execute(
        compiled(f"UPDATE {entity.table} t SET {sets}, valid_from = now() FROM {_before(entity)}")
    ).rowcount


def _list_users_with_orgs(connection: Connection, touched: list[Entity], import_id: int) -> None:
    """The users who are given back a row, or a role, or lose one; before and after the undo."""
    queries = ["SELECT NULL::text AS sourced_id"]
    for entity in touched:
        if entity.name == "users":
            queries.append("SELECT sourced_id FROM undo_users WHERE old AND conflict IS NULL")
        if entity.name == "roles":
            queries += [
                f"SELECT r.user_sourced_id FROM {rows} r JOIN undo_roles u USING (sourced_id)"
                " WHERE u.conflict IS NULL"
                for rows in (
                    "roles",
                    f"(SELECT * FROM history.roles WHERE replaced_by = {import_id})",
                )
            ]
    connection.execute(
        compiled(f"CREATE TEMP TABLE orgs_in_question ON COMMIT DROP AS {' UNION '.join(queries)}")
    )
    connection.execute("ANALYZE orgs_in_question")


def _set_orgs(connection: Connection) -> None:
    """Let users have the orgs of the roles that they have now: a user whom something later touched
    is no more what the row given back says, or is given back none. One who is deleted again had
    those that they had.
    """
    orgs = ORGS_OF_USER.format(user="t.sourced_id", status="t.status")
    connection.execute(
        compiled(
            "CREATE TEMP TABLE orgs_to_set ON COMMIT DROP AS SELECT * FROM ("
            f"SELECT t.sourced_id, t.org_sourced_ids AS held, {orgs} AS orgs"
            " FROM users t JOIN orgs_in_question USING (sourced_id)"
            " WHERE t.status <> 'tobedeleted' OR t.valid_from <> now()) q"
            " WHERE held IS DISTINCT FROM orgs"
        )
    )
    mine = ", orgs_to_set o WHERE o.sourced_id = t.sourced_id"
    # What was given back a row just now was kept before that.
    kept = history.keep(RECORDS["users"], f"{mine} AND t.valid_from <> now()", "NULL")
    connection.execute(compiled(kept))
    connection.execute(
        compiled(
            f"UPDATE users t SET org_sourced_ids = o.orgs, date_last_modified = {MOVED_ON},"
            " valid_from = now() FROM orgs_to_set o WHERE o.sourced_id = t.sourced_id"
        )
    )
