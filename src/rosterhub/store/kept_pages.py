"""Pages that were read more than once, kept for as long as the data they show is the same.

Dozens of platforms read the same rosters. A page tells the version of the data it comes from, so
whether a kept one is still what a read would find is one look at the version: no time passes in
which it could be wrong (docs/adr/0019). Of one process, bounded in bytes.
"""

import time
from collections import OrderedDict

from prometheus_client import Counter

from rosterhub.store.collections import Page, Statement

ROOM = 32 << 20
"""Bytes of documents that one process keeps."""
_LARGEST = ROOM // 8
_SEEN = 20_000
"""Reads that are remembered as seen once: a walk through everything shall push nothing out."""

_SECONDS = 60.0
"""How long a page is kept at most: somebody may have changed rows by hand without a word."""

Key = tuple[Statement, str, tuple[str, ...]]
"""The statement, the root URL and the sourcedIds of the path."""

_looked_up = Counter("rosterhub_kept_pages", "Pages that were kept, when asked for.", ("found",))
_same, _outdated = _looked_up.labels("same"), _looked_up.labels("outdated")


class KeptPages:
    """The pages of one process, each with the version it comes from; the latest used ones."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Key, None] = OrderedDict()
        self._pages: OrderedDict[Key, tuple[bytes, Page, float]] = OrderedDict()
        self.size = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._pages

    def get(self, key: Key, version: bytes) -> Page | None:
        """The page, if it is kept and comes from data of `version`."""
        kept = self._pages.get(key)
        if kept is None or kept[0] != version or kept[2] < time.monotonic():
            _outdated.inc()
            return None
        self._pages.move_to_end(key)
        _same.inc()
        return kept[1]

    def put(self, key: Key, version: bytes, page: Page) -> None:
        """Keep `page` if it was asked for before, in place of an older one."""
        old = self._pages.pop(key, None)
        if old is not None:
            self.size -= len(old[1].docs)
        elif key not in self._seen:
            self._seen[key] = None
            if len(self._seen) > _SEEN:
                self._seen.popitem(last=False)
            return
        if len(page.docs) > _LARGEST:
            return
        self._pages[key] = version, page, time.monotonic() + _SECONDS
        self.size += len(page.docs)
        while self.size > ROOM:
            self.size -= len(self._pages.popitem(last=False)[1][1].docs)
