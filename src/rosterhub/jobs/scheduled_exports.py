"""Whole rosters written to a folder on a schedule, the oldest of them removed (docs/exports.md).

What there is to do is told by the folder alone: a moment of the schedule for which there is no
export since is due, whoever died before it was written. One writes at a time, held by a lock.
"""

import asyncio
import re
import time
from datetime import datetime
from itertools import chain
from pathlib import Path

import structlog
from croniter import croniter

from rosterhub.jobs.tasks import in_daemon_thread
from rosterhub.model.profiles import PROFILES
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.store.replica import readable
from rosterhub.transfer import export
from rosterhub.transfer.export_options import Choice
from rosterhub.transfer.whole_file import PARTIAL, write_whole

_LOCK = "SELECT pg_try_advisory_lock(hashtext('rosterhub scheduled export'))"
_LOOK_SECONDS = 20.0
_AFTER_FAILURE_SECONDS = 300.0
_OURS = re.compile(r"(RO_\d{8}(_(?!delta)[0-9A-Za-z]+)?|oneroster-\d{8})\.zip")
"""What exports call themselves: nothing else in the folder is ever touched."""
_log = structlog.get_logger("rosterhub.exports")


async def keep_exporting(config: Settings) -> None:
    """Export whenever it is due, as long as the worker runs; what failed is due again."""
    while True:
        pause = _LOOK_SECONDS
        if config.export_schedule:
            try:
                await in_daemon_thread(lambda: export_if_due(config))
            except Exception as error:
                pause = _AFTER_FAILURE_SECONDS
                # Of an error of the database only its kind: its text may hold a name.
                reason = str(error) if isinstance(error, OSError) else ""
                _log.error("scheduled export failed", error=type(error).__name__, reason=reason)
        await asyncio.sleep(pause)


def export_if_due(config: Settings, now: datetime | None = None) -> Path | None:
    """Write the export that is due, if one is; its path.

    Raises:
        OSError: it cannot be written there.
        psycopg.Error: the database is away.
    """
    now = now or datetime.now().astimezone()
    folder = config.export_folder
    assert folder is not None
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _due(config, folder, now):
        return None
    with connect(config.write_url, "rosterhub scheduled export") as connection:
        row = connection.execute(_LOCK).fetchone()
        # Looked at again: another worker may just have written it.
        if row and row[0] and _due(config, folder, now):
            return _write(config, folder)
    return None


def _due(config: Settings, folder: Path, now: datetime) -> bool:
    """Whether the schedule has come round since the last export began."""
    last = croniter(config.export_schedule, now).get_prev(datetime)
    return not any(_modified(path) >= last.timestamp() for path in _exports(folder))


def _write(config: Settings, folder: Path) -> Path:
    for left in folder.glob(f".*{PARTIAL}"):
        if _OURS.fullmatch(left.name.removeprefix(".").removesuffix(PARTIAL)):
            left.unlink(missing_ok=True)
    begin = time.time()
    begun: list[export.Begun] = []
    with connect(readable(config), "rosterhub export") as connection:
        choice = Choice(PROFILES[config.export_profile])
        chunks = export.export_package(connection, choice, begun.append)
        first = next(chunks)
        path = folder / begun[0].name
        size = write_whole(path, chain((first,), chunks), modified=begin)
    removed = _rotate(config, folder)
    _log.info(
        "scheduled export written",
        path=str(path),
        bytes=size,
        seconds=round(time.time() - begin, 1),
        removed=removed,
    )
    return path


def _rotate(config: Settings, folder: Path) -> int:
    """Remove the oldest exports beyond those to keep; how many."""
    newest_first = sorted(_exports(folder), key=_modified, reverse=True)
    too_old = newest_first[config.export_keep :]
    for path in too_old:
        path.unlink(missing_ok=True)
    return len(too_old)


def _exports(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
