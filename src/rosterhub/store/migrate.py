"""Bring the schema to a revision (manual: マイグレーション実行); `revision` says which one it has.

Runs one at a time: an advisory lock makes a second run wait for the first.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.exc import DBAPIError

_LOCK = 727_264_301


class MigrationError(RuntimeError):
    """There is no such revision, or no way to it; the text says which."""


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


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` up to `revision`.

    Raises:
        MigrationError: there is no such revision.
        psycopg.Error: the database cannot be reached, or refuses the change.
    """
    _run(url, command.upgrade, revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate the database at `url` down to `revision` (`base` empties it); errors as above."""
    _run(url, command.downgrade, revision)


def _run(url: str, what: object, revision: str) -> None:
    with _connect(url) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.commit()
        try:
            what(_config(connection), revision)  # type: ignore[operator]
            connection.commit()
        except CommandError as error:
            raise MigrationError(str(error)) from error
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.commit()
