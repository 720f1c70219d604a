"""The statements behind the reads: a page, its count, one object; compiled once for each shape.

A page is one round trip: rows as JSON text, where the next page begins, whether the parents exist
and the version of the data, by which counts are kept. $1 is the root URL, then come the sourcedIds
of the path, then the filter's values, then the cursor's.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from rosterhub.model import values
from rosterhub.model.entities import RECORDS
from rosterhub.model.filters import Node
from rosterhub.model.objects import (
    First,
    Linked,
    Property,
    Rows,
    Scalar,
    Version,
    by_name,
    properties,
)
from rosterhub.model.operations import Operation
from rosterhub.store import membership
from rosterhub.store.conditions import Parameters, condition
from rosterhub.store.documents import document, instant

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000


class UnknownSort(ValueError):  # noqa: N818
    """The collection cannot be sorted by that; the text says by what it can."""


class UnknownSelection(ValueError):  # noqa: N818
    """`fields` names what the object does not have; the text says what it has."""


class BadCursor(ValueError):  # noqa: N818
    """The cursor is none of ours, or belongs to another order."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after, or for `backward` before, the record with this key."""

    sourced_id: str
    time: str = ""
    backward: bool = False

    def __str__(self) -> str:
        parts = ["before" if self.backward else "after", self.time, self.sourced_id]
        return "~".join(p for p in parts if p)


@dataclass(frozen=True, slots=True)
class Query:
    """What a read asks for. `fields` None means all, `sort` is the JSON name of a field."""

    fields: tuple[str, ...] | None = None
    filter: Node | None = None
    sort: str = "sourcedId"
    descending: bool = False
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: Cursor | None = None

    @property
    def keyed(self) -> bool:
        """Whether pages are found by the key of their neighbour, at any depth as fast.

        Only orders whose keys are nobody's personal data: cursors stand in URLs (docs/adr/0006).
        """
        return self.sort in _KEYED


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `$1` the root URL and `$2`… the path's sourcedIds, then these `values`."""

    sql: bytes
    values: tuple[str, ...]


_KEYED = ("sourcedId", "dateLastModified")
_ROOT_IS_USED = "$1::text IS NOT NULL"
"""PostgreSQL wants to see every parameter somewhere, and not every object holds a URL."""
CURSOR = (
    r"(after|before)~(?:([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)~)?"
    r"([0-9A-Za-z./@_-]{1,255})"
)
"""How a cursor is written, as a regular expression."""


def cursor(text: str, sort: str) -> Cursor:
    """The cursor that `text` states, for pages sorted by `sort`.

    Raises:
        BadCursor: it is none, or one of another order.
    """
    found = re.fullmatch(CURSOR, text)
    fits = found and sort in _KEYED and bool(found[2]) is not (sort == "sourcedId")
    if not found or not fits or (found[2] and not re.match(values.DATETIME, found[2])):
        raise BadCursor("The cursor does not fit; begin again without it.")
    return Cursor(found[3], found[2] or "", found[1] == "before")


@lru_cache(2_048)
def page(operation: Operation, query: Query) -> Statement:
    """The statement for a page. Its row: docs, records, more, first key, last key, version, and
    whether each parent exists.

    Raises:
        UnknownField, BadValue, UnknownSort, UnknownSelection: as `query` deserves.
    """
    parameters = _parameters(operation)
    where = _where(operation, query, parameters)
    key, order, reverse = _order(operation, query)
    backward = query.cursor is not None and query.cursor.backward
    if query.cursor:
        where.append(_beyond(query, query.cursor, parameters))
    table = RECORDS[operation.kind.entity].table
    rows = (
        f"SELECT t.* FROM {table} t{_where_clause(where)} ORDER BY {reverse if backward else order}"
    )
    # One more than is shown tells whether there is a next page.
    rows += f" LIMIT {query.limit + 1}"
    if query.offset and not query.cursor:
        # What is skipped is read from the index where it can be, and never whole.
        ids = rows.replace("SELECT t.*", "SELECT t.sourced_id", 1) + f" OFFSET {query.offset}"
        rows = f"SELECT t.* FROM ({ids}) k JOIN {table} t USING (sourced_id) ORDER BY {order}"
    numbered = f"SELECT t.*, row_number() OVER () AS number FROM ({rows}) t"
    if backward:
        numbered = f"SELECT * FROM ({numbered}) t ORDER BY {order}"
    shown = f"FILTER (WHERE number <= {query.limit})"
    body = document(_selected(operation, query.fields), "t", operation.version)
    records = f"least(count(*), {query.limit})"
    keys = f"array_agg({key}) {shown}"
    aggregate = (
        f"SELECT string_agg({body}, ',') {shown} AS docs, {records} AS records,"
        f" count(*) > {query.limit} AS more, ({keys})[1] AS first, ({keys})[{records}] AS last"
        f" FROM ({numbered}) t"
    )
    flags = "".join(
        f", {membership.exists(parent.kind, f'${number}::text')}"
        for number, parent in enumerate(operation.parents, 2)
    )
    sql = f"SELECT p.*, {_version(parameters)}{flags} FROM ({aggregate}) p WHERE {_ROOT_IS_USED}"
    return Statement(sql.encode(), tuple(parameters.values))


