"""Backups, made by the script and by `rosterhub db backup`, and both ways of restoring them."""

import gzip
import io
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import pytest

from rosterhub.access import clients
from rosterhub.jobs.submit import submit
from rosterhub.settings import Settings
from rosterhub.store import migrate, revision
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import records
from tests.deploy.clusters import binaries, initialised
from tests.deploy.fronts import REPOSITORY
from tests.hubs import ROSTERHUB, plain_environment
from tests.operations.servers import PROGRAMS, Installation, installation, succeeded
from tests.rosters import board, csv_file, package, person, rows, send
from tests.serving import add_key, serving, until

Fresh = Callable[[], AbstractContextManager[Settings]]
BACK_UP = shlex.quote(str(REPOSITORY / "scripts" / "backup-database.sh"))
RESTORE = "gunzip < {} | psql {}"
"""The manual's line, without the container."""


def dump(url: str) -> str:
    """Everything in the database, as text; what is random in a dump is left out."""
    said = subprocess.run(
        [PROGRAMS / "pg_dump", "--no-owner", url], capture_output=True, text=True, check=True
    ).stdout
    return re.sub(r"\\(un)?restrict \w+", "", said)


def fill(config: Settings, folder: Path) -> Installation:
    """A hub with a roster, some history, a key, and an import that waits for a worker."""
    send(config, package(board()))
    changed = {"users": [*board()["users"][1:], person("p9", "新", "人")]}
    send(config, package(changed, modes={"users": "bulk"}))
    add_key(config)
    upload = io.BytesIO(csv_file("users", [person("p5", "未", "来")]))
    with connect(config.write_url) as connection:
        submit(connection, records.Request("users.csv", "users", mode="merge"), upload)
    return installation(folder, config)


@pytest.fixture
def hub(config: Settings, tmp_path: Path) -> Installation:
    """A hub for a test that changes it."""
    return fill(config, tmp_path)


@pytest.fixture
def backup(hub: Installation) -> Path:
    return Path(succeeded(hub.script("backup-database.sh")).strip())


@dataclass(frozen=True, slots=True)
class Kept:
    """A hub that nothing changes, its backup, and what is in it."""

    hub: Installation
    backup: Path
    before: str


