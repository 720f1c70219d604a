"""Restore a backup: look at the file first, then all of it in one transaction, or nothing.

Needs neither psql nor the privileges of a superuser; the owner of the database will do.
"""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from rosterhub.ops.backup_file import (
    Contents,
    Progress,
    Rows,
    examine,
    pieces,
)
from rosterhub.store import revision
from rosterhub.store.connect import Connection, connect

_WORKERS = """
SELECT count(*) FILTER (WHERE application_name = 'rosterhub jobs'),
       count(*) FILTER (WHERE application_name ~ '^rosterhub import [0-9]+$')
  FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_DISABLED = """
SELECT key, name FROM api_keys WHERE NOT is_active
UNION ALL SELECT client_id, name FROM oauth_clients WHERE NOT is_active
"""
_ACTIVE = """
SELECT key FROM public.api_keys WHERE is_active
UNION ALL SELECT client_id FROM public.oauth_clients WHERE is_active
"""


class RestoreError(RuntimeError):
    """Nothing was restored and nothing was changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. `enabled_again` are the names of keys and clients that were disabled
    after the backup; `upgrade` says that the schema is older than this version of RosterHub."""

    contents: Contents
    enabled_again: list[str]
    upgrade: bool


def check(url: str, path: Path, *, force: bool, progress: Progress = lambda _: None) -> Contents:
    """Whether `path` is a whole backup that this version can restore to the database at `url`.

    Raises:
        RestoreError: a worker or an import runs (unless `force`), or a newer version made it.
        BackupFileError: it is none, or not all of one.
    """
    if not force:
        _see_nobody_works(url)
    contents = examine(path, progress)
    if contents.revision not in revision.known():
        raise RestoreError(
            f"{path} has the schema of revision {contents.revision}, which this version of "
            f"RosterHub does not know (its own is {revision.head()}). Use the version that made it."
        )
    return contents


def restore(url: str, path: Path, contents: Contents, progress: Progress) -> Restored:
    """Make the database at `url` what it was when `path` was made.

    Raises:
        RestoreError: the database refused; it is as it was before.
        BackupFileError: the file changed since it was checked.
    """
    try:
        with connect(url, "rosterhub restore") as connection:
            disabled = _disabled(connection)
            for piece in pieces(path, progress):
                if isinstance(piece, Rows):
                    with connection.cursor().copy(piece.copy) as copy:
                        for batch in piece.batches:
                            copy.write(batch)
                else:
                    connection.execute(piece.sql)
            active = {key for (key,) in connection.execute(_ACTIVE)}
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise RestoreError(
            "The database is in use, so nothing was restored. Stop the API and the workers "
            "(docker compose stop api worker) and try again."
        ) from error
    except psycopg.Error as error:
        raise RestoreError(f"Nothing was restored: {str(error).strip()}") from error
    again = [name for key, name in disabled.items() if key in active]
    return Restored(contents, again, contents.revision != revision.head())


def _see_nobody_works(url: str) -> None:
    with connect(url) as connection:
        row = connection.execute(_WORKERS).fetchone()
    workers, imports = row or (0, 0)
    if workers or imports:
        what = "An import is running" if imports else "A worker is running"
        raise RestoreError(
            f"{what} on this database. Stop the workers first (docker compose stop worker), "
            "or say --force."
        )


def _disabled(connection: Connection) -> dict[str, str]:
    """Names by key. None where the database has no such tables yet."""
    found = connection.execute("SELECT to_regclass('public.oauth_clients')").fetchone()
    if not found or found[0] is None:
        return {}
    return dict(connection.execute(_DISABLED).fetchall())
