"""Imports over HTTP: what is taken, what is refused at the door, how a job is followed."""

import csv
import io
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from rosterhub.jobs.submit import submit
from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import
from tests.rosters import board, csv_file, package, rows, zipped
from tests.serving import KEY, add_key, serving, until

LIMIT = 100_000
USERS = csv_file("users", board()["users"])
BASE = "/api/v1.2/csv/import"


@contextmanager
def served(config: Settings, **settings: Any) -> Iterator[httpx.Client]:
    with serving(config.model_copy(update=settings)) as client:
        client.headers["X-API-Key"] = KEY
        yield client


@pytest.fixture(scope="module")
def hub(
    fresh: Callable[[], AbstractContextManager[Settings]],
) -> Iterator[tuple[Settings, httpx.Client]]:
    """A hub without a worker, its API, and a key for it."""
    with fresh() as config:
        add_key(config)
        with served(config, csv_upload_max_size=LIMIT, database_pool_size=1) as client:
            yield config, client


def post(client: httpx.Client, path: str, content: bytes, **more: Any) -> httpx.Response:
    return client.post(f"{BASE}{path}", files={"file": ("users.csv", content)}, **more)


def run(config: Settings, answer: httpx.Response) -> str:
    """Carry out the import that `answer` tells of; its job id."""
    assert answer.status_code == 202, answer.text
    job = answer.json()["jobId"]
    run_import(int(job), config)
    return job


