"""The OpenAPI documents over HTTP, for anybody: discovery (spec/rest.md, "Base paths") and ours.

A document is made once and then only given the URL that a client knows us by, so that asking for
it costs next to nothing, whoever asks.
"""

import gzip
import json
from functools import cache, lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterhub.api import house, openapi
from rosterhub.api.answers import takes_gzip
from rosterhub.api.roots import root
from rosterhub.api.services import HOUSE, SERVICES
from rosterhub.api.writing import Handler

_ANYWHERE = "https://rosterhub.invalid"
"""Stands for the root URL in a document that is kept."""

_HEADERS = {"Cache-Control": "public, max-age=300", "Vary": "Accept-Encoding, Host"}
_KEPT = 32


def document(name: str, url: str) -> openapi.Document:
    """The document `name` on the server whose root URL is `url`."""
    return house.document(url) if name == HOUSE else openapi.document(SERVICES[name], url)


def title(name: str) -> str:
    """What the document `name` is about."""
    return house.TITLE if name == HOUSE else SERVICES[name].title


def path(name: str) -> str:
    """Where the document `name` is served."""
    return house.PATH if name == HOUSE else SERVICES[name].discovery


def routes() -> list[Route]:
    """The routes of all documents, under every name that they have."""
    found = [
        Route(f"{base}/discovery/{file}", _serve(service.name))
        for service in SERVICES.values()
        for base in service.bases
        for file in service.files
    ]
    return [*found, Route(house.PATH, _serve(HOUSE))]


def _serve(name: str) -> Handler:
    async def serve(request: Request) -> Response:
        zipped = takes_gzip(request)
        coding = {"Content-Encoding": "gzip"} if zipped else {}
        text = _bytes(name, root(request), zipped)
        return Response(text, 200, _HEADERS | coding, "application/json")

    return serve


@lru_cache(_KEPT)
def _bytes(name: str, url: str, zipped: bool) -> bytes:
    text = _text(name).replace(_ANYWHERE, json.dumps(url)[1:-1]).encode()
    return gzip.compress(text, mtime=0) if zipped else text


@cache
def _text(name: str) -> str:
    return json.dumps(document(name, _ANYWHERE), ensure_ascii=False)
