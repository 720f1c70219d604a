"""A JSON object that somebody sends, against the properties of its entity (spec/models.md).

What comes out is values by SQL column, ready for the database; what is wrong is a `BodyError` that
names the property. Null is taken as absent, and so is a blank text: a CSV cell cannot tell them
apart, and what is taken here goes out as CSV. Nothing here knows SQL.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from rosterhub.model import values
from rosterhub.model.entities import PAIRS, RECORDS, Field, Kind
from rosterhub.model.objects import (
    Linked,
    Metadata,
    Pairs,
    Property,
    Reference,
    Rows,
    Scalar,
    Version,
    by_name,
    demanded,
)
from rosterhub.model.operations import called

LONGEST_TEXT = 131_072
"""Characters that one text may hold, as in a CSV cell."""

DIGITS = 30
"""Digits that a number may have before its point, and after it, as in a CSV cell."""

_SHOWN = 100
_GUID = re.compile(rf"[{values.GUID_CHARACTERS}]{{1,{values.GUID_MAX_LENGTH}}}")
_EXTENSION = re.compile(values.EXTENSION.removesuffix("$"))
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class BodyError(ValueError):
    """The body is not what it should be; the text names the property and says what it takes."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}" if path else f"The body {problem}")


@dataclass(frozen=True, slots=True)
class Record:
    """One object as rows: `values` by SQL column (`metadata` a flat object), `parts` the rows of
    other entities that belong to it, each with all its columns; `refers` names the property and
    sourcedId of each reference, by the entity it must be found in.
    """

    entity: str
    sourced_id: str
    values: dict[str, Any]
    parts: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    refers: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])


def record(entity: str, body: object, version: Version = "1.2", path: str = "") -> Record:
    """The record that `body` states; `path` is where it lies in what was sent.

    Raises:
        BodyError: a property is missing, unknown, or holds what it cannot.
    """
    given = _object(body, path)
    known = by_name(entity, version)
    for name in given:
        if name not in known:
            raise BodyError(_at(path, name), f"is not known; known are {', '.join(known)}.")
    sourced_id = guid(given.get("sourcedId"), _at(path, "sourcedId"))
    made = Record(entity, sourced_id, {"status": "active"})
    for prop in known.values():
        value = given.get(prop.name)
        here = _at(path, prop.name)
        if value is None or (isinstance(prop, Scalar) and _blank(prop.field, value)):
            if isinstance(prop, Scalar | Reference | Rows | Pairs) and demanded(prop):
                raise BodyError(here, _REQUIRED)
            continue
        _put(made, prop, value, here)
    _ordered(made, path)
    return made


_REQUIRED = "is required, and may not be blank."


def _blank(known: Field, value: object) -> bool:
    """Whether `value` is a text that says nothing, where any text is taken."""
    free = known.kind is Kind.TEXT and not known.enumeration
    return free and isinstance(value, str) and not value.strip(values.BLANKS)


def _put(made: Record, prop: Property, value: object, here: str) -> None:
    match prop:
        case Scalar():
            held = _value(prop.field, value, here)
            # When it changed last is what we say.
            if prop.name != "dateLastModified":
                made.values[prop.field.column] = held
        case Reference():
            target = _reference(prop.target, value, here)
            made.refers.append((prop.target, here, target))
            made.values[prop.field.column] = target
        case Pairs():
            made.values[prop.field.column] = _pairs(prop.field, value, here)
        case Linked(single=True, target=str(target)):
            other = _reference(prop.refers_to, value, here)
            made.refers.append((prop.refers_to, here, other))
            link = RECORDS[prop.entity]
            row = {link.by_name[target].column: other}
            made.parts[prop.entity] = _owned(prop, made.sourced_id, [row])
        case Rows(group=Scalar()):
            made.parts[prop.entity] = _owned(prop, made.sourced_id, _grouped(prop, value, here))
        case Metadata():
            made.values["metadata"] = _metadata(value, here)
        case _:
            raise BodyError(here, "cannot be written here.")


