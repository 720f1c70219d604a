"""The writes of the gradebook: one handler for each method, made for an operation.

Facts: spec/rest.md, "Write rules". Bodies are checked by `model/bodies.py`, references by one
statement for each entity they lead to, and a request is written whole or not at all.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosterhub.api.errors import ApiError, invalid, unknown_object
from rosterhub.api.hub import authenticate, hub
from rosterhub.model.bodies import BodyError, Record, record
from rosterhub.model.operations import Operation
from rosterhub.store import membership, writes
from rosterhub.store.connect import compiled

MAX_BODY = 16 * 1024 * 1024
"""Bytes of the largest body."""

Handler = Callable[[Request], Awaitable[Response]]


def put(operation: Operation) -> Handler:
    """PUT of one object: 201 when it is new, 200 when it was there."""

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        sourced_id: str = request.path_params["sourcedId"]
        body = await _unwrapped(request, operation.wrapper)
        made = _record(operation, body, operation.wrapper)
        if made.sourced_id != sourced_id:
            raise invalid(
                f"{operation.wrapper}.sourcedId is not the one in the path, {sourced_id!r}."
            )
        created = await _write(request, [made])
        return Response(status_code=201 if created else 200)

    return serve


def delete(operation: Operation) -> Handler:
    """DELETE of one object: it becomes tobedeleted; 204."""

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        sourced_id: str = request.path_params["sourcedId"]
        async with hub(request).pools.write.connection() as connection, connection.transaction():
            found = "\x00" not in sourced_id and await writes.delete(
                connection, operation.kind.entity, sourced_id
            )
        if not found:
            raise unknown_object(operation.collection, sourced_id)
        request.scope["audit"].records = 1
        return Response(status_code=204)

    return serve


def post(operation: Operation) -> Handler:
    """POST of a set: each object gets a sourcedId of ours; 201 with the pairs."""

    async def serve(request: Request) -> Response:
        await authenticate(request, *operation.scopes)
        await _see_parents(request, operation)
        items = await _unwrapped(request, operation.wrapper)
        if not isinstance(items, list) or not items:
            raise invalid(f"{operation.wrapper} is an array of one object or more.")
        made: list[Record] = []
        pairs: list[dict[str, str]] = []
        for number, item in enumerate(cast("list[object]", items)):
            path = f"{operation.wrapper}[{number}]"
            _fill(operation, request, item, path)
            supplied = cast("dict[str, Any]", item).get("sourcedId")
            if supplied is None:
                supplied = ""
            if not isinstance(supplied, str):
                raise invalid(f"{path}.sourcedId is a text.")
            allocated = str(uuid4())
            one = _record(operation, cast("dict[str, Any]", item) | {"sourcedId": allocated}, path)
            made.append(one)
            pairs.append(
                {
                    "suppliedSourcedId": supplied,
                    "allocatedSourcedId": allocated,
                }
            )
        await _write(request, made)
        return JSONResponse({"sourcedIdPairs": pairs}, 201)

    return serve


def _record(operation: Operation, body: object, path: str) -> Record:
    try:
        return record(operation.kind.entity, body, operation.version, path)
    except BodyError as error:
        raise invalid(str(error)) from error


async def _write(request: Request, records: Sequence[Record]) -> int:
    async with hub(request).pools.write.connection() as connection, connection.transaction():
        missing = await writes.unknown(connection, records)
        if missing:
            raise invalid(f"{missing[0]} refers to {missing[1]!r}, which is not held here.")
        created = await writes.put(connection, records)
    request.scope["audit"].records = len(records)
    return created


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


def _fill(operation: Operation, request: Request, item: object, path: str) -> None:
    """Give `item` the references that the path states, and refuse others in their place."""
    if not isinstance(item, dict):
        raise invalid(f"{path} is an object.")
    given = cast("dict[str, Any]", item)
    for name, parameter in operation.stated:
        sourced_id = request.path_params[parameter]
        if given.get(name) is None:
            given[name] = {"sourcedId": sourced_id}
        held = given[name]
        if not isinstance(held, dict) or held.get("sourcedId") != sourced_id:
            raise invalid(f"{path}.{name} is not the one in the path, {sourced_id!r}.")


async def _unwrapped(request: Request, wrapper: str) -> object:
    """The one member of the JSON body."""
    body = await _body(request)
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid(
            f"No JSON: {error.msg}, line {error.lineno}, column {error.colno}."
        ) from error
    except UnicodeDecodeError as error:
        raise invalid(f"The body is not UTF-8: byte {error.start + 1} is wrong.") from error
    except (ValueError, RecursionError) as error:
        raise invalid("The JSON holds a number too long, or is nested too deep.") from error
    if not isinstance(found, dict) or list(cast("dict[str, object]", found)) != [wrapper]:
        raise invalid(f'The body is an object with one member, "{wrapper}".')
    return cast("dict[str, object]", found)[wrapper]


async def _body(request: Request) -> bytes:
    """The body, refused while it arrives once it is larger than it may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ApiError(
                413,
                "invaliddata",
                f"The body is larger than {MAX_BODY:,} bytes. Send it in parts.",
                {"Connection": "close"},
            )
    return bytes(body)
