"""Exports over HTTP: one CSV file, or the whole roster as a zip, streamed (docs/exports.md)."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from threading import BoundedSemaphore

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rosterhub.api import openapi_transfers as parts
from rosterhub.api.errors import ApiError
from rosterhub.api.hub import authenticate, hub
from rosterhub.model.entities import ENTITIES
from rosterhub.store.connect import Connection, connect
from rosterhub.transfer import export
from rosterhub.transfer.export_options import Choice, ChoiceError, choose

router = APIRouter(prefix="/api/v1.2/csv/export", tags=["exports"])


@router.get(
    "",
    summary="Export the whole roster (zip)",
    response_class=StreamingResponse,
    openapi_extra=parts.EXPORT_PACKAGE,
)
async def export_package(request: Request) -> Response:
    """The roster as a OneRoster zip with its manifest: whole, of some orgs, or what has changed."""
    await authenticate(request, "export")
    chosen = _choice(request)

    def chunks(connection: Connection, tell: export.Tell) -> Generator[bytes]:
        return export.export_package(connection, chosen, tell)

    return await streamed(hub(request).read_url, chunks, None, "application/zip")


@router.get(
    "/{entity}",
    summary="Export one CSV file",
    response_class=StreamingResponse,
    openapi_extra=parts.EXPORT_FILE,
)
async def export_file(request: Request, entity: parts.FileName) -> Response:
    """The records of one entity as CSV: all that are active, those of some orgs, or changes."""
    await authenticate(request, "export")
    if entity not in ENTITIES:
        known = ", ".join(ENTITIES)
        raise ApiError(
            404, "unknownobject", f"There is no file {entity[:40]!r} to export; known: {known}."
        )
    chosen = _choice(request)

    def chunks(connection: Connection, tell: export.Tell) -> Generator[bytes]:
        return export.export_file(connection, ENTITIES[entity], chosen, tell)

    return await streamed(hub(request).read_url, chunks, f"{entity}.csv", "text/csv; charset=utf-8")


def _choice(request: Request) -> Choice:
    given = request.query_params.multi_items()
    with _refusing():
        return choose(given, hub(request).settings.history_days)


@contextmanager
def _refusing() -> Generator[None]:
    """What is wrong with an option is the caller's error."""
    try:
        yield
    except ChoiceError as error:
        raise ApiError(400, "invaliddata", str(error)) from error


_Chunks = Callable[[Connection, export.Tell], Generator[bytes]]


async def streamed(url: str, made: _Chunks, name: str | None, media_type: str) -> Response:
    """The answer that streams what `made` gives, in a database session of its own; what fails at
    once fails before it has begun.

    Without a `name`, the export names itself.
    """
    begun: list[export.Begun] = []

    def in_a_session() -> Generator[bytes]:
        with in_session(url) as connection:
            yield from made(connection, begun.append)

    chunks = in_a_session()
    with _refusing():
        first = await run_sync(next, chunks, b"")
    headers = {"Content-Disposition": f'attachment; filename="{name or begun[0].name}"'}
    if begun and begun[0].next_since:
        headers["X-Next-Since"] = begun[0].next_since
    return StreamingResponse(_in_threads(first, chunks), 200, headers, media_type)


async def _in_threads(first: bytes, chunks: Generator[bytes]) -> AsyncGenerator[bytes]:
    """`first` and then `chunks`, made in threads, and ended there when the client goes away."""
    try:
        chunk = first
        while chunk:
            yield chunk
            chunk = await run_sync(next, chunks, b"")
    finally:
        with CancelScope(shield=True):
            await run_sync(chunks.close)


_AT_ONCE = 8
_free = BoundedSemaphore(_AT_ONCE)
"""Every export has a database session of its own, so that a slow reader holds none of the pool;
there may be so many of them in one process."""


@contextmanager
def in_session(url: str) -> Generator[Connection]:
    """A session of its own with the database at `url`."""
    if not _free.acquire(blocking=False):
        raise ApiError(
            # Not 503, by which a proxy in front would take this server for one that is down.
            429,
            "server_busy",
            f"{_AT_ONCE} exports are under way. Try again when one of them is done.",
            {"Retry-After": "10"},
        )
    try:
        with connect(url, "rosterhub export") as connection:
            yield connection
    finally:
        _free.release()
