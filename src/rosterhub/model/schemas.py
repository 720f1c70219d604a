"""JSON Schemas, in the dialect of OpenAPI 3.0, of the objects we answer and of those we take.

Derived from `model/objects.py`, by the same tree that is rendered and read. Knows nothing of HTTP;
schemas that several objects share are referred to by name and stand in `SHARED`.
"""

from collections.abc import Iterable
from typing import Any, Literal

from rosterhub.model import values
from rosterhub.model.bodies import DIGITS, LONGEST_TEXT
from rosterhub.model.entities import (
    ONEROSTER_11_USER_COLUMNS,
    RECORDS,
    Enumeration,
    Field,
    Kind,
)
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
    demanded,
    properties,
)
from rosterhub.model.operations import called

Schema = dict[str, Any]
Use = Literal["answer", "body"]
"""Whether a schema is of what we say or of what we are told: a body may leave out more."""


def schema(
    entity: str, version: Version = "1.2", use: Use = "answer", stated: Iterable[str] = ()
) -> Schema:
    """The schema of an entity's object; `stated` are properties that a path has already given."""
    shown = properties(entity, version)
    if use == "body":
        shown = tuple(p for p in shown if _written(p))
    return _object(shown, version, use, frozenset(stated))


def type_name(entity: str) -> str:
    """How documents call the object of `entity`: `LineItem`."""
    singular = RECORDS[entity].singular
    return singular[:1].upper() + singular[1:]


def reference_name(target: str, use: Use = "answer") -> str:
    """How documents call a reference to a record of `target`."""
    return f"{type_name(target)}{'Ref' if use == 'answer' else 'RefBody'}"


def references(target: str, use: Use = "answer") -> Schema:
    """The schema of a reference to a record of `target`."""
    kinds = [RECORDS[target].singular] if use == "answer" else list(called(target))
    kind: Schema = {"type": "string", "enum": kinds}
    href: Schema = _URI if use == "answer" else named("Text")
    parts: Schema = {"href": href, "sourcedId": named("Guid"), "type": kind}
    return _closed(parts, ["sourcedId"] if use == "body" else list(parts))


def named(name: str) -> Schema:
    """A reference to a schema that stands among the document's."""
    return {"$ref": f"#/components/schemas/{name}"}


SHARED: dict[str, Schema] = {
    "Guid": {
        "type": "string",
        "description": "A sourcedId.",
        "pattern": f"^[{values.GUID_CHARACTERS}]{{1,{values.GUID_MAX_LENGTH}}}$",
        "example": "5f0a4d2e-8a61-4c57-9d1b-0c2f4a1be7a3",
    },
    "Text": {
        "type": "string",
        "maxLength": LONGEST_TEXT,
        "pattern": "^[^\\u0000]*$",
        "example": "text",
    },
    "FilledText": {
        "type": "string",
        "maxLength": LONGEST_TEXT,
        "pattern": f"^[^\\u0000]*[^\\u0000{values.BLANKS}][^\\u0000]*$",
        "example": "text",
    },
    "Number": {
        "type": "number",
        "description": f"At most {DIGITS} digits before the point, and as many after it.",
        "minimum": -(10.0**DIGITS),
        "maximum": 10.0**DIGITS,
        "exclusiveMinimum": True,
        "exclusiveMaximum": True,
        "example": 80,
    },
    "Boolean": {
        "type": "string",
        "description": "OneRoster writes booleans as strings.",
        "enum": ["true", "false"],
    },
    "DateTime": {
        "type": "string",
        "format": "date-time",
        "description": "UTC, with milliseconds: 2026-04-01T00:00:00.000Z.",
        "pattern": values.DATETIME,
    },
    "Metadata": {
        "type": "object",
        "description": "What the standard has no place for, nested by the dots of its names.",
        "additionalProperties": {"$ref": "#/components/schemas/MetadataValue"},
    },
    "MetadataValue": {
        "anyOf": [
            {"$ref": "#/components/schemas/Text"},
            {"$ref": "#/components/schemas/Number"},
            {"type": "boolean"},
            {"$ref": "#/components/schemas/Metadata"},
        ]
    },
}
"""What the other schemas refer to, besides references to records."""


def _object(
    shown: Iterable[Property], version: Version, use: Use, stated: frozenset[str] = frozenset()
) -> Schema:
    shown = tuple(shown)
    required = [p.name for p in shown if p.name not in stated and _always(p, use)]
    return _closed({p.name: _property(p, version, use) for p in shown}, required)


