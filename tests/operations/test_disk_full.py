"""A full disk: what it stops, how one hears of it, and that all goes on by itself with room again
(docs/operations.md, "The disk is full").
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from rosterhub.jobs.decide import decide
from rosterhub.jobs.submit import submit
from rosterhub.jobs.worker import heard_of
from rosterhub.ops import embedded, supervisor
from rosterhub.ops.system_user import hand_over, server_owner
from rosterhub.settings import Settings
from rosterhub.store import migrate
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import
from tests.conftest import Running
from tests.disks import MB, Disk, disk, folder_on
from tests.faults.generations import package
from tests.hubs import family
from tests.integration.test_serve import running, started
from tests.integration.test_serve import serving as serving_processes
from tests.operations.servers import installation
from tests.operations.test_watching_metrics import scraped
from tests.rosters import contents, job, rows, send
from tests.serving import KEY, add_key, serving, until

WELL = '{"status":"ok","info":{"database":{"status":"up"},"redis":{"status":"up"}}}'
FULL = (
    '{"status":"error","info":{"database":{"status":"up"},"redis":{"status":"up"},'
    '"disk":{"status":"down"}}}'
)
IMPORT = "/api/v1.2/csv/import"
USERS = "/ims/oneroster/rostering/v1p2/users?limit=1"
HEADERS = {"X-API-Key": KEY}
PEOPLE = 1_500
NO_GUARD = {"guard_deleted_percent": 100, "guard_changed_percent": 100}


@pytest.fixture
def small() -> Iterator[Disk]:
    with disk(96) as found:
        yield found


@pytest.fixture
def hub(servers: Running, template: str, small: Disk) -> Iterator[Settings]:
    """A hub whose database lies on the small disk; only the WAL is elsewhere."""
    name = f"full_{uuid4().hex[:12]}"
    with psycopg.connect(f"{servers.server_url}/postgres", autocommit=True) as connection:
        place = folder_on(small, "database")
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'".encode())
        try:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE {template} TABLESPACE {name}".encode()
            )
            yield Settings(
                database_url=f"{servers.server_url}/{name}",
                redis_url=servers.redis_url,
                rosterhub_home=Path("/nowhere"),
                **NO_GUARD,
            )
        finally:
            small.empty()
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"DROP TABLESPACE {name}".encode())


def queued(config: Settings, generation: int, people: int = PEOPLE) -> int:
    """An import that is kept, and not begun."""
    with connect(config.write_url) as connection:
        request = records.Request("board.zip")
        import_id = records.create(connection, request, [package(people, generation)])
    assert import_id
    return import_id


def staged(config: Settings) -> list[Any]:
    return rows(config, "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace")


def test_an_import_that_finds_no_room_fails_and_changes_nothing(hub: Settings, small: Disk) -> None:
    assert send(hub, package(PEOPLE, 0))["state"] == "completed"
    before, broken_off, room = contents(hub), set[str](), 0
    while True:
        import_id = queued(hub, 1)
        small.fill(leave=room)
        run_import(import_id, hub)
        small.empty()
        document = job(hub, import_id)
        if document["state"] == "completed":
            break
        assert (document["state"], document["reasonCode"]) == ("failed", "disk_full")
        assert document["reason"].startswith("The disk of the database is full; nothing was")
        assert contents(hub) == before
        assert staged(hub) == []
        # Of what the steps took that came to an end.
        broken_off.add(" ".join(document["timings"]))
        room += MB // 2
    assert contents(hub) != before
    assert {"", "staging checking comparing"} <= broken_off


def test_where_not_even_that_can_be_written_a_later_try_does_it(hub: Settings) -> None:
    """PostgreSQL itself refuses the last word, as it does where a page more would be needed."""
    refuse = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE SQLSTATE '53100'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON imports FOR EACH ROW"
        " WHEN (NEW.state IN ('checking', 'failed')) EXECUTE FUNCTION refuse()"
    )
    import_id = queued(hub, 0)
    with connect(hub.write_url) as connection:
        connection.execute(refuse.encode())
        with pytest.raises(psycopg.errors.DiskFull):
            run_import(import_id, hub)
        assert job(hub, import_id)["state"] == "staging"
        assert staged(hub) == []
        connection.execute("DROP FUNCTION refuse CASCADE")
    run_import(import_id, hub)
    assert job(hub, import_id)["state"] == "completed"


def test_a_worker_ends_what_finds_no_room_and_goes_on_with_the_next(
    hub: Settings, small: Disk, tmp_path: Path
) -> None:
    def sent(generation: int) -> int:
        with connect(hub.write_url) as connection:
            upload = io.BytesIO(package(PEOPLE, generation))
            return submit(connection, records.Request("board.zip"), upload)

    first = sent(0)
    small.fill(leave=MB // 2)
    log = tmp_path / "worker"
    with log.open("wb") as out, running(hub, "worker", out=out) as worker:
        until(lambda: job(hub, first)["state"] == "failed")
        assert job(hub, first)["reasonCode"] == "disk_full"
        assert rows(hub, "SELECT FROM users") == []
        small.fill()
        until(lambda: heard_of(hub))
        small.empty()
        second = sent(0)
        until(lambda: job(hub, second)["state"] == "completed")
        assert worker.poll() is None


def test_an_undo_that_finds_no_room_is_refused_and_can_be_asked_for_again(
    hub: Settings, small: Disk
) -> None:
    send(hub, package(PEOPLE, 0))
    before = rows(hub, "SELECT sourced_id, family_name FROM users ORDER BY 1")
    import_id = int(send(hub, package(PEOPLE, 1))["jobId"])
    after = contents(hub)
    for leave, state in ((0, "refused"), (small.free, "done")):
        with connect(hub.write_url) as connection:
            decide(connection, import_id, "undo")
        small.fill(leave)
        run_import(import_id, hub)
        undone = job(hub, import_id)["undo"]
        assert undone["state"] == state
        if state == "refused":
            assert undone["code"] == "disk_full"
            assert contents(hub) == after
    assert rows(hub, "SELECT sourced_id, family_name FROM users ORDER BY 1") == before


def test_health_says_that_nothing_can_be_written_and_reads_go_on(
    hub: Settings, small: Disk, tmp_path: Path
) -> None:
    send(hub, package(20, 0))
    add_key(hub)
    with serving(hub) as api:
        assert api.get("/health").text == WELL
        small.fill()
        asked = 0

        def request(path: str) -> httpx.Response:
            nonlocal asked
            asked += 1
            return api.get(path, headers=HEADERS | {"X-Request-ID": f"full{asked}"})

        # What fits in the pages that are there still goes in, now and then even later: more is
        # asked for until as much waits, and each part is looked at until it says so.
        until(
            lambda: (
                request(USERS).status_code == 200 and scraped(api)["rosterhub_audit_queued",] > 50
            )
        )

        def said_by_health() -> bool:
            answer = request("/health")
            return (answer.status_code, answer.text) == (503, FULL)

        until(said_by_health)
        until(lambda: scraped(api)["rosterhub_database_disk_full",] == 1)
        assert request("/health/ready").status_code == 200
        doctor = partial(installation(tmp_path, hub).rosterhub, "doctor", "--language", "en")
        assert "fail  disk: The disk of the database is full" in doctor().stdout
        # Nor can a session begin where PostgreSQL has to write what it knows of its catalog first.
        for known in small.folder.rglob("pg_internal.init"):
            known.unlink()
        small.fill()
        said = doctor().stdout
        assert "fail  disk: The disk of the database is full" in said
        assert "postgresql" not in said
        # No chunk of it fits.
        file = {"file": ("board.zip", package(20_000, 1))}
        refused = api.post(IMPORT, files=file, headers=HEADERS)
        assert refused.status_code == 503
        assert "disk of the database is full" in refused.json()["imsx_description"]
        assert "nothing was changed" in refused.json()["imsx_description"]
        small.empty()
        until(lambda: api.get("/health").text == WELL)
        until(lambda: scraped(api)["rosterhub_database_disk_full",] == 0)
        written = "SELECT request_id FROM audit_logs WHERE request_id LIKE 'full%%'"
        names = {f"full{number}" for number in range(1, asked + 1)}
        until(lambda: {name for (name,) in rows(hub, written)} == names)
        assert len(rows(hub, written)) == asked
        accepted = api.post(IMPORT, files=file, headers=HEADERS).json()
    run_import(int(accepted["jobId"]), hub)
    assert job(hub, int(accepted["jobId"]))["state"] == "completed"


def test_a_full_disk_of_the_api_refuses_large_uploads_and_nothing_else(config: Settings) -> None:
    """On it are uploads while they arrive, log files, standard output, and the installation."""
    add_key(config)
    with disk(48) as small:
        folder = small.folder
        home, logs = folder / "home", folder / "logs"
        home.mkdir()
        settings = {"ROSTERHUB_HOME": str(home), "LOG_DIR": str(logs), "WEB_CONCURRENCY": "2"}
        with (
            serving_processes(config, folder, **settings) as both,
            # Each request on a connection of its own, so that both processes get some.
            httpx.Client(
                base_url=both.url,
                headers=HEADERS,
                timeout=60,
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            ) as api,
        ):
            until(lambda: started(both.log) == 2)
            processes = family(both.process.pid)
            until(lambda: api.get("/health").text == WELL)

            def upload(size: int) -> httpx.Response:
                file = {"file": ("users.csv", b"x" * size)}
                return api.post(f"{IMPORT}/users", files=file)

            small.fill()
            for size in (2 * MB, 40 * MB):
                refused = upload(size)
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
                body = refused.json()
                assert body["imsx_codeMajor"] == "failure"
                assert "no room for this file" in body["imsx_description"]
                assert small.free == 0
            assert rows(config, "SELECT FROM imports") == []
            small.fill(leave=20 * MB)
            assert upload(30 * MB).status_code == 503
            until(lambda: small.free > 19 * MB)
            small.fill()
            until(lambda: api.get("/health").text == FULL)
            # More than the buffers of the log take, and more kinds of them than had been counted.
            for number in range(200):
                path = ("/health/ready", USERS, f"/docs?{number}", f"/ims/{number}")[number % 4]
                answer = api.get(path)
                assert answer.status_code in (200, 404)
            assert upload(1_000).status_code == 202
            assert family(both.process.pid) == processes
            small.empty()
            until(lambda: api.get("/health").text == WELL)
            assert upload(2 * MB).status_code == 202
            [log] = logs.iterdir()
            api.get("/health/live", headers={"X-Request-ID": "the-last"})
            until(lambda: '"the-last"' in log.read_text("utf-8"))


def test_a_full_disk_of_the_wal_takes_the_database_down_and_loses_nothing() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rosterhub-wal-"))
    try:
        with disk(96) as small:
            _run_out_of_wal(folder, small)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_out_of_wal(folder: Path, small: Disk) -> None:
    found = embedded.prepare(folder)
    wal = found.postgres.pid_file.parent / "pg_wal"
    moved = folder_on(small, "wal")
    shutil.copytree(wal, moved, dirs_exist_ok=True)
    for path in moved.rglob("*"):
        hand_over(path, server_owner())
    shutil.rmtree(wal)
    wal.symlink_to(moved)
    command = [*found.postgres.command, "-c", "min_wal_size=32MB", "-c", "max_wal_size=32MB"]
    database = supervisor.Child(
        "postgres", command, server=replace(found.postgres, command=command)
    )
    config = Settings(database_url=found.database_url, **NO_GUARD)
    try:
        supervisor.start_servers(database)
        migrate.upgrade(config.write_url)
        send(config, package(PEOPLE, 0))
        add_key(config)
        import_id = queued(config, 1)
        with serving(config) as api:
            assert api.get("/health").is_success
            before = contents(config)
            small.fill()
            with pytest.raises(psycopg.OperationalError):
                _write_much(config)
            until(lambda: api.get("/health").json()["info"]["database"]["status"] == "down")
            asked = {f"down{number}" for number in range(20)}
            for name in asked:
                api.get("/health/live", headers={"X-Request-ID": name})

            def looked_after(*, up: bool) -> bool:
                database.look_after()
                return api.get("/health").is_success if up else database.deaths > 0

            # It cannot even start without room.
            until(lambda: looked_after(up=False), 120)
            assert "No space left on device" in found.postgres.log.read_text("utf-8")
            small.empty()
            until(lambda: looked_after(up=True), 120)
            assert contents(config) == before
            written = "SELECT request_id FROM audit_logs WHERE request_id LIKE 'down%%'"
            until(lambda: {name for (name,) in rows(config, written)} == asked)
            run_import(import_id, config)
            assert job(config, import_id)["state"] == "completed"
            assert api.get(USERS, headers=HEADERS).is_success
    finally:
        small.empty()
        supervisor.stop([database])


def _write_much(config: Settings) -> None:
    with connect(config.write_url) as connection:
        while True:
            connection.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 999999))")