@pytest.fixture(scope="module")
def kept(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with fresh() as config:
        hub = fill(config, tmp_path_factory.mktemp("home"))
        before = dump(config.write_url)
        # What is of imports under way is not in a backup.
        with connect(config.write_url) as connection:
            connection.execute("CREATE UNLOGGED TABLE staging.i99_users (line bigint)")
        backup = Path(succeeded(hub.script("backup-database.sh")).strip())
        with connect(config.write_url) as connection:
            connection.execute("DROP TABLE staging.i99_users")
        yield Kept(hub, backup, before)


def damage(config: Settings) -> None:
    """What an update or a mistake may do: rows, tables, and what depends on older ones."""
    send(config, package({"users": board()["users"][:1]}, modes={"users": "bulk"}))
    with connect(config.write_url) as connection:
        for statement in (
            "DELETE FROM enrollments",
            "UPDATE api_keys SET is_active = false",
            "CREATE TABLE of_a_later_version (import_id bigint REFERENCES imports)",
            "CREATE TABLE history.users_209901 PARTITION OF history.users"
            " FOR VALUES FROM ('2099-01-01Z') TO ('2099-02-01Z')",
            "SELECT nextval('imports_id_seq')",
            "ALTER TABLE users ADD later text",
        ):
            connection.execute(compiled(statement))


def test_a_backup_is_a_whole_file_with_the_manuals_name(kept: Kept) -> None:
    name = kept.backup.name
    assert re.fullmatch(r"db-backup-\d{8}-\d{6}\.sql\.gz", name)
    assert kept.hub.backups == [kept.backup]
    assert kept.backup.stat().st_mode & 0o777 == 0o640
    assert gzip.decompress(kept.backup.read_bytes()).endswith(b"-- RosterHub backup complete\n")
    size = kept.backup.stat().st_size
    line = rf"\[[-\d]+ [:\d]+\] Backup completed: {name} \({size} bytes\)\n"
    assert re.fullmatch(line, kept.hub.backup_log)


@pytest.mark.parametrize("way", ["psql", "rosterhub"])
def test_a_restore_makes_the_database_what_it_was(
    config: Settings, hub: Installation, backup: Path, way: str
) -> None:
    before = dump(config.write_url)
    damage(config)
    assert dump(config.write_url) != before
    if way == "psql":
        succeeded(hub.shell(RESTORE.format(backup, config.write_url)))
    else:
        said = json.loads(succeeded(hub.rosterhub("db", "restore", str(backup), "--json")))
        assert said["revision"] == revision.head()
        assert not said["upgradeNeeded"]
        # The one key was disabled after the backup.
        assert said["enabledAgain"] == ["Test"]
    assert dump(config.write_url) == before


def test_a_restore_works_in_an_empty_database(kept: Kept, empty_url: str) -> None:
    succeeded(kept.hub.rosterhub("db", "restore", str(kept.backup), DATABASE_URL=empty_url))
    assert dump(empty_url) == kept.before


def test_the_hub_works_after_a_restore(config: Settings, hub: Installation) -> None:
    """Keys, tokens that were issued before, the past, and the import that waited in the queue."""
    with connect(config.write_url) as connection:
        client, secret = clients.create(connection, "LMS", ["roster-core.readonly"])
    with serving(config) as api:
        token = api.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "scope": "roster-core.readonly"},
            auth=(client, secret),
        ).json()["access_token"]
    before = rows(config, "SELECT now()")[0][0]
    succeeded(hub.script("backup-database.sh"))
    damage(config)
    succeeded(hub.rosterhub("db", "restore", str(hub.backups[0])))

    def ids(api: httpx.Client, how: dict[str, str], **more: str) -> set[str]:
        answer = api.get("/ims/oneroster/rostering/v1p2/users", headers=how, params=more)
        assert answer.status_code == 200, answer.text
        return {user["sourcedId"] for user in answer.json()["users"]}

    with serving(config) as api:
        by_key = {"X-API-Key": "a-key-of-the-manual"}
        restored = ids(api, by_key)
        assert {"p2", "p9"} <= restored
        assert ids(api, {"Authorization": f"Bearer {token}"}) == restored
        assert ids(api, by_key, asOf=before.isoformat()) == restored
        with worker(config):
            until(lambda: "p5" in ids(api, by_key), 60)
            # It tidies up after that, in the tables that a restore makes anew.
            until(lambda: not rows(config, "SELECT FROM procrastinate.procrastinate_jobs"))
            # And while it runs, a restore waits for somebody to say that it should.
            refused = hub.rosterhub("db", "restore", str(hub.backups[0]))
            assert refused.returncode == 1
            assert "is running on this database" in refused.stderr
            forced = ("db", "restore", str(hub.backups[0]), "--force")
            succeeded(hub.rosterhub(*forced))
        # New rows get numbers of their own.
        created = api.post(
            "/api/v1.2/csv/import/users",
            headers=by_key,
            files={"file": csv_file("users", [person("p6", "次", "回")])},
        )
        assert created.status_code == 202, created.text


class worker:  # noqa: N801 (used as a function is)
    """A worker process."""

    def __init__(self, config: Settings) -> None:
        self.config = config

    def __enter__(self) -> subprocess.Popen[bytes]:
        environment = plain_environment(
            DATABASE_URL=self.config.write_url, PYTHONPATH=os.environ.get("PYTHONPATH", "")
        )
        self.process = subprocess.Popen(
            [*ROSTERHUB, "worker"], env=environment, stdout=subprocess.DEVNULL
        )
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def without_end(data: bytes) -> bytes:
    """A whole gzip of half a dump."""
    text = gzip.decompress(data)
    return gzip.compress(text[: text.index(b"COPY public.users ")])


