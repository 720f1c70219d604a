"""The tasks of the worker: run an import, pick up what a dead worker left."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from procrastinate import RetryStrategy
from procrastinate.app import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import JobDeferrer

from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import claims, records
from rosterhub.transfer.run import run_import

IMPORT_TASK = "import"
_log = structlog.get_logger("rosterhub.jobs")

_ABANDONED = f"""
WITH claimed AS ({claims.HELD}), jobs AS (
    SELECT id, status, (args ->> 'import_id')::bigint AS import_id
      FROM procrastinate.procrastinate_jobs
     WHERE task_name = %(task)s AND status IN ('todo', 'doing')
)
SELECT j.import_id, i.source_system, j.id
  FROM jobs j LEFT JOIN public.imports i ON i.id = j.import_id
 WHERE j.status = 'doing' AND j.import_id NOT IN (SELECT import_id FROM claimed)
   AND NOT EXISTS (SELECT FROM procrastinate.procrastinate_events e WHERE e.job_id = j.id
       AND e.type = 'started' AND e.at > now() - interval '3 seconds')
UNION ALL
SELECT i.id, i.source_system, NULL
  FROM public.imports i
 WHERE (i.state <> ALL (%(final)s) AND i.state <> 'waiting' OR i.undo ->> 'state' = 'queued')
   AND i.created_at < now() - interval '5 seconds'
   AND i.id NOT IN (SELECT import_id FROM jobs)
   AND i.id NOT IN (SELECT import_id FROM claimed)
"""
"""Jobs that say they are being done and are not, because their worker died, also between the end of
the import and the end of the job; and unfinished imports, and undos, without a job."""


def register(app: App, config: Settings) -> None:
    """Define the tasks on `app`."""

    @app.task(name=IMPORT_TASK, queue="imports", retry=RetryStrategy(max_attempts=20, wait=5))
    async def import_(import_id: int) -> None:  # pyright: ignore[reportUnusedFunction]
        await in_daemon_thread(lambda: run_import(import_id, config))


async def in_daemon_thread(work: Callable[[], object]) -> None:
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

    threading.Thread(target=run, daemon=True, name="job").start()
    await done


def import_job(app: App, import_id: int, source: str, connection: Any = None) -> JobDeferrer:
    """The job that runs an import: after the others of its source, and queued once.

    Given a `connection`, it is deferred there, in the transaction that is open on it.
    """
    return app.configure_task(
        IMPORT_TASK,
        lock=f"source {source}",
        queueing_lock=f"import {import_id}",
        queue="imports",
        connection=connection,
    )


async def pick_up_abandoned(app: App, config: Settings) -> None:
    """Put imports back in the queue whose worker is gone (its database session has ended)."""
    for import_id, source, job_id in await asyncio.to_thread(_abandoned, config):
        _log.warning("import goes on after its worker died", import_id=import_id)
        try:
            if job_id:
                await app.job_manager.retry_job_by_id_async(job_id, retry_at=datetime.now(UTC))
            else:
                await import_job(app, import_id, source).defer_async(import_id=import_id)
        except (AlreadyEnqueued, ConnectorException):
            # Another worker was quicker. Where the database is away, the next look says so.
            _log.info("import was picked up already", import_id=import_id)


def _abandoned(config: Settings) -> list[tuple[int, str, int | None]]:
    with connect(config.write_url, "rosterhub jobs") as connection:
        values = {"task": IMPORT_TASK, "final": sorted(records.FINAL)}
        return connection.execute(compiled(_ABANDONED), values).fetchall()  # type: ignore[return-value]
