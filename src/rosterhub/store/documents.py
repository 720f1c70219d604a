"""Records to JSON text, in SQL: one expression for each property, put together in one pass.

What is NULL is left out, so an absent value has no member (spec/models.md). Concatenated text takes
less than half the time of the json functions, and the fewer pieces the better (docs/adr/0005).
Parameter $1 is the root URL of this server, JSON-safe.
"""

from collections.abc import Iterable
from itertools import takewhile

from rosterhub.model.entities import RECORDS, STATUS, SYSTEM_FIELDS, Field, Kind
from rosterhub.model.objects import (
    First,
    Linked,
    Metadata,
    Nested,
    Pairs,
    Property,
    Reference,
    Rows,
    Scalar,
    Version,
)
from rosterhub.model.services import path_of
from rosterhub.model.values import BLANKS, URN_OF_OTHER, URN_OF_UUID, UUID

ROOT = "$1"
_PLAIN = frozenset({Kind.BOOLEAN, Kind.DATE, Kind.YEAR, Kind.GUID})
"""Kinds whose text needs no escape in JSON."""


def document(properties: Iterable[Property], row: str = "t", version: Version = "1.2") -> str:
    """SQL for the JSON object of the row `row` of an entity's table."""
    shown = list(properties)
    members = [f"'\"{p.name}\":' || {_value(p, row, version)}" for p in shown]
    given = sum(1 for _ in takewhile(_is_never_null, shown))
    if not given:
        return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"
    always = " || ',' || ".join(members[:given])
    others = [f"coalesce(',' || {member}, '')" for member in members[given:]]
    return _fewer(" || ".join(["'{'", always, *others, "'}'"]))


def _is_never_null(prop: Property) -> bool:
    return isinstance(prop, Scalar) and prop.field in SYSTEM_FIELDS


def _fewer(sql: str) -> str:
    """`sql` with each two literals that are put together made one: 'a' || 'b' is 'ab'."""
    return sql.replace("' || '", "")


def _value(prop: Property, row: str, version: Version) -> str:
    """SQL for the JSON text of a property, NULL where there is no value."""
    match prop:
        case Scalar():
            value = f'{row}."{prop.field.column}"'
            return f"'\"' || {uri(value)} || '\"'" if prop.uri else scalar(prop.field, value)
        case Reference():
            return _reference(prop, row, version)
        case Linked():
            return _linked(prop, row, version)
        case Rows():
            return _rows(prop, row, version)
        case Pairs():
            return _pairs(prop, f'{row}."{prop.field.column}"')
        case Nested():
            return f"'[' || {document(prop.parts, row)} || ']'"
        case First():
            return f"to_json({first(prop, row)})"
        case Metadata():
            return _metadata(prop.fields, row)


def scalar(field: Field, value: str) -> str:
    """SQL for the JSON text of a value of `field`, or of the list it holds."""
    if field.many:
        return f"to_json(nullif({value}, '{{}}'))"
    if field.kind in _PLAIN or field.enumeration is STATUS:
        return f"'\"' || {value} || '\"'"
    if field.kind is Kind.DATETIME:
        return f"'\"' || {instant(value)} || '\"'"
    if field.kind in (Kind.FLOAT, Kind.INTEGER):
        return f"{value}::text"
    return f"to_json({value})"


def uri(sourced_id: str) -> str:
    """SQL for the URN that `sourced_id` is shown as where the standard wants a URI."""
    of = f"CASE WHEN {sourced_id} ~ '{UUID}' THEN '{URN_OF_UUID}' ELSE '{URN_OF_OTHER}' END"
    return f"{of} || {sourced_id}"


def instant(value: str) -> str:
    """SQL for a time as JSON and CSV show it; UTC by its offset, which needs no look-up."""
    return f"to_char({value} AT TIME ZONE INTERVAL '0', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"


def first(prop: First, row: str) -> str:
    """SQL for the value that a `First` stands for."""
    entity = RECORDS[prop.entity]
    value = f'r."{prop.field.column}"'
    if prop.names:
        whens = " ".join(f"WHEN '{name}' THEN '{other}'" for name, other in prop.names)
        value = f"CASE {value} {whens} ELSE {value} END"
    return (
        f"(SELECT {value} FROM {entity.table} r"
        f" WHERE r.{entity.by_name[prop.via].column} = {row}.sourced_id"
        f" AND (r.status = 'active' OR {row}.status = 'tobedeleted')"
        f' ORDER BY r."{prop.order.column}", r.sourced_id LIMIT 1)'
    )


def reference(target: str, sourced_id: str, version: Version = "1.2") -> str:
    """SQL for the reference to the record of `target` that `sourced_id` names."""
    path, kind = path_of(target, version), RECORDS[target].singular
    return (
        f"'{{\"href\":\"' || {ROOT} || '{path}/' || replace({sourced_id}, '/', '%2F')"
        f' || \'","sourcedId":"\' || {sourced_id} || \'","type":"{kind}"}}\''
    )


