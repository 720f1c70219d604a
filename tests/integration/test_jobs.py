"""Imports in their workers: in order, once each, and on by themselves after whatever happens."""

import io
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rosterhub.jobs import tasks
from rosterhub.jobs.submit import submit
from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import
from tests.hubs import ROSTERHUB, plain_environment
from tests.rosters import board, csv_file, job, package, person, rows, send
from tests.serving import until
from tests.wire import database_wire

ORGS = csv_file("orgs", board()["orgs"])
PEOPLE = 3_000
STAGED = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace"


def people(count: int = PEOPLE) -> bytes:
    return csv_file("users", [person(f"u{i:05}", "A", "B") for i in range(count)])


def queue(config: Settings, data: bytes, entity: str | None, source: str = "default") -> int:
    """Hand an import to the workers; its id."""
    name = f"{entity}.csv" if entity else "board.zip"
    with connect(config.write_url) as connection:
        request = records.Request(name, entity, source=source)
        return submit(connection, request, io.BytesIO(data))


@contextmanager
def worker(url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`rosterhub worker` on the database at `url`; what it says goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*ROSTERHUB, "worker"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=plain_environment(DATABASE_URL=url, ROSTERHUB_DATA=str(log.parent)),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def state(config: Settings, import_id: int) -> str:
    ((found,),) = rows(config, "SELECT state FROM imports WHERE id = %s", import_id)
    return found


def ended(config: Settings, *imports: int) -> None:
    """Wait until the imports have ended."""
    until(lambda: all(state(config, i) in records.FINAL for i in imports), 120)


@contextmanager
def held_up(config: Settings, table: str = "users") -> Iterator[None]:
    """Nobody can write to `table` until the block ends: imports wait in the midst of applying."""
    with connect(config.write_url) as connection, connection.transaction():
        connection.execute(compiled(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
        yield


def waiting_writers(config: Settings) -> int:
    """How many imports wait for a lock."""
    ((count,),) = rows(
        config,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^rosterhub import [0-9]+$'"
        " AND datname = current_database() AND wait_event_type = 'Lock'",
    )
    return count


def begun(config: Settings) -> int:
    """Make a job one that some worker has begun, as the queue has it; its id."""
    with connect(config.write_url) as connection:
        connection.execute("SET search_path TO procrastinate, public")
        row = connection.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' RETURNING id"
        ).fetchone()
    assert row is not None
    return row[0]


def long_ago(config: Settings) -> None:
    """What has happened has happened a minute ago."""
    with connect(config.write_url) as connection:
        connection.execute("UPDATE imports SET created_at = now() - interval '1 minute'")
        connection.execute(
            "UPDATE procrastinate.procrastinate_events SET at = now() - interval '1 minute'"
        )


@pytest.fixture
def loaded(config: Settings) -> Settings:
    """A hub with the small board's orgs."""
    assert send(config, ORGS, "orgs")["state"] == "completed"
    return config


def counts(config: Settings, import_id: int) -> dict[str, Any]:
    document = job(config, import_id)
    assert document["state"] == "completed", document
    return document["counts"]


def test_a_worker_says_what_became_of_each_import(loaded: Settings, tmp_path: Path) -> None:
    good, bad = queue(loaded, people(), "users"), queue(loaded, b"x", "users")
    with worker(loaded.write_url, tmp_path / "log") as process:
        ended(loaded, good, bad)
        until(lambda: not rows(loaded, "SELECT FROM procrastinate.procrastinate_jobs"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    said = (tmp_path / "log").read_text()
    assert "CSV import completed: 3000 records processed" in said
    assert "CSV import failed: Errors found: 1. Nothing was applied." in said


def test_imports_of_one_source_go_one_after_the_other(loaded: Settings, tmp_path: Path) -> None:
    first, second = (
        queue(loaded, csv_file("users", [person("u", given, "B")]), "users") for given in "AB"
    )
    other = queue(loaded, csv_file("orgs", board()["orgs"]), "orgs", source="library")
    with worker(loaded.write_url, tmp_path / "log"):
        with held_up(loaded):
            until(lambda: waiting_writers(loaded) == 1)
            ended(loaded, other)
            assert (state(loaded, first), state(loaded, second)) == ("applying", "queued")
        ended(loaded, first, second)
    assert rows(loaded, "SELECT given_name FROM users") == [("B",)]


def test_a_worker_killed_in_the_midst_of_applying(loaded: Settings, tmp_path: Path) -> None:
    killed = queue(loaded, people(), "users")
    with worker(loaded.write_url, tmp_path / "log") as process, held_up(loaded):
        until(lambda: waiting_writers(loaded) == 1)
        process.kill()
        process.wait()
        assert state(loaded, killed) == "applying"
    next_one = queue(loaded, people(1), "users")
    with worker(loaded.write_url, tmp_path / "log"):
        ended(loaded, killed, next_one)
        until(lambda: rows(loaded, STAGED) == [])  # tidied up after it is said
    assert counts(loaded, killed)["created"] == PEOPLE
    assert counts(loaded, next_one)["unchanged"] == 1
    assert rows(loaded, "SELECT count(*), count(DISTINCT date_last_modified) FROM users") == [
        (PEOPLE, 1)
    ]


def test_a_worker_told_to_stop_leaves_its_import_to_another(
    loaded: Settings, tmp_path: Path
) -> None:
    stopped = queue(loaded, people(), "users")
    with held_up(loaded):
        with worker(loaded.write_url, tmp_path / "log") as process:
            until(lambda: waiting_writers(loaded) == 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert state(loaded, stopped) == "applying"
    with worker(loaded.write_url, tmp_path / "log"):
        ended(loaded, stopped)
    assert counts(loaded, stopped)["created"] == PEOPLE


def test_a_worker_killed_between_the_end_of_an_import_and_that_of_its_job(
    loaded: Settings, tmp_path: Path
) -> None:
    done = queue(loaded, people(2), "users")
    begun(loaded)
    long_ago(loaded)
    run_import(done, loaded)
    before = job(loaded, done)
    next_one = queue(loaded, people(3), "users")
    with worker(loaded.write_url, tmp_path / "log"):
        ended(loaded, next_one)
        until(lambda: not rows(loaded, "SELECT FROM procrastinate.procrastinate_jobs"))
    assert job(loaded, done) == before
    assert counts(loaded, next_one)["created"] == 1


def test_an_import_that_has_ended_is_not_run_again(loaded: Settings) -> None:
    done = queue(loaded, people(2), "users")
    run_import(done, loaded)
    send(loaded, csv_file("users", [person("u00000", "newer", "B")]), "users")
    before = job(loaded, done)
    with connect(loaded.write_url) as connection:  # as a worker that died leaves it
        connection.execute(compiled(f"CREATE TABLE staging.i{done}_users ()"))
    run_import(done, loaded)
    assert job(loaded, done) == before
    assert rows(loaded, "SELECT given_name FROM users WHERE sourced_id = 'u00000'") == [("newer",)]
    assert rows(loaded, STAGED) == []


def test_an_import_is_run_by_one_at_a_time(loaded: Settings) -> None:
    one = queue(loaded, people(), "users")
    with held_up(loaded):
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waiting_writers(loaded) == 1)
        run_import(one, loaded)  # returns at once
        assert state(loaded, one) == "applying"
    running.join(60)
    assert counts(loaded, one)["created"] == PEOPLE


def test_an_import_that_kills_its_worker_again_and_again_is_given_up(loaded: Settings) -> None:
    deadly = queue(loaded, people(), "users")
    with connect(loaded.write_url) as connection:
        connection.execute("UPDATE imports SET attempts = 5 WHERE id = %s", [deadly])
    run_import(deadly, loaded)
    assert (job(loaded, deadly)["state"], job(loaded, deadly)["reasonCode"]) == (
        "failed",
        "worker_gave_up",
    )


def test_the_database_goes_away_and_comes_back(loaded: Settings, tmp_path: Path) -> None:
    with database_wire(loaded.write_url) as (wire, url), worker(url, tmp_path / "log"):
        first = queue(loaded, people(), "users")
        with held_up(loaded):
            until(lambda: waiting_writers(loaded) == 1)
            wire.cut()
            until(lambda: "database away" in (tmp_path / "log").read_text())
        second = queue(loaded, people(1), "users")
        assert state(loaded, first) == "applying"
        assert rows(loaded, "SELECT count(*) FROM users") == [(0,)]
        wire.mend()
        ended(loaded, first, second)
    assert counts(loaded, first)["created"] == PEOPLE
    assert counts(loaded, second)["unchanged"] == 1


def test_two_workers_see_the_same_abandoned_import(loaded: Settings, tmp_path: Path) -> None:
    one = queue(loaded, people(), "users")
    begun(loaded)
    long_ago(loaded)
    with (
        worker(loaded.write_url, tmp_path / "a"),
        worker(loaded.write_url, tmp_path / "b"),
    ):
        ended(loaded, one)
    assert counts(loaded, one)["created"] == PEOPLE
    assert rows(loaded, "SELECT attempts FROM imports WHERE id = %s", one) == [(1,)]


def test_what_is_abandoned_is_told_from_what_is_done(loaded: Settings) -> None:
    one = queue(loaded, people(), "users")
    long_ago(loaded)
    assert tasks._abandoned(loaded) == []  # it waits for its turn
    job_id = begun(loaded)
    assert tasks._abandoned(loaded) == []  # its worker has just begun
    long_ago(loaded)
    assert tasks._abandoned(loaded) == [(one, "default", job_id)]
    with held_up(loaded):
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waiting_writers(loaded) == 1)
        assert tasks._abandoned(loaded) == []  # it is being worked on
    running.join(60)
    assert tasks._abandoned(loaded) == [(one, "default", job_id)]  # the job has not ended
    with connect(loaded.write_url) as connection:
        connection.execute("SET search_path TO procrastinate, public")
        connection.execute("DELETE FROM procrastinate_jobs")
        assert tasks._abandoned(loaded) == []
        connection.execute("UPDATE imports SET state = 'staging' WHERE id = %s", [one])
    assert tasks._abandoned(loaded) == [(one, "default", None)]  # there is nobody to run it


def test_two_sources_send_the_same_new_people_at_once(loaded: Settings) -> None:
    imports = [queue(loaded, people(), "users", source) for source in ("sis-1", "sis-2")]
    with held_up(loaded):
        running = [threading.Thread(target=run_import, args=(i, loaded)) for i in imports]
        for thread in running:
            thread.start()
        until(lambda: waiting_writers(loaded) == 2)
    for thread in running:
        thread.join(60)
    found = sorted(counts(loaded, i)["created"] for i in imports)
    assert found == [0, PEOPLE]
    assert rows(loaded, "SELECT count(*), count(DISTINCT source_system) FROM users") == [
        (PEOPLE, 1)
    ]


def test_two_sources_give_one_username_to_two_people_at_once(loaded: Settings) -> None:
    one = csv_file("users", [person("a", "A", "A", username="same")])
    two = csv_file("users", [person("b", "B", "B", username="same")])
    imports = [queue(loaded, one, "users", "sis-1"), queue(loaded, two, "users", "sis-2")]
    with held_up(loaded):
        running = [threading.Thread(target=run_import, args=(i, loaded)) for i in imports]
        for thread in running:
            thread.start()
        until(lambda: waiting_writers(loaded) == 2)
    for thread in running:
        thread.join(60)
    documents = sorted((job(loaded, i) for i in imports), key=lambda d: d["state"])
    assert [d["state"] for d in documents] == ["completed", "failed"]
    assert [e["code"] for e in documents[1]["errors"]] == ["username_held"]


def test_readers_see_all_of_an_import_or_nothing(loaded: Settings) -> None:
    one = queue(loaded, package(board()), None)
    with held_up(loaded, "demographics"):
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waiting_writers(loaded) == 1)
        assert rows(loaded, "SELECT count(*) FROM users") == [(0,)]
    running.join(60)
    assert counts(loaded, one)["total"] == 15
    assert rows(loaded, "SELECT count(*) FROM users") == [(3,)]


def test_an_error_of_our_own_says_no_names(
    loaded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(loaded.write_url) as connection:
        connection.execute(
            "ALTER TABLE users ADD CONSTRAINT broken CHECK (given_name <> 'himitsu')"
        )
    one = queue(loaded, csv_file("users", [person("u", "himitsu", "B")]), "users")
    run_import(one, loaded)
    assert job(loaded, one)["reasonCode"] == "internal_error"
    said = capsys.readouterr().out
    assert "CheckViolation" in said
    assert "himitsu" not in said


@pytest.mark.parametrize("code", ["54000", "54023", "XX000"])
def test_an_error_that_comes_every_time_ends_the_import_at_once(
    loaded: Settings, code: str
) -> None:
    """The driver gives these the class that a lost connection has."""
    with connect(loaded.write_url) as connection:
        connection.execute(
            "CREATE FUNCTION beyond() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION 'himitsu' USING ERRCODE = '{code}'; END $$;"
            "CREATE TRIGGER beyond BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION beyond()"
        )
    one = queue(loaded, csv_file("users", [person("u", "A", "B")]), "users")
    run_import(one, loaded)
    assert job(loaded, one)["reasonCode"] == "internal_error"