def _owned(prop: Linked | Rows, owner: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`rows` with their owner and with sourcedIds in their order, the same each time."""
    via = RECORDS[prop.entity].by_name[prop.via].column
    begin = uuid5(NAMESPACE_URL, f"{prop.entity} {owner}")
    return [
        {"sourced_id": f"{begin}-{number:06}", via: owner, **row} for number, row in enumerate(rows)
    ]


def _grouped(prop: Rows, value: object, here: str) -> list[dict[str, Any]]:
    assert prop.group
    rows: list[dict[str, Any]] = []
    for number, item in enumerate(_array(value, here)):
        place = f"{here}[{number}]"
        given = _object(item, place)
        _only(given, (prop.group.name, prop.grouped), place)
        group = _required(prop.group, given, place)
        members = _array(given.get(prop.grouped), _at(place, prop.grouped))
        if not members:
            raise BodyError(_at(place, prop.grouped), "holds one value at least.")
        for index, member in enumerate(members):
            inner = f"{_at(place, prop.grouped)}[{index}]"
            row = {prop.group.field.column: group}
            parts = cast("tuple[Scalar, ...]", prop.parts)
            if len(parts) == 1:
                row[parts[0].field.column] = _filled(parts[0].field, member, inner)
            else:
                held = _object(member, inner)
                _only(held, tuple(p.name for p in parts), inner)
                for part in parts:
                    said = held.get(part.name)
                    if part.required or not (said is None or _blank(part.field, said)):
                        row[part.field.column] = _required(part, held, inner)
            rows.append(row)
    return rows


def _required(prop: Scalar, given: Mapping[str, object], path: str) -> Any:
    return _filled(prop.field, given.get(prop.name), _at(path, prop.name))


def _filled(known: Field, value: object, here: str) -> Any:
    if value is None or _blank(known, value):
        raise BodyError(here, _REQUIRED)
    return _value(known, value, here)


def _value(known: Field, value: object, here: str) -> Any:
    if known.many:
        return [_one(known, item, f"{here}[{n}]") for n, item in enumerate(_array(value, here))]
    return _one(known, value, here)


def _one(known: Field, value: object, here: str) -> Any:
    if known.enumeration:
        text = _text(value, here)
        taken = known.enumeration.values
        more = known.enumeration.extensible and _EXTENSION.fullmatch(text)
        if text not in taken and not more:
            raise BodyError(here, f"is one of {', '.join(taken)}, not {text[:60]!r}.")
        return text
    read = _READ.get(known.kind, _text)
    return read(value, here)


def _text(value: object, here: str) -> str:
    if not isinstance(value, str):
        raise BodyError(here, "is a text.")
    if len(value) > LONGEST_TEXT:
        raise BodyError(here, f"is longer than {LONGEST_TEXT:,} characters.")
    if _UNSTORABLE.search(value):
        raise BodyError(here, "holds a character that no text can hold.")
    return value


def guid(value: object, here: str) -> str:
    """A sourcedId, which stands at `here`.

    Raises:
        BodyError: it is none.
    """
    if not isinstance(value, str) or not _GUID.fullmatch(value):
        raise BodyError(here, "is 1 to 255 of the characters 0-9 A-Z a-z . / @ _ and -.")
    return value


def _matching(pattern: str, what: str) -> Callable[[object, str], str]:
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")

    def read(value: object, here: str) -> str:
        if not isinstance(value, str) or not compiled.match(value):
            raise BodyError(here, f"is {what}.")
        return value

    return read


_A_DATE = "a date such as 2026-04-01"
_date_text = _matching(values.DATETIME_TOLERANT, _A_DATE)


def _date(value: object, here: str) -> str:
    """The date, also of a time: what clients have at hand when they grade."""
    return _date_text(value, here)[:10]


_A_TIME = "a time such as 2026-04-01T09:00:00.000Z"
_time_text = _matching(values.DATETIME_TOLERANT, _A_TIME)


def _instant(value: object, here: str) -> str:
    moment = datetime.fromisoformat(_time_text(value, here))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError:  # Its offset takes it out of the years that there are.
        raise BodyError(here, f"is {_A_TIME}.") from None


def _boolean(value: object, here: str) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise BodyError(here, 'is "true" or "false".')
    return value == "true"


def _number(value: object, here: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BodyError(here, "is a number.")
    if isinstance(value, float) and not math.isfinite(value):
        raise BodyError(here, "is a number.")
    if not -(10**DIGITS) < value < 10**DIGITS or _places(value) > DIGITS:
        raise BodyError(here, f"has more than {DIGITS} digits before its point, or after it.")
    return value


def _places(value: float | int) -> int:
    """Digits after the point of a number as it is written."""
    exponent = Decimal(repr(value)).as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


_READ: dict[Kind, Callable[[object, str], Any]] = {
    Kind.GUID: guid,
    Kind.DATE: _date,
    Kind.DATETIME: _instant,
    Kind.YEAR: _matching(values.YEAR, "a year of four digits"),
    Kind.BOOLEAN: _boolean,
    Kind.FLOAT: _number,
    Kind.INTEGER: _number,
}


def _reference(target: str, value: object, here: str) -> str:
    given = _object(value, here)
    _only(given, ("href", "sourcedId", "type"), here)
    kinds = called(target)
    if given.get("type") not in (None, *kinds):
        raise BodyError(_at(here, "type"), f"is {' or '.join(kinds)}.")
    # What it leads to is said by the sourcedId alone.
    if given.get("href") is not None:
        _text(given["href"], _at(here, "href"))
    return guid(given.get("sourcedId"), _at(here, "sourcedId"))


def _pairs(known: Field, value: object, here: str) -> list[str]:
    made: list[str] = []
    names = PAIRS[known.kind]
    for number, item in enumerate(_array(value, here)):
        place = f"{here}[{number}]"
        given = _object(item, place)
        _only(given, names, place)
        left, right = (_text(given.get(name), _at(place, name)) for name in names)
        # They are kept, and go out as CSV, as {left:right}.
        if not left or re.search("[:{}]", left) or re.search("[{}]", right):
            raise BodyError(place, f"{names[0]} has no : and neither has {{ or }}.")
        made.append(f"{left}:{right}")
    if not made and known.required:
        raise BodyError(here, "holds one value at least.")
    return made


def _metadata(value: object, here: str) -> dict[str, Any] | None:
    """Nested metadata with its keys joined by dots, as columns are named."""
    flat: dict[str, Any] = {}

    def add(prefix: str, inner: dict[str, object]) -> None:
        for key, held in inner.items():
            name = f"{prefix}.{key}" if prefix else key
            place = _at(here, name)
            if not values.names_metadata(name) or _UNSTORABLE.search(key):
                raise BodyError(place, "is no name for metadata, or too long or deep a one.")
            if isinstance(held, dict):
                add(name, cast("dict[str, object]", held))
            elif name in flat:
                raise BodyError(place, "is there twice.")
            elif isinstance(held, str):
                if held.strip(values.BLANKS):
                    flat[name] = _text(held, place)
            elif isinstance(held, bool | int | float):
                flat[name] = held if isinstance(held, bool) else _number(held, place)
            elif held is not None:
                raise BodyError(place, "is a text, a number, true or false.")

    add("", _object(value, here))
    for name in flat:
        parts = name.split(".")
        if any(".".join(parts[:n]) in flat for n in range(1, len(parts))):
            raise BodyError(_at(here, name), "and what it lies in exclude each other.")
    return flat or None


def _ordered(made: Record, path: str) -> None:
    low, high = made.values.get("result_value_min"), made.values.get("result_value_max")
    if low is not None and high is not None and low > high:
        raise BodyError(_at(path, "resultValueMin"), "is more than resultValueMax.")


def _object(value: object, here: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BodyError(here, "is an object.")
    return cast("dict[str, object]", value)


def _array(value: object, here: str) -> list[object]:
    if not isinstance(value, list):
        raise BodyError(here, "is an array.")
    return cast("list[object]", value)


def _only(given: Mapping[str, object], known: tuple[str, ...], path: str) -> None:
    for name in given:
        if name not in known:
            raise BodyError(_at(path, name), f"is not known; known are {', '.join(known)}.")


def _at(path: str, name: str) -> str:
    """The place of `name` within `path`; a name that somebody made up may be of any length."""
    name = name[:_SHOWN]
    return f"{path}.{name}" if path else name
