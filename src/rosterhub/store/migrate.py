"""Bring the schema to a revision, and say which one it has (manual: マイグレーション実行).

Runs one at a time: an advisory lock makes a second run wait for the first.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool

_LOCK = 727_264_301


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
    with engine.connect() as connection:
        yield connection


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` up to `revision`."""
    _run(url, command.upgrade, revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate the database at `url` down to `revision` (`base` empties it)."""
    _run(url, command.downgrade, revision)


def _run(url: str, what: object, revision: str) -> None:
    with _connect(url) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.commit()
        try:
            what(_config(connection), revision)  # type: ignore[operator]
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.commit()


def current(url: str) -> str | None:
    """The revision the database has, None when it has none."""
    with _connect(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision this version of RosterHub needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision
