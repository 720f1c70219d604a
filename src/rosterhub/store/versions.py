"""The versions of the data: a token for each entity, renewed by whatever changes its rows; and when
each such change was committed (docs/adr/0013).

Both at the end of the transaction of the change, and one transaction after the other: who comes
later is committed later. `LATE` is what makes a delta whole; times of rows alone would not.
"""

from datetime import datetime

from rosterhub.store.connect import Connection

RENEW = "SELECT renew_versions(%s)"
"""Renew the tokens of the entities in the parameter, a list of their names: once, at the end of the
transaction that changed them.

Raises psycopg.errors.SerializationFailure where two changes began in the same microsecond, since
their rows could not be told apart; the later one has to begin again.
"""

_ALONE = "SELECT pg_advisory_xact_lock(hashtext('renew_versions'))"
"""What `renew_versions` begins with: nobody else renews until the end of the transaction."""


def tokens(connection: Connection) -> dict[str, str]:
    """The token of each entity."""
    rows = connection.execute("SELECT entity, version::text FROM data_versions").fetchall()
    return dict(rows)


def renew(connection: Connection, changed: list[str]) -> dict[str, str]:
    """As `RENEW`; the tokens as they were at that moment. Until the end of the transaction nobody
    else renews any.
    """
    connection.execute(_ALONE)
    before = tokens(connection)
    connection.execute(RENEW, [changed])
    return before


LATEST = "SELECT max(committed) FROM data_commits"
"""The moment up to which a transaction sees every change."""


def late(since: datetime) -> str:
    """SQL for the `valid_from` of rows, and the `valid_to` of history, that were committed after
    `since` and so are not in what was exported at that moment, whenever their writing began.
    """
    return f"(SELECT began FROM data_commits WHERE committed > '{since.isoformat()}')"
