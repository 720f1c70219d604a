"""Imports over HTTP: send a file or a package, follow the job, fetch its errors (docs/imports.md).

Paths are those of the operations manual (CSV インポート運用) and of design, "Names to keep".
"""

import csv
import errno
import io
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from pathlib import PurePath
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message

from rosterhub.api import openapi_transfers as parts
from rosterhub.api.errors import RETRY, ApiError
from rosterhub.api.hub import Hub, authenticate, hub
from rosterhub.jobs.submit import submit_async
from rosterhub.model.entities import ENTITIES
from rosterhub.store.connect import compiled
from rosterhub.transfer import options, records, retention
from rosterhub.transfer.issues import Language
from rosterhub.transfer.spreadsheet import harmless

router = APIRouter(prefix="/api/v1.2/csv/import", tags=["imports"])

_NO_ROOM = (
    "The disk of the server has no room for this file, so nothing was changed. Tell the hub's"
    " operator."
)
_log = structlog.get_logger("rosterhub.api")

_FORM_OVERHEAD = 64 * 1024
"""What a multipart body may hold besides the file."""


@router.post(
    "", status_code=202, summary="Import a package (zip)", openapi_extra=parts.IMPORT_PACKAGE
)
async def import_package(request: Request) -> Response:
    """Take a OneRoster zip as the multipart field `file`; 202 with the job."""
    return await _take(request, None)


@router.post(
    "/{entity}", status_code=202, summary="Import one CSV file", openapi_extra=parts.IMPORT_FILE
)
async def import_file(request: Request, entity: parts.FileName) -> Response:
    """Take one CSV file as the multipart field `file`; 202 with the job."""
    if entity not in ENTITIES:
        known = ", ".join(ENTITIES)
        raise ApiError(
            404, "unknownobject", f"There is no file {entity!r} to import; known: {known}."
        )
    return await _take(request, entity)


@router.get("/jobs", summary="The imports, newest first", openapi_extra=parts.LIST_JOBS)
async def list_jobs(
    request: Request, limit: parts.Limit = 100, offset: parts.Offset = 0
) -> Response:
    """The job documents without their errors; `limit` (1 to 1,000) and `offset` page."""
    await authenticate(request, "import")
    with _options():
        options.refuse_unknown(request.query_params.keys(), ("limit", "offset"))
    async with hub(request).pools.write.connection() as connection:
        cursor = await connection.execute(
            compiled(f"{records.ROW} ORDER BY id DESC LIMIT %s OFFSET %s"), [limit, offset]
        )
        rows = await cursor.fetchall()
    language = language_of(request)
    return JSONResponse({"jobs": [records.document(row, (), (), language) for row in rows]})


@router.get("/jobs/{job_id}", summary="One import", openapi_extra=parts.SHOW_JOB)
async def show_job(request: Request, job_id: parts.JobId) -> Response:
    """The job document with its first 1,000 errors and warnings."""
    await authenticate(request, "import")
    async with hub(request).pools.write.connection() as connection:
        row = await row_of(connection, job_id)
        document = await whole_document(connection, row, language_of(request))
    if records.is_over(row):
        # Whoever hears that it is done finds it done on every server.
        await hub(request).replica.settle()
    return JSONResponse({"job": document})


async def whole_document(
    connection: Any, row: tuple[Any, ...], language: Language
) -> dict[str, Any]:
    """The job document of a row of `records.ROW`, with its first errors and warnings."""
    issues: dict[str, list[tuple[Any, ...]]] = {}
    for severity in ("error", "warning"):
        cursor = await connection.execute(
            compiled(f"{records.ISSUES} LIMIT {records.SHOWN}"), [row[0], severity]
        )
        issues[severity] = await cursor.fetchall()
    return records.document(row, issues["error"], issues["warning"], language)


