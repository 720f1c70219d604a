"""The statements behind the reads: a page, its count, one object; compiled once for each shape.

A page is one round trip: rows as JSON text, where its neighbours begin, whether the parents exist
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
    """Where a page begins: after, or for `backward` before, this record (docs/adr/0006).

    `time` is its dateLastModified where that is the order. No other key stands in a cursor: it
    could be somebody's name, and cursors stand in URLs.
    """

    sourced_id: str
    time: str = ""
    backward: bool = False


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


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """SQL with `$1` the root URL and `$2`… the path's sourcedIds, then these `values`.

    There is one for the same question, as long as it is kept: they are told apart as objects.
    """

    sql: bytes
    values: tuple[str, ...]


_SEPARATOR = b",\n"
"""Between the documents of a page; within one there is no line break."""
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
    fits = found and bool(found[2]) is (sort == "dateLastModified")
    if not found or not fits or (found[2] and not re.match(values.DATETIME, found[2])):
        raise BadCursor("The cursor does not fit; begin again without it.")
    return Cursor(found[3], found[2] or "", found[1] == "before")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page's statement found: `docs` are the `records` documents with commas between them,
    `more` tells of further ones, `first` and `last` are what the cursors at its ends end with.
    """

    docs: memoryview
    records: int
    more: bool
    first: str
    last: str


@lru_cache(2_048)
def page(operation: Operation, query: Query) -> Statement:
    """The statement for a page. Its row: docs, records and keys for `found`, version, whether the
    cursor's record is there, and whether each parent is.

    Raises:
        UnknownField, BadValue, UnknownSort, UnknownSelection: as `query` deserves.
    """
    parameters = _parameters(operation)
    where = _where(operation, query, parameters)
    prop = _sorted_by(operation, query)
    order, reverse = _orders(prop, descending=query.descending)
    table = RECORDS[operation.kind.entity].table
    source, place, backward = f"{table} t", "true", False
    if query.cursor:
        backward = query.cursor.backward
        sign = "<" if query.descending is not backward else ">"
        sourced_id = f"{parameters.add(query.cursor.sourced_id)}::text"
        if query.sort == "sourcedId":
            where.append(f"t.sourced_id {sign} {sourced_id}")
        elif query.cursor.time:
            time = f"{parameters.add(query.cursor.time)}::timestamptz(3)"
            where.append(f"(t.date_last_modified, t.sourced_id) {sign} ({time}, {sourced_id})")
        else:
            record = f"{table} n WHERE n.sourced_id = {sourced_id}"
            place = f"EXISTS (SELECT FROM {record})"
            source += f', (SELECT n.sourced_id, n."{prop.field.column}" AS value FROM {record}) n'
            where.append(_beyond(f't."{prop.field.column}"', sign))
    # One more than is shown tells whether there is a next page.
    rows = (
        f"SELECT t.* FROM {source}{_where_clause(where)} ORDER BY {reverse if backward else order}"
        f" LIMIT {query.limit + 1}"
    )
    if query.offset and not query.cursor:
        # What is skipped is read from the index where it can be, and never whole.
        ids = rows.replace("SELECT t.*", "SELECT t.sourced_id", 1) + f" OFFSET {query.offset}"
        rows = f"SELECT t.* FROM ({ids}) k JOIN {table} t USING (sourced_id) ORDER BY {order}"
    if backward:
        rows = f"SELECT * FROM ({rows}) t ORDER BY {order}"
    body = document(_selected(operation, query.fields), "t", operation.version)
    keys = "NULL::text"
    if not _tells_keys(query):
        time = f"{instant('t.date_last_modified')} || '~' || "
        key = f"{time if query.sort == 'dateLastModified' else ''}t.sourced_id"
        keys = f"string_agg({key}, ' ')"
    flags = "".join(
        f", {membership.exists(parent.kind, f'${number}::text')}"
        for number, parent in enumerate(operation.parents, 2)
    )
    sql = (
        f"SELECT string_agg({body}, E',\\n') AS docs, count(*) AS records,"
        f" {keys} AS keys, {_version(parameters)}, {place} AS place{flags}"
        f" FROM ({rows}) t WHERE {_ROOT_IS_USED}"
    )
    return Statement(sql.encode(), tuple(parameters.values))


