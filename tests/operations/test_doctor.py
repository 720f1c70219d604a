"""`rosterhub doctor`: each thing that may be wrong is found, and says what to do."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rosterhub.ops.doctor import database, machine
from rosterhub.ops.doctor.findings import Level
from rosterhub.settings import Settings
from rosterhub.store.connect import connect, most_connections
from tests.deploy import test_standby
from tests.deploy.clusters import Server, binaries, initialised, prepared
from tests.deploy.fronts import REPOSITORY
from tests.integration.test_serve import running
from tests.operations.servers import Installation, installation, succeeded
from tests.serving import until


@pytest.fixture
def server(config: Settings, tmp_path: Path) -> Installation:
    """A server on which all is well, but that nobody works."""
    made = installation(tmp_path, config)
    env = tmp_path / ".env"
    env.touch(0o640)
    shutil.rmtree(tmp_path / "nginx")
    (tmp_path / "backups" / "db-backup-20260401-020000.sql.gz").touch()
    return replace(made, more={"REDIS_URL": config.redis_url, "ROSTERHUB_DATA": str(tmp_path)})


@pytest.fixture
def certified(server: Installation) -> Installation:
    """The same, with a certificate."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl: apt-get install openssl")
    (server.home / "nginx" / "ssl").mkdir(parents=True)
    certificate(server, days=90)
    return server


