"""The short way: a request that a plain route takes goes to it past the rest of the stack.

The stack of a framework costs as much as a short read. Whatever is no full match (another path, a
wrong method) goes on through it, which knows how to refuse.
"""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from rosterhub.access.audit import Entry
from rosterhub.api import errors
from rosterhub.api.middleware import Frame
from rosterhub.api.routing import PlainRoutes


class Direct:
    """`routes` of `app`, whose endpoints take a request, before `rest`, which serves the others
    in a frame of its own.
    """

    def __init__(
        self, app: Starlette, rest: ASGIApp, routes: PlainRoutes, record: Callable[[Entry], None]
    ) -> None:
        self._app = app
        self._rest = rest
        self._routes = routes
        self._framed = Frame(_serve, record)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match, child = self._routes.matches(scope)
        if match is not Match.FULL:
            await self._rest(scope, receive, send)
            return
        scope.update(child)
        scope["app"] = self._app
        await self._framed(scope, receive, send)


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive, send)
    try:
        response = await scope["endpoint"](request)
    except Exception as error:
        refusal = errors.refusal(scope, error)
        if refusal is None:
            raise
        response = refusal
    await response(scope, receive, send)
