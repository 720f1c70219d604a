"""The services of OneRoster: a plain route for each operation of `model/operations.py`.

A read is: who calls, what they ask for (kept for each query string), one round trip, the bytes
handed on. No handler knows an entity.
"""

from psycopg.pq.abc import PGresult
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterhub.api import reading, writing
from rosterhub.api.answers import answer, known_tags, large_answer, tag, unchanged
from rosterhub.api.errors import invalid, unknown_object
from rosterhub.api.hub import Hub, authenticate, hub
from rosterhub.api.large import LARGE
from rosterhub.api.reading import Read
from rosterhub.api.roots import root as root_url
from rosterhub.api.writing import Handler
from rosterhub.model.operations import OPERATIONS, OPERATIONS_11, Operation, Parent
from rosterhub.store.collections import Page, Statement, found
from rosterhub.store.fetch import fetch
from rosterhub.store.kept_pages import Key
from rosterhub.store.lanes import Lanes

_DOCS, _RECORDS, _KEYS, _VERSION, _PLACE, _PARENTS = range(6)


def routes() -> list[Route]:
    """A route for each operation at each base of its service."""
    return [
        Route(base + path, _handler(operation), methods=[operation.method])
        for operation in (*OPERATIONS, *OPERATIONS_11)
        for base in operation.bases
        for path in _paths(operation)
    ]


def _paths(operation: Operation) -> tuple[str, ...]:
    """Its path, and how a released client of 1.1 spells the line items of a class."""
    path = operation.path
    if operation.version == "1.1" and path.endswith("/lineItems") and operation.parents:
        return path, path.removesuffix("lineItems") + "lineitems"
    return (path,)


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
    parents = operation.parents
    parameters = [parent.parameter for parent in parents]
    start = f'{{"{operation.wrapper}":['.encode()

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        at, scope = hub(request), request.scope
        asked = reading.read(operation, scope["query_string"].decode("latin-1"))
        reading.see_kept(asked.as_of, at.settings.history_days)
        path = scope["path_params"]
        ids = tuple([path[name] for name in parameters])
        root = root_url(request)
        if (known := known_tags(request)) and (same := await _same(request, asked.version, known)):
            return same
        gate = at.gate if asked.query.limit >= LARGE else None
        if gate:
            await gate.enter()
        try:
            key = (asked.page, root, ids)
            may_be_kept = key in at.kept and not asked.as_of
            kept = await _kept(at, asked, key) if may_be_kept else None
            page, version = kept or await _anew(at, parents, asked, key)
            total = await _total(at, asked, ids, page, version)
            scope["audit"].records = page.records
            url = root + scope["raw_path"].decode("ascii")
            headers = (
                (b"x-total-count", b"%d" % total),
                (b"link", reading.links(asked, url, page, total).encode("latin-1")),
            )
            current = tag(request, root, version)
            parts = (start, page.docs, b"]}")
            if gate:
                return await large_answer(request, parts, current, headers, gate)
            return await answer(request, b"".join(parts), current, headers)
        except BaseException:
            if gate:
                gate.leave()
            raise

    return serve


async def _kept(at: Hub, asked: Read, key: Key) -> tuple[Page, bytes] | None:
    """The page as it was sent before and the version of its data, if that is still the version."""
    result = await _execute(at.pools.read, asked.version, "", ())
    version = result.get_value(0, 0) or b""
    page = at.kept.get(key, version)
    return None if page is None else (page, version)


async def _anew(at: Hub, parents: tuple[Parent, ...], asked: Read, key: Key) -> tuple[Page, bytes]:
    """The page read from the database, and the version of its data."""
    statement, root, ids = key
    result = await _execute(at.pools.read, statement, root, ids, asked.as_of)
    for column, parent in enumerate(parents):
        if result.get_value(0, _PARENTS + column) != b"t":
            raise unknown_object(parent.collection, ids[column])
    if result.get_value(0, _PLACE) != b"t":
        raise invalid("The record that the cursor names is gone; begin again without it.")
    version = result.get_value(0, _VERSION) or b""
    page = found(
        asked.query,
        result.get_value(0, _DOCS) or b"",
        int(result.get_value(0, _RECORDS) or 0),
        result.get_value(0, _KEYS) or b"",
    )
    if not asked.as_of:
        at.kept.put(key, version, page)
    return page, version


async def _total(at: Hub, asked: Read, ids: tuple[str, ...], page: Page, version: bytes) -> int:
    """How many records there are on all pages: counted only where the page does not tell it."""
    query = asked.query
    if not page.more and not query.cursor and (page.records or query.offset == 0):
        return query.offset + page.records
    if asked.as_of:
        counted = await _execute(at.pools.read, asked.count, "", ids, asked.as_of)
        return int(counted.get_value(0, 0) or 0)
    return await at.totals.total(asked.count, ids, version)


def _single(operation: Operation) -> Handler:
    start = f'{{"{operation.wrapper}":'.encode()

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        asked = request.scope["query_string"].decode("latin-1")
        one, version, as_of = reading.single(operation, asked)
        reading.see_kept(as_of, hub(request).settings.history_days)
        sourced_id: str = request.scope["path_params"]["sourcedId"]
        root = root_url(request)
        if (known := known_tags(request)) and (same := await _same(request, version, known)):
            return same
        result = await _execute(hub(request).pools.read, one, root, (sourced_id,), as_of)
        if not result.ntuples:
            raise unknown_object(operation.collection, sourced_id)
        request.scope["audit"].records = 1
        body = b"%b%b}" % (start, result.get_value(0, 0) or b"")
        return await answer(request, body, tag(request, root, result.get_value(0, 1) or b""))

    return serve


async def _same(request: Request, version: Statement, known: str) -> Response | None:
    """304 if the client has what we would answer: a look at the version alone."""
    result = await _execute(hub(request).pools.read, version, "", ())
    current = tag(request, root_url(request), result.get_value(0, 0) or b"")
    return unchanged(known, current)


async def _execute(
    lanes: Lanes, statement: Statement, root: str, ids: tuple[str, ...], as_of: str | None = None
) -> PGresult:
    if any("\x00" in sourced_id for sourced_id in ids):
        raise unknown_object("path", "")
    return await fetch(lanes, statement, root, ids, as_of)