def certificate(server: Installation, *, days: int) -> None:
    """A certificate signed by another one, so that it could be a real one."""
    folder = server.home / "nginx" / "ssl"
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key"]
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    request += ["-nodes", "-days"]
    for command in (
        [*request, "365", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"],
        [
            *request,
            f"{days}",
            "-subj",
            "/CN=hub",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            *signed,
        ],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def findings(server: Installation, **environment: str) -> dict[str, tuple[Level, str]]:
    """The worst finding of each check."""
    done = server.rosterhub("doctor", "--json", **environment)
    document = json.loads(done.stdout)
    assert done.returncode == (1 if document["status"] == "fail" else 0)
    order = ("ok", "warn", "fail")
    found: dict[str, tuple[Level, str]] = {}
    for one in document["findings"]:
        assert one["ja"] != one["en"]
        if order.index(one["level"]) >= order.index(found.get(one["check"], ("ok", ""))[0]):
            found[one["check"]] = (one["level"], one["en"])
    return found


def bad(server: Installation, **environment: str) -> dict[str, tuple[Level, str]]:
    """What is not well, besides how full this machine's own disks are."""
    return {
        check: (level, text)
        for check, (level, text) in findings(server, **environment).items()
        if level != "ok" and check not in ("disk", "room")
    }


def test_where_all_is_well_it_says_so(server: Installation, config: Settings) -> None:
    with (server.home / "log").open("wb") as out, running(config, "worker", out=out):
        until(lambda: bad(server) == {})
    said = succeeded(server.rosterhub("doctor", LANG="ja_JP.UTF-8"))
    for line in said.splitlines():
        assert line[:5] in ("ok   ", "warn ")
    assert "ok    redis: Redis に接続できます。" in said


def test_without_a_worker_it_warns_and_once_something_waits_it_fails(
    server: Installation, config: Settings
) -> None:
    assert {check: level for check, (level, _) in bad(server).items()} == {"workers": "warn"}
    with connect(config.write_url) as connection:
        connection.execute("INSERT INTO imports (file_name) VALUES ('x')")
    level, text = bad(server)["workers"]
    assert level == "fail"
    assert "1 imports wait" in text
    assert "docker compose up -d worker" in text


def test_what_waits_too_long_for_a_person_and_jobs_that_failed_are_named(
    server: Installation, config: Settings
) -> None:
    with connect(config.write_url) as connection:
        connection.execute(
            "INSERT INTO imports (file_name, state, created_at)"
            " VALUES ('x', 'waiting', now() - interval '2 days')"
        )
        assert "imports approve or reject" in bad(server)["queue"][1]
        connection.execute(
            "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('q', 't', 'failed')"
        )
        assert "jobs failed" in bad(server)["queue"][1]


def test_the_secrets_of_env_are_for_their_owner_alone(server: Installation) -> None:
    env = server.home / ".env"
    for mode in (0o644, 0o660):
        env.chmod(mode)
        level, text = bad(server)["env file"]
        assert level == "fail"
        assert f"chmod 640 {env}" in text
    elsewhere = server.home / "rosterhub.env"
    elsewhere.touch(0o644)
    assert str(elsewhere) in bad(server, ROSTERHUB_ENV_FILE=str(elsewhere))["env file"][1]


def test_certificates(certified: Installation) -> None:
    server = certified
    assert "まで有効です" in succeeded(server.rosterhub("doctor", "--language", "ja"))
    folder = server.home / "nginx" / "ssl"
    certificate(server, days=20)
    assert bad(server)["certificate"][0] == "warn"
    assert "in 19 days" in bad(server)["certificate"][1]
    (folder / "cert.pem").write_bytes((folder / "ca.pem").read_bytes())
    assert "no pair" in bad(server)["certificate"][1]
    (folder / "key.pem").write_bytes((folder / "ca.key").read_bytes())
    assert "no client trusts" in bad(server)["certificate"][1]
    (folder / "key.pem").unlink()
    assert bad(server)["certificate"][0] == "fail"


def test_a_certificate_that_has_ended(
    certified: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = certified
    later = machine.time.time() + 91 * 86_400
    monkeypatch.setattr(machine.time, "time", lambda: later)
    level, text = bad(server)["certificate"]
    assert level == "fail"
    assert "is not valid now" in text
    # And no backup is of the last day any more.
    assert "backup-database.sh" in bad(server)["backup"][1]


def test_a_full_disk(server: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for used, level in ((69, "ok"), (75, "warn"), (91, "fail")):
        stand_in = machine.shutil._ntuple_diskusage(100 << 30, used << 30, (100 - used) << 30)
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda _, found=stand_in: found)
        assert findings(server)["disk"][0] == level
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: stand_in._replace(free=1 << 20))
    assert "1 MB are free" in findings(server)["room"][1]


def test_the_schema(server: Installation, config: Settings, empty_url: str) -> None:
    level, text = bad(server, DATABASE_URL=empty_url)["migrations"]
    assert level == "fail"
    assert "rosterhub db upgrade" in text
    with connect(config.write_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "of a newer RosterHub" in bad(server)["migrations"][1]


def test_indexes_that_are_missing_or_broken(server: Installation, config: Settings) -> None:
    with connect(config.write_url) as connection:
        connection.execute("DROP INDEX idx_users_status")
        text = bad(server)["indexes"][1]
        # What it says to run mends it.
        connection.execute(text.partition("Run: ")[2].encode())
        assert "indexes" not in bad(server)
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_users_email'::regclass"
        )
        assert "REINDEX INDEX CONCURRENTLY idx_users_email" in bad(server)["indexes"][1]


def test_clocks_that_are_apart(server: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    for seconds, level in ((10, "warn"), (60, "fail")):
        with monkeypatch.context() as context:
            context.setattr(database.time, "time", lambda seconds=seconds: real() + seconds)
            assert bad(server)["clock"][0] == level


def test_more_connections_than_there_are(server: Installation) -> None:
    text = bad(server, WEB_CONCURRENCY="64")["connections"][1]
    assert "916 connections" in text
    assert "connections" not in bad(server, WEB_CONCURRENCY="8")
    two = "api-server-1:3000,10.0.0.12:3000"
    assert "244 connections" in bad(server, WEB_CONCURRENCY="8", API_SERVERS=two)["connections"][1]


def test_the_pages_say_how_many_two_servers_want() -> None:
    most = most_connections(Settings(database_pool_size=8))
    wanted, fitting = (f"2 × {each} × {most} = {2 * each * most}" for each in (8, 6))
    for page in ("deployment.md", "deployment.ja.md"):
        text = (REPOSITORY / "docs" / page).read_text("utf-8")
        assert wanted in text
        assert fitting in text


def test_the_next_months_partition(server: Installation, config: Settings) -> None:
    with connect(config.write_url) as connection:
        names = "SELECT max(relname) FROM pg_class WHERE relname ~ '^audit_logs_[0-9]{6}$'"
        for _ in range(2):
            row = connection.execute(names).fetchone()
            assert row
            connection.execute(f"DROP TABLE {row[0]}".encode())
    assert "ensure_audit_partitions" in bad(server)["audit log"][1]


def test_servers_that_are_away(server: Installation) -> None:
    away = "redis://127.0.0.1:1/0"
    assert bad(server, REDIS_URL=away)["redis"][0] == "fail"
    assert "redis" not in bad(server, REDIS_URL="")
    level, text = bad(server, DATABASE_URL="postgresql://u:hush@127.0.0.1:1/n")["postgresql"]
    assert level == "fail"
    assert "hush" not in text
    assert "DATABASE_URL is not set" in bad(server, DATABASE_URL="")["postgresql"][1]


def test_replication(config: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A slot that nobody follows, an archive that fails, and a replica that follows nobody."""
    primary = initialised(binaries()["18"], tmp_path_factory.mktemp("pg"))
    small = ("-c", "shared_buffers=64MB")
    archiving = ("-c", "archive_mode=on", "-c", "archive_command=false")
    with primary.running(*primary.command("8gb"), *small, *archiving) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('api_server_2')")
        connection.execute("SELECT pg_switch_wal()")
        until(lambda: len(texts(connection, primary.socket)) == 2)
        slot, archive = texts(connection, primary.socket)
        assert "pg_drop_replication_slot('api_server_2')" in slot
        assert archive.startswith("Archiving of 0000")
    signal = primary.data / "standby.signal"
    signal.touch()
    os.chown(signal, primary.data.stat().st_uid, -1)
    with (
        primary.running(*primary.command("8gb"), *small),
        connect(config.write_url) as connection,
    ):
        [text] = texts(connection, primary.socket)
        assert "does not follow the primary" in text


def test_a_replica_that_stands_still(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For somebody paused it, or for the primary was given more connections; what it says helps."""
    programs = binaries()["18"]
    primary = initialised(programs, tmp_path_factory.mktemp("pg"))
    standby = prepared(programs, tmp_path_factory.mktemp("pg"))
    follow, given = test_standby.command(standby), test_standby.environment(standby, primary)
    second = Server(lambda: standby.running(*follow, **given))
    with ExitStack() as stack:
        stack.callback(second.stop)
        with primary.running(*primary.command("8gb")) as writes:
            writes.execute(
                "CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password'"
            )
            reads = second.begin()
            until(lambda: texts(writes, standby.socket) == [])
            reads.execute("SELECT pg_wal_replay_pause()")
            [text] = texts(writes, standby.socket)
            reads.execute(text.partition("Run there: ")[2].encode())
            until(lambda: texts(writes, standby.socket) == [])
            writes.execute("ALTER SYSTEM SET max_connections = 300")
        with primary.running(*primary.command("8gb")) as writes:
            until(lambda: any("set to less" in text for text in texts(writes, standby.socket)))
            [text] = texts(writes, standby.socket)
            reads.execute(text.partition("Run there: ")[2].partition(" Then")[0].encode())
            second.stop()
            second.begin()
            until(lambda: texts(writes, standby.socket) == [])


def texts(connection: object, replica: str) -> list[str]:
    read_from = Settings(database_url=replica, database_write_url="postgresql://elsewhere")
    found = database.replication(connection, read_from)  # type: ignore[arg-type]
    return [finding.en for finding in found if finding.level != "ok"]


@pytest.mark.parametrize(("name", "check"), [("nginx/ssl", "certificate"), ("backups", "backup")])
def test_a_folder_that_may_not_be_looked_into_is_said(
    server: Installation, name: str, check: str
) -> None:
    folder = server.home / name
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0)
    command = [sys.executable, "-m", "rosterhub", "doctor", "--json"]
    if os.geteuid() == 0:
        # Else root may look into everything.
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    done = server.run(*command)
    folder.chmod(0o755)
    [found] = [f for f in json.loads(done.stdout)["findings"] if f["check"] == check]
    assert found["level"] == "warn"
    assert found["en"] == f"{folder} cannot be read. Run as root."


@pytest.mark.parametrize(
    ("environment", "japanese"),
    [
        ({"LANG": "ja_JP.UTF-8"}, True),
        ({"LANG": "C.UTF-8", "ROSTERHUB_LANGUAGE": "ja"}, True),
        ({"LANG": "", "ROSTERHUB_LANGUAGE": "ja"}, True),
        ({"LANG": "en_US.UTF-8", "ROSTERHUB_LANGUAGE": "ja"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "C.UTF-8", "ROSTERHUB_LANGUAGE": "fr"}, False),
    ],
)
def test_it_speaks_the_language_of_the_terminal_or_of_the_hub(
    server: Installation, environment: dict[str, str], japanese: bool
) -> None:
    said = server.rosterhub("doctor", **environment).stdout
    assert ("に接続できます。" in said) == japanese
