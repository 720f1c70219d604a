"""Whether the parts the hub stands on answer, each asked for at most a second."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from rosterhub.settings import Settings

State = Literal["up", "down", "off"]

PATIENCE_SECONDS = 1.0
"""How long a part may take to answer before it counts as down."""

LEAST_ROOM = 16 * 1024 * 1024
"""Bytes that have to be free on the disks of this machine: less takes no upload of a board."""

_log = structlog.get_logger("rosterhub.health")


class Checks:
    """The checks of one process; those who ask at the same time share one, so that nobody can
    take the database's connections by asking often."""

    def __init__(self, config: Settings, redis: Redis | None) -> None:
        self._read_url = config.read_url
        self._write_url = config.write_url
        self._home = config.rosterhub_home
        # Python settles on a folder when it is first asked: not only when the right one is full.
        _temporary()
        self._redis = redis
        self._running: dict[str, asyncio.Task[None]] = {}

    async def database(self) -> State:
        """Whether the primary and the database of the reads answer."""
        states = await asyncio.gather(
            *(self._ask(url, lambda url=url: _select(url)) for url in self._urls())
        )
        return "down" if "down" in states else "up"

    async def reads(self) -> State:
        """Whether a database answers that can serve the reads: the replica, else the primary."""
        state = await self._ask(self._read_url, lambda: _select(self._read_url))
        if state == "down" and self._write_url != self._read_url:
            state = await self._ask(self._write_url, lambda: _select(self._write_url))
        return state

    async def redis(self) -> State:
        """Whether Redis answers; off when none is configured."""
        client = self._redis
        return await self._ask("redis", lambda: _ping(client)) if client else "off"

    def room(self) -> bool:
        """Whether uploads, and what is kept of the installation, find room on this machine."""
        return all(map(_has_room, (_temporary(), self._home)))

    def _urls(self) -> set[str]:
        return {self._read_url, self._write_url}

    async def _ask(self, part: str, check: Callable[[], Awaitable[None]]) -> State:
        task = self._running.get(part)
        if task is None:
            task = asyncio.ensure_future(check())
            self._running[part] = task
            task.add_done_callback(lambda done: self._ended(part, done))
        # Not wait_for: it waits for what it cancels to end, which may hang as well.
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if not task.done():
            self._running.pop(part, None)
            task.cancel()
        return "up" if task.done() and not task.cancelled() and not task.exception() else "down"

    def _ended(self, part: str, task: asyncio.Task[None]) -> None:
        if self._running.get(part) is task:
            del self._running[part]
        error = TimeoutError() if task.cancelled() else task.exception()
        if error is None:
            return
        # The URL holds a password, so the log does not say which database it was.
        name = "redis" if part == "redis" else "database"
        expected = isinstance(error, psycopg.Error | RedisError | OSError)
        _log.warning(
            "health check failed",
            part=name,
            error=type(error).__name__,
            exc_info=None if expected else error,
        )


def _temporary() -> Path | None:
    """Where uploads lie while they arrive (Starlette keeps them there), None if nowhere."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None


def _has_room(folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        return shutil.disk_usage(folder).free >= LEAST_ROOM
    # What is not there has no disk.
    except OSError:
        return True


async def _select(url: str) -> None:
    # A connection of its own: a pool that is busy is not a database that is down.
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, application_name="rosterhub health", connect_timeout=2
    )
    async with connection:
        await connection.execute("SELECT 1")


async def _ping(redis: Redis) -> None:
    await redis.ping()  # pyright: ignore[reportUnknownMemberType]
