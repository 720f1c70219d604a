"""What the OpenAPI document says of imports and exports beyond their paths (docs/imports.md).

Their handlers read requests themselves, so FastAPI cannot know it; each part is the `openapi_extra`
of one of them. Nothing here runs.
"""

from typing import Annotated, Any, get_args

from fastapi import Path, Query

from rosterhub.api.openapi_answers import error
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES, READ_PROFILES
from rosterhub.transfer import options
from rosterhub.transfer.difference import ACTIONS
from rosterhub.transfer.health import FINDINGS
from rosterhub.transfer.reader import ENCODINGS
from rosterhub.transfer.records import State

FileName = Annotated[str, Path(json_schema_extra={"enum": list(ENTITIES)})]
"""The base name of a OneRoster file, in a path."""

JobId = Annotated[str, Path(json_schema_extra={"pattern": "^[0-9]{1,9}$"})]
"""The number of an import, in a path."""

Limit = Annotated[int, Query(ge=1, le=1_000)]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]

_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE: dict[str, Any] = {"type": ["string", "null"]}
_TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
_MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}

_SWITCH: dict[str, Any] = {"type": "string", "enum": ["true", "false"], "default": "false"}
_BOOLEAN: dict[str, Any] = {**_SWITCH, "enum": list(options.BOOLEANS)}
_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "source": (
        "The sending system: its bulk files decide about what it sent.",
        {"type": "string", "pattern": f"^{options.SOURCE}$", "default": "default"},
    ),
    "encoding": ("The encoding, when it is not UTF-8.", {"type": "string", "enum": [*ENCODINGS]}),
    "level": (
        "How strictly it is read: tolerant takes what can be understood, strict what the standard"
        " has.",
        {"type": "string", "enum": list(options.LEVELS), "default": "tolerant"},
    ),
    "onError": (
        "What rows in error do: reject applies nothing, skip leaves them out and applies the rest.",
        {"type": "string", "enum": list(options.ON_ERROR), "default": "reject"},
    ),
    "placeholders": (
        "Make courses, academic sessions and orgs that rows refer to and nobody has sent.",
        _BOOLEAN,
    ),
    "profile": (
        "The CSV profile that it follows; else manifest and headers say it.",
        {"type": "string", "enum": [*READ_PROFILES]},
    ),
    "dryRun": ("Compare and count, and change nothing.", _BOOLEAN),
}
_MODE = (
    "What the file means for records that it does not hold; a package's manifest says it.",
    {"type": "string", "enum": list(options.MODES), "default": "merge"},
)


_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again under the same key, a file is answered with its first import.",
    "schema": {"type": "string", "pattern": f"^{options.IDEMPOTENCY_KEY}$"},
}


def _closed(**members: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


_ISSUE = _closed(
    file=_MAYBE, line={"type": ["integer", "null"]}, column=_MAYBE, code=_TEXT, message=_TEXT
)
_ISSUES: dict[str, Any] = {"type": "array", "items": _ISSUE}
_COUNTED = ("total", "created", "updated", "unchanged", "deleted", "failed")
_COUNTS = _closed(**dict.fromkeys(_COUNTED, _COUNT))
_COUNTS["properties"]["placeholders"] = _COUNT  # only where some are made

SCHEMAS: dict[str, Any] = {
    "Accepted": _closed(
        jobId=_TEXT, status={"type": "string", "enum": ["queued"]}, statusUrl=_TEXT
    ),
    "Job": _closed(
        jobId=_TEXT,
        state={"type": "string", "enum": list(get_args(State))},
        source=_TEXT,
        fileName=_TEXT,
        entity=_MAYBE,
        mode=_MAYBE,
        dryRun={"type": "boolean"},
        level={"type": "string", "enum": list(options.LEVELS)},
        onError={"type": "string", "enum": list(options.ON_ERROR)},
        placeholders={"type": "boolean"},
        profile={
            "type": ["object", "null"],
            "properties": {"id": _TEXT, "detected": {"type": "boolean"}},
        },
        files={"type": "array", "items": {"type": "object"}},
        progress={"type": "number", "minimum": 0, "maximum": 100},
        rowsPerSecond=_COUNT,
        counts=_COUNTS,
        timings={"type": "object", "additionalProperties": {"type": "number"}},
        reason=_MAYBE,
        reasonCode=_MAYBE,
        createdAt=_TIME,
        startedAt=_TIME,
        finishedAt=_TIME,
        undo={"type": ["object", "null"]},
        errors=_ISSUES,
        warnings=_ISSUES,
    ),
}
"""The objects of imports."""


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _secured(scope: str) -> dict[str, Any]:
    return {"security": [{"OAuth2": [scope]}, {"ApiKey": []}]}


def _upload(given: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    parts = {name: {**schema, "description": text} for name, (text, schema) in given.items()}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}, **parts},
        "additionalProperties": False,
    }
    return {
        **_secured("import"),
        "parameters": [*_query(given), _IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {
            "202": {
                "description": "Taken; follow the job at statusUrl.",
                "content": {"application/json": {"schema": _named("Accepted")}},
            },
            "409": {
                "description": "The Idempotency-Key was used for something else.",
                "content": {"application/json": {"schema": _named("Error")}},
            },
        },
    }


def _query(given: dict[str, tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "description": text, "schema": schema}
        for name, (text, schema) in given.items()
    ]


def _answer(content_type: str, schema: dict[str, Any], scope: str) -> dict[str, Any]:
    content = {content_type: {"schema": schema}}
    return {
        **_secured(scope),
        "responses": {"200": {"description": "Here it is.", "content": content}},
    }


def _download(content_type: str) -> dict[str, Any]:
    given: dict[str, tuple[str, dict[str, Any]]] = {
        "profile": (
            "The CSV profile to write.",
            {"type": "string", "enum": list(PROFILES), "default": DEFAULT_PROFILE},
        ),
        "bom": ("Begin with a BOM.", _SWITCH),
        "excel": ("To look at in a spreadsheet, never to import.", _SWITCH),
        "asOf": ("The roster as it was at this moment.", _MOMENT),
        "since": ("Only what has changed since this moment, as a delta.", _MOMENT),
        "org": (
            "Only this org (a sourcedId) and those under it; may stand more than once.",
            {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 255}},
        ),
    }
    file = {"type": "string", "format": "binary"}
    made = _by_session(_answer(content_type, file, "export"))
    made["responses"]["200"]["headers"] = {
        "X-Next-Since": {
            "description": "The since with which the next delta goes on without losing a change.",
            "schema": _MOMENT,
        }
    }
    return {**made, "parameters": _query(given)}