@router.get(
    "/jobs/{job_id}/errors.csv",
    summary="Every error and warning of an import",
    response_class=StreamingResponse,
    openapi_extra=parts.ERRORS_CSV,
)
async def errors_csv(request: Request, job_id: parts.JobId) -> Response:
    """All issues as CSV for a spreadsheet: errors first."""
    await authenticate(request, "import")
    at = hub(request)
    async with at.pools.write.connection() as connection:
        row = await row_of(connection, job_id)
    return StreamingResponse(
        _issues_as_csv(at, row[0], language_of(request)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{row[0]}-errors.csv"'},
    )


@router.get(
    "/jobs/{job_id}/file",
    summary="The file that was sent",
    response_class=StreamingResponse,
    openapi_extra=parts.UPLOAD,
)
async def upload(request: Request, job_id: parts.JobId) -> Response:
    """The upload as it came, for as long as it is kept; 404 afterwards."""
    await authenticate(request, "import")
    at = hub(request)
    async with at.pools.write.connection() as connection:
        import_id: int = (await row_of(connection, job_id))[0]
        kept = await (await connection.execute(retention.KEPT, [import_id])).fetchone()
    if not kept or not kept[2]:
        raise ApiError(404, "unknownobject", retention.gone(import_id))
    name = retention.upload_name(import_id, kept)
    return StreamingResponse(
        _chunks(at, import_id, kept[2]),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(kept[0]),
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


async def _chunks(at: Hub, import_id: int, count: int) -> AsyncGenerator[bytes]:
    for number in range(count):
        async with at.pools.write.connection() as connection:
            cursor = await connection.execute(retention.CHUNK, [import_id, number])
            row = await cursor.fetchone()
        if row is None:  # pruned meanwhile; the answer ends before its length
            return
        yield row[0]


async def _take(request: Request, entity: str | None) -> Response:
    caller = await authenticate(request, "import")
    at = hub(request)
    limit = at.settings.csv_upload_max_size
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit + _FORM_OVERHEAD:
        raise _too_large(limit)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(400, "invaliddata", "Send the file as the multipart/form-data field 'file'.")
    bounded = Request(request.scope, _bounded(request, limit))
    async with _on_disk(), bounded.form(max_files=1, max_fields=20) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise ApiError(400, "invaliddata", "The form has no file in its field 'file'.")
        if upload.size is not None and upload.size > limit:
            raise _too_large(limit)
        fields = [(k, v) for k, v in form.multi_items() if k != "file" and isinstance(v, str)]
        name = PurePath(upload.filename or "upload").name
        with _options():
            given = options.each_once([*fields, *request.query_params.multi_items()])
            asked = options.request(name, entity, given, caller.key, _idempotency_key(request))
        async with at.pools.write.connection() as connection:
            try:
                import_id = await submit_async(connection, asked, upload.read)
            except records.ReusedKeyError as error:
                raise ApiError(409, "invaliddata", str(error)) from error
    path = f"/api/v1.2/csv/import/jobs/{import_id}"
    base = at.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    return JSONResponse(
        {"jobId": str(import_id), "status": "queued", "statusUrl": base + path},
        status_code=202,
        headers={"Location": path},
    )


def _idempotency_key(request: Request) -> str | None:
    found = request.headers.getlist("idempotency-key")
    if len(found) > 1:
        raise ApiError(400, "invaliddata", "Send one Idempotency-Key.")
    return found[0] if found else None


@contextmanager
def _options() -> Generator[None]:
    """What is wrong with an option is the caller's error."""
    try:
        yield
    except options.OptionError as error:
        raise ApiError(400, "invaliddata", str(error)) from error


@asynccontextmanager
async def _on_disk() -> AsyncGenerator[None]:
    """A file that finds no room while it arrives is refused; nothing of it stays."""
    try:
        yield
    except OSError as error:
        # The last is what Python says that finds no folder for it in which it can write.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT):
            raise
        _log.error("no room for an upload", error=errno.errorcode[error.errno])
        raise ApiError(503, "server_busy", _NO_ROOM, RETRY, unread=True) from error


def _bounded(request: Request, limit: int) -> Any:
    """The request's receive, which refuses the body once it is larger than it may be."""
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit + _FORM_OVERHEAD:
            raise _too_large(limit)
        return message

    return receive


def _too_large(limit: int) -> ApiError:
    return ApiError(
        413,
        "invaliddata",
        f"The file is larger than {limit:,} bytes (CSV_UPLOAD_MAX_SIZE). Send it in parts.",
    )


async def row_of(connection: Any, job_id: str) -> tuple[Any, ...]:
    """The row of `records.ROW` of the import that a path names; 404 when there is none."""
    row = None
    if job_id.isascii() and job_id.isdigit() and len(job_id) < 10:
        cursor = await connection.execute(compiled(f"{records.ROW} WHERE id = %s"), [int(job_id)])
        row = await cursor.fetchone()
    if not row:
        raise ApiError(404, "unknownobject", f"There is no import {job_id[:40]!r}.")
    return row


async def _issues_as_csv(at: Hub, import_id: int, language: Language) -> AsyncGenerator[bytes]:
    yield "\ufeff".encode() + csv_line(("severity", "file", "line", "column", "code", "message"))
    for severity in ("error", "warning"):
        last = 0
        while True:
            # A connection is held for a page only: a slow reader must not keep one of the pool.
            async with at.pools.write.connection() as connection:
                values = [import_id, severity, last, records.SHOWN]
                cursor = await connection.execute(records.ISSUES_AFTER, values)
                rows = await cursor.fetchall()
            yield b"".join(_issue_line(severity, row[:-1], language) for row in rows)
            if len(rows) < records.SHOWN:
                break
            last = rows[-1][-1]


def _issue_line(severity: str, row: tuple[Any, ...], language: Language) -> bytes:
    issue = records.issue_document(row, language)
    return csv_line((severity, *issue.values()))


def csv_line(cells: Iterable[Any]) -> bytes:
    """A line of CSV that a spreadsheet may open."""
    out = io.StringIO()
    csv.writer(out).writerow(map(harmless, cells))
    return out.getvalue().encode()


def language_of(request: Request) -> Language:
    """The language to answer in: Japanese where the client prefers it."""
    wanted = request.headers.get("accept-language", "").lower()
    ja, en = wanted.find("ja"), wanted.find("en")
    return "ja" if ja >= 0 and (en < 0 or ja < en) else "en"
