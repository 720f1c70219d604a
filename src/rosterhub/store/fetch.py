"""One statement of `collections` run, its result left as the bytes that PostgreSQL sent."""

from psycopg.pq.abc import PGresult

from rosterhub.store.collections import Statement
from rosterhub.store.history import LOOK_BACK
from rosterhub.store.lanes import Lanes

_LOOK_BACK = (LOOK_BACK % "$1").encode()


async def fetch(
    lanes: Lanes, statement: Statement, root: str, ids: tuple[str, ...], as_of: str | None = None
) -> PGresult:
    """The result of `statement` for the root URL and the sourcedIds of its path, in the state of
    the moment `as_of`, if one is given.

    Raises:
        psycopg.OperationalError: the database is away, or no connection is free.
    """
    values = [value.encode() for value in (root, *ids, *statement.values)]
    return await lanes.ask(statement.sql, values, (_LOOK_BACK, [as_of.encode()]) if as_of else None)