def _reference(prop: Reference, row: str, version: Version) -> str:
    value = f'{row}."{prop.field.column}"'
    if prop.otherwise:
        value = f'coalesce({value}, {row}."{prop.otherwise.column}")'
    if not prop.field.many:
        return reference(prop.target, value, version)
    listed = (
        f"SELECT string_agg({reference(prop.target, 'e', version)}, ',') FROM unnest({value}) e"
    )
    return f"'[' || ({listed}) || ']'"


def counts(prop: Linked, row: str) -> str:
    """SQL for whether a row `l` of `prop.entity` counts for the row `row`, which it belongs to."""
    if prop.single:
        # Like a part of the record: deleted along with it, and shown with it.
        return f"(l.status = 'active' OR {row}.status = 'tobedeleted')"
    return "l.status = 'active'"


def _linked(prop: Linked, row: str, version: Version) -> str:
    entity = RECORDS[prop.entity]
    column = entity.by_name[prop.target].column if prop.target else "sourced_id"
    via = entity.by_name[prop.via].column
    rows = (
        f"SELECT l.{column} AS id FROM {entity.table} l"
        f" WHERE l.{via} = {row}.sourced_id AND {counts(prop, row)}"
    )
    if prop.own:
        rows += f' UNION SELECT unnest({row}."{prop.own.column}")'
    if prop.single:
        one = reference(prop.refers_to, "i.id", version)
        return f"(SELECT {one} FROM ({rows} ORDER BY 1 LIMIT 1) i)"
    refs = f"string_agg({reference(prop.refers_to, 'i.id', version)}, ',' ORDER BY i.id)"
    return f"'[' || (SELECT {refs} FROM ({rows}) i) || ']'"


def _rows(prop: Rows, row: str, version: Version) -> str:
    entity = RECORDS[prop.entity]
    via = entity.by_name[prop.via].column
    # A deleted record is shown with what it had: its parts were deleted along with it.
    source = (
        f"FROM {entity.table} r WHERE r.{via} = {row}.sourced_id"
        f" AND (r.status = 'active' OR {row}.status = 'tobedeleted')"
    )
    if not prop.group:
        listed = f"string_agg({document(prop.parts, 'r', version)}, ',' ORDER BY r.sourced_id)"
        return f"'[' || (SELECT {listed} {source}) || ']'"
    only = prop.parts[0] if len(prop.parts) == 1 else None
    one = _value(only, "r", version) if only else document(prop.parts, "r", version)
    group = f'r."{prop.group.field.column}"'
    listed = (
        f"SELECT {group} AS value, string_agg({one}::text, ',' ORDER BY r.sourced_id) AS members"
        f" {source} GROUP BY 1"
    )
    whole = (
        f"'{{\"{prop.group.name}\":' || {scalar(prop.group.field, 'g.value')}"
        f" || ',\"{prop.grouped}\":[' || g.members || ']}}'"
    )
    return f"'[' || (SELECT string_agg({whole}, ',' ORDER BY g.value) FROM ({listed}) g) || ']'"


LEFT, RIGHT = "split_part(e, ':', 1)", "substr(e, strpos(e, ':') + 1)"
"""The texts of a pair `e`."""


def pairs(value: str) -> str:
    """SQL for the pairs of `value` that are shown, as rows `e`: those without a blank text."""
    both = " AND ".join(f"btrim({text}, '{BLANKS}') <> ''" for text in (LEFT, RIGHT))
    return f"unnest({value}) e WHERE {both}"


def _pairs(prop: Pairs, value: str) -> str:
    one = f"'{{\"{prop.left}\":' || to_json({LEFT}) || ',\"{prop.right}\":' || to_json({RIGHT})"
    return f"'[' || (SELECT string_agg({one} || '}}', ',') FROM {pairs(value)}) || ']'"


def _metadata(fields: tuple[Field, ...], row: str) -> str:
    """The profile's own keys without a look at each record's; others by `nested_metadata`."""
    column = f"{row}.metadata"
    general = f"nested_metadata({column})::text"
    if not fields:
        return general
    prefix = "jp"
    keys = ", ".join(f"'{f.metadata_key}'" for f in fields)
    members = ", ".join(
        f"'\"{(f.metadata_key or '').removeprefix(f'{prefix}.')}\":'"
        f" || nullif({column} -> '{f.metadata_key}', 'null')::text"
        for f in fields
    )
    known = f"'{{\"{prefix}\":{{' || concat_ws(',', {members}) || '}}}}'"
    return f"CASE WHEN {column} - ARRAY[{keys}] = '{{}}' THEN {known} ELSE {general} END"
