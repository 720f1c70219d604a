"""The imports that somebody follows, looked at together: one query twice a second, however many
follow and whatever they follow, and none while nobody does. Any API server can be asked, since what
there is to see is in the database.
"""

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any

import psycopg

from rosterhub.api.errors import ApiError
from rosterhub.store.connect import Pool, compiled
from rosterhub.transfer import records

MOST = 500
"""Followers of one process."""
_LOOK_SECONDS = 0.5

Row = tuple[Any, ...]


class Follower:
    """Somebody who follows an import; `row` is the latest row of `records.ROW`."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.stopped = False
        self._news = asyncio.Event()

    def tell(self, row: Row) -> None:
        """There may be something new."""
        if row != self.row:
            self.row = row
            self._news.set()

    def stop(self) -> None:
        """The server is about to end."""
        self.stopped = True
        self._news.set()

    async def news(self, seconds: float) -> bool:
        """Wait for something new; False when nothing came up in time."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Watch:
    """Who follows what in this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._followers: set[Follower] = set()
        self._looking: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def following(self, row: Row) -> Generator[Follower]:
        """Follow the import of a row of `records.ROW` until the block ends.

        Raises:
            ApiError: too many follow already.
        """
        if len(self._followers) >= MOST:
            text = f"{MOST} clients follow imports on this server. Try again, or ask for the job."
            raise ApiError(503, "server_busy", text, {"Retry-After": "10"})
        follower = Follower(row)
        self._followers.add(follower)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def _look(self) -> None:
        while self._followers:
            await asyncio.sleep(_LOOK_SECONDS)
            ids = {f.row[0] for f in self._followers}
            # The database is away: those who follow wait, as the imports do.
            with contextlib.suppress(psycopg.OperationalError):
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(
                        compiled(f"{records.ROW} WHERE id = ANY(%s)"), [list(ids)]
                    )
                    rows = {row[0]: row for row in await cursor.fetchall()}
                for follower in list(self._followers):
                    if row := rows.get(follower.row[0]):
                        follower.tell(row)
