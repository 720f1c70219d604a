"""An import followed over HTTP as it goes: server-sent events (docs/imports.md, "Following it").

The current state comes first, so nothing is missed by whoever connects again.
"""

import json
import time
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rosterhub.api import openapi_transfers as parts
from rosterhub.api.hub import Hub, authenticate, hub
from rosterhub.api.imports import language_of, row_of, whole_document
from rosterhub.api.watch import Follower
from rosterhub.transfer import options, records
from rosterhub.transfer.issues import Language

router = APIRouter(prefix="/api/v1.2/csv/import/jobs/{job_id}", tags=["imports"])

HEARTBEAT_SECONDS = 15.0
"""Nothing new for so long: a comment says that the line still stands."""
_END = "end"


@router.get(
    "/events",
    summary="An import as it goes",
    response_class=StreamingResponse,
    openapi_extra=parts.EVENTS,
)
async def events(request: Request, job_id: parts.JobId) -> Response:
    """`progress` events with the job document without its errors; `end` with all of it is the last.
    A browser that connects again after that gets 204, and stops.
    """
    await authenticate(request, "import")
    options.refuse_unknown(request.query_params.keys(), ())
    at = hub(request)
    async with at.pools.write.connection() as connection:
        row = await row_of(connection, job_id)
    if records.is_over(row) and request.headers.get("last-event-id") == _END:
        return Response(status_code=204)
    stream = _stream(at, row, language_of(request), request.scope)
    # What fails at once fails as everything else does.
    first = await anext(stream)
    # It has been answered; how long somebody follows is no measure of the server.
    request.scope["answered"] = time.perf_counter()
    return StreamingResponse(
        _all(first, stream),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _all(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        yield first
        async for event in rest:
            yield event
    finally:
        await rest.aclose()


async def _stream(
    at: Hub, row: tuple[Any, ...], language: Language, scope: Any
) -> AsyncGenerator[bytes]:
    with at.watch.following(row) as follower:
        # The server's protocol calls it when the server is told to end.
        scope["let_go"] = follower.stop
        yield b"retry: 2000\n\n"
        while not records.is_over(follower.row):
            document = records.document(follower.row, (), (), language)
            yield _event("progress", document)
            async for beat in _heartbeats(follower):
                yield beat
            if follower.stopped:
                return
    async with at.pools.write.connection() as connection:
        document = await whole_document(connection, follower.row, language)
    await at.replica.settle()
    yield _event(_END, document)


async def _heartbeats(follower: Follower) -> AsyncGenerator[bytes]:
    """Comments until there is something new."""
    while not await follower.news(HEARTBEAT_SECONDS):
        yield b": nothing new\n\n"


def _event(kind: str, document: dict[str, Any]) -> bytes:
    data = json.dumps({"job": document}, ensure_ascii=False)
    # Only the end has an id: whoever connects again says by it that nothing more is to come.
    name = f"event: {kind}\n" + (f"id: {kind}\n" if kind == _END else "")
    return f"{name}data: {data}\n\n".encode()
