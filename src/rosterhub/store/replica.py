"""Whether a replica may serve the reads: as long as it knows of every change that was committed
(docs/adr/0015). Looks at both servers a few times a second; never at rows.
"""

import asyncio
import itertools
from datetime import datetime

import psycopg

from rosterhub.settings import Settings
from rosterhub.store.connect import Pool, Pools, connect
from rosterhub.store.versions import LATEST

EVERY_SECONDS = 0.2
"""How soon each API server notices that the replica is behind."""

_PATIENCE_SECONDS = 1.0

LAG = (
    "CASE WHEN NOT pg_is_in_recovery()"
    " OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
    " ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END"
)
"""SQL for how many seconds the server that is asked is behind its primary."""


class Replica:
    """Keeps `pools` at the server that may be read; `primary` and `replica` are pools for asking.

    Without a replica there is nothing to keep: all methods return at once.
    """

    def __init__(self, pools: Pools, primary: Pool, replica: Pool | None) -> None:
        self._pools = pools
        self._primary = primary
        self._replica = replica
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look for the first time, and go on looking."""
        if self._replica:
            await self._replica.open(wait=False)
            await self._look()
            self._task = asyncio.create_task(self._run(), name="replica")

    async def close(self) -> None:
        """Stop looking."""
        if self._task:
            self._task.cancel()
        if self._replica:
            await self._replica.close()

    async def settle(self) -> None:
        """Return once no server answers with less than is committed now: the replica has it, or
        every server has had the time to notice that it is behind.

        What changed data waits for this before it says so.
        """
        if not self._replica:
            return
        try:
            async with asyncio.timeout(2 * EVERY_SECONDS):
                for pause in itertools.repeat(EVERY_SECONDS / 10):
                    if await self._look():
                        return
                    await asyncio.sleep(pause)
        except TimeoutError:
            self._pools.follows = False

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._look()

    async def _look(self) -> bool:
        """Whether the replica knows all, or is all that there is."""
        assert self._replica
        committed, known = await asyncio.gather(_latest(self._primary), _latest(self._replica))
        self._pools.follows = _knows_all(known, committed)
        return self._pools.follows


def readable(config: Settings) -> str:
    """The database that commands and jobs read: the replica if it may be read now."""
    if config.read_url == config.write_url:
        return config.read_url
    committed, known = _latest_at(config.write_url), _latest_at(config.read_url)
    return config.read_url if _knows_all(known, committed) else config.write_url


def _knows_all(known: datetime | None, committed: datetime | None) -> bool:
    """Whether a replica that has the change of `known` may be read, or is all that there is."""
    return known is not None and (committed is None or known >= committed)


def _latest_at(url: str) -> datetime | None:
    try:
        with connect(url) as connection:
            row = connection.execute(LATEST).fetchone()
            return row[0] if row else None
    except psycopg.OperationalError:
        return None


async def _latest(pool: Pool) -> datetime | None:
    """When the last change that a server knows of was committed; None if it does not answer."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), pool.connection() as connection:
            row = await (await connection.execute(LATEST)).fetchone()
            return row[0] if row else None
    except (psycopg.Error, OSError, TimeoutError):
        return None
