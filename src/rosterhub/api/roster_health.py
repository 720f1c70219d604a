"""The health of a roster over HTTP: of the one that is held, and of the one that an import would
make (docs/roster-health.md).
"""

from collections.abc import Generator

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from rosterhub.api import openapi_transfers as parts
from rosterhub.api.errors import ApiError
from rosterhub.api.exports import in_session, streamed
from rosterhub.api.hub import authenticate, hub
from rosterhub.api.imports import row_of
from rosterhub.store.connect import Connection
from rosterhub.transfer import export, health, options, records

router = APIRouter(tags=["health of rosters"])
_LIVE = "/api/v1.2/roster/health"
_OF_IMPORT = "/api/v1.2/csv/import/jobs/{job_id}/health"
_CSV = "text/csv; charset=utf-8"


@router.get(_LIVE, summary="What looks wrong with the roster", openapi_extra=parts.HEALTH)
async def show(request: Request) -> Response:
    """Each finding with its count and its first records."""
    await authenticate(request, "export")
    return await _document(request, hub(request).read_url, None)


@router.get(
    f"{_LIVE}.csv",
    summary="All that looks wrong with the roster, as CSV",
    response_class=StreamingResponse,
    openapi_extra=parts.HEALTH_CSV,
)
async def show_csv(request: Request) -> Response:
    """A line for each record found, for a spreadsheet."""
    await authenticate(request, "export")
    return await _csv(request, "roster-health.csv", None)


@router.get(
    _OF_IMPORT,
    summary="What would look wrong with the roster after an import",
    openapi_extra=parts.HEALTH_OF_IMPORT,
)
async def show_of_import(request: Request, job_id: parts.JobId) -> Response:
    """The same of the roster as a dry run would make it."""
    await authenticate(request, "import")
    import_id = await _dry_run(request, job_id)
    return await _document(request, _where_imports_are(request), import_id)


@router.get(
    f"{_OF_IMPORT}.csv",
    summary="All that would look wrong with the roster after an import, as CSV",
    response_class=StreamingResponse,
    openapi_extra=parts.HEALTH_OF_IMPORT_CSV,
)
async def show_csv_of_import(request: Request, job_id: parts.JobId) -> Response:
    """A line for each record found, for a spreadsheet."""
    await authenticate(request, "import")
    import_id = await _dry_run(request, job_id)
    return await _csv(request, f"import-{import_id}-health.csv", import_id)


async def _document(request: Request, url: str, import_id: int | None) -> Response:
    options.refuse_unknown(request.query_params.keys(), ())

    def made() -> dict[str, object]:
        with in_session(url) as connection:
            return health.document(connection, import_id)

    found = await run_sync(made)
    return JSONResponse({"health": found, "shown": health.SHOWN})


async def _csv(request: Request, name: str, import_id: int | None) -> Response:
    options.refuse_unknown(request.query_params.keys(), ())
    url = hub(request).read_url if import_id is None else _where_imports_are(request)

    def chunks(connection: Connection, _: export.Tell) -> Generator[bytes]:
        yield export.BOM
        yield from export.copied(connection, health.copy_csv(import_id), b"\r\n")

    return await streamed(url, chunks, name, _CSV)


def _where_imports_are(request: Request) -> str:
    """The URL of the primary: a standby may not know of the import yet."""
    return hub(request).settings.write_url


async def _dry_run(request: Request, job_id: str) -> int:
    async with hub(request).pools.write.connection() as connection:
        row = await row_of(connection, job_id)
    if not records.is_dry_run(row):
        raise ApiError(404, "unknownobject", f"Import {row[0]} is no dry run that is completed.")
    return row[0]
