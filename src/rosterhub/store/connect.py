"""Connections to PostgreSQL: those for reads and those for changes of a process, and single ones.

They are bounded and open in the background, so that a process starts while the database is away.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from rosterhub.settings import Settings, settings
from rosterhub.store.lanes import Lanes

Connection = psycopg.Connection[TupleRow]
Pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]

_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "application_name": "rosterhub",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_PATIENCE_SECONDS = 5.0
"""How long a request waits for a free connection."""

_RECONNECT_SECONDS = 0
"""A pool does not try to reconnect by itself, with ever longer pauses: whoever asks it for a
connection makes it try, so that it is back as soon as the database is."""


@dataclass(slots=True)
class Pools:
    """Connections to the primary for changes, and for reads to it and to its replica, if any.

    `follows` says whether the replica knows of every change, so that it may be read.
    """

    write: Pool
    primary: Lanes
    replica: Lanes | None = None
    follows: bool = False

    @property
    def read(self) -> Lanes:
        """The server to read from just now."""
        return self.replica if self.replica and self.follows else self.primary

    async def open(self) -> None:
        """Begin to connect; returns at once, also when the database is away."""
        await self.write.open(wait=False)
        for lanes in self._reading():
            await lanes.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.write.close()
        for lanes in self._reading():
            await lanes.close()

    def _reading(self) -> list[Lanes]:
        return [lanes for lanes in (self.primary, self.replica) if lanes]


def pools(config: Settings | None = None) -> Pools:
    """The pools that `config` asks for, not yet open."""
    config = config or settings()
    size = config.database_pool_size
    replica = None if config.read_url == config.write_url else _lanes(config.read_url, size)
    # A change must not be tried twice.
    write = _SoundPool(config.write_url, **_pool_options(_for_changes(size)))
    return Pools(write, _lanes(config.write_url, size), replica)


def most_connections(config: Settings) -> int:
    """How many connections to the primary one API process may have."""
    size = config.database_pool_size
    return size + _for_changes(size) + _SMALL


def _for_changes(size: int) -> int:
    return max(2, size // 2)


_SMALL = 2


def small_pool(url: str, size: int = _SMALL) -> Pool:
    """A pool, not yet open, for what must never wait behind slow reads: it fails within a second
    when there is no connection, and hands out none that is broken."""
    return _SoundPool(url, **_pool_options(size, timeout=1))


def _lanes(url: str, size: int) -> Lanes:
    return Lanes(partial(connect, url), size, _PATIENCE_SECONDS)


class _SoundPool(AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]):
    """Tries each connection before it hands it out, and goes on to the next at once.

    The pool's own `check` waits longer after each broken one, so that few broken ones, as after a
    restart of PostgreSQL, use up all the time there is.
    """

    async def getconn(  # the name is psycopg's
        self,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> psycopg.AsyncConnection[TupleRow]:
        """A connection that answers."""
        for _ in range(self.max_size):
            connection = await super().getconn(timeout)
            try:
                await self.check_connection(connection)
            except psycopg.OperationalError:
                await self.putconn(connection)
            else:
                return connection
        return await super().getconn(timeout)


def _pool_options(size: int, timeout: float = _PATIENCE_SECONDS) -> dict[str, Any]:
    return {
        "min_size": 1,
        "max_size": size,
        "open": False,
        "timeout": timeout,
        "reconnect_timeout": _RECONNECT_SECONDS,
        "kwargs": _OPTIONS,
    }


def connect(url: str, name: str = "rosterhub") -> Connection:
    """One synchronous connection in autocommit mode, for the CLI and the worker.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    options: dict[str, Any] = {**_OPTIONS, "application_name": name}
    return Connection.connect(url, **options)


def literal(text: str) -> str:
    """SQL for a text of a file's header, right in statements with parameters and without."""
    quoted = text.replace("'", "''")
    if "%" not in text:
        return f"'{quoted}'"
    return "U&'" + quoted.replace("\\", "\\\\").replace("%", "\\0025") + "'"


def compiled(text: str) -> bytes:
    """SQL that we put together from the entity table, as psycopg takes it; never from input."""
    return text.encode()
