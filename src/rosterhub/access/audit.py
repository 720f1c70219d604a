"""The audit log: every request becomes a row of `audit_logs` (docs/audit.md).

Requests only put an entry in a queue; a background task writes the queue in batches. The queue is
bounded, so that a database that is away for long costs entries and never memory.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import psycopg.errors
import structlog
from prometheus_client import Counter, Gauge

from rosterhub.store.connect import Pool

FLUSH_SECONDS = 0.5
"""How long an entry waits at most while the database answers."""

BATCH = 1_000
"""Entries one statement writes; a queue this long is written at once."""

CAPACITY = 100_000
"""Entries kept while the database is away; after that the oldest go."""

_RETRY_SECONDS = 1.0
_LAST_CHANCE_SECONDS = 5.0
"""How long a stopping process tries to write what is left."""

_LONGEST_TEXT = 2_000

_COPY = """
COPY audit_logs (created_at, api_key, endpoint, method, path, response_time_ms, response_status,
                 client_address, request_id, records) FROM STDIN
"""

_queued = Gauge(
    "rosterhub_audit_queued", "Audit entries not written yet.", multiprocess_mode="livesum"
)
_dropped = Counter("rosterhub_audit_dropped", "Audit entries given up, as the database was away.")
_disk_full = Gauge(
    "rosterhub_database_disk_full",
    "1 while audit entries cannot be written because the disk of the database is full.",
    multiprocess_mode="livemax",
)
_log = structlog.get_logger("rosterhub.audit")


@dataclass(slots=True)
class Entry:
    """One request. The frame fills it in; handlers may set `records`, authentication `api_key`.

    `started_at` is Unix time; `response_time_ms` ends when the answer's last byte is handed on.
    """

    started_at: float
    method: str
    path: str
    client_address: str | None
    request_id: str
    api_key: str | None = None
    endpoint: str = ""
    response_status: int = 0
    response_time_ms: float = 0.0
    records: int | None = None


class Audit:
    """The queue of one process and the task that writes it.

    As every request is written, it knows first when nothing can be: `disk_full` says whether the
    disk of the database was full when it last tried, which it does each second.
    """

    def __init__(self, pool: Pool, capacity: int = CAPACITY) -> None:
        self._pool = pool
        self._capacity = capacity
        self._queue: deque[Entry] = deque()
        self._full = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        self.disk_full = False

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, entry: Entry) -> None:
        """Queue `entry`; never waits and never fails."""
        queue = self._queue
        queue.append(entry)
        if len(queue) >= BATCH:
            self._full.set()
            if len(queue) > self._capacity:
                queue.popleft()
                self.dropped += 1

    def start(self) -> None:
        """Begin to write what is queued."""
        self._task = asyncio.create_task(self._run(), name="audit")

    async def close(self) -> None:
        """Write everything that is queued, and stop; gives up when the database stays away."""
        self._closing = True
        self._full.set()
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, _LAST_CHANCE_SECONDS)
        if self._queue:
            _log.error("audit entries lost", entries=len(self._queue))

    async def _run(self) -> None:
        reported = 0
        while self._queue or not self._closing:
            # What comes while a batch is written waits: many small batches cost far more.
            if not self._closing and len(self._queue) < BATCH:
                self._full.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), FLUSH_SECONDS)
            try:
                await self._write()
                self._note_room(full=False)
            # Whatever it was, the entries are still there and the next round tries again.
            except Exception as error:
                self._note_room(full=isinstance(error, psycopg.errors.DiskFull))
                _log.warning(
                    "audit log waits for the database",
                    error=type(error).__name__,
                    entries=len(self._queue),
                )
                await asyncio.sleep(_RETRY_SECONDS)
            _queued.set(len(self._queue))
            if self.dropped > reported:
                _log.error("audit entries dropped", entries=self.dropped - reported)
                _dropped.inc(self.dropped - reported)
                reported = self.dropped

    def _note_room(self, *, full: bool) -> None:
        self.disk_full = full
        _disk_full.set(full)

    async def _write(self) -> None:
        """Write a batch; an entry leaves the queue only once it is written."""
        batch = list(islice(self._queue, BATCH))
        if not batch:
            return
        dropped = self.dropped
        async with (
            self._pool.connection() as connection,
            connection.cursor() as cursor,
            cursor.copy(_COPY) as copy,
        ):
            await copy.write("".join(map(_line, batch)))
        # Those that were dropped meanwhile are gone from the front already.
        for _ in range(len(batch) - (self.dropped - dropped)):
            self._queue.popleft()


def _line(entry: Entry) -> str:
    """The entry in COPY's text format, without a call for each column."""
    values = (
        datetime.fromtimestamp(entry.started_at, UTC).isoformat(),
        entry.api_key,
        entry.endpoint,
        entry.method,
        entry.path,
        f"{entry.response_time_ms:.3f}",
        str(entry.response_status),
        entry.client_address,
        entry.request_id,
        None if entry.records is None else str(entry.records),
    )
    return "\t".join(["\\N" if v is None else v.replace("\\", "\\\\") for v in values]) + "\n"


def storable(text: str) -> str:
    """`text` as a text column takes it: no NUL or other control character, not endless."""
    text = text[:_LONGEST_TEXT]
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)
