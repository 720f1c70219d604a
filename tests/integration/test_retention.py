"""What is too old goes, by itself, and its room with it; what is younger can be looked at."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from rosterhub.jobs.cleaning import clean
from rosterhub.settings import Settings
from rosterhub.store import history
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import claims
from tests.integration.test_cli_transfer import rosterhub
from tests.integration.test_guard import many
from tests.integration.test_jobs import STAGED, queue, worker
from tests.rosters import board, contents, csv_file, job, package, person, places, rows, send
from tests.serving import add_key, serving, until

JOBS = "/api/v1.2/csv/import/jobs"


def age(config: Settings, import_id: str, days: int) -> None:
    """The import ended so many days ago."""
    with connect(config.write_url) as connection:
        connection.execute(
            "UPDATE imports SET created_at = created_at - make_interval(days => %(days)s),"
            " finished_at = finished_at - make_interval(days => %(days)s) WHERE id = %(id)s",
            {"days": days, "id": import_id},
        )


def kept(config: Settings, import_id: str) -> tuple[bool, bool, bool]:
    """Whether there is still an upload, an issue, a change of the import."""
    ((found),) = rows(
        config,
        "SELECT EXISTS (SELECT FROM import_chunks WHERE import_id = %(id)s),"
        " EXISTS (SELECT FROM import_issues WHERE import_id = %(id)s),"
        " EXISTS (SELECT FROM import_changes WHERE import_id = %(id)s)".replace(
            "%(id)s", str(int(import_id))
        ),
    )
    return found  # type: ignore[return-value]


def dry_run(config: Settings) -> str:
    """An import of which there is all that can be kept."""
    data = board()
    data["orgs"][0]["colour"] = "red"
    document = send(config, package(data), dry_run=True)
    assert document["state"] == "completed"
    return document["jobId"]


def test_an_import_keeps_all_for_thirty_days_and_its_counts_for_ever(config: Settings) -> None:
    old, young = dry_run(config), dry_run(config)
    age(config, old, 30)
    age(config, young, 29)
    assert kept(config, old) == kept(config, young) == (True, True, True)
    clean(config)
    assert kept(config, old) == (False, False, False)
    assert kept(config, young) == (True, True, True)
    assert job(config, int(old))["counts"]["created"] == 15


def test_fewer_days(config: Settings) -> None:
    one = dry_run(config)
    clean(config.model_copy(update={"import_retention_days": 0}))
    assert kept(config, one) == (False, False, False)


def test_one_that_waits_keeps_what_it_needs(config: Settings) -> None:
    send(config, package(many(100)))
    waiting = send(config, package(many(79)))
    assert waiting["state"] == "waiting"
    age(config, waiting["jobId"], 400)
    clean(config)
    assert kept(config, waiting["jobId"]) == (True, True, True)


def test_the_room_of_uploads_is_given_back(config: Settings) -> None:
    one = send(config, package(board()))
    sending = queue(config, csv_file("orgs", board()["orgs"]), "orgs")
    with connect(config.write_url) as connection:
        connection.execute(
            "INSERT INTO import_chunks"
            " SELECT %s, n, convert_to(repeat(md5(n::text), 30000), 'UTF8')"
            " FROM generate_series(1, 4) n",
            [one["jobId"]],
        )
    size = "SELECT pg_total_relation_size('import_chunks')"
    ((before,),) = rows(config, size)
    assert before > 3_000_000
    age(config, one["jobId"], 31)
    clean(config)
    assert rows(config, size)[0][0] < before / 10
    assert rows(config, "SELECT DISTINCT import_id FROM import_chunks") == [(sending,)]


def test_staging_tables_that_nobody_dropped(config: Settings) -> None:
    dead, alive = dry_run(config), dry_run(config)
    running = queue(config, package(board()), None)
    for one in (dead, alive):
        age(config, one, 1)
    with connect(config.write_url) as connection, connect(config.write_url) as working:
        for one in (dead, alive, running):
            connection.execute(compiled(f"CREATE TABLE staging.i{one}_users ()"))
        assert claims.claim(working, int(alive))
        clean(config)
    assert sorted(rows(config, STAGED)) == sorted([(f"i{alive}_users",), (f"i{running}_users",)])


@contextmanager
def old_months(config: Settings) -> Iterator[None]:
    """History and audit log have a month that is too old, and one that is not."""
    with connect(config.write_url) as connection:
        for begin in (datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC).replace(day=1)):
            connection.execute(
                history._attach("history.users", f"history.users_{begin:%Y%m}", begin)
            )
        connection.execute(
            "CREATE TABLE audit_logs_202001 PARTITION OF audit_logs"
            " FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')"
        )
        connection.execute(
            "INSERT INTO audit_logs (endpoint, created_at, response_time_ms, response_status,"
            " method, path) SELECT '/', t, 1, 200, 'GET', '/'"
            " FROM (VALUES ('2020-01-05Z'::timestamptz), (now() - interval '91 days'),"
            " (now() - interval '89 days')) v (t)"
        )
    yield


def months(config: Settings) -> set[str]:
    return {
        name
        for (name,) in rows(
            config,
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhrelid::regclass::text"
            " ~ '20[0-9]{4}$'",
        )
    }


def test_old_months_of_the_history_and_the_audit_log(config: Settings) -> None:
    with old_months(config):
        before = months(config)
        clean(config)
        assert before - months(config) == {"history.users_202001", "audit_logs_202001"}
        assert rows(config, "SELECT count(*) FROM audit_logs") == [(1,)]


def test_what_is_being_read_goes_an_hour_later(config: Settings) -> None:
    with old_months(config), connect(config.read_url) as reader:
        with reader.transaction():
            reader.execute("SELECT FROM history.users")
            clean(config)
            assert "history.users_202001" in months(config)
            assert "audit_logs_202001" not in months(config)
        clean(config)
        assert "history.users_202001" not in months(config)


def test_partitions_of_the_audit_log_are_made_ahead(config: Settings) -> None:
    clean(config)  # as the template of this database was made last month, if it was
    with connect(config.write_url) as connection:
        made = [name for name in months(config) if name.startswith("audit")]
        assert made
        for name in made:
            connection.execute(compiled(f"DROP TABLE {name}"))
    clean(config)
    assert {n for n in months(config) if n.startswith("audit")} == set(made)


def test_nobody_waits_for_partitions_that_a_backup_holds_up(config: Settings) -> None:
    with connect(config.write_url) as connection, connect(config.write_url) as backup:
        [*_, last] = sorted(name for name in months(config) if name.startswith("audit"))
        connection.execute(compiled(f"DROP TABLE {last}"))
        with backup.transaction():
            backup.execute("LOCK TABLE audit_logs IN ACCESS SHARE MODE")
            clean(config)
            assert last not in months(config)
        clean(config)
    assert last in months(config)


def test_a_worker_does_it_by_itself(config: Settings, tmp_path: Path) -> None:
    one = dry_run(config)
    age(config, one, 31)
    with connect(config.write_url) as other:
        # As another worker that cleans just now.
        other.execute("SELECT pg_advisory_lock(hashtext('rosterhub cleaning'))")
        clean(config)
        assert kept(config, one) == (True, True, True)
    with worker(config.write_url, tmp_path / "log"):
        until(lambda: kept(config, one) == (False, False, False))
        until(lambda: "import rows deleted" in (tmp_path / "log").read_text())


@pytest.fixture
def client(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as client:
        client.headers["X-API-Key"] = add_key(config)
        yield client


def test_the_file_that_was_sent(config: Settings, client: httpx.Client, tmp_path: Path) -> None:
    data = package(board())
    one = send(config, data)["jobId"]
    answer = client.get(f"{JOBS}/{one}/file")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-disposition"] == f'attachment; filename="import-{one}.zip"'
    reader = {"X-API-Key": add_key(config, "reader", scopes=("roster.readonly",))}
    assert client.get(f"{JOBS}/{one}/file", headers=reader).status_code == 403
    done = rosterhub(config, "imports", "file", one, folder=tmp_path)
    path = tmp_path / f"import-{one}.zip"
    assert (done.returncode, path.read_bytes()) == (0, data), done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    age(config, one, 31)
    clean(config)
    answer = client.get(f"{JOBS}/{one}/file")
    assert answer.status_code == 404
    assert "IMPORT_RETENTION_DAYS" in answer.json()["imsx_description"]
    again = rosterhub(config, "imports", "file", one, "--force", folder=tmp_path)
    assert (again.returncode, "IMPORT_RETENTION_DAYS" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("data", "entity"),
    [
        (csv_file("orgs", [{"sourcedId": "o", "name": "n", "type": "planet"}]), "orgs"),
        (csv_file("users", [person("p", "A", "B", primaryOrgSourcedId="nowhere")]), "users"),
    ],
)
def test_a_file_with_errors_is_kept(config: Settings, data: bytes, entity: str) -> None:
    document = send(config, data, entity)
    assert document["state"] == "failed"
    assert kept(config, document["jobId"])[0]


@pytest.mark.parametrize(
    ("data", "entity"),
    [
        (csv_file("users", [person("p", "A", "B", password="himitsu")]), "users"),
        (csv_file("users", [person("p", "A", "B", password="himitsu")], ["sourcedId"]), "users"),
        (csv_file("users", [person("p", "A", "B", password="himitsu")]), "orgs"),
        (csv_file("users", [person("p", "A", "B", password="himitsu")]) + b'x,"y\r\n', "users"),
        (b"PK\x03\x04 himitsu", None),
    ],
)
def test_what_holds_passwords_or_might_is_not_kept(
    config: Settings, data: bytes, entity: str | None
) -> None:
    document = send(config, data, entity)
    assert document["state"] == "failed"
    assert not kept(config, document["jobId"])[0]


@pytest.mark.parametrize(
    ("entity", "column"),
    [
        ("users", "Password"),
        ("users", "passwd"),
        ("users", "pasword"),
        ("users", "initial_password"),
        ("users", "ﾊﾟｽﾜｰﾄﾞ"),
        ("users", "metadata.password"),
        ("users", "metadata.jp.Passwd"),
        ("orgs", "Password"),
    ],
)
def test_passwords_under_another_name_are_dropped_too(
    config: Settings, entity: str, column: str
) -> None:
    data = {"orgs": board()["orgs"], "users": [person("p", "A", "B")]}
    data[entity][0][column] = "himitsu"
    document = send(config, package(data))
    assert document["state"] == "completed", document["errors"]
    assert (f"{entity}.csv", 1, column, "password_dropped") in places(document["warnings"])
    assert not kept(config, document["jobId"])[0]
    assert "himitsu" not in repr(contents(config))


def test_metadata_that_only_sounds_like_it_is_no_password(config: Settings) -> None:
    pupil = person("p", "A", "B", primaryOrgSourcedId="", **{"metadata.passport": "MU1"})
    document = send(config, csv_file("users", [pupil]), "users")
    assert kept(config, document["jobId"])[0]
    assert rows(config, "SELECT metadata FROM users") == [({"passport": "MU1"},)]


def test_what_is_in_a_package_beside_the_files_is_not_kept(config: Settings) -> None:
    document = send(config, package(board(), extra={"passwords.csv": b"p1,himitsu"}))
    assert document["state"] == "completed"
    assert not kept(config, document["jobId"])[0]
