"""What a client sends to be written: the bytes of the body, its JSON, the records that it states.

A large body is gone through in a thread, so that others are served meanwhile. Nothing here asks
the database.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import uuid4

from starlette.requests import Request

from rosterhub.api.errors import ApiError, invalid
from rosterhub.model.bodies import BodyError, Record, guid, record
from rosterhub.model.operations import Operation

LARGEST = 16 * 1024 * 1024
"""Bytes of the largest body."""

_SMALL = 64 * 1024
"""Bytes that are gone through faster than a thread would begin to."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Set:
    """The objects of a set under their new sourcedIds; `supplied` are those they came with, or
    blank.
    """

    records: list[Record]
    supplied: list[str]


async def one(request: Request, operation: Operation) -> Record:
    """The object of a PUT.

    Raises:
        ApiError: 400 for what is wrong with the body, 413 when it is too large.
    """
    sourced_id: str = request.path_params["sourcedId"]

    def read(body: bytes) -> Record:
        made = _record(operation, _unwrapped(body, operation.wrapper), operation.wrapper)
        if made.sourced_id != sourced_id:
            raise invalid(
                f"{operation.wrapper}.sourcedId is not the one in the path, {sourced_id!r}."
            )
        return made

    return await _read(request, read)


async def several(request: Request, operation: Operation) -> Set:
    """The objects of a POST, which refer to what the path states; the same errors as `one`."""
    path = request.path_params
    stated = {name: cast("str", path[parameter]) for name, parameter in operation.stated}

    def read(body: bytes) -> Set:
        items = _unwrapped(body, operation.wrapper)
        if not isinstance(items, list) or not items:
            raise invalid(f"{operation.wrapper} is an array of one object or more.")
        found = Set([], [])
        for number, item in enumerate(cast("list[object]", items)):
            place = f"{operation.wrapper}[{number}]"
            if not isinstance(item, dict):
                raise invalid(f"{place} is an object.")
            given = cast("dict[str, Any]", item)
            found.supplied.append(_supplied(given, place))
            _state(given, stated, place)
            given["sourcedId"] = str(uuid4())
            found.records.append(_record(operation, given, place))
        return found

    return await _read(request, read)


def _supplied(given: dict[str, Any], place: str) -> str:
    supplied = given.get("sourcedId")
    if supplied is None:
        return ""
    try:
        return guid(supplied, f"{place}.sourcedId")
    except BodyError as error:
        raise invalid(str(error)) from error


def _state(given: dict[str, Any], stated: dict[str, str], place: str) -> None:
    """Give an object the references that the path states, and refuse others in their place."""
    for name, sourced_id in stated.items():
        if given.get(name) is None:
            given[name] = {"sourcedId": sourced_id}
        held = given[name]
        if not isinstance(held, dict) or cast("Any", held).get("sourcedId") != sourced_id:
            raise invalid(f"{place}.{name} is not the one in the path, {sourced_id!r}.")


def _record(operation: Operation, body: object, path: str) -> Record:
    try:
        return record(operation.kind.entity, body, operation.version, path)
    except BodyError as error:
        raise invalid(str(error)) from error


def _unwrapped(body: bytes, wrapper: str) -> object:
    """The one member of the JSON body."""
    try:
        # A byte order mark is tolerated, as in files.
        found = json.loads(body.decode("utf-8-sig"))
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


async def _read(request: Request, read: Callable[[bytes], _T]) -> _T:
    body = await _body(request)
    return read(body) if len(body) <= _SMALL else await asyncio.to_thread(read, body)


async def _body(request: Request) -> bytes:
    """The body, refused before it is sent, or while it arrives, if it is larger than it may be."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > LARGEST:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _too_large()
    return bytes(body)


def _too_large() -> ApiError:
    description = f"The body is larger than {LARGEST:,} bytes. Send it in parts."
    return ApiError(413, "invaliddata", description)
