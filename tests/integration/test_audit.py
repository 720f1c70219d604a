"""The audit log: every request, refused ones too, and none lost (docs/audit.md)."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typer.testing import CliRunner

from rosterhub.access.audit import Audit, Entry
from rosterhub.api.app import create_app
from rosterhub.api.hub import authenticate
from rosterhub.api.routing import PlainRoutes
from rosterhub.cli import audit as cli
from rosterhub.settings import Settings, settings
from rosterhub.store.connect import connect, small_pool
from tests.rosters import rows
from tests.serving import KEY, add_key, process, serving, until
from tests.wire import database_wire

JOBS = "/api/v1.2/csv/import/jobs"
LOGGED = "SELECT path, endpoint, method, response_status, api_key FROM audit_logs ORDER BY id"


@pytest.fixture
def run(config: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`rosterhub audit …` on the test's database."""
    monkeypatch.setenv("DATABASE_URL", config.read_url)
    monkeypatch.setenv("DATABASE_WRITE_URL", config.write_url)
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(cli.app, arguments)
    settings.cache_clear()


def log(config: Settings, age: str, key: str | None = None, status: int = 200) -> None:
    with connect(config.write_url) as connection:
        connection.execute(
            "INSERT INTO audit_logs (api_key, endpoint, created_at, response_time_ms, "
            "response_status, method, path) VALUES (%s, '/x', now() - %s::interval, 1, %s, "
            "'GET', '/x')",
            [key, age, status],
        )


def test_every_request_is_logged_refused_ones_too(config: Settings) -> None:
    add_key(config)
    add_key(config, "reader", scopes=("roster.readonly",))
    with serving(config) as client:
        client.get(JOBS, headers={"X-API-Key": KEY})
        client.get(JOBS)
        client.get(JOBS, headers={"X-API-Key": "guessed-key"})
        client.get(JOBS, headers={"X-API-Key": "reader"})
        client.get(f"{JOBS}/77?secret=1", headers={"X-API-Key": KEY})
        client.get("/nowhere?name=x")
        client.delete("/health")
        client.get("/health/live")
    assert rows(config, LOGGED) == [
        (JOBS, JOBS, "GET", 200, KEY),
        (JOBS, JOBS, "GET", 401, None),
        (JOBS, JOBS, "GET", 401, None),
        (JOBS, JOBS, "GET", 403, "reader"),
        (f"{JOBS}/77", f"{JOBS}/{{job_id}}", "GET", 404, KEY),
        ("/nowhere", "(unknown)", "GET", 404, None),
        ("/health", "/health", "DELETE", 405, None),
        ("/health/live", "/health/live", "GET", 200, None),
    ]
    assert "guessed-key" not in str(rows(config, "SELECT a::text FROM audit_logs a"))


def test_an_entry_says_when_from_where_how_long_and_how_much(config: Settings) -> None:
    async def three(request: Request) -> Response:
        await authenticate(request)
        request.scope["audit"].records = 3
        await asyncio.sleep(0.05)
        return Response(b"{}")

    add_key(config)
    app = create_app(config)
    app.router.routes.insert(0, PlainRoutes([Route("/three/{sourcedId}", three)]))
    with serving(config, app) as client:
        answer = client.get("/three/a", headers={"X-API-Key": KEY})
    [row] = rows(
        config,
        "SELECT endpoint, records, client_address, request_id, response_time_ms BETWEEN 45 AND "
        "30000, created_at BETWEEN now() - interval '1 minute' AND now() FROM audit_logs",
    )
    request_id = answer.headers["X-Request-ID"]
    assert row == ("/three/{sourcedId}", 3, "127.0.0.1", request_id, True, True)


def test_a_path_that_no_column_takes_is_logged_all_the_same(config: Settings) -> None:
    with serving(config) as client:
        for path in ("/a%00b", "/%F0%9F%98%80", "/%ff%fe", "/%ED%A0%80", "/" + "x" * 5_000):
            assert client.get(path).status_code == 404
    logged = [path for (path,) in rows(config, "SELECT path FROM audit_logs ORDER BY id")]
    assert logged[:2] == ["/a�b", "/😀"]
    assert len(logged) == 5
    assert len(logged[4]) == 2_000


def test_nothing_is_lost_on_sigterm(config: Settings) -> None:
    with process(config) as (client, stop):
        before = rows(config, "SELECT count(*) FROM audit_logs")[0][0]
        for number in range(300):
            client.get("/health/live", headers={"X-Request-ID": f"n{number}"})
        stop()
    logged = rows(config, "SELECT request_id FROM audit_logs WHERE request_id LIKE 'n%'")
    assert before < 300
    assert {name for (name,) in logged} == {f"n{number}" for number in range(300)}
    assert len(logged) == 300


def test_entries_wait_for_a_database_that_is_away(config: Settings) -> None:
    with database_wire(config.read_url) as (wire, url), serving(Settings(database_url=url)) as api:
        api.get("/health/live", headers={"X-Request-ID": "before"})
        until(lambda: rows(config, "SELECT count(*) FROM audit_logs") == [(1,)])
        wire.cut()
        for number in range(20):
            api.get("/health/live", headers={"X-Request-ID": f"away{number}"})
        until(lambda: api.get("/health").status_code == 503)
        wire.mend()
        until(
            lambda: (
                rows(config, "SELECT count(*) FROM audit_logs WHERE request_id LIKE 'away%'")
                == [(20,)]
            )
        )