def _closed(members: Schema, required: list[str]) -> Schema:
    made: Schema = {"type": "object", "properties": members, "additionalProperties": False}
    return made | {"required": required} if required else made


def _always(prop: Property, use: Use) -> bool:
    """Whether each object has it. What stands in other rows, or in one field of two, may be late:
    users.csv may come before roles.csv. Of pairs there may be none but with a blank text.
    """
    if use == "body":
        return isinstance(prop, Scalar | Reference | Pairs) and demanded(prop)
    match prop:
        case Scalar():
            return prop.required
        case Reference():
            late = prop.otherwise or prop.field in ONEROSTER_11_USER_COLUMNS
            return prop.required and not late
        case _:
            return False


def _written(prop: Property) -> bool:
    """Whether a body may hold it (`model/bodies.py`)."""
    match prop:
        case Linked():
            return prop.single
        case Rows():
            return prop.group is not None
        case Nested() | First():
            return False
        case _:
            return True


def _property(prop: Property, version: Version, use: Use) -> Schema:
    match prop:
        case Scalar():
            one = _URI if prop.uri else _value(prop.field, filled=prop.required)
            return _several(one) if prop.field.many else one
        case Reference():
            one = named(reference_name(prop.target, use))
            return _several(one) if prop.field.many else one
        case Linked():
            one = named(reference_name(prop.refers_to, use))
            return one if prop.single else _several(one)
        case Rows():
            return _several(_row(prop, version, use))
        case Pairs():
            return _several(_pair(prop, use))
        case Nested():
            return _several(_object(prop.parts, version, use))
        case First():
            return _renamed(prop)
        case Metadata():
            return _metadata(prop)


def _several(one: Schema) -> Schema:
    """A list: we never answer an empty one, and in a body it says nothing."""
    return {"type": "array", "items": one, "minItems": 1}


def _value(field: Field, *, filled: bool = False) -> Schema:
    """The schema of one value; a `filled` one is never blank."""
    if field.enumeration:
        return _enumeration(field.enumeration)
    return _KINDS.get(field.kind) or named("FilledText" if filled else "Text")


_URI: Schema = {"type": "string", "format": "uri"}

_KINDS: dict[Kind, Schema] = {
    Kind.GUID: named("Guid"),
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.DATETIME: named("DateTime"),
    Kind.YEAR: {"type": "string", "pattern": values.YEAR},
    Kind.BOOLEAN: named("Boolean"),
    Kind.FLOAT: named("Number"),
    Kind.INTEGER: {"type": "integer"},
}


def _enumeration(known: Enumeration) -> Schema:
    listed: Schema = {"type": "string", "enum": list(known.values)}
    if not known.extensible:
        return listed
    return {"anyOf": [listed, {"type": "string", "pattern": values.EXTENSION}]}


def _renamed(prop: First) -> Schema:
    known = prop.field.enumeration
    assert known
    other = dict(prop.names)
    shown = dict.fromkeys(other.get(value, value) for value in known.values)
    return _enumeration(Enumeration(tuple(shown), known.extensible))


def _row(prop: Rows, version: Version, use: Use) -> Schema:
    if not prop.group:
        return _object(prop.parts, version, use)
    one = _property(prop.parts[0], version, use)
    members = _several(one if len(prop.parts) == 1 else _object(prop.parts, version, use))
    parts = {prop.group.name: _value(prop.group.field), prop.grouped: members}
    return _closed(parts, list(parts))


def _pair(prop: Pairs, use: Use) -> Schema:
    if use == "answer":
        shown = dict.fromkeys((prop.left, prop.right), named("FilledText"))
        return _closed(shown, list(shown))
    # They are kept, and go out as CSV, as {left:right}.
    left: Schema = {"type": "string", "pattern": "^[^:{}\\u0000]+$"}
    right: Schema = {"type": "string", "pattern": "^[^{}\\u0000]*$"}
    parts = {prop.left: left, prop.right: right}
    return _closed(parts, list(parts))


def _metadata(prop: Metadata) -> Schema:
    """Anything, but for what a profile gives a type."""
    if not prop.fields:
        return named("Metadata")
    tree: Schema = {}
    for field in prop.fields:
        *outer, last = (field.metadata_key or "").split(".")
        at = tree
        for name in outer:
            at = at.setdefault(name, {"type": "object", "properties": {}})["properties"]
        at[last] = _value(field)
    return {"type": "object", "properties": tree, "additionalProperties": named("MetadataValue")}
