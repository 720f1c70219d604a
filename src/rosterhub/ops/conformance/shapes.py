"""An object of OneRoster against the properties that it should have (`model/objects.py`).

Yields each rule that is broken, and where; says nothing of values but their form.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, cast

from rosterhub.model import values
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
    properties,
)
from rosterhub.model.operations import called
from rosterhub.ops.conformance.answers import Object, form

Rule = Literal[
    "required",
    "null",
    "empty",
    "type",
    "boolean",
    "enumeration",
    "date",
    "date-form",
    "sourced-id",
    "reference",
    "password",
    "unknown",
    "uri",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that an object breaks at `place`, a dotted name; `what` goes on after the name."""

    rule: Rule
    place: str
    what: str
    value: object = None


def problems(item: object, entity: str, version: Version) -> Iterator[Problem]:
    """What is wrong with an object of a collection of `entity`."""
    if not isinstance(item, dict):
        yield Problem("type", RECORDS[entity].singular, f"is {form(item)}, no object", item)
        return
    found = cast("Object", item)
    yield from _members(found, properties(entity, version), "", version)
    yield from _absences(found, "")


def _members(
    item: Object, known: tuple[Property, ...], at: str, version: Version
) -> Iterator[Problem]:
    for prop in known:
        place = at + prop.name
        value = item.get(prop.name)
        if prop.name not in item:
            if _required(prop):
                yield Problem("required", place, "is missing")
        elif value is not None and value not in ([], {}):
            yield from _value(value, prop, place, version)
    named = {prop.name for prop in known}
    for name, value in item.items():
        if name not in named:
            place = at + name[:60]
            if name in _PASSWORDS:
                yield Problem("password", place, "is shown", value)
            else:
                yield Problem("unknown", place, "is no property of this object", value)


_PASSWORDS = frozenset(
    f.json for entity in RECORDS.values() for f in entity.fields if f.kind is Kind.PASSWORD
)


def _required(prop: Property) -> bool:
    return not isinstance(prop, Linked | Metadata | Nested) and prop.required


def _absences(value: object, at: str) -> Iterator[Problem]:
    """Everything within `value` that stands for nothing instead of being left out."""
    match value:
        case None:
            yield Problem("null", at, "is null")
        case list() | dict() if at and not value:
            yield Problem("empty", at, f"is {form(cast('object', value))}")
        case list():
            for one in cast("list[object]", value):
                yield from _absences(one, at)
        case dict():
            for name, one in cast("Object", value).items():
                yield from _absences(one, f"{at}.{name[:60]}" if at else name[:60])
        case _:
            pass


def _value(value: object, prop: Property, place: str, version: Version) -> Iterator[Problem]:
    match prop:
        case Scalar():
            judge = _uri if prop.uri else _scalar(prop.field)
            yield from _listed(value, prop.field.many, place, judge)
        case First():
            roles = ONEROSTER_11_USER_COLUMNS[1].enumeration
            yield from _scalar(prop.field, roles)(value, place)
        case Reference():
            yield from _listed(value, prop.field.many, place, _reference(prop.target, version))
        case Linked():
            yield from _listed(value, not prop.single, place, _reference(prop.refers_to, version))
        case Pairs():
            parts = tuple(Scalar(n, _TEXT, required=True) for n in (prop.left, prop.right))
            yield from _objects(value, parts, place, version)
        case Nested():
            yield from _objects(value, prop.parts, place, version)
        case Rows() if prop.group:
            yield from _groups(value, prop, prop.group, place, version)
        case Rows():
            yield from _objects(value, prop.parts, place, version)
        case Metadata():
            yield from _metadata(value, prop, place)


_TEXT = Field("text")
_Judge = Callable[[object, str], Iterator[Problem]]


def _listed(value: object, many: bool, place: str, judge: _Judge) -> Iterator[Problem]:
    """One value, or an array of them."""
    if not many:
        yield from judge(value, place)
    elif not isinstance(value, list):
        yield Problem("type", place, f"is {form(value)}, no array", value)
    else:
        for one in cast("list[object]", value):
            if one is not None:
                yield from judge(one, place)


def _objects(
    value: object, parts: tuple[Property, ...], place: str, version: Version
) -> Iterator[Problem]:
    """An array of objects with `parts`."""

    def one(item: object, place: str) -> Iterator[Problem]:
        if isinstance(item, dict):
            yield from _members(cast("Object", item), parts, f"{place}.", version)
        else:
            yield Problem("type", place, f"holds {form(item)}, no object", item)

    yield from _listed(value, True, place, one)


def _groups(
    value: object, prop: Rows, group: Scalar, place: str, version: Version
) -> Iterator[Problem]:
    """An array of objects that each hold a value and, under it, an array."""
    if len(prop.parts) == 1 and isinstance(only := prop.parts[0], Scalar):
        listed: Property = Scalar(prop.grouped, replace(only.field, many=True), required=True)
    else:
        listed = replace(prop, name=prop.grouped, group=None, required=True)
    yield from _objects(value, (group, listed), place, version)


