"""The keys that access tokens are signed with: in the database, so that every server has them.

They rotate by themselves. Whoever signs and finds the newest key old makes the next one, an hour
before it is needed; whoever makes one deletes those whose tokens are all dead.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
import structlog

from rosterhub.access.lookups import Lookups, Source
from rosterhub.store.connect import Pool

_RELOAD_SECONDS = 1.0
"""How often, at most, a token of an unknown key makes us look for new keys."""

_ALL = "all"

# A key signs from the time its forerunner is a day old until it is so itself; the forerunner is 23
# hours old when the key is made, so that every server knows a key before the first token of it.
_KEYS = """
SELECT kid, secret,
       created_at > now() - interval '1 day' AS signs,
       created_at > now() - interval '23 hours' AS young
  FROM token_keys WHERE created_at > now() - interval '25 hours 5 minutes'
 ORDER BY created_at, kid
"""

_MAKE = """
INSERT INTO token_keys (kid, secret) SELECT %s, %s
 WHERE NOT EXISTS (SELECT FROM token_keys WHERE created_at > now() - interval '23 hours')
"""

_DELETE_DEAD = """
DELETE FROM token_keys WHERE created_at <= now() - interval '25 hours 5 minutes'
"""

_log = structlog.get_logger("rosterhub.access")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`secret` is 32 random bytes, `kid` its name in the header of a token."""

    kid: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class _Keys:
    by_kid: Mapping[str, bytes]
    signing: SigningKey | None
    due: bool


class SigningKeys:
    """The keys, as known to one process for half a second."""

    def __init__(self, source: Source) -> None:
        self._primary = source.primary
        self._lookups = Lookups[_Keys](source)
        self._making: asyncio.Task[None] | None = None
        self._reloaded_at = -_RELOAD_SECONDS

    async def secret(self, kid: str) -> bytes | None:
        """What tokens of `kid` are checked with, None if there is no such key (any more).

        Raises:
            psycopg.OperationalError: no database answers.
        """
        keys = await self._all()
        if kid not in keys.by_kid:
            if time.monotonic() - self._reloaded_at >= _RELOAD_SECONDS:
                self._reloaded_at = time.monotonic()
                self._lookups.forget(_ALL)
            keys = await self._all()
        return keys.by_kid.get(kid)

    async def signing(self) -> SigningKey:
        """The key to sign with now.

        Raises:
            psycopg.Error: there is none, and none can be made now.
        """
        keys = await self._all()
        if keys.due and self._making is None:
            self._making = asyncio.create_task(self._make())
            self._making.add_done_callback(self._made)
        if keys.signing is None and self._making is not None:
            await asyncio.shield(self._making)
            keys = await self._all()
        if keys.signing is None:
            raise psycopg.OperationalError("there is no key to sign tokens with")
        return keys.signing

    async def _all(self) -> _Keys:
        return await self._lookups.answer(_ALL, _load)

    async def _make(self) -> None:
        async with self._primary.connection() as connection, connection.transaction():
            # One at a time: a second server waits here and then finds the key of the first.
            await connection.execute("LOCK TABLE token_keys IN SHARE ROW EXCLUSIVE MODE")
            await connection.execute(_DELETE_DEAD)
            await connection.execute(_MAKE, [secrets.token_hex(8), secrets.token_bytes(32)])
        self._lookups.forget(_ALL)

    def _made(self, making: asyncio.Task[None]) -> None:
        self._making = None
        error = None if making.cancelled() else making.exception()
        if error is not None:
            _log.warning("no new key for tokens", error=type(error).__name__)


async def _load(pool: Pool) -> _Keys:
    async with pool.connection() as connection:
        rows = await (await connection.execute(_KEYS)).fetchall()
    signing = next((SigningKey(kid, secret) for kid, secret, signs, _ in rows if signs), None)
    young = any(row[3] for row in rows)
    return _Keys({kid: secret for kid, secret, _, _ in rows}, signing, due=not young)
