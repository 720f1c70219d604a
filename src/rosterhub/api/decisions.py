"""Decisions about imports over HTTP: approve, reject, cancel, undo; the difference to decide by.

Paths are those of design, "Names to keep".
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from rosterhub.api import openapi_transfers as parts
from rosterhub.api.errors import ApiError
from rosterhub.api.hub import Hub, authenticate, hub
from rosterhub.api.imports import csv_line, language_of, row_of
from rosterhub.jobs.decide import CannotDecideError, Decision, decide
from rosterhub.model.entities import RECORDS
from rosterhub.store.connect import connect
from rosterhub.transfer import difference, options, records

router = APIRouter(prefix="/api/v1.2/csv/import/jobs/{job_id}", tags=["imports"])
_PAGE = 1_000


@router.post(
    "/approve",
    status_code=202,
    summary="Let an import that waits go on",
    openapi_extra=parts.decision(202),
)
async def approve(request: Request, job_id: parts.JobId) -> Response:
    """It is staged, checked and compared again, and applied if it does no more than was shown."""
    return await _decide(request, job_id, "approve", force=False)


@router.post("/reject", summary="Give up an import that waits", openapi_extra=parts.decision(200))
async def reject(request: Request, job_id: parts.JobId) -> Response:
    """Nothing is applied; the upload is removed."""
    return await _decide(request, job_id, "reject", force=False)


@router.post(
    "/cancel", summary="Stop an import, whatever it is doing", openapi_extra=parts.decision(200)
)
async def cancel(request: Request, job_id: parts.JobId) -> Response:
    """The roster is as it was before; 409 when the import has ended already."""
    return await _decide(request, job_id, "cancel", force=False)


@router.post(
    "/undo",
    status_code=202,
    summary="Take back an import that was applied",
    openapi_extra=parts.decision(202),
)
async def undo(request: Request, job_id: parts.JobId, force: bool = False) -> Response:
    """Every record is again what it was. What a later import touched since refuses it, and is named
    in the job's `undo`; with `force` the rest is taken back.
    """
    return await _decide(request, job_id, "undo", force=force)


async def _decide(
    request: Request, job_id: parts.JobId, decision: Decision, *, force: bool
) -> Response:
    await authenticate(request, "import")
    known = ("force",) if decision == "undo" else ()
    options.refuse_unknown(request.query_params.keys(), known)
    at = hub(request)
    async with at.pools.write.connection() as connection:
        import_id: int = (await row_of(connection, job_id))[0]

    def carry_out() -> None:
        with connect(at.settings.write_url) as own:
            decide(own, import_id, decision, force=force)

    try:
        await asyncio.to_thread(carry_out)
    except CannotDecideError as error:
        raise ApiError(409, "invaliddata", error.text(language_of(request))) from error
    async with at.pools.write.connection() as connection:
        row = await row_of(connection, job_id)
    document = records.document(row, (), (), language_of(request))
    return JSONResponse({"job": document}, 200 if decision in ("reject", "cancel") else 202)


@router.get("/difference", summary="What an import would change", openapi_extra=parts.DIFFERENCE)
async def show_difference(
    request: Request,
    job_id: parts.JobId,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    entity: Annotated[str | None, Query(json_schema_extra={"enum": list(RECORDS)})] = None,
    action: Literal["created", "updated", "deleted"] | None = None,
) -> Response:
    """The changes of a dry run, or of an import that waits, field by field: a page of them, and
    `next`, the `after` of the page that follows.
    """
    await authenticate(request, "import")
    known = ("after", "limit", "entity", "action")
    options.refuse_unknown(request.query_params.keys(), known)
    if entity is not None and entity not in RECORDS:
        raise options.OptionError(
            f"There is no entity {entity[:40]!r}; known: {', '.join(RECORDS)}."
        )
    async with hub(request).pools.write.connection() as connection:
        import_id = (await row_of(connection, job_id))[0]
        cursor = await connection.execute(
            f"{difference.SELECT} LIMIT %s".encode(),
            [import_id, after, entity, entity, action, action, limit],
        )
        rows = await cursor.fetchall()
    following = str(rows[-1][0]) if len(rows) == limit else None
    request.scope["audit"].records = len(rows)
    return JSONResponse({"changes": difference.documents(rows), "next": following})


@router.get(
    "/difference.csv",
    summary="What an import would change, as CSV",
    response_class=StreamingResponse,
    openapi_extra=parts.DIFFERENCE_CSV,
)
async def difference_csv(request: Request, job_id: parts.JobId) -> Response:
    """A line for each changed field, for a spreadsheet."""
    begin = "\ufeff".encode() + csv_line(difference.HEADER)
    return await _stream(
        request,
        job_id,
        "text/csv; charset=utf-8",
        begin,
        lambda row: b"".join(map(csv_line, difference.lines(row))),
    )


@router.get(
    "/difference.txt",
    summary="What an import would change, as text",
    response_class=StreamingResponse,
    openapi_extra=parts.DIFFERENCE_TEXT,
)
async def difference_text(request: Request, job_id: parts.JobId) -> Response:
    """A page of text to read through or to print."""
    return await _stream(request, job_id, "text/plain; charset=utf-8", b"", difference.text)


async def _stream(
    request: Request,
    job_id: parts.JobId,
    media_type: str,
    begin: bytes,
    show: Callable[[tuple[Any, ...]], bytes],
) -> Response:
    await authenticate(request, "import")
    at = hub(request)
    async with at.pools.write.connection() as connection:
        import_id = (await row_of(connection, job_id))[0]
    return StreamingResponse(_pages(at, import_id, begin, show), media_type=media_type)


async def _pages(
    at: Hub, import_id: int, begin: bytes, show: Callable[[tuple[Any, ...]], bytes]
) -> AsyncGenerator[bytes]:
    """Page by page, so that a slow reader holds no connection."""
    yield begin
    after = 0
    while True:
        async with at.pools.write.connection() as connection:
            cursor = await connection.execute(
                f"{difference.SELECT} LIMIT {_PAGE}".encode(),
                [import_id, after, None, None, None, None],
            )
            rows = await cursor.fetchall()
        if not rows:
            return
        yield b"".join(map(show, rows))
        after = rows[-1][0]
