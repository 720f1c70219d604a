"""How often somebody failed to prove a client: at most 30 times a minute from one address for one
client, counted in Redis for all servers. Without Redis nobody is made to wait, and nobody fails.
"""

import time
from hashlib import sha256

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

A_MINUTE = 30
"""Failures that an address may have with a client in a minute."""

_REDIS_REST_SECONDS = 5.0
"""How long a Redis that did not answer is left alone."""

_LIMIT = RateLimitItemPerMinute(A_MINUTE, namespace="rosterhub-token-failures")
_log = structlog.get_logger("rosterhub.access")


class Failures:
    """The failures of all servers that share `redis`."""

    def __init__(self, redis: Redis | None) -> None:
        self._limiter = FixedWindowRateLimiter(_storage(redis)) if redis else None
        self._redis_rests_until = 0.0

    async def seconds_to_wait(self, client_id: str, address: str) -> int:
        """When `address` may try for this client again; 0 is now."""
        if self._limiter is None or time.monotonic() < self._redis_rests_until:
            return 0
        try:
            window = await self._limiter.get_window_stats(_LIMIT, _name(client_id, address))
        except (RedisError, OSError) as error:
            self._rest(error)
            return 0
        return 0 if window.remaining else max(1, round(window.reset_time - time.time()))

    async def note(self, client_id: str, address: str) -> None:
        """Count a failure."""
        if self._limiter is None or time.monotonic() < self._redis_rests_until:
            return
        try:
            await self._limiter.hit(_LIMIT, _name(client_id, address))
        except (RedisError, OSError) as error:
            self._rest(error)

    def _rest(self, error: Exception) -> None:
        self._redis_rests_until = time.monotonic() + _REDIS_REST_SECONDS
        _log.warning("token failures not counted: Redis takes none", error=type(error).__name__)


def _storage(redis: Redis) -> RedisStorage:
    pool = redis.connection_pool
    return RedisStorage("async+redis://", implementation="redispy", connection_pool=pool)  # pyright: ignore


def _name(client_id: str, address: str) -> str:
    # By its hash: what somebody sends as a client id may be long, or a secret in the wrong place.
    return sha256(f"{client_id}\n{address}".encode("utf-8", "replace")).hexdigest()
