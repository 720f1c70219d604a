"""Gathers the numbers of the whole hub for `/metrics`, at most once in five seconds.

Nothing here takes longer than a second: what does not answer counts as down, and its numbers are
left out, for old ones would be no news. Uses no connection of the pools.
"""

import asyncio
import math
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress

import psycopg
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric

from rosterhub.api.checks import PATIENCE_SECONDS, Checks, State
from rosterhub.api.numbers import FILES, PRIMARY, REPLICA, UP, Number, query
from rosterhub.settings import Settings

FRESH_SECONDS = 5.0
_log = structlog.get_logger("rosterhub.metrics")

Rows = list[tuple[str, str | None, float]]


class WholeHub:
    """The numbers as one process last saw them; those who ask at the same time share a look."""

    def __init__(self, config: Settings, checks: Checks) -> None:
        self._config = config
        self._checks = checks
        self._looking: asyncio.Task[list[Metric]] | None = None
        self._seen_at = -math.inf
        self._seen: list[Metric] = []

    async def look(self) -> list[Metric]:
        """The numbers, not older than five seconds."""
        if time.monotonic() - self._seen_at < FRESH_SECONDS:
            return self._seen
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    def _looked(self, task: "asyncio.Task[list[Metric]]") -> None:
        self._looking = None
        if not task.cancelled() and not task.exception():
            self._seen, self._seen_at = task.result(), time.monotonic()

    async def _look(self) -> list[Metric]:
        config = self._config
        replicated = config.read_url != config.write_url
        redis, primary, replica = await asyncio.gather(
            self._checks.redis(),
            _bounded(config.write_url, PRIMARY),
            _bounded(config.read_url, REPLICA) if replicated else _nothing(),
        )
        databases = {"primary": primary} | ({"replica": replica} if replicated else {})
        return [
            *_up(databases, redis),
            *_families(PRIMARY, primary or []),
            *_families(REPLICA, replica or []),
            *_installation(config),
        ]


async def _nothing() -> None:
    return None


async def _bounded(url: str, numbers: tuple[Number, ...]) -> Rows | None:
    """What the database says, None if it does not within a second."""
    task = asyncio.ensure_future(_ask(url, numbers))
    # Not wait_for: it waits for what it cancels to end, which may hang as well.
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    if not task.done():
        task.cancel()
        task.add_done_callback(_heard)
        return None
    return None if _heard(task) else task.result()


def _heard(task: "asyncio.Task[Rows]") -> bool:
    """Whether it failed; the log says so, without the URL, which holds a password."""
    error = None if task.cancelled() else task.exception()
    if error is None:
        return task.cancelled()
    expected = isinstance(error, psycopg.Error | OSError)
    _log.warning(
        "numbers not gathered",
        error=type(error).__name__,
        exc_info=None if expected else error,
    )
    return True


async def _ask(url: str, numbers: tuple[Number, ...]) -> Rows:
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name="rosterhub metrics",
        connect_timeout=2,
        options=f"-c statement_timeout={PATIENCE_SECONDS:.0f}s",
    )
    async with connection:
        try:
            found = await connection.execute(query(numbers))
            return await found.fetchall()
        except psycopg.errors.UndefinedTable:
            # It answers, and the schema is not there yet.
            return []


def _up(databases: dict[str, Rows | None], redis: State) -> Iterable[Metric]:
    database, of_redis = UP
    family = GaugeMetricFamily(database.name, database.help, labels=["database"])
    for name, answer in databases.items():
        family.add_metric([name], answer is not None)
    yield family
    if redis != "off":
        yield GaugeMetricFamily(of_redis.name, of_redis.help, value=redis == "up")


def _families(numbers: tuple[Number, ...], rows: Rows) -> Iterable[Metric]:
    for number in numbers:
        labels = [number.label] if number.label else []
        family = GaugeMetricFamily(number.name, number.help, labels=labels)
        for name, label, value in rows:
            if name == number.name and value is not None:  # pyright: ignore[reportUnnecessaryComparison]
                family.add_metric([label or ""] if labels else [], value)
        yield family


def _installation(config: Settings) -> Iterable[Metric]:
    """The disks on which it and its logs lie, and its newest backup, as this process sees them."""
    free, size, backup = (
        GaugeMetricFamily(n.name, n.help, labels=[n.label] if n.label else []) for n in FILES
    )
    for folder in {config.rosterhub_home, config.log_dir or config.rosterhub_home}:
        with suppress(OSError):
            usage = shutil.disk_usage(folder)
            free.add_metric([str(folder)], usage.free)
            size.add_metric([str(folder)], usage.used + usage.free)
    with suppress(OSError):
        backups = (config.rosterhub_home / "backups").glob("db-backup-*.sql.gz")
        if newest := max((path.stat().st_mtime for path in backups), default=None):
            backup.add_metric([], newest)
    return free, size, backup
