"""One statement of `collections` run, its result left as the bytes that PostgreSQL sent.

Straight on libpq: what a cursor does for any statement and any value costs as much as half a short
read. Values are texts, and the statements say what they take them for.
"""

from functools import partial
from weakref import WeakKeyDictionary

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from rosterhub.store.collections import Statement
from rosterhub.store.connect import Pool, read
from rosterhub.store.history import LOOK_BACK

_Connection = psycopg.AsyncConnection[TupleRow]

_KEPT = 100
"""Statements that a connection keeps prepared; the one prepared first goes first."""
_COUNTED = 1_000
"""Statements of which a connection counts how often they run."""
_OFTEN = 3
"""How often a connection runs a statement before it prepares it."""


async def fetch(
    pool: Pool, statement: Statement, root: str, ids: tuple[str, ...], as_of: str | None = None
) -> PGresult:
    """The result of `statement` for the root URL and the sourcedIds of its path, in the state of
    the moment `as_of`, if one is given.

    Raises:
        psycopg.OperationalError: the database is away, or no connection is free.
    """
    values = [value.encode() for value in (root, *ids, *statement.values)]

    async def look_back(connection: _Connection) -> PGresult:
        async with connection.transaction():
            await connection.execute(LOOK_BACK, [as_of])
            return await _run(statement.sql, values, connection)

    return await read(pool, look_back if as_of else partial(_run, statement.sql, values))


_statements: "WeakKeyDictionary[_Connection, _Prepared]" = WeakKeyDictionary()


class _Prepared:
    """The statements of one connection: how often they ran, and the names of the prepared ones."""

    __slots__ = ("names", "number", "runs")

    def __init__(self) -> None:
        self.runs: dict[bytes, int] = {}
        self.names: dict[bytes, bytes] = {}
        self.number = 0


async def _run(sql: bytes, values: list[bytes], connection: _Connection) -> PGresult:
    of = _statements.get(connection)
    if of is None:
        of = _statements[connection] = _Prepared()
    name = of.names.get(sql) or await _prepare(connection, of, sql)
    if name:
        connection.pgconn.send_query_prepared(name, values)
    else:
        connection.pgconn.send_query_params(sql, values)
    return await _result(connection)


async def _prepare(connection: _Connection, of: _Prepared, sql: bytes) -> bytes | None:
    """The name of the statement, once it runs often."""
    runs = of.runs.get(sql, 0) + 1
    if runs < _OFTEN:
        if len(of.runs) >= _COUNTED:
            del of.runs[next(iter(of.runs))]
        of.runs[sql] = runs
        return None
    if len(of.names) >= _KEPT:
        gone = of.names.pop(next(iter(of.names)))
        connection.pgconn.send_query(b"DEALLOCATE " + gone)
        await _result(connection)
    of.number += 1
    name = b"read_%d" % of.number
    connection.pgconn.send_prepare(name, sql)
    await _result(connection)
    of.runs.pop(sql, None)
    of.names[sql] = name
    return name


async def _result(connection: _Connection) -> PGresult:
    results = await connection.wait(generators.execute(connection.pgconn))
    result = results[-1]
    if result.status == ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(result)
    return result