def with_a_broken_row(data: bytes) -> bytes:
    text = gzip.decompress(data)
    return gzip.compress(text.replace(b"\np2\tactive\t", b"\np2\tneither\t", 1))


def of_a_newer_version(data: bytes) -> bytes:
    text = gzip.decompress(data)
    here = f"(version_num) FROM stdin;\n{revision.head()}".encode()
    assert here in text
    return gzip.compress(text.replace(here, b"(version_num) FROM stdin;\n9999"))


def of_somebody_else(data: bytes) -> bytes:
    return gzip.compress(b"-- PostgreSQL database dump\n")


def no_gzip(data: bytes) -> bytes:
    return b"CREATE TABLE x ();\n"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (truncated, "damaged or not complete"),
        (without_end, "not complete"),
        (with_a_broken_row, "users_status_check"),
        (of_a_newer_version, "9999"),
        (of_somebody_else, "no backup of RosterHub"),
        (no_gzip, "damaged or not complete"),
    ],
)
def test_what_cannot_be_restored_whole_changes_nothing(
    kept: Kept, change: Callable[[bytes], bytes], reason: str
) -> None:
    bad = kept.hub.home / "bad.sql.gz"
    bad.write_bytes(change(kept.backup.read_bytes()))
    refused = kept.hub.rosterhub("db", "restore", str(bad))
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert dump(kept.hub.url) == kept.before
    if change in (truncated, without_end, with_a_broken_row):
        kept.hub.shell(RESTORE.format(bad, kept.hub.url))
        assert dump(kept.hub.url) == kept.before


def test_a_backup_is_not_restored_over_a_database_of_others(kept: Kept, empty_url: str) -> None:
    with connect(empty_url) as connection:
        connection.execute("CREATE TABLE theirs ()")
        for refused in (
            kept.hub.rosterhub("db", "restore", str(kept.backup), DATABASE_URL=empty_url),
            kept.hub.shell(RESTORE.format(kept.backup, empty_url)),
        ):
            assert refused.returncode != 0
            assert "is not that of a hub" in refused.stderr
        connection.execute("SELECT FROM theirs")


def test_an_api_that_holds_the_tables_is_named(kept: Kept) -> None:
    impatient = kept.hub.home / "impatient.sql.gz"
    text = gzip.decompress(kept.backup.read_bytes()).replace(b"'60s'", b"'100ms'")
    impatient.write_bytes(gzip.compress(text))
    with connect(kept.hub.url) as reader, reader.transaction():
        reader.execute("SELECT FROM users")
        refused = kept.hub.rosterhub("db", "restore", str(impatient))
    assert refused.returncode == 1
    assert "Stop the API and the workers" in refused.stderr