def test_as_the_manual_has_it(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    answer = post(client, "/users", USERS)
    assert answer.status_code == 202
    body = answer.json()
    assert body.keys() == {"jobId", "status", "statusUrl"}
    assert body["status"] == "queued"
    assert body["statusUrl"] == str(client.base_url.join(f"{BASE}/jobs/{body['jobId']}"))
    job = client.get(body["statusUrl"]).json()["job"]
    assert (job["state"], job["progress"], job["errors"]) == ("queued", 0, [])
    assert answer.headers["location"] == f"{BASE}/jobs/{body['jobId']}"
    run(config, answer)
    job = client.get(body["statusUrl"]).json()["job"]
    assert job["state"] == "failed"  # the school is not there
    assert job["counts"] == {
        "total": 3,
        "created": 0,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "failed": 3,
    }
    assert {"file", "line", "column", "code", "message"} == job["errors"][0].keys()
    assert set(job["timings"]) == {"staging", "checking"}


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_entity_has_its_path(hub: tuple[Settings, httpx.Client], entity: str) -> None:
    _, client = hub
    assert post(client, f"/{entity}", csv_file(entity, [])).status_code == 202


def test_a_package(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    files = {"file": ("RO_20260401_139901.zip", package(board()))}
    given = {"dryRun": "true", "source": "sis-1", "level": "strict", "onError": "skip"}
    answer = client.post(BASE, files=files, data=given)
    job = client.get(f"{BASE}/jobs/{run(config, answer)}").json()["job"]
    assert (job["state"], job["source"], job["dryRun"]) == ("completed", "sis-1", True)
    assert (job["fileName"], job["level"]) == ("RO_20260401_139901.zip", "strict")
    assert job["onError"] == "skip"
    assert job["counts"]["created"] == 15
    assert {f["entity"] for f in job["files"]} == set(board())


def test_a_zip_for_one_file_and_a_file_for_a_zip(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    for path, data, code in (
        ("/users", package(board()), "zip_for_entity"),
        ("/users", zipped(("xl/workbook.xml", b"")), "not_csv"),
        ("", USERS, "zip_expected"),
    ):
        answer = post(client, path, data)
        job = client.get(f"{BASE}/jobs/{run(config, answer)}").json()["job"]
        assert (job["state"], [e["code"] for e in job["errors"]]) == ("failed", [code])


@pytest.mark.parametrize(
    ("path", "more", "status", "says"),
    [
        ("/pupils", {}, 404, "academicSessions"),
        ("/users", {"params": {"moed": "bulk"}}, 400, "Unknown option 'moed'"),
        ("/users", {"params": {"mode": "all"}}, 400, "merge, bulk, delta"),
        ("", {"params": {"mode": "bulk"}}, 400, "manifest"),
        ("/users", {"data": {"encoding": "latin-1"}}, 400, "cp932"),
        ("/users", {"data": {"source": "a b"}}, 400, "source"),
        ("/users", {"data": {"dryRun": "maybe"}}, 400, "dryRun"),
        ("/users", {"data": {"placeholders": "some"}}, 400, "true or false"),
        ("/users", {"data": {"profile": "jp"}}, 400, "jp-1.2.1"),
        ("/users", {"data": {"onError": "stop"}}, 400, "reject, skip"),
        ("/users", {"data": {"level": "lax"}}, 400, "tolerant, strict"),
        ("/users", {"data": {"level": "strict", "encoding": "cp932"}}, 400, "UTF-8"),
    ],
)
def test_what_is_refused_at_once(
    hub: tuple[Settings, httpx.Client], path: str, more: dict[str, Any], status: int, says: str
) -> None:
    config, client = hub
    before = rows(config, "SELECT count(*) FROM imports")
    answer = post(client, path, USERS, **more)
    assert answer.status_code == status
    assert says in answer.json()["imsx_description"]
    assert rows(config, "SELECT count(*) FROM imports") == before


def test_forms_without_a_file(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    for more in (
        {"content": USERS},
        {"content": USERS, "headers": {"Content-Type": "text/csv"}},
        {"files": {"data": ("users.csv", USERS)}},
        {"data": {"file": "users.csv"}},
        {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": USERS, "headers": {"Content-Type": "multipart/form-data"}},
        {"files": [("file", ("a.csv", USERS)), ("file", ("b.csv", USERS))]},
    ):
        answer = client.post(f"{BASE}/users", **more)
        assert answer.status_code == 400, (more, answer.text)


def test_without_a_key_nothing_is_taken(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    add_key(config, "reads-only", scopes=("roster-core.readonly",))
    for key, status in (("", 401), ("unknown", 401), ("reads-only", 403)):
        assert post(client, "/users", USERS, headers={"X-API-Key": key}).status_code == status
        for path in ("jobs", "jobs/1", "jobs/1/errors.csv"):
            answer = client.get(f"{BASE}/{path}", headers={"X-API-Key": key})
            assert answer.status_code == status


def test_a_file_over_the_limit(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    answer = post(client, "/users", b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert "CSV_UPLOAD_MAX_SIZE" in answer.json()["imsx_description"]
    assert post(client, "/users", b"x" * (LIMIT - 1)).status_code == 202


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_limit_is_refused_while_it_arrives(
    hub: tuple[Settings, httpx.Client], announced: bool
) -> None:
    _, client = hub
    head = (
        f"POST {BASE}/users HTTP/1.1\r\nHost: hub\r\nX-API-Key: {KEY}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
        + (
            "Content-Length: 1000000000\r\n\r\n"
            if announced
            else "Transfer-Encoding: chunked\r\n\r\n"
        )
    )
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="u.csv"\r\n\r\n'
    sent = 0
    with socket.create_connection((client.base_url.host, client.base_url.port), 10) as wire:
        wire.sendall(head.encode())
        wire.settimeout(60)
        piece = form
        while not announced and sent < 2 * LIMIT and not select.select([wire], [], [], 0.005)[0]:
            try:
                wire.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            except ConnectionError:
                break  # refused amid the piece
            sent += len(piece)
            piece = b"x" * 10_000
        # Nothing more is sent: who waits for the rest of the body waits in vain.
        assert wire.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_goes_away_leaves_nothing(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    before = rows(config, "SELECT count(*) FROM imports")
    head = (
        f"POST {BASE}/users HTTP/1.1\r\nHost: hub\r\nX-API-Key: {KEY}\r\nContent-Length: 9999\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port), 10) as wire:
        wire.sendall(head.encode())
    assert client.get("/health/live").is_success
    assert rows(config, "SELECT count(*) FROM imports") == before


NO_ROOM_FOR_JOBS = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON procrastinate.procrastinate_jobs
FOR EACH ROW EXECUTE FUNCTION no_room();
"""


def test_an_import_is_never_kept_without_its_job(config: Settings) -> None:
    add_key(config)
    with connect(config.write_url) as connection:
        connection.execute(NO_ROOM_FOR_JOBS)
        with pytest.raises(psycopg.errors.DiskFull):
            submit(connection, records.Request("users.csv", "users"), io.BytesIO(USERS))
    with served(config) as client:
        assert post(client, "/users", USERS).status_code == 503
    for table in ("imports", "import_chunks"):
        assert rows(config, f"SELECT count(*) FROM {table}") == [(0,)]


def test_an_import_is_kept_with_its_job(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    job = post(client, "/users", USERS).json()["jobId"]
    assert rows(
        config,
        "SELECT lock, queueing_lock, queue_name, status::text FROM"
        " procrastinate.procrastinate_jobs WHERE args ->> 'import_id' = %s",
        job,
    ) == [("source default", f"import {job}", "imports", "todo")]
    assert rows(
        config,
        "SELECT string_agg(data, '' ORDER BY number) FROM import_chunks"
        " WHERE import_id = %s::bigint",
        job,
    ) == [(USERS,)]


def test_a_file_name_that_cannot_be_kept_as_it_is(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../a\x00b\x1b/\xe5\x90.csv"'
        b"\r\n\r\nx\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post(f"{BASE}/users", content=form, headers=headers)
    assert answer.status_code == 202, answer.text
    name = client.get(answer.json()["statusUrl"]).json()["job"]["fileName"]
    assert name.isprintable()
    assert "/" not in name


def test_jobs_that_do_not_exist(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    for job in ("999999", "0", "x", "1e3", "-1", "9" * 40):
        assert client.get(f"{BASE}/jobs/{job}").status_code == 404
        assert client.get(f"{BASE}/jobs/{job}/errors.csv").status_code == 404


def test_the_list_of_jobs(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    newest = post(client, "/orgs", csv_file("orgs", [])).json()["jobId"]
    older, oldest = client.get(f"{BASE}/jobs?limit=2").json()["jobs"]
    assert int(newest) == int(older["jobId"]) > int(oldest["jobId"])
    assert client.get(f"{BASE}/jobs?limit=1&offset=1").json()["jobs"] == [oldest]
    for query in ("limit=0", "limit=1001", "limit=x", "offset=-1", "page=2"):
        assert client.get(f"{BASE}/jobs?{query}").status_code == 400


def flooded(config: Settings, client: httpx.Client, count: int) -> str:
    """The job of an import with `count` errors."""
    header = b"sourcedId,name,type,identifier\n"
    bad = b"".join(b"o%d,n,=temple,\n" % i for i in range(count))
    return run(config, post(client, "/orgs", header + bad))


def test_all_errors_are_in_the_csv_file_and_the_first_thousand_in_the_job(
    hub: tuple[Settings, httpx.Client],
) -> None:
    config, client = hub
    job = flooded(config, client, 3_210)
    document = client.get(f"{BASE}/jobs/{job}").json()["job"]
    assert (document["counts"]["failed"], len(document["errors"])) == (3_210, 1_000)
    answer = client.get(f"{BASE}/jobs/{job}/errors.csv", headers={"Accept-Language": "ja,en;q=0.5"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f"import-{job}-errors.csv" in answer.headers["content-disposition"]
    found = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [int(row["line"]) for row in found] == list(range(2, 3_212))
    assert found[0]["message"].startswith("'=temple は使えません")  # no formula for a spreadsheet


def test_a_slow_reader_of_errors_holds_no_connection(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    job = flooded(config, client, 5_000)
    with client.stream("GET", f"{BASE}/jobs/{job}/errors.csv") as answer:
        chunks = answer.iter_raw(100)
        next(chunks)
        # The pool has one connection, and somebody else can have it.
        assert client.get(f"{BASE}/jobs/{job}").is_success
        assert sum(chunk.count(b"\n") for chunk in chunks) > 4_900


def test_messages_are_in_the_language_that_is_asked_for(
    hub: tuple[Settings, httpx.Client],
) -> None:
    config, client = hub
    job = flooded(config, client, 1)
    for language, start in (
        ("ja", "=temple は"),
        ("en-GB, ja;q=0.1", "=temple is"),
        ("", "=temple is"),
    ):
        answer = client.get(f"{BASE}/jobs/{job}", headers={"Accept-Language": language})
        assert answer.json()["job"]["errors"][0]["message"].startswith(start)


def test_without_a_database_an_upload_is_refused_for_now(config: Settings) -> None:
    add_key(config)
    with served(config) as client:
        assert post(client, "/users", USERS).status_code == 202
        name = psycopg.conninfo.conninfo_to_dict(config.write_url)["dbname"]
        elsewhere = config.write_url.rpartition("/")[0] + "/postgres"
        with connect(elsewhere) as connection:
            connection.execute(compiled(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            answer = post(client, "/users", USERS)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            connection.execute(compiled(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
        until(lambda: post(client, "/users", USERS).status_code == 202)
