"""An import is cancelled: at every step, at once, with the roster as it was; or it is too late."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from rosterhub.jobs.decide import CannotDecideError, decide
from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer.run import run_import
from tests.integration.test_cli_transfer import rosterhub
from tests.integration.test_guard import many
from tests.integration.test_jobs import ended, held_up, queue, state, waiting_writers, worker
from tests.rosters import board, contents, csv_file, job, package, rows, send
from tests.serving import add_key, serving, until

JOBS = "/api/v1.2/csv/import/jobs"
WAITS_AT = [
    ("staging", "import_chunks"),
    ("checking", "orgs"),
    ("comparing", "demographics"),
    ("applying", "data_commits"),
]
"""Where an import of demographics and users stops while nobody else may read a table."""
SESSIONS = (
    "SELECT FROM pg_stat_activity WHERE application_name ~ '^rosterhub import'"
    " AND datname = current_database()"
)


@pytest.fixture
def loaded(config: Settings) -> Settings:
    """A hub that holds the small board."""
    assert send(config, package(board()))["state"] == "completed"
    return config


def changed() -> bytes:
    """The small board with a change in each of two files."""
    data = board()
    data["users"][0]["givenName"] = "結衣"
    data["demographics"][0]["sex"] = "male"
    return package({name: data[name] for name in ("users", "demographics")})


def cancel(config: Settings, import_id: int) -> None:
    with connect(config.write_url) as connection:
        decide(connection, import_id, "cancel")


def left(config: Settings) -> list[tuple[object, ...]]:
    """What an import takes up that has not ended."""
    return rows(
        config,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
        " UNION ALL SELECT 'chunk' FROM import_chunks c JOIN imports i ON i.id = c.import_id"
        " WHERE i.state = 'rejected'",
    )


@contextmanager
def closed(config: Settings, table: str) -> Iterator[None]:
    """Nobody else can read or write `table` until the block ends."""
    with connect(config.write_url) as connection, connection.transaction():
        connection.execute(compiled(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


def waits(config: Settings) -> bool:
    """Whether a session of an import waits for a lock."""
    return bool(rows(config, f"{SESSIONS} AND wait_event_type = 'Lock'"))


@pytest.mark.parametrize(("step", "table"), WAITS_AT)
def test_at_each_step(loaded: Settings, step: str, table: str) -> None:
    before = contents(loaded)
    one = queue(loaded, changed(), None)
    with closed(loaded, table):
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waits(loaded))
        assert state(loaded, one) == step
        cancel(loaded, one)
        assert state(loaded, one) == "rejected"
        if table != "import_chunks":  # which is what the worker itself wants for tidying up
            running.join(60)
            assert not running.is_alive()
    running.join(60)
    assert not running.is_alive()
    document = job(loaded, one)
    assert (document["state"], document["reasonCode"]) == ("rejected", "cancelled")
    assert document["finishedAt"]
    assert contents(loaded) == before
    assert left(loaded) == []


def test_amid_the_statements_of_applying(loaded: Settings) -> None:
    one = queue(loaded, changed(), None)
    with held_up(loaded):
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waiting_writers(loaded) == 1)
        cancel(loaded, one)
        running.join(60)
        assert not running.is_alive()
    assert (job(loaded, one)["reasonCode"], left(loaded)) == ("cancelled", [])


def test_before_it_is_begun(loaded: Settings, tmp_path: Path) -> None:
    before = contents(loaded)
    one, following = queue(loaded, changed(), None), queue(loaded, package(board()), None)
    cancel(loaded, one)
    assert (state(loaded, one), left(loaded)) == ("rejected", [])
    with worker(loaded.write_url, tmp_path / "log"):
        ended(loaded, following)
    assert job(loaded, one)["startedAt"] is None
    assert job(loaded, following)["counts"]["unchanged"] == 15
    assert contents(loaded) == before


def test_one_that_waits_for_a_person(config: Settings) -> None:
    send(config, package(many(100)))
    waiting = send(config, package(many(79)))
    assert waiting["state"] == "waiting"
    cancel(config, int(waiting["jobId"]))
    assert job(config, int(waiting["jobId"]))["reasonCode"] == "cancelled"
    with connect(config.write_url) as connection, pytest.raises(CannotDecideError):
        decide(connection, int(waiting["jobId"]), "approve")
    assert left(config) == []


def test_a_worker_goes_on_with_the_next_one(loaded: Settings, tmp_path: Path) -> None:
    with worker(loaded.write_url, tmp_path / "log"), held_up(loaded):
        one, following = queue(loaded, changed(), None), queue(loaded, b"x", "orgs")
        until(lambda: waiting_writers(loaded) == 1)
        cancel(loaded, one)
        ended(loaded, following)
        until(lambda: not rows(loaded, "SELECT FROM procrastinate.procrastinate_jobs"))
        assert left(loaded) == []
    said = (tmp_path / "log").read_text()
    assert "CSV import cancelled" in said
    assert "Traceback" not in said


def test_one_whose_worker_is_dead(loaded: Settings, tmp_path: Path) -> None:
    one = queue(loaded, changed(), None)
    with held_up(loaded), worker(loaded.write_url, tmp_path / "log") as process:
        until(lambda: waiting_writers(loaded) == 1)
        process.kill()
        process.wait()
    until(lambda: not rows(loaded, SESSIONS))
    cancel(loaded, one)
    assert (state(loaded, one), left(loaded)) == ("rejected", [])


def test_what_was_cancelled_is_not_committed_though_its_session_lives(loaded: Settings) -> None:
    before = contents(loaded)
    one = queue(loaded, changed(), None)
    with held_up(loaded, "data_commits"):
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waiting_writers(loaded) == 1)
        # As a role that may not end the sessions of others would leave it.
        with connect(loaded.write_url) as connection:
            connection.execute("UPDATE imports SET state = 'rejected' WHERE id = %s", [one])
    running.join(60)
    assert (state(loaded, one), left(loaded)) == ("rejected", [])
    assert contents(loaded) == before


@pytest.fixture
def client(loaded: Settings) -> Iterator[httpx.Client]:
    with serving(loaded) as client:
        client.headers["X-API-Key"] = add_key(loaded)
        yield client


def test_over_http(loaded: Settings, client: httpx.Client) -> None:
    one = queue(loaded, changed(), None)
    answer = client.post(f"{JOBS}/{one}/cancel")
    assert (answer.status_code, answer.json()["job"]["reasonCode"]) == (200, "cancelled")
    assert answer.json()["job"]["reason"] == "The import was cancelled; nothing was applied."
    assert client.post(f"{JOBS}/999999/cancel").status_code == 404
    assert client.post(f"{JOBS}/{one}/cancel?force=true").status_code == 400
    reader = {"X-API-Key": add_key(loaded, "reader", scopes=("roster.readonly",))}
    assert client.post(f"{JOBS}/{one}/cancel", headers=reader).status_code == 403


def test_too_late(loaded: Settings, client: httpx.Client) -> None:
    applied = send(loaded, changed())
    answer = client.post(f"{JOBS}/{applied['jobId']}/cancel")
    assert answer.status_code == 409
    assert "has ended already (completed)" in answer.json()["imsx_description"]
    assert rows(loaded, "SELECT given_name FROM users WHERE sourced_id = 'p1'") == [("結衣",)]


def test_on_the_command_line(loaded: Settings) -> None:
    one = queue(loaded, csv_file("orgs", board()["orgs"]), "orgs")
    done = rosterhub(loaded, "imports", "cancel", str(one))
    assert (done.returncode, "rejected" in done.stdout) == (0, True), done.stderr
    again = rosterhub(loaded, "imports", "cancel", str(one))
    assert (again.returncode, "has ended already" in again.stderr) == (1, True)
