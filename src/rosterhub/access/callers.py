"""Who holds the API key that a request carries. On the path of every request, so answers are kept
for half a second: long enough to cost nothing, short enough that a disabled key dies within one.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

import psycopg

from rosterhub.access import keys
from rosterhub.access.scopes import granted
from rosterhub.store.connect import Pool

KEPT_SECONDS = 0.5
"""How old an answer may be; the promise to operators is one second."""

ANSWERS = 10_000
"""Answers kept at most, known keys and unknown ones together."""

_PATIENCE_SECONDS = 1.5
"""How long a request waits for its key's lookup."""

_PRIMARY_REST_SECONDS = 5.0
"""How long we leave a primary that was away alone, while a replica answers instead."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `key` is what the audit log calls them."""

    key: str
    name: str
    scopes: frozenset[str]


class KeyRing:
    """The keys that were seen lately.

    Looks keys up on the primary, because a replica learns late that a key was disabled. Only when
    the primary is away (nobody can disable a key then) it asks the database that serves the reads.
    """

    def __init__(self, primary: Pool, replica: Pool | None = None) -> None:
        self._primary = primary
        self._replica = replica
        self._primary_rests_until = 0.0
        self._answers: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()
        self._lookups: dict[bytes, asyncio.Task[Caller | None]] = {}

    async def caller(self, sent: bytes) -> Caller | None:
        """Who holds the key `sent` (as in the header), None if nobody does.

        Raises:
            psycopg.OperationalError: no database answers; an old answer is not used instead.
        """
        # By its hash: the secrets themselves are not kept, and how long it takes to find one
        # says nothing about it.
        name = sha256(sent).digest()
        answer = self._answers.get(name)
        if answer is not None and time.monotonic() - answer[0] < KEPT_SECONDS:
            return answer[1]
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(name, sent))
            self._lookups[name] = lookup
            lookup.add_done_callback(lambda done: self._ended(name, done))
        done, _ = await asyncio.wait({lookup}, timeout=_PATIENCE_SECONDS)
        if not done:
            raise psycopg.OperationalError("the key's lookup takes too long")
        return lookup.result()

    def _ended(self, name: bytes, lookup: asyncio.Task[Caller | None]) -> None:
        self._lookups.pop(name, None)
        if not lookup.cancelled():
            lookup.exception()  # Those who waited have it; nobody else must hear of it.

    async def _look_up(self, name: bytes, sent: bytes) -> Caller | None:
        # The answer's age counts from before the question.
        asked_at = time.monotonic()
        presented = keys.presented(sent)
        caller = await self._find(presented) if presented else None
        self._answers[name] = (asked_at, caller)
        self._answers.move_to_end(name)
        while len(self._answers) > ANSWERS:
            self._answers.popitem(last=False)
        return caller

    async def _find(self, presented: keys.Presented) -> Caller | None:
        if self._replica is None:
            return await _find(self._primary, presented)
        if time.monotonic() >= self._primary_rests_until:
            try:
                return await _find(self._primary, presented)
            except psycopg.OperationalError:
                self._primary_rests_until = time.monotonic() + _PRIMARY_REST_SECONDS
        return await _find(self._replica, presented)


async def _find(pool: Pool, presented: keys.Presented) -> Caller | None:
    async with pool.connection() as connection:
        cursor = await connection.execute(keys.FIND, [presented.whole, presented.public])
        rows = await cursor.fetchall()
    for key, secret_hash, name, scopes in rows:
        if presented.opens(key, secret_hash):
            return Caller(key, name, granted(scopes))
    return None
