"""SQL for the rows of one file of an export: all that is live, a part of it, or what has changed.

A delta is the difference between two states: the roster as it was to whoever exported it at the
moment `since`, and as it is now; both limited to the same orgs, and `closed`. What is equal is not
in it, what is only in the former is `tobedeleted`. States are told by the order of commits
(docs/adr/0013).
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from rosterhub.model.entities import Entity
from rosterhub.store import versions
from rosterhub.store.connect import Connection, compiled
from rosterhub.store.documents import instant
from rosterhub.store.schema import columns
from rosterhub.transfer import org_part
from rosterhub.transfer.cells import Cells, cells
from rosterhub.transfer.closed import Closed, Loose, State
from rosterhub.transfer.export_options import Choice
from rosterhub.transfer.spreadsheet import EYES_ONLY, harmless_sql

_NOW, _THEN = "n_", "h_"
"""What the sets of `org_part` begin with, of either state."""
_SYSTEM = ("sourcedId", "status", "dateLastModified")


@dataclass(frozen=True, slots=True)
class Between:
    """The states that an export is about: `now`, and of a delta `then`; `until` is when it ends."""

    until: datetime
    now: Closed
    then: Closed | None


def between(connection: Connection, choice: Choice, until: datetime) -> Between:
    """The states that `choice` asks for."""
    then = choice.since and Closed(
        connection, before(choice.since), before(choice.since, "tobedeleted")
    )
    return Between(until, Closed(connection, live, _deleted), then or None)


def rows(
    connection: Connection, entity: Entity, choice: Choice, states: Between
) -> tuple[list[str], str]:
    """The header, and a SELECT of texts."""
    more = _more_metadata(connection, entity, choice)
    orgs = sql.Literal(list(choice.orgs)).as_string(connection) + "::text[]"
    sets: list[str] = []

    def side(state: State, prefix: str, whole: State, loose: Loose) -> _Side:
        if choice.orgs:
            sets.extend(org_part.sets(orgs, prefix, whole))
        part = prefix if choice.orgs else None
        made = cells(entity, choice.profile.id, more, state(entity), part, loose.blanked)
        limit = ""
        if part:
            limit = f" WHERE t.sourced_id IN (SELECT sourced_id FROM {prefix}{entity.table})"
        elif loose.left_out:
            limit = f" WHERE t.sourced_id NOT IN ({loose.left_out})"
        return _Side(made, f"{state(entity)} t{made.joins}{limit}")

    # A part is closed by itself.
    loose = Loose() if choice.orgs else states.now.loose(entity)
    if choice.since and states.then:
        then = states.then.live
        loose_then = Loose() if choice.orgs else states.then.loose(entity)
        # Where nothing comes and goes with something else, what has not changed would be on both
        # sides.
        changed = not (choice.orgs or loose or loose_then)
        now = side(_live_late(choice.since) if changed else live, _NOW, live, loose)
        former = side(_replaced_late(choice.since) if changed else then, _THEN, then, loose_then)
        body = _difference(entity, now, former, states.until)
    else:
        now = side(live, _NOW, live, loose)
        values = ["t.sourced_id", "NULL", "NULL", *(value for _, value in now.cells.columns)]
        body = f"SELECT {_listed(values)} FROM {now.source}"
    header = [*_SYSTEM, *(name for name, _ in now.cells.columns)]
    shown = [f"c{n}" for n in range(len(header))]
    if choice.excel:
        shown = [*map(harmless_sql, shown), "NULL"]
        header.append(EYES_ONLY)
    if choice.quoted:
        shown = [f"coalesce({value}, '')" for value in shown]
    with_ = f"WITH RECURSIVE {', '.join(sets)} " if sets else ""
    return header, f"{with_}SELECT {', '.join(shown)} FROM ({body}) q"


@dataclass(frozen=True, slots=True)
class _Side:
    """The records of one state, `t` in `source`, and their cells."""

    cells: Cells
    source: str

    @property
    def rows(self) -> str:
        """SourcedId, when it changed, and the cells as one value to compare."""
        array = ", ".join(value for _, value in self.cells.columns)
        return (
            "SELECT t.sourced_id AS id, t.date_last_modified AS changed,"
            f" ARRAY[{array}]::text[] AS cells FROM {self.source}"
        )


def live(entity: Entity) -> str:
    """What is active, in the state that the transaction's search path shows."""
    return f"(SELECT * FROM {entity.table} WHERE status = 'active')"


def _deleted(entity: Entity) -> str:
    return f"(SELECT * FROM {entity.table} WHERE status = 'tobedeleted')"


def before(since: datetime, status: str = "active") -> State:
    """What was active, or had another status, to whoever exported the roster at `since`."""
    late = versions.late(since)

    def state(entity: Entity) -> str:
        return (
            f"(SELECT {_names(entity)} FROM {entity.table} WHERE status = '{status}'"
            f" AND valid_from NOT IN {late} UNION ALL {_replaced(entity, late, status)})"
        )

    return state


def _live_late(since: datetime) -> State:
    late = versions.late(since)
    return lambda e: f"(SELECT * FROM {e.table} WHERE status = 'active' AND valid_from IN {late})"


def _replaced_late(since: datetime) -> State:
    late = versions.late(since)
    return lambda e: f"({_replaced(e, late)})"


def _replaced(entity: Entity, late: str, status: str = "active") -> str:
    return (
        f"SELECT {_names(entity)} FROM history.{entity.table} WHERE status = '{status}'"
        f" AND valid_to IN {late} AND valid_from NOT IN {late}"
    )


def _names(entity: Entity) -> str:
    return ", ".join(f'"{c.name}"' for c in columns(entity))


def _listed(values: list[str]) -> str:
    return ", ".join(f"{value} AS c{n}" for n, value in enumerate(values))


def _difference(entity: Entity, now: _Side, then: _Side, until: datetime) -> str:
    deleted = (
        f"coalesce((SELECT d.date_last_modified FROM {entity.table} d WHERE d.sourced_id = h.id"
        f" AND d.status = 'tobedeleted'), '{until.isoformat()}')"
    )
    changed = instant(f"CASE WHEN n.id IS NULL THEN {deleted} ELSE n.changed END")
    values = ["id", "status", "changed"]
    values += [f"cells[{n}]" for n, _ in enumerate(now.cells.columns, 1)]
    return (
        f"SELECT {_listed(values)} FROM (SELECT coalesce(n.id, h.id) AS id,"
        " CASE WHEN n.id IS NULL THEN 'tobedeleted' ELSE 'active' END AS status,"
        f" {changed} AS changed, coalesce(n.cells, h.cells) AS cells"
        f" FROM ({now.rows}) n FULL JOIN ({then.rows}) h ON h.id = n.id"
        " WHERE n.cells IS DISTINCT FROM h.cells) d"
    )


def _more_metadata(connection: Connection, entity: Entity, choice: Choice) -> list[str]:
    """The metadata keys in use for which the profile has no column of its own."""
    own = [f.metadata_key for f in entity.metadata_fields if f.name_in(choice.profile.id)]
    used = f"SELECT metadata FROM {entity.table} WHERE status = 'active'"
    if choice.since:
        used += f" UNION ALL SELECT metadata FROM {_replaced_late(choice.since)(entity)} r"
    found = connection.execute(
        compiled(
            f"SELECT DISTINCT key FROM ({used}) t, jsonb_object_keys(metadata - %s::text[]) key"
            " WHERE metadata IS NOT NULL ORDER BY key"
        ),
        [own],
    )
    return [key for (key,) in found]
