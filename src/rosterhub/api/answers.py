"""Answers of reads: their entity tag, 304 for who has them already, gzip for who takes it.

A tag is made of the version of the data, so it is right without a look at the body; the version is
renewed in the transaction that changes the data (docs/adr/0007).
"""

import asyncio
import gzip
import re
import zlib
from collections.abc import Sequence
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

import rosterhub
from rosterhub.api.large import Gate, InPieces, Piece

_LEAST = 1_000
"""Bytes below which compression gains nothing."""

_LARGE = 1 << 18
"""Bytes above which it is done beside the event loop."""

_LEVEL = 2
_GZIP = zlib.MAX_WBITS | 16
_PROGRAM = rosterhub.__version__.encode()


def tag(request: Request, root: str, version: bytes) -> str:
    """The weak entity tag of the answer to `request` from data of `version`."""
    scope = request.scope
    # The program's version, too: another one may show the same data in another way.
    what = b"\n".join((_PROGRAM, version, root.encode(), scope["raw_path"], scope["query_string"]))
    return f'W/"{sha256(what).hexdigest()[:32]}"'


def known_tags(request: Request) -> str | None:
    """The tags that the client has answers for, as it sent them; mostly None."""
    sent = [value for name, value in request.scope["headers"] if name == b"if-none-match"]
    return b",".join(sent).decode("latin-1") if sent else None


def unchanged(known: str, current: str) -> Response | None:
    """304 if `current` is one of the `known` tags."""
    tags = {item.strip().removeprefix("W/") for item in known.split(",")}
    # `*` says nothing here: a version does not tell whether there is such an object at all.
    if current.removeprefix("W/") in tags:
        return Response(status_code=304, headers={"ETag": current} | _HEADERS)
    return None


async def answer(
    request: Request, body: bytes, entity_tag: str, headers: Sequence[tuple[bytes, bytes]] = ()
) -> Response:
    """200 with the JSON `body`, compressed when the client takes that."""
    own = [*_JSON_HEADERS, *headers, (b"etag", entity_tag.encode())]
    if len(body) >= _LEAST and takes_gzip(request):
        if len(body) > _LARGE:
            body = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
        else:
            body = gzip.compress(body, _LEVEL, mtime=0)
        own.append((b"content-encoding", b"gzip"))
    return _Ready(body, own)


async def large_answer(
    request: Request,
    parts: Sequence[Piece],
    entity_tag: str,
    headers: Sequence[tuple[bytes, bytes]],
    gate: Gate,
) -> Response:
    """The same with a body of `parts`, which are not put together; leaves `gate` when sent."""
    own = [*_JSON_HEADERS, *headers, (b"etag", entity_tag.encode())]
    if sum(map(len, parts)) >= _LEAST and takes_gzip(request):
        parts = await asyncio.to_thread(_compressed, parts)
        own.append((b"content-encoding", b"gzip"))
    own.append((b"content-length", b"%d" % sum(map(len, parts))))
    return InPieces(parts, own, gate)


def _compressed(parts: Sequence[Piece]) -> list[bytes]:
    made = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return [*map(made.compress, parts), made.flush()]


class _Ready(Response):
    """200 with a body and headers that are bytes already."""

    def __init__(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [*headers, (b"content-length", b"%d" % len(body))]


_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
"""Kept by the client alone, and only used after asking whether it is still right."""

_JSON_HEADERS = [
    (b"content-type", b"application/json"),
    *((name.lower().encode(), value.encode()) for name, value in _HEADERS.items()),
]


_NEVER = re.compile(rb"q=0(\.0*)?")


def takes_gzip(request: Request) -> bool:
    """Whether the client takes a compressed answer."""
    weights: dict[bytes, bytes] = {}
    for name, value in request.scope["headers"]:
        if name == b"accept-encoding":
            for item in value.lower().split(b","):
                coding, _, weight = item.partition(b";")
                weights[coding.strip()] = weight.replace(b" ", b"")
    # `*` is of all that are not named.
    weight = weights.get(b"gzip", weights.get(b"*"))
    return weight is not None and not _NEVER.fullmatch(weight)
