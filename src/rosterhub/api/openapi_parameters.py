"""The parameters in OpenAPI documents: those of the path, and those of every read.

What may be sorted by and selected is read off the objects, as the server itself does.
"""

from typing import Any

from rosterhub.api import reading
from rosterhub.api.services import Service
from rosterhub.model.objects import properties
from rosterhub.model.operations import Operation
from rosterhub.model.schemas import named, type_name
from rosterhub.store.collections import CURSOR, DEFAULT_LIMIT, MAX_LIMIT, sortable

_FILTER = (
    "`field op 'value'`, where op is one of `=` `!=` `>` `>=` `<` `<=` `~` (contains, whatever the"
    " case); clauses are joined by ` AND ` and ` OR `, with parentheses. A quote in the value is"
    " doubled. Dots reach into objects: `roles.role='teacher'`, `metadata.jp.homeClass='…'`. Times"
    " compare as times: `dateLastModified>'2026-04-01T00:00:00.000Z'`."
)

_EVERY: dict[str, dict[str, Any]] = {
    "limit": {
        "description": f"Records a page holds at most; more than {MAX_LIMIT:,} is taken as that.",
        "schema": {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
    },
    "offset": {
        "description": "How many records to leave out before the first.",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
    },
    "orderBy": {
        "description": "Ascending or descending.",
        "schema": {"type": "string", "enum": ["asc", "desc"], "default": "asc"},
    },
    "filter": {
        "description": _FILTER,
        "schema": {"type": "string", "format": "oneroster-filter"},
        "example": "status='active'",
    },
    "cursor": {
        "description": (
            "Where a page begins, as the links of the page before state it: then the last page is"
            " as quick as the first. For pages sorted by `sourcedId` or `dateLastModified`."
        ),
        "schema": {"type": "string", "format": "oneroster-cursor", "pattern": f"^{CURSOR}$"},
    },
    "asOf": {
        "description": (
            "Rosters as they were at this time, of the days of which the history is kept"
            " (HISTORY_DAYS)."
        ),
        "schema": {"type": "string", "format": "date-time"},
    },
}
_BY_ENTITY = ("sort", "fields")
"""Those that take other values for each entity."""

_IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an earlier answer: 304 says that it is still right.",
    "schema": {"type": "string"},
}


def of(operation: Operation) -> list[dict[str, Any]]:
    """The parameters of `operation`."""
    made = [_in_path(name) for name in operation.parameters]
    if operation.method != "GET":
        return made
    kind = type_name(operation.kind.entity)
    names = [
        f"{name}{kind}" if name in _BY_ENTITY else name for name in reading.parameters(operation)
    ]
    return made + [
        {"$ref": f"#/components/parameters/{name}"} for name in (*names, "If-None-Match")
    ]


def components(service: Service) -> dict[str, Any]:
    """The parameters that `of` refers to."""
    made: dict[str, Any] = {
        name: {"name": name, "in": "query", **rest} for name, rest in _EVERY.items()
    }
    made["If-None-Match"] = _IF_NONE_MATCH
    for entity in dict.fromkeys(o.kind.entity for o in service.operations):
        fields = [p.name for p in properties(entity, service.version)]
        made[f"sort{type_name(entity)}"] = {
            "name": "sort",
            "in": "query",
            "description": "Equal values stand in the order of their sourcedIds.",
            "schema": {
                "type": "string",
                "enum": sortable(entity, service.version),
                "default": "sourcedId",
            },
        }
        made[f"fields{type_name(entity)}"] = {
            "name": "fields",
            "in": "query",
            "description": "What each object is to hold, separated by commas; all if left out.",
            "style": "form",
            "explode": False,
            "schema": {"type": "array", "items": {"type": "string", "enum": fields}},
        }
    return made


def _in_path(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": "A slash within it is sent as `%2F`.",
        "schema": named("Guid"),
    }
