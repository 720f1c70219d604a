"""A filter's tree to an SQL condition. Values become bind parameters, never SQL.

Names reach into the properties of `model/objects.py`; what a comparison means for each kind of
value is that of spec/rest.md, "Filter grammar".
"""

import re
from dataclasses import dataclass, field, replace

from rosterhub.model import values
from rosterhub.model.entities import RECORDS, SYSTEM_FIELDS, Field, Kind
from rosterhub.model.filters import And, Clause, Node, Or
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
    by_name,
)
from rosterhub.store.documents import LEFT, RIGHT, counts, first, instant, pairs, uri
from rosterhub.store.schema import LIVE


class UnknownField(ValueError):  # noqa: N818
    """The filter names what the object does not have; the text says what it may name."""


class BadValue(ValueError):  # noqa: N818
    """The filter compares a field with what cannot be one of its values."""


@dataclass(slots=True)
class Parameters:
    """The bind parameters of a statement in order; `uses` are the entities it reads."""

    values: list[str] = field(default_factory=list[str])
    uses: set[str] = field(default_factory=set[str])
    before: int = 0

    def add(self, value: str) -> str:
        """The placeholder for `value`, after the `before` ones that others fill."""
        self.values.append(value)
        return f"${self.before + len(self.values)}"


@dataclass(frozen=True, slots=True)
class _One:
    """An operand with at most one value; `uri`: a sourcedId that is shown as a URN."""

    field: Field
    value: str
    uri: bool = False


