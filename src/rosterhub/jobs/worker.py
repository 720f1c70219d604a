"""The worker process: runs jobs until it is told to stop, and outlives the database's absence."""

import asyncio
import contextlib
import signal

import psycopg
import psycopg.errors
import structlog
from procrastinate.app import App
from procrastinate.exceptions import ConnectorException

from rosterhub.jobs.app import HEARD_OF, opened
from rosterhub.jobs.cleaning import clean
from rosterhub.jobs.scheduled_exports import keep_exporting
from rosterhub.jobs.tasks import in_daemon_thread, pick_up_abandoned
from rosterhub.settings import Settings, settings
from rosterhub.store import revision
from rosterhub.store.connect import connect

_log = structlog.get_logger("rosterhub.worker")
_AWAY = (ConnectorException, psycopg.Error, OSError, TimeoutError)
_CARE_SECONDS = 3.0
_CLEANING_SECONDS = 3600.0
_SCHEMA_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.5
"""New jobs make themselves known; those that waited for another one of their source do not."""
_CONCURRENCY = 2
"""Imports of different sources that one worker runs side by side."""


def run(config: Settings | None = None) -> None:
    """Run jobs until SIGTERM or SIGINT; an import under way is left to be started again."""
    asyncio.run(_serve(config or settings()))


def heard_of(config: Settings) -> bool:
    """Whether any worker of the hub has given a sign of life within the last minute.

    Raises:
        psycopg.Error: the database cannot be reached.
    """
    missing = contextlib.suppress(psycopg.errors.UndefinedTable)
    with missing, connect(config.write_url) as connection:
        row = connection.execute(HEARD_OF).fetchone()
        return row is not None and row[0] > 0
    return False


async def _serve(config: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        working = asyncio.create_task(_work(config))
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
        try:
            await working
        except asyncio.CancelledError:
            break
        except _AWAY as error:
            _log.warning("database away, the worker waits", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
    _log.info("worker stopped")


async def _see_schema(config: Settings) -> None:
    """Wait while the schema is older than this version: its imports would fail.

    With a newer one the worker goes on (docs/adr/0016).
    """
    said: revision.Difference | None = None
    while found := await asyncio.to_thread(revision.find_difference, config.write_url):
        if found != said:
            does = "waits" if found.older else "goes on"
            _log.warning(f"schema of another version, the worker {does}", reason=found.en)
        if not found.older:
            return
        said = found
        await asyncio.sleep(_SCHEMA_SECONDS)


async def _work(config: Settings) -> None:
    await _see_schema(config)
    async with opened(config) as app:
        _log.info("worker started")
        tasks = {
            asyncio.create_task(_care(app, config)),
            asyncio.create_task(_keep_clean(config)),
            asyncio.create_task(keep_exporting(config)),
            asyncio.create_task(
                app.run_worker_async(
                    queues=["imports"],
                    concurrency=_CONCURRENCY,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=_POLL_SECONDS,
                    shutdown_graceful_timeout=_GRACE_SECONDS,
                    delete_jobs="successful",
                )
            ),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _care(app: App, config: Settings) -> None:
    """Every few seconds: imports whose worker died."""
    while True:
        await pick_up_abandoned(app, config)
        await asyncio.sleep(_CARE_SECONDS)


async def _keep_clean(config: Settings) -> None:
    """Every hour, and at the start, so that a worker that is restarted daily does it too."""
    while True:
        await in_daemon_thread(lambda: clean(config))
        await asyncio.sleep(_CLEANING_SECONDS)
