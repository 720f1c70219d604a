"""`/docs`: the OpenAPI documents to read and to try, by Swagger UI from its wheel.

Everything comes from this server and the page may load nothing else, so it works offline.
"""

import gzip
from functools import cache
from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from rosterhub.api import discovery
from rosterhub.api.answers import takes_gzip
from rosterhub.api.errors import ApiError
from rosterhub.api.services import DOCUMENTS
from rosterhub.api.writing import Handler

_PAGES = "rosterhub.api.pages"
_FILES = {
    "swagger-ui-bundle.js": ("fastapi_swagger.resources", "text/javascript"),
    "swagger-ui.css": ("fastapi_swagger.resources", "text/css"),
    "docs.js": (_PAGES, "text/javascript"),
    "docs.css": (_PAGES, "text/css"),
}
"""What the page consists of, and the package that brings it."""

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
    **_SAFE,
}
_FILE = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding", **_SAFE}


def routes() -> list[Route]:
    """The page, its files, and the way to it for who knows no more than the server's name."""
    own = (Route(f"/docs/{name}", _file(name)) for name in _FILES)
    return [Route("/", _home), Route("/docs", _page), *own]


async def _home(request: Request) -> Response:
    return RedirectResponse("/docs", headers={"Cache-Control": "no-cache"})


async def _page(request: Request) -> Response:
    chosen = request.query_params.get("document", DOCUMENTS[0])
    if chosen not in DOCUMENTS:
        text = f"There is no document {chosen[:40]!r}; there are {', '.join(DOCUMENTS)}."
        raise ApiError(404, "unknownobject", text)
    return HTMLResponse(_html(chosen), headers=_PAGE)


def _file(name: str) -> Handler:
    async def serve(request: Request) -> Response:
        zipped = takes_gzip(request)
        coding = {"Content-Encoding": "gzip"} if zipped else {}
        return Response(_content(name, zipped), 200, _FILE | coding, _FILES[name][1])

    return serve


@cache
def _html(chosen: str) -> str:
    page = files(_PAGES).joinpath("docs.html").read_text("utf-8")
    for place, text in (
        ("{{title}}", escape(discovery.title(chosen))),
        ("{{url}}", escape(discovery.path(chosen))),
        ("{{links}}", "\n".join(_link(name, chosen) for name in DOCUMENTS)),
    ):
        page = page.replace(place, text)
    return page


def _link(name: str, chosen: str) -> str:
    current = ' aria-current="page"' if name == chosen else ""
    return f'<a href="/docs?document={name}"{current}>{escape(discovery.title(name))}</a>'


@cache
def _content(name: str, zipped: bool) -> bytes:
    content = files(_FILES[name][0]).joinpath(name).read_bytes()
    return gzip.compress(content, mtime=0) if zipped else content
