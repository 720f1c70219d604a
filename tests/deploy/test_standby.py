"""`deploy/postgresql/standby`, the command of docker-compose.replica.yml, beside a real primary."""

from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.deploy.clusters import Cluster, Server, as_owner, binaries, initialised, prepared
from tests.deploy.test_tuning import show
from tests.serving import until

PROGRAMS = binaries()["18"]


def environment(standby: Cluster, primary: Cluster) -> dict[str, str]:
    """What the overlay sets."""
    return {
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "PGDATA": str(standby.data),
        "POSTGRES_MASTER_HOST": "127.0.0.1",
        "POSTGRES_MASTER_PORT": str(primary.port),
        "POSTGRES_REPLICATION_USER": "replicator",
        "POSTGRES_REPLICATION_PASSWORD": "replication_password",
        "POSTGRES_REPLICATION_SLOT": "api_server_2",
    }


def command(standby: Cluster) -> list[str]:
    return [str(standby.folder / "postgresql" / "standby"), *standby.command("8gb")]


@pytest.fixture
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("p"), tmp_path_factory.mktemp("s")


def test_a_standby_copies_the_primary_and_follows_it(folders: tuple[Path, Path]) -> None:
    primary, standby = initialised(PROGRAMS, folders[0]), prepared(PROGRAMS, folders[1])
    given = environment(standby, primary)
    with primary.running(*primary.command("8gb")) as writes:
        # As the manual prints it.
        writes.execute(
            "CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password'"
        )
        writes.execute("CREATE TABLE notes (text text)")
        writes.execute("INSERT INTO notes VALUES ('before the copy')")

        def seen(reads: psycopg.Connection) -> list[str]:
            return [text for (text,) in reads.execute("SELECT text FROM notes ORDER BY text DESC")]

        with standby.running(*command(standby), **given) as reads:
            assert show(reads, "in_hot_standby") == "on"
            assert seen(reads) == ["before the copy"]
            writes.execute("INSERT INTO notes VALUES ('after the copy')")
            until(lambda: seen(reads) == ["before the copy", "after the copy"])
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                reads.execute("INSERT INTO notes VALUES ('here')")

        # What is written while the standby is away waits for it, and it copies nothing anew.
        writes.execute("INSERT INTO notes VALUES ('meanwhile')")
        identity = (standby.data / "PG_VERSION").stat().st_ino
        with standby.running(*command(standby), **given) as reads:
            until(lambda: "meanwhile" in seen(reads))
        assert (standby.data / "PG_VERSION").stat().st_ino == identity
        slots = writes.execute("SELECT slot_name FROM pg_replication_slots").fetchall()
        assert slots == [("api_server_2",)]


def test_more_connections_are_given_to_the_standby_first(folders: tuple[Path, Path]) -> None:
    """As docs/operations.md prints it ("Connections run out"), and the way back that it names."""
    primary, standby = initialised(PROGRAMS, folders[0]), prepared(PROGRAMS, folders[1])
    given = environment(standby, primary)
    first = Server(lambda: primary.running(*primary.command("8gb")))
    second = Server(lambda: standby.running(*command(standby), **given))
    with ExitStack() as stack:
        stack.callback(first.stop)
        stack.callback(second.stop)
        writes = first.begin()
        writes.execute(
            "CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password'"
        )
        writes.execute("CREATE TABLE notes (connections integer)")

        reads = raised(second, second.begin(), 300)
        writes = raised(first, writes, 300)
        writes.execute("INSERT INTO notes VALUES (300)")
        until(lambda: count(reads) == 1)
        assert show(reads, "max_connections") == "300"

        writes = raised(first, writes, 400)
        writes.execute("INSERT INTO notes VALUES (400)")
        until(lambda: paused(reads))
        second.stop()
        with as_owner(command(standby), given) as process:
            assert process.wait(60) == 1
        with (standby.data / "postgresql.auto.conf").open("a") as file:
            file.write("max_connections = 400\n")
        reads = second.begin()
        until(lambda: count(reads) == 2)


def raised(server: Server, connection: psycopg.Connection, number: int) -> psycopg.Connection:
    """A connection to `server` once it takes so many of them."""
    connection.execute(f"ALTER SYSTEM SET max_connections = {number:d}".encode())
    server.stop()
    return server.begin()


def count(connection: psycopg.Connection) -> int:
    return len(connection.execute("SELECT FROM notes").fetchall())


def paused(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_get_wal_replay_pause_state() = 'paused'").fetchone()
    assert row
    return row[0]


def test_a_copy_that_was_broken_off_is_made_anew(folders: tuple[Path, Path]) -> None:
    primary, standby = initialised(PROGRAMS, folders[0]), prepared(PROGRAMS, folders[1])
    with primary.running(*primary.command("8gb")) as writes:
        writes.execute(
            "CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password'"
        )
        writes.execute("SELECT pg_create_physical_replication_slot('api_server_2')")
        half = standby.folder / "data.new"
        half.mkdir()
        half.chmod(0o777)
        (half / "half").touch()
        with standby.running(*command(standby), **environment(standby, primary)) as reads:
            assert show(reads, "in_hot_standby") == "on"
        assert not (standby.data / "half").exists()


def test_a_database_of_its_own_is_never_run_nor_overwritten(folders: tuple[Path, Path]) -> None:
    primary, other = initialised(PROGRAMS, folders[0]), initialised(PROGRAMS, folders[1])
    with as_owner(command(other), environment(other, primary)) as process:
        assert process.wait(60) == 1
    with other.running(*other.command("8gb")) as connection:
        assert show(connection, "in_hot_standby") == "off"
