"""How many records a collection holds in all, counted once for each version of the data.

Counting a million rows takes as long as fifty pages; a page tells the version of what it read, so
a count of the same version is right without counting again (docs/adr/0006).
"""

import asyncio
from collections import OrderedDict

from rosterhub.store.collections import Statement
from rosterhub.store.connect import Pools
from rosterhub.store.fetch import fetch

_KEPT = 10_000

Key = tuple[Statement, tuple[str, ...]]


class Totals:
    """The counts that one process has made, the latest used ones."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._counts: OrderedDict[Key, tuple[bytes, int]] = OrderedDict()
        self._counting: dict[tuple[Key, bytes], asyncio.Task[int]] = {}

    async def total(self, statement: Statement, ids: tuple[str, ...], version: bytes) -> int:
        """The count by `statement` with the sourcedIds `ids` in its path, for data of `version`.

        Raises:
            psycopg.OperationalError: the database cannot be asked.
        """
        key = (statement, ids)
        known = self._counts.get(key)
        if known and known[0] == version:
            self._counts.move_to_end(key)
            return known[1]
        # Those who ask for the same of the same data at the same time wait for one count.
        asked = key, version
        task = self._counting.get(asked)
        if task is None:
            task = asyncio.create_task(self._count(key))
            self._counting[asked] = task
            task.add_done_callback(lambda _: self._counting.pop(asked, None))
        return await asyncio.shield(task)

    async def _count(self, key: Key) -> int:
        statement, ids = key
        result = await fetch(self._pools.read, statement, "", ids)
        count, version = result.get_value(0, 0), result.get_value(0, 1)
        assert count is not None
        self._counts[key] = (version or b"", int(count))
        self._counts.move_to_end(key)
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
        return int(count)
