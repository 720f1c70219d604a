"""The tasks of the worker: run an import, pick up what a dead worker left, make partitions."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from procrastinate import RetryStrategy
from procrastinate.app import App
from procrastinate.exceptions import AlreadyEnqueued

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import

IMPORT_TASK = "import"
_log = structlog.get_logger("rosterhub.jobs")

_ABANDONED = """
SELECT i.id, i.source_system, j.id, j.status::text
  FROM public.imports i
  LEFT JOIN procrastinate.procrastinate_jobs j
    ON j.task_name = %(task)s AND (j.args ->> 'import_id')::bigint = i.id
   AND j.status IN ('todo', 'doing')
 WHERE i.state <> ALL (%(final)s) AND i.state <> 'waiting'
   AND i.created_at < now() - interval '5 seconds'
   AND (j.id IS NULL OR j.status = 'doing')
   AND NOT EXISTS (SELECT FROM procrastinate.procrastinate_events e WHERE e.job_id = j.id
       AND e.type = 'started' AND e.at > now() - interval '3 seconds')
   AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 2
       AND l.classid::bigint = hashtext('rosterhub import')::bigint & 4294967295
       AND l.objid::bigint = i.id)
"""
"""Imports that nobody works on: their worker died, or died before it said that there was a job."""


def register(app: App, config: Settings) -> None:
    """Define the tasks on `app`."""

    @app.task(name=IMPORT_TASK, queue="imports", retry=RetryStrategy(max_attempts=20, wait=5))
    async def import_(import_id: int) -> None:  # pyright: ignore[reportUnusedFunction]
        await _in_daemon_thread(lambda: run_import(import_id, config))


async def _in_daemon_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread that a stopping worker does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as raised:
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, daemon=True, name="import").start()
    await done


async def defer_import(app: App, import_id: int, source: str) -> None:
    """Say that an import is there to be run: after the others of its source, and once."""
    deferrer = app.configure_task(
        IMPORT_TASK, lock=f"source {source}", queueing_lock=f"import {import_id}", queue="imports"
    )
    try:
        await deferrer.defer_async(import_id=import_id)
    except AlreadyEnqueued:
        _log.info("import is queued already", import_id=import_id)


async def pick_up_abandoned(app: App, config: Settings) -> None:
    """Put imports back in the queue whose worker is gone (its database session has ended)."""
    for import_id, source, job_id, status in await asyncio.to_thread(_abandoned, config):
        _log.warning("import goes on after its worker died", import_id=import_id)
        if job_id and status == "doing":
            await app.job_manager.retry_job_by_id_async(job_id, retry_at=datetime.now(UTC))
        else:
            await defer_import(app, import_id, source)


def _abandoned(config: Settings) -> list[tuple[int, str, int | None, str | None]]:
    with connect(config.write_url, "rosterhub jobs") as connection:
        values = {"task": IMPORT_TASK, "final": sorted(records.FINAL)}
        return connection.execute(_ABANDONED, values).fetchall()  # type: ignore[return-value]


def ensure_partitions(config: Settings) -> None:
    """Make the audit log's partitions of this month and the two after it."""
    with connect(config.write_url, "rosterhub jobs") as connection:
        connection.execute("SELECT ensure_audit_partitions(2)")
