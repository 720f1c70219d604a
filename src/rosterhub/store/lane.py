"""One connection for reads, straight on libpq: it is asked one question at a time.

What a cursor and a pool do for any statement and any caller costs as much as half a short read
(docs/adr/0020). Values are texts, and the statements say what they take them for.
"""

import asyncio
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

Asked = tuple[bytes, list[bytes]]
"""A statement with `$1`… and its values."""

_KEPT = 100
"""Statements that a connection keeps prepared; the one prepared first goes first."""
_COUNTED = 1_000
"""Statements of which a connection counts how often they run."""
_OFTEN = 3
"""How often a connection runs a statement before it prepares it."""


@dataclass(slots=True, eq=False)
class Question:
    """A statement with its values, in a transaction after the statement `first` if there is one,
    and the `result` that is waited for until `ends`; put again, `tries` times at most, where the
    connection breaks.
    """

    sql: bytes
    values: list[bytes]
    first: Asked | None
    result: asyncio.Future[PGresult]
    tries: int
    ends: float = 0.0

    def answer(self, result: PGresult) -> None:
        """Give whoever waits what PostgreSQL said, be it an error."""
        if self.result.done():
            return
        if result.status == ExecStatus.FATAL_ERROR:
            self.result.set_exception(psycopg.errors.error_from_result(result))
        else:
            self.result.set_result(result)

    def fail(self, error: Exception) -> None:
        """Tell whoever waits why there is no answer."""
        if not self.result.done():
            self.result.set_exception(error)


class Lane:
    """One connection, whose socket `watch` watches as long as it lives.

    Where `ask` or `go_on` raises a `psycopg.Error`, it is broken.
    """

    def __init__(self, connection: psycopg.Connection[TupleRow], watch: select.epoll) -> None:
        self.connection = connection
        self.socket = connection.pgconn.socket
        self.asked: Question | None = None
        self.opened = time.monotonic()
        self.old = False
        """Whether it is to be closed when it is free."""
        self.used = True
        """Whether it was, since somebody last looked."""
        self._pgconn = connection.pgconn
        self._watch = watch
        self._steps: list[Callable[[], None]] = []
        self._result: PGresult | None = None
        self._runs: dict[bytes, int] = {}
        self._names: dict[bytes, bytes] = {}
        self._number = 0
        self._sending = False
        watch.register(self.socket, select.EPOLLIN)

    def ask(self, question: Question) -> None:
        """Send `question`; the one before must be answered."""
        self.asked = question
        self.used = True
        name = self._names.get(question.sql)
        if name and not question.first:
            self._pgconn.send_query_prepared(name, question.values)
        else:
            self._steps = self._plan(question)
            self._next()
        self._flush()

    def go_on(self) -> tuple[Question, PGresult] | None:
        """Take what came. Once it is the whole answer, that and its question; the lane is free."""
        pgconn = self._pgconn
        pgconn.consume_input()
        while self.asked:
            if pgconn.is_busy():
                self._flush()
                break
            result = pgconn.get_result()
            if result is not None:
                # What has no rows is a step on the way.
                if result.status != ExecStatus.COMMAND_OK:
                    self._result = result
            elif not self._next():
                assert self._result
                answered = self.asked, self._result
                self.asked = self._result = None
                return answered
        return None

    def _flush(self) -> None:
        """Send what can be sent; for the rest we watch when there is room."""
        rest = bool(self._pgconn.flush())
        # libpq says later what went wrong, but has closed the socket that we would watch.
        if self._pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        if rest is not self._sending:
            self._sending = rest
            room = select.EPOLLOUT if rest else 0
            self._watch.modify(self.socket, select.EPOLLIN | room)

    def _next(self) -> bool:
        """Take the next step, if there is one."""
        if self._result and self._result.status == ExecStatus.FATAL_ERROR:
            if self._pgconn.status != ConnStatus.OK:
                raise psycopg.errors.error_from_result(self._result)
            self._steps.clear()
            if self._pgconn.transaction_status == TransactionStatus.INERROR:
                self._steps.append(partial(self._pgconn.send_query, b"ROLLBACK"))
        if not self._steps:
            return False
        self._steps.pop(0)()
        return True

    def _plan(self, question: Question) -> list[Callable[[], None]]:
        """What is sent, one after the other, to answer `question`."""
        pgconn, sql, values = self._pgconn, question.sql, question.values
        send = pgconn.send_query
        before: list[Callable[[], None]] = []
        name = self._names.get(sql)
        if not name and self._is_frequent(sql):
            if len(self._names) >= _KEPT:
                gone = self._names.pop(next(iter(self._names)))
                before.append(partial(send, b"DEALLOCATE " + gone))
            self._number += 1
            name = b"read_%d" % self._number
            before.append(partial(pgconn.send_prepare, name, sql))
        if name:
            ask = partial(self._send_prepared, name, sql, values)
        else:
            ask = partial(pgconn.send_query_params, sql, values)
        if not question.first:
            return [*before, ask]
        first = partial(pgconn.send_query_params, *question.first)
        return [*before, partial(send, b"BEGIN"), first, ask, partial(send, b"COMMIT")]

    def _is_frequent(self, sql: bytes) -> bool:
        runs = self._runs.get(sql, 0) + 1
        if runs >= _OFTEN:
            return True
        if len(self._runs) >= _COUNTED:
            del self._runs[next(iter(self._runs))]
        self._runs[sql] = runs
        return False

    def _send_prepared(self, name: bytes, sql: bytes, values: list[bytes]) -> None:
        self._runs.pop(sql, None)
        self._names[sql] = name
        self._pgconn.send_query_prepared(name, values)
