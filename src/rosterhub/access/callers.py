"""Who holds the API key that a request carries. On the path of every request; neither the keys
nor anything that would show how much of one was guessed is kept.
"""

from dataclasses import dataclass
from hashlib import sha256

from rosterhub.access import keys
from rosterhub.access.lookups import Lookups, Source
from rosterhub.access.scopes import granted
from rosterhub.store.connect import Pool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `key` is what the audit log calls them, a key or the id of an OAuth client."""

    key: str
    name: str
    scopes: frozenset[str]


class KeyRing:
    """The keys that were seen lately."""

    def __init__(self, source: Source) -> None:
        self._lookups = Lookups[Caller | None](source)

    async def caller(self, sent: bytes) -> Caller | None:
        """Who holds the key `sent` (as in the header), None if nobody does.

        Raises:
            psycopg.OperationalError: no database answers.
        """
        # By its hash: the secrets themselves are not kept, and how long it takes to find one
        # says nothing about it.
        return await self._lookups.answer(sha256(sent).digest(), lambda pool: _find(pool, sent))


async def _find(pool: Pool, sent: bytes) -> Caller | None:
    presented = keys.presented(sent)
    if presented is None:
        return None
    async with pool.connection() as connection:
        cursor = await connection.execute(keys.FIND, [presented.whole, presented.public])
        rows = await cursor.fetchall()
    for key, secret_hash, name, scopes in rows:
        if presented.opens(key, secret_hash):
            return Caller(key, name, granted(scopes))
    return None
