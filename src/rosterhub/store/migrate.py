"""Bring the schema to a revision (manual: マイグレーション実行); `revision` says which one it has.

Runs one at a time: an advisory lock makes a second run wait for the first. Never waits long for the
lock of a table, behind which all who read it would wait too (docs/adr/0016).
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.exc import DBAPIError

from rosterhub.store.revision import find_difference

_LOCK = 727_264_301
_LOCK_TIMEOUT = "1s"
"""How long a migration may make others wait for a table that something else holds."""
_PAUSE_SECONDS = 2.0
PATIENCE_SECONDS = 120.0
"""How long to go on trying: an import that is being applied holds its tables until it is done."""


class MigrationError(RuntimeError):
    """There is no such revision, no way to it, or a table is in use; the text says which."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    with resources.as_file(resources.files("rosterhub.store.migrations")) as path:
        config.set_main_option("script_location", str(path).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connect(url: str) -> Generator[Connection]:
    scheme, _, rest = url.partition("://")
    engine = create_engine(
        f"postgresql+psycopg://{rest}" if scheme.startswith("postgres") else url,
        poolclass=pool.NullPool,
    )
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        # What callers know are psycopg's errors, and its text is the plainer one.
        raise (error.orig or error) from error


def upgrade(url: str, revision: str = "head", patience: float = PATIENCE_SECONDS) -> None:
    """Migrate the database at `url` up to `revision`, trying for `patience` seconds.

    Raises:
        MigrationError: there is no such revision, or a table was in use all the time.
        psycopg.Error: the database cannot be reached, or refuses the change.
    """
    _run(url, command.upgrade, revision, patience)


def downgrade(url: str, revision: str, patience: float = PATIENCE_SECONDS) -> None:
    """Migrate the database at `url` down to `revision` (`base` empties it); errors as above."""
    _run(url, command.downgrade, revision, patience)


def _run(url: str, what: Callable[[Config, str], None], revision: str, patience: float) -> None:
    with _connect(url) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        connection.commit()
        try:
            _keep_trying(lambda: what(_config(connection), revision), connection, patience)
        except CommandError as error:
            found = find_difference(url)
            reason = found.en if found and not found.older else str(error)
            raise MigrationError(reason) from error
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.commit()


def _keep_trying(migrate: Callable[[], None], connection: Connection, patience: float) -> None:
    """Each migration is a transaction, so that the next try goes on with the one that failed."""
    deadline = time.monotonic() + patience
    while True:
        try:
            migrate()
            connection.commit()
            return
        except (LockNotAvailable, DBAPIError) as error:
            if not isinstance(getattr(error, "orig", error), LockNotAvailable):
                raise
            connection.rollback()
            if time.monotonic() > deadline:
                raise MigrationError(
                    "A table that the migration changes is in use, by an import that is being "
                    "applied or by a backup, so nothing was changed. Run the same command again "
                    "once that is done, or stop the workers first (docker compose stop worker)."
                ) from error
        time.sleep(min(_PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