@dataclass(frozen=True, slots=True)
class _List:
    """An operand that is an SQL array."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class _Many:
    """An operand with a value for each row of `source` (what follows FROM, with its WHERE); with
    `listed` it stands for a list, like an array.
    """

    field: Field
    value: str
    source: str
    listed: bool = False
    uri: bool = False


_Operand = _One | _List | _Many
_TEXT = Field("type")
_ID = SYSTEM_FIELDS[0]


def condition(node: Node, entity: str, parameters: Parameters, version: Version = "1.2") -> str:
    """SQL for `node` on the row `t` of the table of `entity`; in brackets where it needs them.

    Raises:
        UnknownField: a name is none of the object's.
        BadValue: a value is none of its field's.
    """
    match node:
        case Clause():
            return _clause(node, entity, parameters, version)
        case And():
            return (
                "("
                + " AND ".join(condition(p, entity, parameters, version) for p in node.parts)
                + ")"
            )
        case Or():
            return (
                "("
                + " OR ".join(condition(p, entity, parameters, version) for p in node.parts)
                + ")"
            )


def _clause(clause: Clause, entity: str, parameters: Parameters, version: Version) -> str:
    operand = _operand(clause.field, entity, parameters, version)
    operator, text = clause.operator, clause.value
    if not isinstance(operand, _List) and operand.uri:
        operand, text = _as_named(operand, operator, text)
    match operand:
        case _One():
            return _compare(operand.field, operand.value, operator, text, parameters)
        case _List():
            return _compare_list(operand, operator, text, parameters)
        case _Many():
            return _compare_many(operand, operator, text, parameters)


def _as_named(operand: _One | _Many, operator: str, text: str) -> tuple[_One | _Many, str]:
    """The operand as `text` names it, as it is shown or by the sourcedId, and that; what is equal
    is found by the sourcedId, which has an index.
    """
    if operator in ("=", "!="):
        return operand, ",".join(map(values.named_by, text.split(",")))
    if operator == "~" or text.startswith("urn:"):
        return replace(operand, value=f"({uri(operand.value)})"), text
    return operand, text


def _operand(name: str, entity: str, parameters: Parameters, version: Version) -> _Operand:
    head, *rest = name.split(".")
    found = by_name(entity, version).get(head)
    if found is None:
        known = ", ".join(by_name(entity, version))
        raise UnknownField(f"There is no field {name[:60]!r} to filter by; known: {known}.")
    return _reach(found, rest, "t", name, parameters)


def _reach(
    prop: Property, rest: list[str], row: str, name: str, parameters: Parameters
) -> _Operand:
    """What `rest` names within `prop` of the row `row`."""
    match prop, rest:
        case Scalar(), []:
            value = f'{row}."{prop.field.column}"'
            many = prop.field.many
            return _List(prop.field, value) if many else _One(prop.field, value, prop.uri)
        case Reference(), ["sourcedId"]:
            value = f'{row}."{prop.field.column}"'
            if prop.otherwise:
                value = f'coalesce({value}, {row}."{prop.otherwise.column}")'
            return _List(_ID, value) if prop.field.many else _One(_ID, value)
        case ((Reference() | Linked()), ["type"]):
            return _type(prop, _reach(prop, ["sourcedId"], row, name, parameters))
        case First(), []:
            parameters.uses.add(prop.entity)
            return _One(prop.field, first(prop, row))
        case Linked(), ["sourcedId"]:
            return _linked(prop, row, parameters)
        case Pairs(), [part] if part in (prop.left, prop.right):
            text = LEFT if part == prop.left else RIGHT
            return _Many(_TEXT, text, pairs(f'{row}."{prop.field.column}"'))
        case Rows(), [part, *more]:
            return _rows(prop, part, more, row, name, parameters)
        case Nested(), [part]:
            inner = next((p for p in prop.parts if p.name == part), None)
            if inner:
                return _reach(inner, [], row, name, parameters)
        case Metadata(), [_, *_]:
            return _metadata(prop, ".".join(rest), row, parameters)
        case _:
            pass
    raise UnknownField(f"{name[:60]!r} cannot be filtered by; {_hint(prop, name)}")


def _hint(prop: Property, name: str) -> str:
    """What to name instead of `name`, which leads into `prop` and no further."""
    segments = name.split(".")
    place = prop.name
    if prop.name in segments:
        place = ".".join(segments[: segments.index(prop.name) + 1])
    match prop:
        case Reference() | Linked():
            return f"name {place}.sourcedId."
        case Pairs():
            return f"name {place}.{prop.left} or {place}.{prop.right}."
        case Rows():
            return f"name one of {', '.join(f'{place}.{part}' for part in _parts(prop))}."
        case Nested():
            return f"name one of {', '.join(f'{place}.{p.name}' for p in prop.parts)}."
        case Metadata():
            return "name a key, such as metadata.jp.homeClass."
        case Scalar() | First():
            return f"{prop.name} is a value without parts."


def _parts(prop: Rows) -> list[str]:
    """What can be named within its objects."""
    names = [p.name for p in prop.parts]
    if prop.group is None:
        return names
    if len(names) == 1:
        return [prop.group.name, prop.grouped]
    return [prop.group.name, *(f"{prop.grouped}.{name}" for name in names)]


def _type(prop: Reference | Linked, reference: _Operand) -> _Operand:
    """What kind of record `reference` names, where it names one."""
    target = RECORDS[prop.target if isinstance(prop, Reference) else prop.refers_to]
    kind = f"'{target.singular}'"
    match reference:
        case _One():
            return _One(_TEXT, f"CASE WHEN {reference.value} IS NOT NULL THEN {kind} END")
        case _List():
            held = f"cardinality({reference.value}) > 0"
            return _List(_TEXT, f"CASE WHEN {held} THEN ARRAY[{kind}] END")
        case _Many():
            return replace(reference, field=_TEXT, value=kind)


def _linked(prop: Linked, row: str, parameters: Parameters) -> _One | _Many:
    entity = RECORDS[prop.entity]
    parameters.uses.add(prop.entity)
    column = entity.by_name[prop.target].column if prop.target else "sourced_id"
    rows = (
        f"SELECT l.{column} AS id FROM {entity.table} l"
        f" WHERE l.{entity.by_name[prop.via].column} = {row}.sourced_id AND {counts(prop, row)}"
    )
    if prop.own:
        rows += f' UNION ALL SELECT unnest({row}."{prop.own.column}")'
    if prop.single:
        return _One(_ID, f"(SELECT i.id FROM ({rows}) i ORDER BY 1 LIMIT 1)")
    return _Many(_ID, "i.id", f"({rows}) i WHERE true", listed=True)


def _rows(
    prop: Rows, part: str, rest: list[str], row: str, name: str, parameters: Parameters
) -> _Operand:
    entity = RECORDS[prop.entity]
    parameters.uses.add(prop.entity)
    source = (
        f"{entity.table} r WHERE r.{entity.by_name[prop.via].column} = {row}.sourced_id"
        f" AND (r.status = 'active' OR {row}.status = 'tobedeleted')"
    )
    inner: Property | None = next((p for p in prop.parts if p.name == part), None)
    if prop.group and part == prop.group.name:
        inner = prop.group
    elif prop.group and part == prop.grouped:
        wanted, rest = (rest[0], rest[1:]) if len(prop.parts) > 1 and rest else ("", rest)
        named = (p for p in prop.parts if p.name == wanted or len(prop.parts) == 1)
        inner = next(named, None)
    elif prop.group:
        inner = None
    if inner is None:
        raise UnknownField(f"{name[:60]!r} cannot be filtered by; {_hint(prop, name)}")
    found = _reach(inner, rest, "r", name, parameters)
    assert isinstance(found, _One)
    return _Many(found.field, found.value, source, uri=found.uri)


def _metadata(prop: Metadata, key: str, row: str, parameters: Parameters) -> _One:
    known = next((f for f in prop.fields if f.metadata_key == key), None)
    if known is None:
        return _One(_TEXT, f"({row}.metadata ->> {parameters.add(key)}::text)")
    value = f"({row}.metadata ->> '{known.metadata_key}')"
    cast = {Kind.INTEGER: "::integer", Kind.BOOLEAN: "::boolean"}.get(known.kind, "")
    return _One(known, value + cast)


def _compare(field: Field, value: str, operator: str, text: str, parameters: Parameters) -> str:
    if operator == "~":
        shown = instant(value) if field.kind is Kind.DATETIME else f"{value}::text"
        return f"{shown} ILIKE {parameters.add(_contains(text))}::text"
    bound = parameters.add(_typed(field, text)) + _CASTS.get(field.kind, "::text")
    if field.unique and operator == "=":
        # Its index is in two parts, one for records that are live.
        row = value.partition(".")[0]
        live = f"{row}.{LIVE}"
        return f"({value} = {bound} AND {live} OR {value} = {bound} AND NOT ({live}))"
    sql = "IS DISTINCT FROM" if operator == "!=" else operator
    return f"{value} {sql} {bound}"


def _compare_list(operand: _List, operator: str, text: str, parameters: Parameters) -> str:
    if operator not in ("=", "!=", "~"):
        one = f"e {operator} {parameters.add(text)}::text"
        return f"EXISTS (SELECT FROM unnest({operand.value}) e WHERE {one})"
    wanted = _items(text, parameters)
    if operator == "~":
        return f"{operand.value} && {wanted}"
    same = f"{operand.value} @> {wanted}"
    if "," in text:
        same += f" AND {operand.value} <@ {wanted}"
    return f"({same})" if operator == "=" else f"NOT coalesce({same}, false)"


def _items(text: str, parameters: Parameters) -> str:
    """SQL for the array of what stands between the commas of `text`: one parameter, however many
    they are.
    """
    bound = f"{parameters.add(text)}::text"
    return f"string_to_array({bound}, ',')" if "," in text else f"ARRAY[{bound}]"


def _compare_many(operand: _Many, operator: str, text: str, parameters: Parameters) -> str:
    several = "," in text and operand.field.kind in _LISTABLE
    if operator == "~" and operand.listed:
        wanted = _items(text, parameters)
        return f"EXISTS (SELECT FROM {operand.source} AND {operand.value} = ANY ({wanted}))"
    if operator == "~" and several:
        wanted = _items(",".join(map(_contains, text.split(","))), parameters)
        like = f"{operand.value}::text ILIKE ANY ({wanted})"
        return f"EXISTS (SELECT FROM {operand.source} AND {like})"
    if operator in ("=", "!=") and several:
        wanted, value = _items(text, parameters), f"{operand.value}::text"
        held = f"ARRAY(SELECT {value} FROM {operand.source} AND {value} IS NOT NULL)"
        same = f"({held} @> {wanted} AND {held} <@ {wanted})"
        return same if operator == "=" else f"NOT {same}"
    plain = "=" if operator == "!=" else operator
    one = _compare(operand.field, operand.value, plain, text, parameters)
    found = f"EXISTS (SELECT FROM {operand.source} AND {one})"
    return f"NOT {found}" if operator == "!=" else found


_LISTABLE = frozenset({Kind.TEXT, Kind.GUID, Kind.YEAR})

_CASTS = {
    Kind.DATE: "::date",
    Kind.DATETIME: "::timestamptz",
    Kind.BOOLEAN: "::boolean",
    Kind.FLOAT: "::numeric",
    Kind.INTEGER: "::numeric",
}

_FORMS = {
    Kind.DATE: (re.compile(values.DATETIME_TOLERANT), "a date such as 2026-04-01"),
    Kind.DATETIME: (
        re.compile(values.DATETIME_TOLERANT),
        "a time such as 2026-04-01T00:00:00.000Z",
    ),
    Kind.FLOAT: (re.compile(values.NUMBER), "a number"),
    Kind.INTEGER: (re.compile(values.NUMBER), "a number"),
    Kind.BOOLEAN: (re.compile("^(true|false)$", re.IGNORECASE), "true or false"),
}


def _typed(field: Field, text: str) -> str:
    """`text` as the field's type is read from: of a time that is compared with a date its date, and
    a time without a zone is UTC.
    """
    form = _FORMS.get(field.kind)
    if form is None:
        return text
    pattern, what = form
    # `$` would let a line end pass.
    if not pattern.match(text) or text.endswith("\n"):
        raise BadValue(f"{field.json} is compared with {text[:60]!r}, which is not {what}.")
    if field.kind is Kind.DATE:
        return text[:10]
    if field.kind is Kind.DATETIME and not re.search(r"Z$|[+-]\d\d:?\d\d$", text[10:]):
        return f"{text}Z" if len(text) > 10 else f"{text}T00:00:00Z"
    return text


def _contains(text: str) -> str:
    """The LIKE pattern for texts that contain `text`."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
