"""The API of our own beside OneRoster: its routers, and their OpenAPI document.

FastAPI describes what it routes; what every operation has in common (ways in, errors, headers) is
added here, and what only FastAPI's own validation would answer is left out.
"""

import re
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

import rosterhub
from rosterhub.access import scopes
from rosterhub.api import (
    decisions,
    events,
    exports,
    health,
    imports,
    oauth,
    openapi,
    openapi_answers,
    openapi_transfers,
    roster_health,
)

TITLE = "RosterHub: imports, exports, health"
PATH = "/openapi.json"

_ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    oauth.router,
    imports.router,
    events.router,
    decisions.router,
    exports.router,
    roster_health.router,
)
_PUBLIC: tuple[APIRouter, ...] = (health.router, oauth.router)
_SCOPES = (scopes.IMPORT, scopes.EXPORT)
_ERRORS = (400, 401, 403, 500, 503)


def mount(app: FastAPI) -> None:
    """Serve all of it."""
    for router in _ROUTERS:
        app.include_router(router)


def document(root: str) -> openapi.Document:
    """The OpenAPI document on the server whose root URL is `root`."""
    routes = [r for router in _ROUTERS for r in router.routes if isinstance(r, APIRoute)]
    whole = get_openapi(
        title=TITLE,
        version=rosterhub.__version__,
        description="Send rosters in, take them out as CSV, and see how the hub is.",
        routes=routes,
        servers=[{"url": root}],
    )
    public = {r.path for router in _PUBLIC for r in router.routes if isinstance(r, APIRoute)}
    for route in routes:
        for method in route.methods or ():
            operation = whole["paths"][route.path][method.lower()]
            # As OneRoster writes them: importPackage.
            operation["operationId"] = re.sub(r"_(.)", lambda m: m[1].upper(), route.name)
            _complete(operation, route.path, public=route.path in public)
    whole["components"] = {
        "schemas": {
            **openapi_answers.schemas("1.2"),
            **openapi_transfers.SCHEMAS,
            **oauth.SCHEMAS,
        },
        "headers": openapi_answers.HEADERS,
        "responses": openapi_answers.errors(),
        "securitySchemes": {
            **openapi.security_schemes(root, {n: scopes.MEANING[n] for n in _SCOPES}),
            "Client": {"type": "http", "scheme": "basic", "description": "Client id and secret."},
        },
    }
    return openapi.pruned(whole)


def _complete(operation: dict[str, Any], path: str, *, public: bool) -> None:
    """Add what every operation has; those that are not `public` want a caller."""
    responses: dict[str, Any] = operation["responses"]
    responses.pop("422", None)
    wanted: set[int] = {500} if public else set(_ERRORS)
    if public:
        operation.setdefault("security", [])
    else:
        if "{" in path:
            wanted.add(404)
        if "requestBody" in operation:
            wanted.add(413)
    for status in sorted(wanted - set(map(int, responses))):
        responses[str(status)] = openapi_answers.error(status)
    for answer in responses.values():
        if "$ref" not in answer:
            header = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
            answer["headers"] = {**answer.get("headers", {}), **header}
