"""The connections for reads of one process: so many lanes, and one queue before them.

A lane that has its answer takes the next question from the queue before the answer is put together,
so PostgreSQL is never idle while somebody waits (docs/adr/0020).
"""

import asyncio
import select
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from rosterhub.store.lane import Asked, Lane, Question

_PAUSE_SECONDS = 0.1
"""How long we leave a database alone that refuses us while somebody waits."""
_CANCEL_SECONDS = 5.0
_LOOK_SECONDS = 60.0
"""How often we look for lanes that nobody uses or that are old."""
_OLD_SECONDS = 3600.0
"""After so long a connection gives way to a new one: sessions of PostgreSQL grow."""

_log = structlog.get_logger("rosterhub.database")


class Lanes:
    """At most `size` connections, made by `connect` as they are needed; a question waits `timeout`
    seconds for one.
    """

    def __init__(
        self, connect: Callable[[], psycopg.Connection[TupleRow]], size: int, timeout: float
    ) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout
        self._lanes: dict[int, Lane] = {}
        self._idle: list[Lane] = []
        self._waiting: deque[Question] = deque()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._refused = 0
        self._late = 0
        self._away = False
        self._closed = False

    async def open(self) -> None:
        """Begin to connect; returns at once, also when the database is away."""
        self._loop = asyncio.get_running_loop()
        self._watch = select.epoll()
        self._loop.add_reader(self._watch.fileno(), self._see)
        self._more()
        self._spawn(self._look_after())

    async def close(self) -> None:
        """Close the connections; who still waits gets an `OperationalError`."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer:
            self._timer.cancel()
        error = psycopg.OperationalError("the connections are being closed")
        while self._waiting:
            self._waiting.popleft().fail(error)
        for lane in [*self._lanes.values()]:
            if lane.asked:
                lane.asked.fail(error)
            self._drop(lane)
        self._loop.remove_reader(self._watch.fileno())
        self._watch.close()

    async def ask(self, sql: bytes, values: list[bytes], first: Asked | None = None) -> PGresult:
        """The result of `sql`, with `$1`… for `values`, in a transaction after `first` if given.

        Where a connection turns out to be broken (PostgreSQL was restarted, or an operator ended
        the sessions) another one is asked: `sql` only reads.

        Raises:
            psycopg.OperationalError: the database is away, or no connection is free.
            psycopg.Error: PostgreSQL refuses the statement.
        """
        question = Question(sql, values, first, self._loop.create_future(), self._size)
        self._take(question)
        try:
            return await question.result
        except asyncio.CancelledError:
            self._abandon(question)
            raise

    def get_stats(self) -> dict[str, int]:
        """How full they are, in the words of psycopg's pools."""
        return {
            "pool_size": len(self._lanes),
            "pool_available": len(self._idle),
            "pool_max": self._size,
            "requests_waiting": len(self._waiting),
            "requests_errors": self._late,
            "connections_errors": self._refused,
        }

    def _see(self) -> None:
        """Take the answers that came."""
        for socket, _ in self._watch.poll(0):
            lane = self._lanes.get(socket)
            if lane is None:
                continue
            try:
                answered = lane.go_on()
            except psycopg.Error as error:
                self._replace(lane, error)
                continue
            if answered:
                question, result = answered
                self._free(lane)
                question.answer(result)

    def _take(self, question: Question) -> None:
        if self._idle:
            self._put(self._idle.pop(), question)
        else:
            self._queue(question)

    def _put(self, lane: Lane, question: Question) -> None:
        try:
            lane.ask(question)
        except psycopg.Error as error:
            self._replace(lane, error)

    def _free(self, lane: Lane) -> None:
        if lane.old:
            self._drop(lane)
            return
        while self._waiting:
            question = self._waiting.popleft()
            if not question.result.done():
                self._put(lane, question)
                return
        self._idle.append(lane)

    def _queue(self, question: Question) -> None:
        question.ends = self._loop.time() + self._timeout
        self._waiting.append(question)
        if not self._timer:
            self._timer = self._loop.call_at(question.ends, self._give_up)
        self._more()

    def _give_up(self) -> None:
        """Tell those who wait for too long."""
        waiting, now = self._waiting, self._loop.time()
        while waiting and (waiting[0].ends <= now or waiting[0].result.done()):
            question = waiting.popleft()
            self._late += not question.result.done()
            question.fail(PoolTimeout(f"no connection was free for {self._timeout:.0f} s"))
        self._timer = self._loop.call_at(waiting[0].ends, self._give_up) if waiting else None

    def _replace(self, lane: Lane, error: psycopg.Error) -> None:
        """Put the question of a broken lane to another one."""
        question = lane.asked
        self._drop(lane)
        if question and not question.tries:
            question.fail(error)
        elif question:
            question.tries -= 1
            self._take(question)

    def _abandon(self, question: Question) -> None:
        """Nobody waits for the answer any more; the lane would be busy with it for who knows how
        long."""
        for lane in self._lanes.values():
            if lane.asked is question:
                self._forget(lane)
                self._spawn(_cancel(lane))
                return

    def _drop(self, lane: Lane) -> None:
        self._forget(lane)
        lane.connection.pgconn.finish()

    def _forget(self, lane: Lane) -> None:
        del self._lanes[lane.socket]
        if lane in self._idle:
            self._idle.remove(lane)
        # Where the connection broke, its socket is closed already.
        with suppress(OSError):
            self._watch.unregister(lane.socket)
        if self._waiting:
            self._more()

    def _more(self) -> None:
        """Open one more connection, if there may be and it is not on its way."""
        wanted = self._opening < max(1, len(self._waiting))
        if wanted and len(self._lanes) + self._opening < self._size:
            self._opening += 1
            self._spawn(self._add())

    async def _add(self) -> None:
        try:
            while True:
                try:
                    connection = await asyncio.to_thread(self._open)
                    break
                except psycopg.Error as error:
                    if not self._away:
                        _log.warning("no connection for reads", error=type(error).__name__)
                    self._away = True
                    self._refused += 1
                # One goes on trying for all.
                if self._opening > 1 or not self._waiting:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._opening -= 1
        self._away = False
        lane = Lane(connection, self._watch)
        self._lanes[lane.socket] = lane
        self._free(lane)
        if self._waiting:
            self._more()

    def _open(self) -> psycopg.Connection[TupleRow]:
        # In a thread, so that no event loop ever watches the socket but by our epoll.
        connection = self._connect()
        connection.pgconn.nonblocking = 1
        if self._closed:
            connection.close()
            raise psycopg.OperationalError("the connections are closed")
        return connection

    async def _look_after(self) -> None:
        """Close connections that are old, and all but one that are not used."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for lane in [*self._lanes.values()]:
                lane.old = lane.old or lane.opened + _OLD_SECONDS < now
                idle = lane in self._idle
                if idle and (lane.old or (not lane.used and len(self._lanes) > 1)):
                    self._drop(lane)
                lane.used = False

    def _spawn(self, what: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _cancel(lane: Lane) -> None:
    try:
        with suppress(psycopg.Error):
            await asyncio.to_thread(lane.connection.cancel_safe, timeout=_CANCEL_SECONDS)
    finally:
        lane.connection.pgconn.finish()