def entry(number: int) -> Entry:
    return Entry(0, "GET", "/x", None, f"n{number}", endpoint="/x", response_status=200)


def test_the_oldest_entries_go_when_the_database_stays_away(config: Settings) -> None:
    async def scenario() -> None:
        pool = small_pool(config.write_url)
        audit = Audit(pool, capacity=1_500)
        for number in range(2_000):
            audit.add(entry(number))
        assert (len(audit), audit.dropped) == (1_500, 500)
        await pool.open(wait=True)
        audit.start()
        await audit.close()
        await pool.close()
        assert len(audit) == 0

    asyncio.run(scenario())
    kept = [name for (name,) in rows(config, "SELECT request_id FROM audit_logs ORDER BY id")]
    assert kept == [f"n{number}" for number in range(500, 2_000)]


def test_many_entries_are_written_together(config: Settings) -> None:
    async def busy() -> None:
        pool = small_pool(config.write_url)
        await pool.open(wait=True)
        audit = Audit(pool)
        audit.start()
        for _ in range(1_500):
            audit.add(Entry(0.0, "GET", "/x", None, "id"))
            await asyncio.sleep(0.001)
        await audit.close()
        await pool.close()

    asyncio.run(busy())
    ((entries, transactions),) = rows(
        config, "SELECT count(*), count(DISTINCT xmin::text) FROM audit_logs"
    )
    assert entries == 1_500
    # One in each half second, or for each thousand, however quickly others come.
    assert transactions < 15


def test_a_stopping_process_does_not_wait_for_ever(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rosterhub.access.audit._LAST_CHANCE_SECONDS", 0.2)

    async def scenario() -> None:
        pool = small_pool("postgresql://nobody@127.0.0.1:1/nothing")
        await pool.open(wait=False)
        audit = Audit(pool)
        audit.start()
        audit.add(entry(1))
        await asyncio.wait_for(audit.close(), 15)
        assert len(audit) == 1
        await pool.close()

    asyncio.run(scenario())


def test_the_partitions_of_the_coming_months_are_made_at_the_start(config: Settings) -> None:
    with connect(config.write_url) as connection:
        for (name,) in rows(
            config,
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = "
            "'audit_logs'::regclass AND inhrelid::regclass::text <> 'audit_logs_default'",
        ):
            connection.execute(f"DROP TABLE {name}".encode())
    count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass"
    with serving(config):
        until(lambda: rows(config, count) == [(4,)])


def test_the_list_filters_and_masks(config: Settings, run: Any) -> None:
    add_key(config)
    log(config, "3 days", KEY)
    log(config, "2 hours", KEY, 404)
    log(config, "1 hour", None, 401)

    def listed(*options: str) -> list[tuple[Any, ...]]:
        result = run("list", "--json", *options)
        assert result.exit_code == 0, result.output
        entries = json.loads(result.stdout)["entries"]
        return [(e["apiKey"], e["responseStatus"]) for e in entries]

    mask = f"{KEY[:4]}…"
    assert listed() == [(None, 401), (mask, 404), (mask, 200)]
    assert listed("--key", KEY) == [(mask, 404), (mask, 200)]
    assert listed("--status", "401") == [(None, 401)]
    assert listed("--limit", "1") == [(None, 401)]
    [(since,)] = rows(config, "SELECT (now() - interval '90 minutes')::text")
    assert listed("--since", since) == [(None, 401)]
    assert KEY not in run("list").output
    assert run("list", "--since", "yesterday").exit_code == 2


def test_prune_deletes_what_is_old_and_drops_whole_months(config: Settings, run: Any) -> None:
    with connect(config.write_url) as connection:
        connection.execute(
            "CREATE TABLE audit_logs_202001 PARTITION OF audit_logs "
            "FOR VALUES FROM ('2020-01-01 00:00Z') TO ('2020-02-01 00:00Z')"
        )
        connection.execute(
            "INSERT INTO audit_logs (endpoint, created_at, response_time_ms, response_status, "
            "method, path) SELECT '/x', '2020-01-15', 1, 200, 'GET', '/x' FROM "
            "generate_series(1, 3)"
        )
    log(config, "91 days")
    log(config, "89 days")
    result = run("prune", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"deleted": 4, "droppedPartitions": ["audit_logs_202001"]}
    assert rows(config, "SELECT count(*) FROM audit_logs") == [(1,)]
    assert json.loads(run("prune", "--json").stdout)["deleted"] == 0


def test_a_month_that_somebody_reads_is_pruned_row_by_row(config: Settings, run: Any) -> None:
    with connect(config.write_url) as connection, connect(config.write_url) as reader:
        connection.execute(
            "CREATE TABLE audit_logs_202001 PARTITION OF audit_logs "
            "FOR VALUES FROM ('2020-01-01 00:00Z') TO ('2020-02-01 00:00Z')"
        )
        log(config, "91 days")
        connection.execute("UPDATE audit_logs SET created_at = '2020-01-15 00:00Z'")
        with reader.transaction():
            reader.execute("SELECT * FROM audit_logs_202001")
            result = run("prune", "--json")
    assert json.loads(result.stdout) == {"deleted": 1, "droppedPartitions": []}