@lru_cache(2_048)
def count(operation: Operation, query: Query) -> Statement:
    """The statement that counts what all pages hold. Its row: count, version."""
    parameters = _parameters(operation)
    where = _where(operation, query, parameters)
    table = RECORDS[operation.kind.entity].table
    where.append(_ROOT_IS_USED)
    counted = f"(SELECT count(*) FROM {table} t{_where_clause(where)}) c"
    return Statement(
        f"SELECT c.*, {_version(parameters)} FROM {counted}".encode(), tuple(parameters.values)
    )


@lru_cache(1_024)
def single(operation: Operation, fields: tuple[str, ...] | None) -> Statement:
    """The statement for one object, whose sourcedId is $2. Its row, if any: document,
    version."""
    table = RECORDS[operation.kind.entity].table
    where = ["t.sourced_id = $2::text", _ROOT_IS_USED]
    only = membership.restriction(operation.kind)
    if only:
        where.append(only)
    body = document(_selected(operation, fields), "t", operation.version)
    version = _version(_parameters(operation))
    return Statement(f"SELECT {body}, {version} FROM {table} t{_where_clause(where)}".encode(), ())


@lru_cache(2_048)
def version(operation: Operation, query: Query) -> Statement:
    """The statement for the version of the data that a page, a count or an object comes from."""
    parameters = _parameters(operation)
    _where(operation, query, parameters)
    return Statement(f"SELECT {_version(parameters)} WHERE {_ROOT_IS_USED}".encode(), ())


def selection(operation: Operation, names: tuple[str, ...]) -> None:
    """See that every one of `names` is a property of what `operation` returns.

    Raises:
        UnknownSelection: one is not.
    """
    known = by_name(operation.kind.entity, operation.version)
    for name in names:
        if name not in known:
            raise UnknownSelection(
                f"There is no field {name[:60]!r} to select; known: {', '.join(known)}."
            )


def _parameters(operation: Operation) -> Parameters:
    shown = properties(operation.kind.entity, operation.version)
    uses = membership.reads(operation)
    uses |= {p.entity for p in shown if isinstance(p, Linked | Rows | First)}
    return Parameters(before=1 + len(operation.parents), uses=uses)


def _where(operation: Operation, query: Query, parameters: Parameters) -> list[str]:
    """Every condition by itself, so that what a filter says never widens the path's."""
    ids = [f"${n}::text" for n in range(2, 2 + len(operation.parents))]
    where = membership.members(operation, ids)
    only = membership.restriction(operation.kind)
    # Nested students and teachers are those who are enrolled as such.
    if only and not (operation.parents and operation.kind.entity == "users"):
        where.append(only)
    if query.filter:
        where.append(
            f"({condition(query.filter, operation.kind.entity, parameters, operation.version)})"
        )
    return where


def _where_clause(conditions: list[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _order(operation: Operation, query: Query) -> tuple[str, str, str]:
    """The key of a row as text, the ORDER BY and its reverse."""
    prop = by_name(operation.kind.entity, operation.version).get(query.sort)
    if not isinstance(prop, Scalar) or prop.field.many:
        known = ", ".join(sortable(operation.kind.entity, operation.version))
        raise UnknownSort(f"{query.sort[:60]!r} is nothing to sort by; known: {known}.")
    ways = ("DESC", "ASC") if query.descending else ("ASC", "DESC")
    columns = dict.fromkeys((prop.field.column, "sourced_id"))
    order, reverse = (", ".join(f't."{c}" {way}' for c in columns) for way in ways)
    key = "NULL::text"
    if query.sort == "sourcedId":
        key = "t.sourced_id"
    elif query.keyed:
        key = f"{instant('t.date_last_modified')} || '~' || t.sourced_id"
    return key, order, reverse


def sortable(entity: str, version: Version) -> list[str]:
    """What a collection of `entity` can be sorted by."""
    found = properties(entity, version)
    return [p.name for p in found if isinstance(p, Scalar) and not p.field.many]


def _beyond(query: Query, place: Cursor, parameters: Parameters) -> str:
    sign = "<" if query.descending is not place.backward else ">"
    if query.sort == "sourcedId":
        return f"t.sourced_id {sign} {parameters.add(place.sourced_id)}::text"
    time = f"{parameters.add(place.time)}::timestamptz(3)"
    return (
        f"(t.date_last_modified, t.sourced_id) {sign}"
        f" ({time}, {parameters.add(place.sourced_id)}::text)"
    )


def _selected(operation: Operation, fields: tuple[str, ...] | None) -> tuple[Property, ...]:
    every = properties(operation.kind.entity, operation.version)
    return every if fields is None else tuple(p for p in every if p.name in fields)


def _version(parameters: Parameters) -> str:
    names = ", ".join(f"'{name}'" for name in sorted(parameters.uses))
    return (
        "(SELECT string_agg(v.version::text, '' ORDER BY v.entity) FROM data_versions v"
        f" WHERE v.entity IN ({names})) AS version"
    )
