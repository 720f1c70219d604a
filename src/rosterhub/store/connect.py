"""Connections to PostgreSQL: the read pool and the write pool of a process, and single ones.

Pools are bounded and open in the background, so that a process starts while the database is away.
"""

from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from rosterhub.settings import Settings, settings

Connection = psycopg.Connection[TupleRow]
Pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]

_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

_RECONNECT_SECONDS = 0
"""A pool does not try to reconnect by itself, with ever longer pauses: whoever asks it for a
connection makes it try, so that it is back as soon as the database is."""


@dataclass(frozen=True, slots=True)
class Pools:
    """`read` may point at a replica, `write` is the primary; one pool when they are the same."""

    read: Pool
    write: Pool

    async def open(self) -> None:
        """Start both pools; returns at once, also when the database is away."""
        await self.read.open(wait=False)
        if self.write is not self.read:
            await self.write.open(wait=False)

    async def close(self) -> None:
        """Close both pools."""
        await self.read.close()
        if self.write is not self.read:
            await self.write.close()


def pools(config: Settings | None = None) -> Pools:
    """The pools that `config` asks for, not yet open."""
    config = config or settings()
    read = _pool(config.read_url, config.database_pool_size)
    if config.write_url == config.read_url:
        return Pools(read, read)
    return Pools(read, _pool(config.write_url, config.database_pool_size))


def _pool(url: str, size: int) -> Pool:
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        timeout=5,
        reconnect_timeout=_RECONNECT_SECONDS,
        kwargs={
            "autocommit": True,
            "application_name": "rosterhub",
            "connect_timeout": 5,
            **_KEEPALIVE,
        },
    )


def small_pool(url: str, size: int = 2) -> Pool:
    """A pool, not yet open, for what must never wait behind slow reads: it fails within a second
    when there is no connection, and hands out none that is broken."""
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        timeout=1,
        reconnect_timeout=_RECONNECT_SECONDS,
        check=AsyncConnectionPool.check_connection,
        kwargs={
            "autocommit": True,
            "application_name": "rosterhub",
            "connect_timeout": 5,
            **_KEEPALIVE,
        },
    )


def connect(url: str, name: str = "rosterhub") -> Connection:
    """One synchronous connection in autocommit mode, for the CLI and the worker.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    return Connection.connect(
        url,
        autocommit=True,
        application_name=name,
        connect_timeout=5,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
    )


def compiled(text: str) -> bytes:
    """SQL that we put together from the entity table, as psycopg takes it; never from input."""
    return text.encode()