def _metadata(value: object, prop: Metadata, place: str) -> Iterator[Problem]:
    """An object of anything; what a profile gives a type has it."""
    if not isinstance(value, dict):
        yield Problem("type", place, f"is {form(value)}, no object", value)
        return
    for field in prop.fields:
        found: object = cast("object", value)
        for name in (field.metadata_key or "").split("."):
            found = cast("Object", found).get(name) if isinstance(found, dict) else None
        if found is not None and found not in ([], {}):
            yield from _scalar(field)(found, f"{place}.{field.metadata_key}")


def _uri(value: object, place: str) -> Iterator[Problem]:
    """A text that is an absolute URI: one with a scheme."""
    if not isinstance(value, str):
        yield Problem("type", place, f"is {form(value)}, no text", value)
    elif not _URI.fullmatch(value):
        yield Problem("uri", place, f"is {form(value)}, no absolute URI", value)


_URI = re.compile(r"[A-Za-z][0-9A-Za-z+.-]*:\S+")


def _reference(target: str, version: Version) -> _Judge:
    """A reference to a record of `target`; whether its href is one is for another check."""
    kinds = called(target)
    if version == "1.2":
        kinds = kinds[:1]

    def judge(value: object, place: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem("reference", place, f"is {form(value)}, no reference", value)
            return
        found = cast("Object", value)
        for name in ("href", "sourcedId", "type"):
            if name not in found:
                yield Problem("reference", f"{place}.{name}", "is missing")
            elif found[name] is not None and not isinstance(found[name], str):
                what = f"is {form(found[name])}, no text"
                yield Problem("reference", f"{place}.{name}", what, found[name])
        if isinstance(found.get("type"), str) and found["type"] not in kinds:
            what = f"is not {' or '.join(kinds)}"
            yield Problem("reference", f"{place}.type", what, found["type"])
        for name in found.keys() - {"href", "sourcedId", "type"}:
            yield Problem("unknown", f"{place}.{name[:60]}", "is no part of a reference")

    return judge


def _scalar(field: Field, enumeration: Enumeration | None = None) -> _Judge:
    """A value of `field`; of `enumeration` in place of the field's own."""
    listed = enumeration or field.enumeration

    def judge(value: object, place: str) -> Iterator[Problem]:
        if field.kind in (Kind.FLOAT, Kind.INTEGER):
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                yield Problem("type", place, f"is {form(value)}, no number", value)
        elif field.kind is Kind.BOOLEAN:
            if value not in ("true", "false"):
                what = f'is {form(value)}, neither "true" nor "false"'
                yield Problem("boolean", place, what, value)
        elif not isinstance(value, str):
            yield Problem("type", place, f"is {form(value)}, no text", value)
        elif listed and not _one_of(value, listed):
            words = ", ".join(listed.values) + (", ext:…" if listed.extensible else "")
            yield Problem("enumeration", place, f"is none of {words}", value)
        else:
            yield from _form(field.kind, value, place)

    return judge


def _one_of(value: str, enumeration: Enumeration) -> bool:
    extended = enumeration.extensible and _matches(values.EXTENSION, value)
    return value in enumeration.values or extended


def _form(kind: Kind, value: str, place: str) -> Iterator[Problem]:
    """Whether a text has the form that its kind wants."""
    if kind is Kind.GUID and not _GUID.fullmatch(value):
        what = f"is {form(value)}, not 1 to 255 of 0-9 A-Z a-z . / @ _ -"
        yield Problem("sourced-id", place, what, value)
    elif kind is Kind.DATE and not _matches(values.DATE, value):
        yield Problem("date", place, f"is {form(value)}, no date YYYY-MM-DD", value)
    elif kind is Kind.YEAR and not _matches(values.YEAR, value):
        yield Problem("date", place, f"is {form(value)}, no year YYYY", value)
    elif kind is Kind.DATETIME and not _matches(values.DATETIME, value):
        if _matches(values.DATETIME_TOLERANT, value) and len(value) > len("2026-04-01"):
            what = "is a time, but not written YYYY-MM-DDThh:mm:ss.sssZ"
            yield Problem("date-form", place, what, value)
        else:
            what = f"is {form(value)}, no time YYYY-MM-DDThh:mm:ss.sssZ"
            yield Problem("date", place, what, value)


_GUID = re.compile(f"[{values.GUID_CHARACTERS}]{{1,{values.GUID_MAX_LENGTH}}}")


def _matches(pattern: str, value: str) -> bool:
    """`$` would let a line end pass."""
    return bool(re.match(pattern, value)) and not value.endswith("\n")
