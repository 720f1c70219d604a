"""The services of OneRoster: a plain route for each operation of `model/operations.py`.

A read is: who calls, what they ask for (kept for each query string), one round trip, the bytes
handed on. No handler knows an entity.
"""

import re
from functools import lru_cache

import psycopg
from psycopg.pq.abc import PGresult
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterhub.api import reading, writing
from rosterhub.api.errors import unknown_object
from rosterhub.api.hub import authenticate, hub
from rosterhub.api.writing import Handler
from rosterhub.model.operations import OPERATIONS, OPERATIONS_11, Operation
from rosterhub.store.collections import Statement
from rosterhub.store.connect import Pool

_HOST = re.compile(r"[0-9A-Za-z._-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_DOCS, _RECORDS, _MORE, _FIRST, _LAST, _VERSION, _PARENTS = range(7)
_PRIVATE = "private, no-cache"
_JSON = "application/json"


def routes() -> list[Route]:
    """A route for each operation at each base of its service."""
    return [
        Route(base + operation.path, _handler(operation), methods=[operation.method])
        for operation in (*OPERATIONS, *OPERATIONS_11)
        for base in operation.bases
    ]


def _handler(operation: Operation) -> Handler:
    match operation.method:
        case "GET":
            return _single(operation) if operation.single else _collection(operation)
        case "PUT":
            return writing.put(operation)
        case "POST":
            return writing.post(operation)
        case "DELETE":
            return writing.delete(operation)


def _collection(operation: Operation) -> Handler:
    parameters = [parent.parameter for parent in operation.parents]
    start = f'{{"{operation.wrapper}":['.encode()

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        at = hub(request)
        read = reading.read(operation, request.scope["query_string"].decode("latin-1"))
        path = request.scope["path_params"]
        ids = tuple(path[name] for name in parameters)
        root = _root(request)
        result = await _execute(at.pools.read, read.page, root, ids)
        for column, parent in enumerate(operation.parents, _PARENTS):
            if result.get_value(0, column) != b"t":
                raise unknown_object(parent.collection, path[parent.parameter])
        records = int(result.get_value(0, _RECORDS) or 0)
        more = result.get_value(0, _MORE) == b"t"
        query = read.query
        if more or query.cursor or not (records or query.offset == 0):
            version = result.get_value(0, _VERSION) or b""
            total = await at.totals.total(read.count, ids, version)
        else:
            total = query.offset + records
        keys = (
            (result.get_value(0, _FIRST) or b"").decode(),
            (result.get_value(0, _LAST) or b"").decode(),
        )
        request.scope["audit"].records = records
        url = root + request.scope["raw_path"].decode("ascii")
        headers = {
            "X-Total-Count": str(total),
            "Link": reading.links(read, url, records, total, more, keys),
            "Cache-Control": _PRIVATE,
        }
        body = b"%b%b]}" % (start, result.get_value(0, _DOCS) or b"")
        return Response(body, 200, headers, _JSON)

    return serve


def _single(operation: Operation) -> Handler:
    start = f'{{"{operation.wrapper}":'.encode()

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        statement = reading.single(operation, request.scope["query_string"].decode("latin-1"))
        sourced_id: str = request.scope["path_params"]["sourcedId"]
        pool = hub(request).pools.read
        result = await _execute(pool, statement, _root(request), (sourced_id,))
        if not result.ntuples:
            raise unknown_object(operation.collection, sourced_id)
        request.scope["audit"].records = 1
        body = b"%b%b}" % (start, result.get_value(0, 0) or b"")
        return Response(body, 200, {"Cache-Control": _PRIVATE}, _JSON)

    return serve


async def _execute(pool: Pool, statement: Statement, root: str, ids: tuple[str, ...]) -> PGresult:
    if any("\x00" in sourced_id for sourced_id in ids):
        raise unknown_object("path", "")
    async with pool.connection() as connection:
        # Straight to the bytes of the answer: they are JSON already.
        cursor = psycopg.AsyncRawCursor(connection)
        await cursor.execute(statement.sql, (root, *ids, *statement.values))
        assert cursor.pgresult is not None
        return cursor.pgresult


def _root(request: Request) -> str:
    public = hub(request).settings.public_url
    if public:
        return public.rstrip("/")
    scope = request.scope
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return _root_of(scope["scheme"], host, tuple(scope["server"] or ("localhost", None)))


@lru_cache(256)
def _root_of(scheme: str, host: bytes, server: tuple[str, int | None]) -> str:
    """The root URL, from what the client called us by where that is a host's name at all."""
    name = host.decode("latin-1")
    if not _HOST.fullmatch(name):
        name = server[0] if server[1] is None else f"{server[0]}:{server[1]}"
    return f"{scheme}://{name}"
