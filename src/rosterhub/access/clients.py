"""OAuth clients: make, list, disable and find them. Of a secret only an Argon2id hash is kept.

Whether somebody who calls is a client is for `client_secrets`.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from argon2 import PasswordHasher
from psycopg.rows import TupleRow, class_row

from rosterhub.access.lookups import Lookups, Source
from rosterhub.access.scopes import ALL, checked
from rosterhub.store.connect import Pool

Connection = psycopg.Connection[TupleRow]

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Argon2id at OWASP's least cost, some 20 ms: a secret is 256 random bits, which nobody can guess
from any hash, so more would only slow the clients down."""

_CREATE = """
INSERT INTO oauth_clients (client_id, name, secret_hash, scopes) VALUES (%s, %s, %s, %s)
"""

_DISABLE = """
UPDATE oauth_clients SET is_active = false, updated_at = now() WHERE client_id = %s RETURNING name
"""

_LIST = """
SELECT client_id, name, is_active, created_at, updated_at, scopes
  FROM oauth_clients ORDER BY created_at, id
"""

_FIND = """
SELECT client_id, name, secret_hash, scopes FROM oauth_clients WHERE client_id = %s AND is_active
"""


@dataclass(frozen=True, slots=True)
class Client:
    """A client that is not disabled."""

    client_id: str
    name: str
    secret_hash: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A client as it may be shown."""

    client_id: str
    name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
    scopes: list[str]


class Clients:
    """The clients that were seen lately."""

    def __init__(self, source: Source) -> None:
        self._lookups = Lookups[Client | None](source)

    async def find(self, client_id: str) -> Client | None:
        """The client with this id, None if there is none or it is disabled.

        Raises:
            psycopg.OperationalError: no database answers.
        """
        return await self._lookups.answer(client_id, lambda pool: _find(pool, client_id))


async def _find(pool: Pool, client_id: str) -> Client | None:
    async with pool.connection() as connection:
        cursor = await connection.execute(_FIND, [client_id])
        row = await cursor.fetchone()
    if row is None:
        return None
    found, name, secret_hash, scopes = row
    return Client(found, name, secret_hash, ALL.intersection(scopes))


def create(connection: Connection, name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """Make a client; returns its id and its secret, which cannot be shown again.

    Both are letters, digits, `-` and `_`, so that they read the same percent-encoded or not.

    Raises:
        UnknownScope: one of `scopes` is none.
    """
    wanted = checked(scopes)
    client_id, secret = f"rhc_{secrets.token_hex(8)}", secrets.token_urlsafe(32)
    connection.execute(_CREATE, [client_id, name, HASHER.hash(secret), wanted])
    return client_id, secret


def disable(connection: Connection, client_id: str) -> str | None:
    """Disable the client with this id; returns its name, None if there is none."""
    row = connection.execute(_DISABLE, [client_id]).fetchone()
    return row[0] if row else None


def every(connection: Connection) -> list[Listed]:
    """All clients, oldest first."""
    return connection.cursor(row_factory=class_row(Listed)).execute(_LIST).fetchall()
