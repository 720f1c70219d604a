"""The frame round every request: request id, the last catch of errors, and what is noted of it.

Pure ASGI and on the path of every request, so it does the least it can.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rosterhub import logging
from rosterhub.access.audit import Entry, storable
from rosterhub.api import errors, metrics

UNKNOWN = "(unknown)"
"""What the audit log calls a path that no route takes."""

_GIVEN_ID = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._:-]{0,63}")
_GONE = 499
"""The status we note when the client went away before its answer was complete (as nginx does)."""

_SOON = 0.005
"""Seconds until requests are counted and logged: many together cost less, and no answer waits."""

_log = structlog.get_logger("rosterhub.api")


class Notes:
    """What is noted of the requests that have ended: at once for the audit log, by `audit`, soon in
    the metrics and the log.
    """

    def __init__(self, audit: Callable[[Entry], None]) -> None:
        self._audit = audit
        self._ended: list[tuple[float, Entry]] = []

    def add(self, entry: Entry) -> None:
        """Note one that has ended just now."""
        self._audit(entry)
        self._ended.append((time.time(), entry))
        if logging.somebody_watches():
            self.write()
        elif len(self._ended) == 1:
            asyncio.get_running_loop().call_later(_SOON, self.write)

    def write(self) -> None:
        """Count and log those that are not yet."""
        ended, self._ended = self._ended, []
        for _, e in ended:
            metrics.observe(e.endpoint, e.method, e.response_status, e.response_time_ms / 1000)
        logging.requests(
            (at, e.method, e.endpoint, e.response_status, e.response_time_ms, e.request_id)
            for at, e in ended
        )


class Frame:
    """`record` takes the finished entry of each request."""

    def __init__(self, app: ASGIApp, record: Callable[[Entry], None]) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = request_id_of(scope["headers"])
        client = scope.get("client")
        entry = Entry(
            time.time(),
            scope["method"][:20],
            storable(scope["path"]),
            storable(client[0]) if client else None,
            request_id.decode(),
        )
        scope["audit"] = entry
        structlog.contextvars.bind_contextvars(request_id=entry.request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.response_status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            entry.response_status = _GONE
        except Exception:
            _log.exception("request failed", endpoint=_endpoint(scope), method=entry.method)
            if entry.response_status:
                entry.response_status = 500
                raise
            await errors.unexpected(scope)(scope, receive, send_with_id)
        finally:
            seconds = scope.get("answered", time.perf_counter()) - begun
            entry.response_time_ms = seconds * 1000
            entry.endpoint = _endpoint(scope)
            entry.response_status = entry.response_status or _GONE
            self._record(entry)


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The id that a request states in its headers, or a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return value
    return b"%032x" % random.getrandbits(128)


def _endpoint(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path", UNKNOWN)
