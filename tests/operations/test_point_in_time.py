"""Recovery to a moment in the past, as docs/backups.md has it, with a real archive of WAL."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from rosterhub.ops.system_user import hand_over, server_owner
from tests.deploy.clusters import Cluster, as_owner, binaries, initialised
from tests.serving import until

PROGRAMS = binaries()["18"]
ARCHIVE_COMMAND = (
    "test ! -f {0}/%f && cp %p {0}/%f.part && sync {0}/%f.part && mv {0}/%f.part {0}/%f"
)
"""docs/backups.md prints it; test_operations_pages holds the two equal."""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    made = initialised(PROGRAMS, tmp_path_factory.mktemp("pg"))
    archive = made.folder / "archive"
    archive.mkdir()
    hand_over(archive, server_owner())
    return made


def recover(cluster: Cluster, *arguments: str | Path) -> int:
    command = [str(cluster.folder / "postgresql" / "recover"), *map(str, arguments)]
    with as_owner(command, {"PGDATA": str(cluster.data), "PATH": "/usr/bin:/bin"}) as process:
        return process.wait(60)


def archived(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT archived_count FROM pg_stat_archiver").fetchone()
    assert row
    return row[0]


def notes(connection: psycopg.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY text")]


def test_a_mistake_is_taken_back_and_what_came_before_it_is_kept(cluster: Cluster) -> None:
    archive, base = cluster.folder / "archive", cluster.folder / "base"
    settings = ("-c", "shared_buffers=64MB")
    command = [*cluster.command("8gb"), *settings]
    with cluster.running(*command) as connection:
        connection.execute("ALTER SYSTEM SET archive_mode = on")
        archive_command = ARCHIVE_COMMAND.format(archive)
        connection.execute(f"ALTER SYSTEM SET archive_command = '{archive_command}'".encode())
    with cluster.running(*command) as connection:
        connection.execute("CREATE TABLE notes (text text)")
        connection.execute("INSERT INTO notes VALUES ('1: before the base backup')")
        options = ("-h", str(cluster.folder), "-p", str(cluster.port), "-U", "rosterhub")
        with as_owner(
            [str(PROGRAMS / "pg_basebackup"), *options, "-D", str(base), "--checkpoint=fast"], {}
        ) as process:
            assert process.wait(60) == 0
        connection.execute("INSERT INTO notes VALUES ('2: after it')")
        row = connection.execute("SELECT clock_timestamp()::text").fetchone()
        assert row
        moment: str = row[0]
        connection.execute("DELETE FROM notes")
        assert recover(cluster, base, archive, moment) == 1, "the server still runs"
        before = archived(connection)
        connection.execute("SELECT pg_switch_wal()")
        until(lambda: archived(connection) > before)

    assert recover(cluster, base, archive, "yesterday") == 2
    assert recover(cluster, archive, archive, moment) == 1
    assert recover(cluster, base, archive, moment) == 0
    with cluster.running(*command) as connection:
        until(lambda: not recovering(connection))
        assert notes(connection) == ["1: before the base backup", "2: after it"]
        connection.execute("INSERT INTO notes VALUES ('3: and on')")
    [aside] = cluster.folder.glob("data.before-*")
    controldata = [str(PROGRAMS / "pg_controldata"), "-D", str(aside)]
    said = subprocess.run(controldata, capture_output=True, text=True, check=True).stdout
    assert "shut down" in said


def recovering(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return bool(row and row[0])
