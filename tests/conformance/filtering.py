"""Filters on objects in memory, by spec/rest.md, "Filter grammar"."""

import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rosterhub.model.filters import And, Clause, Node
from tests.conformance.shapes import Path, paths

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def matches(node: Node, entity: str, found: dict[str, Any]) -> bool:
    """Whether an object of `entity` is one that the filter asks for."""
    match node:
        case Clause():
            return _clause(node, paths(entity)[node.field], found)
        case And():
            return all(matches(part, entity, found) for part in node.parts)
        case _:
            return any(matches(part, entity, found) for part in node.parts)


def _clause(clause: Clause, path: Path, found: dict[str, Any]) -> bool:
    held = values(found, clause.field)
    match clause.operator:
        case "!=":
            return not _equal(path, held, clause.value)
        case "=":
            return _equal(path, held, clause.value)
        case "~":
            return _like(path, held, clause.value)
        case _:
            wanted = typed(path, clause.value)
            return any(_ORDER[clause.operator](typed(path, v), wanted) for v in held)


def values(found: Any, name: str) -> list[Any]:
    """What the JSON of an object holds at a dotted name; nothing where it is absent."""
    if isinstance(found, list):
        return [v for item in found for v in values(item, name)]
    if not name:
        return [found]
    head, _, rest = name.partition(".")
    return values(found[head], rest) if head in found else []


def _equal(path: Path, held: list[Any], text: str) -> bool:
    """One value: holds it. Several with commas, of an array: exactly these."""
    items = text.split(",")
    if path.array and len(items) > 1:
        return {shown(v) for v in held} == set(items)
    return any(typed(path, v) == typed(path, text) for v in held)


def _like(path: Path, held: list[Any], text: str) -> bool:
    """A value contains the text, in any case. Of a list of values: it holds one of these."""
    if path.array == "list":
        return not set(text.split(",")).isdisjoint(held)
    items = text.split(",") if path.array and path.kind == "text" else [text]
    return any(item.lower() in shown(v).lower() for v in held for item in items)


def shown(value: Any) -> str:
    """A value as its JSON shows it."""
    return value if isinstance(value, str) else str(value)


def typed(path: Path, value: Any) -> Any:
    """A value, from JSON or from a filter, as what it is compared as."""
    match path.kind:
        case "date":
            # A time that it is compared with stands for its date.
            return date.fromisoformat(value[:10])
        case "time":
            return _instant(value)
        case "number":
            return Decimal(value)
        case "flag":
            return value.lower() == "true"
        case _:
            return value


def _instant(text: str) -> datetime:
    """A date alone is its midnight, a time without a zone is UTC."""
    zoned = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
    at = datetime.fromisoformat(zoned)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
