"""One statement of `collections` run, its result left as the bytes that PostgreSQL sent."""

import psycopg
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from rosterhub.store.collections import Statement
from rosterhub.store.connect import Pool, read
from rosterhub.store.history import LOOK_BACK


async def fetch(
    pool: Pool, statement: Statement, root: str, ids: tuple[str, ...], as_of: str | None = None
) -> PGresult:
    """The result of `statement` for the root URL and the sourcedIds of its path, in the state of
    the moment `as_of`, if one is given.

    Raises:
        psycopg.OperationalError: the database is away, or no connection is free.
    """

    async def ask(connection: psycopg.AsyncConnection[TupleRow]) -> PGresult:
        cursor = psycopg.AsyncRawCursor(connection)
        values = (root, *ids, *statement.values)
        if as_of is None:
            await cursor.execute(statement.sql, values)
        else:
            async with connection.transaction():
                await connection.execute(LOOK_BACK, [as_of])
                await cursor.execute(statement.sql, values)
        assert cursor.pgresult is not None
        return cursor.pgresult

    return await read(pool, ask)
