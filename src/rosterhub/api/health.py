"""How the hub is: `/health` for people and monitoring (manual: 日常運用), `/health/live` and
`/health/ready` for load balancers. Answers within two seconds whatever hangs, and needs no key.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

import psycopg
import structlog
from fastapi import APIRouter
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse

from rosterhub.api import metrics
from rosterhub.api.hub import Hub, hub

PATIENCE_SECONDS = 1.0
"""How long a part may take to answer before it counts as down."""

router = APIRouter(tags=["health"])
router.add_api_route("/metrics", metrics.metrics, summary="Numbers for Prometheus")
_log = structlog.get_logger("rosterhub.health")
_UP, _DOWN, _OFF = "up", "down", "off"


@router.get("/health", summary="The state of each part")
async def health(request: Request) -> JSONResponse:
    """200 when all parts are up, 503 with the part that is down; a part not configured is off."""
    at = hub(request)
    database, redis = await asyncio.gather(_database(at), _redis(at))
    info = {"database": {"status": database}, "redis": {"status": redis}}
    return _answer(info)


@router.get("/health/live", summary="The process runs")
async def live(request: Request) -> JSONResponse:
    """200 as long as the process answers at all."""
    return JSONResponse({"status": "ok"})


@router.get("/health/ready", summary="Reads can be served")
async def ready(request: Request) -> JSONResponse:
    """200 as long as reads can be served; Redis is not needed for that, nor the primary."""
    state = await _in_time("database", _ping(hub(request).settings.read_url))
    return _answer({"database": {"status": state}})


def _answer(info: dict[str, dict[str, str]]) -> JSONResponse:
    down = any(part["status"] == _DOWN for part in info.values())
    document: dict[str, Any] = {"status": "error" if down else "ok", "info": info}
    return JSONResponse(document, 503 if down else 200, {"Cache-Control": "no-store"})


async def _database(at: Hub) -> str:
    urls = {at.settings.read_url, at.settings.write_url}
    states = await asyncio.gather(*(_in_time("database", _ping(url)) for url in urls))
    return _DOWN if _DOWN in states else _UP


async def _redis(at: Hub) -> str:
    return await _in_time("redis", _pong(at.redis)) if at.redis else _OFF


async def _in_time(part: str, check: Awaitable[None]) -> str:
    # Not wait_for: it waits for a cancelled check to end, which may hang as well.
    task = asyncio.ensure_future(check)
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    if not task.done():
        task.cancel()
        _log.warning("health check failed", part=part, error="timeout")
        return _DOWN
    error = task.exception()
    if error is None:
        return _UP
    if not isinstance(error, psycopg.Error | RedisError | OSError):
        raise error
    _log.warning("health check failed", part=part, error=type(error).__name__)
    return _DOWN


async def _ping(url: str) -> None:
    # A connection of its own: a pool that is busy is not a database that is down.
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, application_name="rosterhub health", connect_timeout=2
    )
    async with connection:
        await connection.execute("SELECT 1")


async def _pong(redis: Redis) -> None:
    await redis.ping()  # pyright: ignore[reportUnknownMemberType]
