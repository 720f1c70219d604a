"""Runs every check, whatever the others find."""

from collections.abc import Callable, Iterator

import psycopg

from rosterhub.ops.doctor import database, machine, work
from rosterhub.ops.doctor.findings import Finding, fail
from rosterhub.settings import Settings
from rosterhub.store.connect import Connection, connect

_HERE: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    machine.versions,
    machine.disks,
    machine.env_file,
    machine.certificate,
    machine.backups,
    work.redis,
)
_THERE: tuple[Callable[[Connection, Settings], Iterator[Finding]], ...] = (
    database.version,
    database.migrations,
    database.clock,
    database.connections,
    database.index_state,
    database.replication,
    work.queue,
    work.partitions,
    database.disk,
    database.room,
)

_NO_ROOM = "No space left on device"


def look_over(config: Settings) -> Iterator[Finding]:
    """All findings, each as soon as it is there."""
    for check in _HERE:
        yield from check(config)
    try:
        url = config.write_url
    except RuntimeError as error:
        yield fail("postgresql", str(error), "DATABASE_URL が設定されていません。")
        return
    try:
        with connect(url) as connection:
            for check in _THERE:
                yield from _one(check, connection, config)
    except psycopg.OperationalError as error:
        yield _away(str(error))


def _one(
    check: Callable[[Connection, Settings], Iterator[Finding]],
    connection: Connection,
    config: Settings,
) -> Iterator[Finding]:
    try:
        yield from check(connection, config)
    except psycopg.errors.UndefinedTable:
        # The schema is not there yet, which another check says.
        return
    except psycopg.errors.InsufficientPrivilege as error:
        text = str(error).strip()
        yield fail(
            check.__name__,
            f"The user of DATABASE_URL may not look: {text}",
            f"データベースのユーザーに権限がありません: {text}",
        )
    except psycopg.OperationalError as error:
        if connection.broken:
            raise
        yield _away(str(error))


def _away(error: str) -> Finding:
    text = error.strip()
    if _NO_ROOM in text:
        # Of a session that cannot begin no more is known than what PostgreSQL says.
        return database.full()
    return fail(
        "postgresql",
        f"The database cannot be reached: {text}. See docker compose ps and logs postgres.",
        f"データベースに接続できません: {text}。docker compose ps と"
        " docker compose logs postgres を確認してください。",
    )
