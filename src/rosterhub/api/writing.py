"""The writes of the gradebook: one handler for each method, made for an operation.

Facts: spec/rest.md, "Write rules". What is sent is checked by `api/received.py`, references by one
statement for each entity they lead to, and a request is written whole or not at all.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import psycopg.errors
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosterhub.api import received
from rosterhub.api.errors import invalid, unknown_object
from rosterhub.api.hub import authenticate, hub
from rosterhub.model.bodies import Record
from rosterhub.model.operations import Operation
from rosterhub.store import membership, writes
from rosterhub.store.connect import compiled

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]

_TRIES = 3
"""How often a write is begun that an import, or another write, stood in the way of."""


def put(operation: Operation) -> Handler:
    """PUT of one object: 201 when it is new, 200 when it was there."""

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        made = await received.one(request, operation)
        created = await _write(request, operation, [made])
        return Response(status_code=201 if created else 200)

    return serve


def delete(operation: Operation) -> Handler:
    """DELETE of one object: it becomes tobedeleted; 204."""

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        sourced_id: str = request.path_params["sourcedId"]
        entity = operation.kind.entity

        async def work(connection: writes.Connection) -> bool:
            return await writes.delete(connection, entity, sourced_id)

        if "\x00" in sourced_id or not await _change(request, entity, work):
            raise unknown_object(operation.collection, sourced_id)
        request.scope["audit"].records = 1
        return Response(status_code=204)

    return serve


def post(operation: Operation) -> Handler:
    """POST of a set: each object gets a sourcedId of ours; 201 with the pairs."""

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        await _see_parents(request, operation)
        found = await received.several(request, operation)
        await _write(request, operation, found.records)
        pairs = [
            {"suppliedSourcedId": supplied, "allocatedSourcedId": made.sourced_id}
            for supplied, made in zip(found.supplied, found.records, strict=True)
        ]
        return JSONResponse({"sourcedIdPairs": pairs}, 201)

    return serve


async def _write(request: Request, operation: Operation, records: Sequence[Record]) -> int:
    """Write `records` and return how many are new."""

    async def work(connection: writes.Connection) -> int:
        return await _put(request, operation, records, connection)

    created = await _change(request, operation.kind.entity, work)
    request.scope["audit"].records = len(records)
    return created


async def _change(
    request: Request, entity: str, work: Callable[[writes.Connection], Awaitable[T]]
) -> T:
    """What `work` returns, which changes records of `entity` in a transaction of its own: done
    again where something stood in its way, and seen by every read that comes after it.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            async with hub(request).pools.write.connection() as connection:
                await writes.make_room(connection, entity)
                async with connection.transaction():
                    result = await work(connection)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            if not tries_left:
                raise
        else:
            await hub(request).replica.settle()
            return result
    raise AssertionError


async def _put(
    request: Request, operation: Operation, records: Sequence[Record], connection: writes.Connection
) -> int:
    missing = await writes.unknown(connection, records)
    if missing:
        raise invalid(f"{missing[0]} refers to {missing[1]!r}, which is not held here.")
    class_id = request.path_params.get("classSourcedId")
    if class_id and operation.kind.entity == "results":
        # They would never be seen below the class that they were posted to.
        elsewhere = await writes.line_item_elsewhere(connection, records, class_id)
        if elsewhere:
            raise invalid(f"The line item {elsewhere!r} is of another class than the path's.")
    return await writes.put(connection, records, operation.version)


async def _see_parents(request: Request, operation: Operation) -> None:
    parents = operation.parents
    asked = ", ".join(membership.exists(p.kind, "%s::text") for p in parents)
    ids = [request.path_params[p.parameter] for p in parents]
    if any("\x00" in sourced_id for sourced_id in ids):
        raise unknown_object("the path", "")
    async with hub(request).pools.write.connection() as connection:
        row = await (await connection.execute(compiled(f"SELECT {asked}"), ids)).fetchone()
    assert row is not None
    for parent, sourced_id, found in zip(parents, ids, row, strict=True):
        if not found:
            raise unknown_object(parent.collection, sourced_id)
