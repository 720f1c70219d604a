"""The short way: a request that a plain route takes goes to it past the rest of the stack.

The stack of a framework costs as much as a short read. Whatever is no full match (another path, a
wrong method) goes on through it, which knows how to refuse.
"""

from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from rosterhub.api import errors
from rosterhub.api.routing import PlainRoutes


class Direct:
    """Middleware before `app`, for `routes`, whose endpoints take a request."""

    def __init__(self, app: ASGIApp, routes: PlainRoutes) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match, child = self._routes.matches(scope)
        if match is not Match.FULL:
            await self._app(scope, receive, send)
            return
        scope.update(child)
        request = Request(scope, receive, send)
        try:
            response = await child["endpoint"](request)
        except Exception as error:
            refusal = errors.refusal(scope, error)
            if refusal is None:
                raise
            response = refusal
        await response(scope, receive, send)
