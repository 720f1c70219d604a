"""How the hub is: `/health` for people and monitoring (manual: 日常運用), `/health/live` and
`/health/ready` for load balancers. Answers within two seconds whatever hangs, and needs no key.
"""

import asyncio
from typing import Any, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from rosterhub.api import scrape
from rosterhub.api.checks import State
from rosterhub.api.hub import hub

_STATE: dict[str, Any] = {
    "type": "object",
    "required": ["status", "info"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "error"]},
        "info": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "string", "enum": list(get_args(State))}},
            },
        },
    },
}


def _described(*statuses: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _STATE}}
    text = {"200": "All is well.", "503": "A part that is needed is down."}
    return {"responses": {s: {"description": text[s], "content": content} for s in statuses}}


router = APIRouter(tags=["health"])
router.add_api_route(
    "/metrics",
    scrape.metrics,
    summary="Numbers for Prometheus",
    response_class=PlainTextResponse,
)


@router.get("/health", summary="The state of each part", openapi_extra=_described("200", "503"))
async def health(request: Request) -> JSONResponse:
    """200 when all parts are up, 503 with the part that is down; a part not configured is off.

    The disk is a part only while there is no room on it for what has to be written.
    """
    at = hub(request)
    database, redis = await asyncio.gather(at.checks.database(), at.checks.redis())
    states: dict[str, State] = {"database": database, "redis": redis}
    if at.audit.disk_full or not at.checks.room():
        states["disk"] = "down"
    return _answer(states)


@router.get("/health/live", summary="The process runs", openapi_extra=_described("200"))
async def live(request: Request) -> JSONResponse:
    """200 as long as the process answers at all."""
    return _answer({})


@router.get("/health/ready", summary="Reads can be served", openapi_extra=_described("200", "503"))
async def ready(request: Request) -> JSONResponse:
    """200 as long as reads can be served; neither Redis nor the primary is needed for that."""
    return _answer({"database": await hub(request).checks.reads()})


def _answer(states: dict[str, State]) -> JSONResponse:
    down = "down" in states.values()
    document = {
        "status": "error" if down else "ok",
        "info": {part: {"status": state} for part, state in states.items()},
    }
    return JSONResponse(document, 503 if down else 200, {"Cache-Control": "no-store"})