def found(query: Query, docs: bytes, records: int, keys: bytes) -> Page:
    """The page that the row of its statement is, without the record that only tells of more."""
    more = records > query.limit
    begin, end = 0, len(docs)
    if more and query.cursor and query.cursor.backward:
        begin = docs.find(_SEPARATOR) + len(_SEPARATOR)
        keys = keys.partition(b" ")[2]
    elif more:
        end = docs.rfind(_SEPARATOR)
        keys = keys.rpartition(b" ")[0]
    if _tells_keys(query):
        latest = docs.rfind(_SEPARATOR, begin, end)
        first = _sourced_id(docs, begin)
        last = first if latest < 0 else _sourced_id(docs, latest + len(_SEPARATOR))
    else:
        first, last = keys.partition(b" ")[0], keys.rpartition(b" ")[2]
    shown = memoryview(docs)[begin:end]
    return Page(shown, records - more, more, first.decode(), last.decode())


def _tells_keys(query: Query) -> bool:
    """Whether its documents begin with what the cursors end with."""
    shown = query.fields is None or "sourcedId" in query.fields
    return shown and query.sort != "dateLastModified"


def _sourced_id(docs: bytes, at: int) -> bytes:
    """The sourcedId with which the document at `at` begins; no character of one needs an escape."""
    begin = at + len(_BEGIN)
    return docs[begin : docs.find(b'"', begin)] if docs else b""


_BEGIN = b'{"sourcedId":"'


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
    live = membership.unasked(operation, query.filter)
    if live:
        where.append(live)
    if query.filter:
        where.append(
            f"({condition(query.filter, operation.kind.entity, parameters, operation.version)})"
        )
    return where


def _where_clause(conditions: list[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _sorted_by(operation: Operation, query: Query) -> Scalar:
    prop = by_name(operation.kind.entity, operation.version).get(query.sort)
    if not isinstance(prop, Scalar) or prop.field.many:
        known = ", ".join(sortable(operation.kind.entity, operation.version))
        raise UnknownSort(f"{query.sort[:60]!r} is nothing to sort by; known: {known}.")
    return prop


def _orders(prop: Scalar, *, descending: bool) -> tuple[str, str]:
    """The ORDER BY and its reverse."""
    ways = ("DESC", "ASC") if descending else ("ASC", "DESC")
    columns = dict.fromkeys((prop.field.column, "sourced_id"))
    order, reverse = (", ".join(f't."{c}" {way}' for c in columns) for way in ways)
    return order, reverse


def sortable(entity: str, version: Version) -> list[str]:
    """What a collection of `entity` can be sorted by."""
    found = properties(entity, version)
    return [p.name for p in found if isinstance(p, Scalar) and not p.field.many]


def _beyond(value: str, sign: str) -> str:
    """The condition that `t`, whose key is `value`, comes after `n`; NULL is larger than all."""
    null = (
        f"{value} IS NULL AND n.value IS NOT NULL"
        if sign == ">"
        else f"{value} IS NOT NULL AND n.value IS NULL"
    )
    same = f"{value} IS NOT DISTINCT FROM n.value AND t.sourced_id {sign} n.sourced_id"
    return f"({value} {sign} n.value OR {null} OR {same})"


def _selected(operation: Operation, fields: tuple[str, ...] | None) -> tuple[Property, ...]:
    every = properties(operation.kind.entity, operation.version)
    return every if fields is None else tuple(p for p in every if p.name in fields)


def _version(parameters: Parameters) -> str:
    # In any order: a token stands in it once, and another order is at worst taken for news.
    names = ", ".join(f"'{name}'" for name in sorted(parameters.uses))
    return (
        "(SELECT string_agg(v.version::text, '') FROM data_versions v"
        f" WHERE v.entity IN ({names})) AS version"
    )
