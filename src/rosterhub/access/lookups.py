"""Answers of the database about who may do what, kept for half a second: long enough to cost
nothing, short enough that what an operator disables is dead within one. They are never used older.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import psycopg

from rosterhub.store.connect import Pool

KEPT_SECONDS = 0.5
"""How old an answer may be; the promise to operators is one second."""

ANSWERS = 10_000
"""Answers of a kind kept at most, those that say "nobody" too."""

_PATIENCE_SECONDS = 1.5
"""How long a request waits for a lookup."""

_PRIMARY_REST_SECONDS = 5.0
"""How long we leave a primary that was away alone, while a replica answers instead."""

Answer = TypeVar("Answer")


class Source:
    """Where to look: on the primary, because a replica learns late what was disabled. Only when
    the primary is away (nobody can disable anything then) the database that serves the reads."""

    def __init__(self, primary: Pool, replica: Pool | None = None) -> None:
        self.primary = primary
        self._replica = replica
        self._primary_rests_until = 0.0

    async def ask(self, find: Callable[[Pool], Awaitable[Answer]]) -> Answer:
        """What `find` finds there.

        Raises:
            psycopg.OperationalError: no database answers.
        """
        if self._replica is None:
            return await find(self.primary)
        if time.monotonic() >= self._primary_rests_until:
            try:
                return await find(self.primary)
            except psycopg.OperationalError:
                self._primary_rests_until = time.monotonic() + _PRIMARY_REST_SECONDS
        return await find(self._replica)


class Lookups(Generic[Answer]):
    """The answers of one kind, each under a name; those who ask for one at once share a lookup."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._answers: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    async def answer(self, name: Hashable, find: Callable[[Pool], Awaitable[Answer]]) -> Answer:
        """The answer called `name`, by `find` unless it is kept.

        Raises:
            psycopg.OperationalError: no database answers; an old answer is not used instead.
        """
        kept = self._answers.get(name)
        if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
        lookup = self._running.get(name)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(name, find))
            self._running[name] = lookup
            lookup.add_done_callback(lambda done: self._ended(name, done))
        done, _ = await asyncio.wait({lookup}, timeout=_PATIENCE_SECONDS)
        if not done:
            raise psycopg.OperationalError("the lookup takes too long")
        return lookup.result()

    def forget(self, name: Hashable) -> None:
        """Whoever asks for `name` from now on gets an answer looked up after this."""
        self._answers.pop(name, None)
        self._running.pop(name, None)

    def _ended(self, name: Hashable, lookup: asyncio.Task[Answer]) -> None:
        if self._running.get(name) is lookup:
            del self._running[name]
        if not lookup.cancelled():
            lookup.exception()  # Those who waited have it; nobody else must hear of it.

    async def _look_up(self, name: Hashable, find: Callable[[Pool], Awaitable[Answer]]) -> Answer:
        # The answer's age counts from before the question.
        asked_at = time.monotonic()
        answer = await self._source.ask(find)
        if self._running.get(name) is not asyncio.current_task():
            return answer  # Forgotten while it was looked up.
        self._answers[name] = (asked_at, answer)
        self._answers.move_to_end(name)
        while len(self._answers) > ANSWERS:
            self._answers.popitem(last=False)
        return answer
