"""Exports over HTTP: one CSV file, or the whole roster as a zip, streamed (docs/exports.md)."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
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
from rosterhub.model.profiles import DEFAULT_PROFILE, Profile
from rosterhub.settings import Settings
from rosterhub.store.connect import Connection, connect
from rosterhub.transfer import export

router = APIRouter(prefix="/api/v1.2/csv/export", tags=["exports"])


@router.get(
    "",
    summary="Export the whole roster (zip)",
    response_class=StreamingResponse,
    openapi_extra=parts.EXPORT_PACKAGE,
)
async def export_package(request: Request) -> Response:
    """The roster as a OneRoster zip with its manifest, in the profile `profile`."""
    await authenticate(request, "export")
    profile, bom = _options(request)
    async with hub(request).pools.read.connection() as connection:
        districts = await (await connection.execute(export.DISTRICTS)).fetchall()
    name = export.package_name(profile, datetime.now(UTC).date(), districts)
    chunks = _package(hub(request).settings, profile, bom)
    return await _streamed(chunks, name, "application/zip")


@router.get(
    "/{entity}",
    summary="Export one CSV file",
    response_class=StreamingResponse,
    openapi_extra=parts.EXPORT_FILE,
)
async def export_file(request: Request, entity: parts.FileName) -> Response:
    """The active records of one entity as CSV, in the profile `profile`."""
    await authenticate(request, "export")
    if entity not in ENTITIES:
        known = ", ".join(ENTITIES)
        raise ApiError(
            404, "unknownobject", f"There is no file {entity[:40]!r} to export; known: {known}."
        )
    profile, bom = _options(request)
    chunks = _file(hub(request).settings, entity, profile, bom)
    return await _streamed(chunks, f"{entity}.csv", "text/csv; charset=utf-8")


def _options(request: Request) -> tuple[Profile, bool]:
    for name in request.query_params:
        if name not in ("profile", "bom"):
            raise ApiError(
                400, "invaliddata", f"Unknown parameter {name[:40]!r}; known: profile, bom."
            )
    bom = request.query_params.get("bom", "false")
    if bom not in ("true", "false"):
        raise ApiError(400, "invaliddata", "bom is true or false.")
    try:
        profile = export.profile_named(request.query_params.get("profile", DEFAULT_PROFILE))
    except ValueError as error:
        raise ApiError(400, "invaliddata", str(error)) from error
    return profile, bom == "true"


async def _streamed(chunks: Generator[bytes], name: str, media_type: str) -> Response:
    """The answer that streams `chunks`; what fails at once fails before it has begun."""
    first = await run_sync(next, chunks, b"")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
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
def _session(config: Settings) -> Generator[Connection]:
    if not _free.acquire(blocking=False):
        raise ApiError(
            503,
            "server_busy",
            f"{_AT_ONCE} exports are under way. Try again when one of them is done.",
            {"Retry-After": "10"},
        )
    try:
        with connect(config.read_url, "rosterhub export") as connection:
            yield connection
    finally:
        _free.release()


def _file(config: Settings, entity: str, profile: Profile, bom: bool) -> Generator[bytes]:
    with _session(config) as connection:
        yield from export.export_file(connection, ENTITIES[entity], profile, bom=bom)


def _package(config: Settings, profile: Profile, bom: bool) -> Generator[bytes]:
    with _session(config) as connection:
        yield from export.export_package(connection, profile, bom=bom)
