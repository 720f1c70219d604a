"""Hand an import to the workers: its upload and its job are kept in one transaction, so that there
is never the one without the other.
"""

import hashlib
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import JobDeferrer
from psycopg.rows import TupleRow

from rosterhub.jobs.tasks import import_job
from rosterhub.store.connect import Connection
from rosterhub.transfer import records

_SPEAKER = procrastinate.App(connector=procrastinate.PsycopgConnector())
"""Never opened: it speaks to the database through the connections it is given."""
_WHERE_JOBS_ARE = "SET LOCAL search_path TO procrastinate, public"


def submit(connection: Connection, request: records.Request, upload: BinaryIO) -> int:
    """Keep the import that `request` asks for and queue it, all or nothing; its id.

    Raises:
        ReusedKeyError: its Idempotency-Key has another import. If it has this one, that is it.
    """
    with connection.transaction():
        import_id = records.create(connection, request, _chunks(upload))
        if import_id is None:
            return records.same(connection, request, _chunks(upload))
        connection.execute(_WHERE_JOBS_ARE)
        with _in_the_words_of_psycopg():
            _deferrer(import_id, request.source, connection).defer(import_id=import_id)
    return import_id


def requeue(connection: Connection, import_id: int, source: str) -> None:
    """Queue an import that is kept already, in the transaction that is open on `connection`."""
    # A job of it that is in the queue already will do as well.
    with suppress(AlreadyEnqueued), connection.transaction():
        connection.execute(_WHERE_JOBS_ARE)
        with _in_the_words_of_psycopg():
            _deferrer(import_id, source, connection).defer(import_id=import_id)
        connection.execute("SET LOCAL search_path TO public")


def _chunks(upload: BinaryIO) -> Iterator[bytes]:
    while chunk := upload.read(records.CHUNK):
        yield chunk


async def submit_async(
    connection: psycopg.AsyncConnection[TupleRow],
    request: records.Request,
    read: Callable[[int], Awaitable[bytes]],
) -> int:
    """The same for the API; `read` gives at most so many bytes of the upload, none at its end."""
    async with connection.transaction():
        cursor = await connection.execute(records.CREATE, records.parameters(request))
        row = await cursor.fetchone()
        size, number, content = 0, 0, hashlib.sha256()
        if row is None:
            while chunk := await read(records.CHUNK):
                content.update(chunk)
            cursor = await connection.execute(records.SAME_KEY, records.parameters(request))
            return records.known(await cursor.fetchone(), request, content.digest())
        import_id: int = row[0]
        async with cursor.copy(records.ADD_CHUNKS) as copy:
            copy.set_types(["int8", "int4", "bytea"])
            while chunk := await read(records.CHUNK):
                await copy.write_row((import_id, number, chunk))
                size, number = size + len(chunk), number + 1
                content.update(chunk)
        mark = records.fingerprint(request, content.digest())
        await connection.execute(records.SEAL, (size, mark, import_id))
        await connection.execute(_WHERE_JOBS_ARE)
        with _in_the_words_of_psycopg():
            await _deferrer(import_id, request.source, connection).defer_async(import_id=import_id)
    return import_id


@contextmanager
def _in_the_words_of_psycopg() -> Generator[None]:
    """What fails here fails as everywhere else: as an error of the database."""
    try:
        yield
    except ConnectorException as error:
        raise error.__cause__ or error from error


def _deferrer(import_id: int, source: str, connection: Any) -> JobDeferrer:
    return import_job(_SPEAKER, import_id, source, connection=connection)
