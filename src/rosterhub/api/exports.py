"""Exports over HTTP: one CSV file, or the whole roster as a zip, streamed (docs/exports.md)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rosterhub.api import openapi_transfers as parts
from rosterhub.api.errors import ApiError
from rosterhub.api.hub import authenticate, hub
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE, Profile
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
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
    name = export.package_name(profile, datetime.now(UTC).date())
    return StreamingResponse(
        _package(hub(request).settings, profile, bom),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


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
    return StreamingResponse(
        _file(hub(request).settings, entity, profile, bom),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{entity}.csv"'},
    )


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


# A connection of its own for each export: a slow reader must not hold one of the pool.
def _file(config: Settings, entity: str, profile: Profile, bom: bool) -> Iterator[bytes]:
    with connect(config.read_url, "rosterhub export") as connection:
        yield from export.export_file(connection, ENTITIES[entity], profile, bom=bom)


def _package(config: Settings, profile: Profile, bom: bool) -> Iterator[bytes]:
    with connect(config.read_url, "rosterhub export") as connection:
        yield from export.export_package(connection, profile, bom=bom)