@pytest.mark.parametrize("version", [v for v in binaries() if v != "18"])
def test_an_older_server_takes_back_what_a_newer_pg_dump_made(
    version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pg")
    cluster = initialised(binaries()[version], folder)
    # Only what concerns the backup: the tuning files are tested elsewhere.
    command = [*cluster.command("8gb"), "-c", "shared_buffers=64MB", "-c", "fsync=off"]
    with cluster.running(*command):
        url = f"postgresql://rosterhub:secret@127.0.0.1:{cluster.port}/postgres"
        migrate.upgrade(url)
        config = Settings(database_url=url)
        hub = fill(config, tmp_path_factory.mktemp("home"))
        made = succeeded(hub.rosterhub("db", "backup")).strip()
        before = dump(url)
        damage(config)
        succeeded(hub.rosterhub("db", "restore", made))
        assert dump(url) == before
        damage(config)
        succeeded(hub.shell(RESTORE.format(made, url)))
        assert dump(url) == before


@pytest.fixture(scope="module")
def empty(fresh: Fresh) -> Iterator[Settings]:
    with fresh() as config:
        yield config


@pytest.fixture
def empty_hub(empty: Settings, tmp_path: Path) -> Installation:
    """An installation of its own, on a database that only backups are made of."""
    return installation(tmp_path, empty)


def old_backup(hub: Installation, days: int, size: int = 10) -> Path:
    long_ago = time.time() - days * 86_400
    path = hub.home / "backups" / f"db-backup-{date.fromtimestamp(long_ago):%Y%m%d}-020000.sql.gz"
    path.write_bytes(bytes(size))
    os.utime(path, (long_ago, long_ago))
    return path


def test_old_backups_go_once_there_is_a_good_new_one(empty_hub: Installation) -> None:
    gone, kept = old_backup(empty_hub, 32), old_backup(empty_hub, 29)
    other = empty_hub.home / "backups" / "before-the-move.sql.gz"
    other.touch()
    os.utime(other, (0, 0))
    made = Path(succeeded(empty_hub.script("backup-database.sh")).strip())
    assert set(empty_hub.backups) == {kept, other, made}
    assert not gone.exists()


def test_a_backup_that_fails_leaves_nothing_and_removes_nothing(empty_hub: Installation) -> None:
    old = old_backup(empty_hub, 32)
    failed = empty_hub.script(
        "backup-database.sh", DATABASE_URL="postgresql://u:hush@127.0.0.1:1/none"
    )
    assert failed.returncode == 1
    assert empty_hub.backups == [old]
    assert "Backup failed: " in empty_hub.backup_log
    for said in (failed.stderr, failed.stdout, empty_hub.backup_log):
        assert "hush" not in said
    assert "Connection refused" in failed.stderr


def test_where_there_is_no_room_no_half_backup_is_left(empty_hub: Installation) -> None:
    """The most a file may grow to stands for a full disk."""
    old = old_backup(empty_hub, 32)
    failed = empty_hub.shell(f"trap '' XFSZ; ulimit -f 4; {BACK_UP}")
    assert failed.returncode == 1
    assert empty_hub.backups == [old]
    assert "Backup failed: gzip: " in empty_hub.backup_log
    assert "File too large" in failed.stderr


def test_a_backup_that_ends_without_a_word_is_not_blamed_on_the_disk(
    empty_hub: Installation, tmp_path: Path
) -> None:
    silent = tmp_path / "bin" / "pg_dump"
    silent.parent.mkdir()
    silent.write_text("#!/bin/sh\nexit 137\n")
    silent.chmod(0o755)
    path = f"{silent.parent}:{empty_hub.environment['PATH']}"
    assert empty_hub.script("backup-database.sh", PATH=path).returncode == 1
    assert "Backup failed: the dump ended with 137" in empty_hub.backup_log


def test_a_backup_that_somebody_ends_says_so(empty_hub: Installation, tmp_path: Path) -> None:
    begun, slow = tmp_path / "begun", tmp_path / "bin" / "pg_dump"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 2\n")
    slow.chmod(0o755)
    path = f"{slow.parent}:{empty_hub.environment['PATH']}"
    with subprocess.Popen(
        [REPOSITORY / "scripts" / "backup-database.sh"],
        env=empty_hub.environment | {"PATH": path},
        stderr=subprocess.DEVNULL,
    ) as running:
        until(begun.exists)
        running.terminate()
    assert running.returncode == -15
    assert "Backup failed: somebody ended it" in empty_hub.backup_log
    assert empty_hub.backups == []


def test_a_backup_that_is_suddenly_small_is_reported(empty_hub: Installation) -> None:
    old_backup(empty_hub, 32)
    old_backup(empty_hub, 1, 10_000_000)
    done = empty_hub.script("backup-database.sh")
    assert "less than half" in succeeded(done) + done.stderr
    assert "Backup warning: " in empty_hub.backup_log
    assert len(empty_hub.backups) == 3


def test_what_a_killed_backup_left_goes_with_the_next(empty_hub: Installation) -> None:
    left = empty_hub.home / "backups" / ".db-backup-20260101-000000.sql.gz.part"
    left.touch()
    succeeded(empty_hub.script("backup-database.sh"))
    assert not left.exists()


def test_two_backups_at_once_are_one(empty_hub: Installation) -> None:
    held = f"exec 8<{empty_hub.home}/backups && flock 8 && {BACK_UP}"
    refused = empty_hub.shell(held)
    assert refused.returncode == 1
    assert "another backup is being made" in refused.stderr
    assert empty_hub.backups == []


def test_cron_may_lead_the_output_to_the_log(empty_hub: Installation) -> None:
    succeeded(empty_hub.shell(f"{BACK_UP} >> {empty_hub.home}/backup.log 2>&1"))
    assert len(empty_hub.backup_log.splitlines()) == 1


def test_a_log_that_cannot_be_written_stops_no_backup(empty_hub: Installation) -> None:
    done = empty_hub.script("backup-database.sh", BACKUP_LOG="/nowhere/x.log")
    succeeded(done)
    assert "BACKUP_LOG names another" in done.stderr
    assert len(empty_hub.backups) == 1


def test_the_command_does_the_same(empty_hub: Installation) -> None:
    said = json.loads(succeeded(empty_hub.rosterhub("db", "backup", "--json")))
    [made] = empty_hub.backups
    assert said == {"file": str(made), "bytes": made.stat().st_size}
    nowhere = empty_hub.rosterhub("db", "backup", "--folder", f"{made}/in-a-file")
    assert nowhere.returncode == 1
    assert "Name another with --folder" in nowhere.stderr
    failed = empty_hub.rosterhub("db", "backup", DATABASE_URL="postgresql://u:hush@127.0.0.1:1/n")
    assert failed.returncode == 1
    assert failed.stderr.startswith("rosterhub: Backup failed: ")
    assert "hush" not in failed.stderr


def test_a_password_with_signs_in_it_reaches_pg_dump(
    empty_hub: Installation,
) -> None:
    with connect(empty_hub.url) as connection:
        connection.execute("CREATE ROLE signs SUPERUSER LOGIN PASSWORD 'a b%/é@'")
    try:
        host = empty_hub.url.rpartition("@")[2]
        url = f"postgresql://signs:a%20b%25%2F%C3%A9%40@{host}"
        succeeded(empty_hub.script("backup-database.sh", DATABASE_URL=url))
    finally:
        with connect(empty_hub.url) as connection:
            connection.execute("DROP ROLE signs")


STAND_IN = f"""#!/bin/bash
# For `docker compose exec -T postgres PROGRAM …`: notes what it is asked, runs PROGRAM here.
[[ "$1 $2 $3 $4" == "compose exec -T postgres" && -e docker-compose.yml ]] || exit 99
shift 4
echo "$@" >>asked
[[ ${{@: -3:2}} == "-U rosterhub" ]] || exit 98
exec {shlex.quote(str(PROGRAMS))}/"$1" "${{@:2:$#-4}}" "$URL"
"""


def test_on_a_server_the_dump_is_made_in_the_container(empty_hub: Installation) -> None:
    """With a stand-in for docker, which cannot run everywhere."""
    bin_ = empty_hub.home / "bin"
    bin_.mkdir()
    (bin_ / "docker").write_text(STAND_IN)
    (bin_ / "docker").chmod(0o755)
    (empty_hub.home / "docker-compose.yml").touch()
    (empty_hub.home / ".env").write_text("POSTGRES_PASSWORD=x\nDATABASE_URL=\n")
    path = f"{bin_}:{os.environ['PATH']}"
    environment = {"PATH": path, "DATABASE_URL": "", "URL": empty_hub.url}
    succeeded(empty_hub.script("backup-database.sh", **environment))
    [asked] = (empty_hub.home / "asked").read_text().splitlines()
    assert asked.startswith("pg_dump ")
    assert asked.endswith(" -U rosterhub rosterhub_production")
    assert len(empty_hub.backups) == 1
    # A database elsewhere that .env names is never mistaken for the container's.
    (empty_hub.home / ".env").write_text("DATABASE_URL=postgresql://u@127.0.0.1:1/none\n")
    refused = empty_hub.script("backup-database.sh", **environment)
    assert refused.returncode == 1
    assert len((empty_hub.home / "asked").read_text().splitlines()) == 1