def _by_session(made: dict[str, Any]) -> dict[str, Any]:
    """What is read in a database session of its own, of which there are only so many."""
    made["responses"]["429"] = error(429)
    return made


def decision(status: int) -> dict[str, Any]:
    """A decision about an import, which answers `status`; 409 when it is in no state for that."""
    content = {"application/json": {"schema": _closed(job=_named("Job"))}}
    return {
        **_secured("import"),
        "responses": {
            str(status): {"description": "The import as it is now.", "content": content},
            "409": {
                "description": "The import is in another state, or superseded.",
                "content": {"application/json": {"schema": _named("Error")}},
            },
        },
    }


IMPORT_PACKAGE = _upload(_OPTIONS)
IMPORT_FILE = _upload({"mode": _MODE, **_OPTIONS})
LIST_JOBS = _answer(
    "application/json", _closed(jobs={"type": "array", "items": _named("Job")}), "import"
)
_CHANGE = _closed(
    id=_TEXT,
    entity=_TEXT,
    file=_TEXT,
    line={"type": ["integer", "null"]},
    sourcedId=_TEXT,
    action={"type": "string", "enum": list(ACTIONS)},
    changes={"type": "object"},
)
DIFFERENCE = _answer(
    "application/json", _closed(changes={"type": "array", "items": _CHANGE}, next=_MAYBE), "import"
)
DIFFERENCE_CSV = _answer("text/csv", {"type": "string"}, "import")
DIFFERENCE_TEXT = _answer("text/plain", {"type": "string"}, "import")
SHOW_JOB = _answer("application/json", _closed(job=_named("Job")), "import")
ERRORS_CSV = _answer("text/csv", {"type": "string"}, "import")
_EVENT: dict[str, Any] = {
    "description": "One of the events: data is the job document as JSON.",
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "end"]},
        "id": {"type": "string", "enum": ["end"]},
        "data": {"type": "string"},
    },
    "required": ["event", "data"],
}
EVENTS: dict[str, Any] = _answer("text/event-stream", _EVENT, "import")
EVENTS["responses"]["204"] = {"description": "The end was seen before (Last-Event-ID: end)."}
UPLOAD = _answer("application/octet-stream", {"type": "string", "format": "binary"}, "import")
EXPORT_PACKAGE = _download("application/zip")
EXPORT_FILE = _download("text/csv")
_RECORD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sourcedId": _TEXT,
        "orgSourcedId": _MAYBE,
        "name": _MAYBE,
        "others": {"type": "array", "items": _TEXT},
    },
    "required": ["sourcedId", "orgSourcedId", "name"],
    "additionalProperties": False,
}
_FOUND = _closed(count=_COUNT, records={"type": "array", "items": _RECORD})
_REPORT = _closed(health=_closed(**dict.fromkeys(FINDINGS, _FOUND)), shown=_COUNT)
HEALTH = _by_session(_answer("application/json", _REPORT, "export"))
HEALTH_CSV = _by_session(_answer("text/csv", {"type": "string"}, "export"))
HEALTH_OF_IMPORT = _by_session(_answer("application/json", _REPORT, "import"))
HEALTH_OF_IMPORT_CSV = _by_session(_answer("text/csv", {"type": "string"}, "import"))
