"""Errors as the API answers them: the imsx body of OneRoster (spec/rest.md, "Error body").

Whatever goes wrong is rendered here, so that no stack trace, SQL or path of ours ever leaves.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

import psycopg
import psycopg.errors
import structlog
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from rosterhub.model.services import V1P1
from rosterhub.transfer.options import OptionError

_LINGER_SECONDS = 5.0
_LINGER_BYTES = 64 * 1024 * 1024

_log = structlog.get_logger("rosterhub.api")

_MINOR = {
    401: "unauthorisedrequest",
    403: "forbidden",
    404: "unknownobject",
    405: "unsupported",
    429: "server_busy",
    501: "unsupported",
    503: "server_busy",
}
_DESCRIPTION = {
    404: "There is nothing at this path.",
    405: "This path does not take this method; the Allow header says which it takes.",
}
_BUSY = "The server cannot reach its database just now. Try again in a few seconds."
_NO_CHANGES = (
    "The database that takes changes cannot be reached just now, so nothing was changed; reads may"
    " go on. Try again in a few seconds."
)
_UNCERTAIN = (
    "The connection to the database broke in the midst of this, so it is not known whether it was"
    " done. Look before you send it again."
)
_NONE_FREE = (
    "All of the server's connections to its database are in use, or it cannot be reached just now."
    " Try again in a few seconds."
)
_FULL = "The disk of the database is full, so nothing was changed. Tell the hub's operator."
_OTHER_SCHEMA = (
    "The database lacks something that this version of RosterHub needs, as it does after an update"
    " until its operator runs: rosterhub db upgrade (rosterhub db status says whether that is it)"
)
_UNEXPECTED = "Something went wrong inside the server. Tell its operator the request id {}."


class ApiError(Exception):
    """A refusal: `status` over HTTP, `minor` a codeMinor of spec/rest.md, `description` for people.

    Raised anywhere in the API; `headers` go out with the answer. `unread` says that the request's
    body is still on its way, and that nobody will read it.
    """

    def __init__(
        self,
        status: int,
        minor: str,
        description: str,
        headers: Mapping[str, str] | None = None,
        *,
        unread: bool = False,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.minor = minor
        self.description = description
        self.headers = dict(headers or {})
        self.unread = unread or status == 413


def invalid(description: str) -> ApiError:
    """What was sent is not what it should be: 400."""
    return ApiError(400, "invaliddata", description)


def unknown_object(collection: str, sourced_id: str) -> ApiError:
    """There is no such record: 404."""
    text = f"There is nothing with the sourcedId {sourced_id!r} in {collection}."
    return ApiError(404, "unknownobject", text)


def body(path: str, minor: str, description: str) -> dict[str, Any]:
    """The error body that the version of OneRoster served at `path` wants."""
    if path == V1P1 or path.startswith(f"{V1P1}/"):
        info = {
            "imsx_codeMajor": "failure",
            "imsx_severity": "error",
            "imsx_codeMinor": minor,
            "imsx_description": description,
        }
        return {"statusInfoSet": [info]}
    field = {
        "imsx_codeMinorFieldName": "TargetEndSystem",
        "imsx_codeMinorFieldValue": minor,
    }
    return {
        "imsx_codeMajor": "failure",
        "imsx_severity": "error",
        "imsx_description": description,
        "imsx_CodeMinor": {"imsx_codeMinorField": [field]},
    }


def response(scope: Scope, error: ApiError) -> Response:
    """`error` as the answer to the request of `scope`."""
    text = json.dumps(body(scope["path"], error.minor, error.description), ensure_ascii=False)
    kind = Parting if error.unread else Response
    return kind(text.encode("utf-8", "replace"), error.status, error.headers, _JSON)


_JSON = "application/json"


class Parting(Response):
    """The last answer of a connection, to a request whose body has not arrived.

    A client that still sends when the connection closes may never see the answer, so what follows
    is taken for a while, and thrown away.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then listen until the client has said all, for some seconds."""
        headers = [*self.raw_headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                taken, more = 0, True
                while more and taken < _LINGER_BYTES:
                    message = await receive()
                    more = message.get("more_body", False)
                    taken += len(message.get("body", b""))
        await send({"type": "http.response.body"})


def unexpected(scope: Scope) -> Response:
    """The answer when our own code failed: 500 with the request id and nothing of the inside."""
    text = _UNEXPECTED.format(scope["audit"].request_id)
    return response(scope, ApiError(500, "internal_server_error", text))


_AWAY = (
    # A primary that has become a replica refuses writes until the URL points elsewhere.
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
_LACKING = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
)


def refusal(scope: Scope, error: Exception) -> Response | None:
    """The answer to `error`, as far as it is one that is expected; None for a fault of our own."""
    if isinstance(error, ApiError):
        return response(scope, error)
    if isinstance(error, OptionError):
        return response(scope, invalid(str(error)))
    if isinstance(error, _AWAY):
        _log.warning("database away", error=type(error).__name__, sqlstate=_sqlstate(error))
        return response(scope, ApiError(503, "server_busy", _why(scope, error), RETRY))
    if isinstance(error, _LACKING):
        missing = error.diag.message_primary
        _log.error("the schema is not that of this version", missing=missing)
        return response(scope, ApiError(503, "server_busy", _OTHER_SCHEMA, RETRY))
    return None


RETRY = {"Retry-After": "5"}


def _why(scope: Scope, error: Exception) -> str:
    if isinstance(error, psycopg.errors.DiskFull):
        return _FULL
    if scope["method"] not in ("GET", "HEAD"):
        return _UNCERTAIN if _broke_off(error) else _NO_CHANGES
    return _NONE_FREE if isinstance(error, PoolTimeout) else _BUSY


def _broke_off(error: Exception) -> bool:
    """Whether a connection was lost, perhaps with the answer that a transaction is committed.

    Whoever gets none from a pool, or is told by PostgreSQL what went wrong, has changed nothing.
    """
    told = _sqlstate(error) or ""
    return not isinstance(error, PoolTimeout) and (not told or told.startswith(("08", "57P")))


def install(app: Starlette) -> None:
    """Have `app` render every error by this module."""

    async def known(request: Request, error: Exception) -> Response:
        found = refusal(request.scope, error)
        assert found
        return found

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = _allowed(app, request.scope)
        return response(request.scope, _of_status(error.status_code, error.detail, headers))

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return response(request.scope, invalid(_places(error)))

    handlers: dict[type[Exception], Any] = {
        HTTPException: http,
        RequestValidationError: unreadable,
        **dict.fromkeys((ApiError, OptionError, *_AWAY, *_LACKING), known),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _of_status(status: int, detail: str, headers: dict[str, str]) -> ApiError:
    minor = _MINOR.get(status, "invaliddata" if status < 500 else "internal_server_error")
    return ApiError(status, minor, _DESCRIPTION.get(status, detail), headers)


def _allowed(app: Starlette, scope: Scope) -> str:
    """Every method that some route takes at this path, not only those of the first that fits."""
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    return ", ".join(m for m in known if _takes(app, {**scope, "method": m}))


def _takes(app: Starlette, scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


def _places(error: RequestValidationError) -> str:
    """Where the request is wrong and how; never the value, which may be somebody's data."""
    problems = (
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    )
    return "; ".join(problems)


def _sqlstate(error: Exception) -> str | None:
    return error.sqlstate if isinstance(error, psycopg.Error) else None
