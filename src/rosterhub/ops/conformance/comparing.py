"""What filters and orders mean on objects that a server has shown (spec/rest.md, "Filter grammar").

Where the standard leaves something to the provider (case, absent values), two answers are given:
what a filter certainly finds, and what it possibly finds.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import pairwise
from typing import Any, Literal, cast

from rosterhub.model import values as forms
from rosterhub.model.entities import Field, Kind
from rosterhub.model.objects import (
    First,
    Linked,
    Property,
    Reference,
    Rows,
    Scalar,
    Version,
    properties,
)
from rosterhub.ops.conformance.answers import Object

Group = Literal[
    "text", "enumeration", "boolean", "date", "dateTime", "number", "reference", "list", "within"
]


@dataclass(frozen=True, slots=True)
class Path:
    """A name that a filter may have, and what is there; `first` of several that are not shown."""

    name: str
    group: Group
    kind: Kind = Kind.TEXT
    first: bool = False


@cache
def paths(entity: str, version: Version) -> tuple[Path, ...]:
    """The names that a filter on objects of `entity` may have: of each group those there are."""
    return tuple(p for prop in properties(entity, version) for p in _paths(prop))


def _paths(prop: Property) -> list[Path]:
    match prop:
        case Scalar():
            many = prop.field.many
            return [Path(prop.name, "list" if many else _group(prop.field), prop.field.kind)]
        case First():
            return [Path(prop.name, "enumeration", first=True)]
        case Reference() | Linked():
            return [Path(f"{prop.name}.sourcedId", "reference")]
        case Rows() if not prop.group:
            parts = (p for p in prop.parts if isinstance(p, Scalar) and p.field.enumeration)
            return [Path(f"{prop.name}.{p.name}", "within") for p in parts]
        case _:
            return []


_GROUPS: dict[Kind, Group] = {
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.DATETIME: "dateTime",
    Kind.FLOAT: "number",
    Kind.INTEGER: "number",
}


def _group(field: Field) -> Group:
    return "enumeration" if field.enumeration else _GROUPS.get(field.kind, "text")


def held(item: Any, name: str) -> list[Any]:
    """The values of an object at a dotted name, through arrays too; none where it is absent."""
    if isinstance(item, list):
        return [v for one in cast("list[Any]", item) for v in held(one, name)]
    if not name:
        return [] if item is None else [item]
    head, _, rest = name.partition(".")
    found = cast("Object", item).get(head) if isinstance(item, dict) else None
    return held(found, rest)


def typed(kind: Kind, value: object) -> Any:
    """A value as what it is compared as; None if it is none of its kind."""
    try:
        match kind:
            case Kind.DATE:
                return date.fromisoformat(value) if isinstance(value, str) else None
            case Kind.DATETIME:
                return _instant(value) if isinstance(value, str) else None
            case Kind.FLOAT | Kind.INTEGER:
                number = Decimal(str(value))
                return number if number.is_finite() and not isinstance(value, bool) else None
            case Kind.BOOLEAN:
                return str(value).lower()
            case _:
                return value if isinstance(value, str) else None
    except (ValueError, InvalidOperation):
        return None


def _instant(text: str) -> datetime | None:
    if not re.match(forms.DATETIME_TOLERANT, text):
        return None
    at = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00")))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def shown(value: object) -> str:
    """A value as a filter writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def possibly(path: Path, sign: str, text: str, item: Object) -> bool:
    """Whether a server may find the object by `path sign 'text'`."""
    there = held(item, path.name)
    if sign == "!=":
        return not _any(path, "=", text, there)
    if sign == "~" or (sign == "=" and _is_text(path)):
        return any(_texts(sign, text.casefold(), shown(v).casefold()) for v in there)
    return _any(path, sign, text, there)


def certainly(path: Path, sign: str, text: str, item: Object) -> bool:
    """Whether a server has to find it."""
    there = held(item, path.name)
    if sign == "!=":
        return bool(there) and not possibly(path, "=", text, item)
    if sign == "~":
        exact = "=" if path.group == "list" else "~"
        return any(_texts(exact, text, shown(v)) for v in there)
    return _any(path, sign, text, there)


def _any(path: Path, sign: str, text: str, there: list[Any]) -> bool:
    wanted = typed(path.kind, text)
    found = (typed(path.kind, v) for v in there)
    return any(None not in (v, wanted) and _ORDER[sign](v, wanted) for v in found)


def _texts(sign: str, text: str, value: str) -> bool:
    return text in value if sign == "~" else text == value


def _is_text(path: Path) -> bool:
    return path.kind in (Kind.TEXT, Kind.GUID, Kind.YEAR)


def disorder(kind: Kind, values: list[Any], *, descending: bool) -> int | None:
    """Where values stop being in order: the index of the first that should stand earlier.

    None if there is no such place, or if it depends on a collation that is the server's own.
    """
    keys = [typed(kind, v) for v in values]
    if None in keys:
        return None
    if kind not in _GROUPS and not all(re.fullmatch("[0-9a-z]+", key) for key in keys):
        return _scattered([key.casefold() for key in keys])
    wrong = operator.gt if descending else operator.lt
    return next((i for i, (a, b) in enumerate(pairwise(keys), 1) if wrong(b, a)), None)


def _scattered(keys: list[str]) -> int | None:
    """Where a value comes again after another: equal ones stand together in any order."""
    seen = set[str]()
    for i, key in enumerate(keys):
        if key in seen and keys[i - 1] != key:
            return i
        seen.add(key)
    return None
