"""API keys as callers and operators meet them (docs/keys.md)."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from click.testing import Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typer.testing import CliRunner

from rosterhub.access import lookups
from rosterhub.access.callers import Caller, KeyRing
from rosterhub.access.lookups import Source
from rosterhub.api.app import create_app
from rosterhub.api.hub import authenticate
from rosterhub.cli import keys as cli
from rosterhub.settings import Settings, settings
from rosterhub.store.connect import connect, small_pool
from tests.rosters import rows
from tests.serving import KEY, add_key, serving, until, within_a_second
from tests.wire import database_wire

GUARDED = "/api/v1.2/csv/import/jobs"
"""What only a key with the scope `import` opens."""


def asked(client: httpx.Client, key: str | None) -> int:
    headers = {} if key is None else {"X-API-Key": key}
    return client.get(GUARDED, headers=headers).status_code


def execute(config: Settings, sql: str) -> None:
    with connect(config.write_url) as connection:
        connection.execute(sql.encode())


@pytest.fixture
def run(config: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """`rosterhub keys …` on the test's database."""
    monkeypatch.setenv("DATABASE_URL", config.read_url)
    monkeypatch.setenv("DATABASE_WRITE_URL", config.write_url)
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(cli.app, arguments)
    settings.cache_clear()


def made(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_request_without_a_known_key_is_refused(config: Settings) -> None:
    add_key(config)
    with serving(config) as client:
        assert asked(client, KEY) == 200
        for wrong in (None, "", KEY + "x", "nobody", "x" * 2_000):
            assert asked(client, wrong) == 401
        answer = client.get(GUARDED)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "X-API-Key" in answer.json()["imsx_description"]


def test_two_keys_in_one_request_are_refused(config: Settings) -> None:
    add_key(config)
    with serving(config) as client:
        twice = [("X-API-Key", KEY), ("X-API-Key", KEY)]
        assert client.get(GUARDED, headers=twice).status_code == 401


def test_a_key_disabled_by_sql_is_refused_within_a_second_on_every_server(config: Settings) -> None:
    add_key(config)
    with serving(config) as one, serving(config) as other:
        assert asked(one, KEY) == asked(other, KEY) == 200
        for active, status in (("false", 401), ("true", 200)):
            execute(config, f"UPDATE api_keys SET is_active = {active} WHERE key = '{KEY}'")
            within_a_second(lambda: {asked(one, KEY), asked(other, KEY)}, {status})


def test_a_made_key_opens_and_its_secret_is_nowhere_kept(config: Settings, run: object) -> None:
    document = made(run("create", "--name", "School C LMS", "--description", "LMS", "--json"))
    public, whole = document["key"], document["apiKey"]
    secret = whole.removeprefix(f"{public}.")
    assert set(document) == {"key", "apiKey"}
    assert len(secret) >= 43
    assert secret not in str(rows(config, "SELECT k::text FROM api_keys k"))
    with serving(config) as client:
        assert asked(client, whole) == 200
        for wrong in (public, f"{public}.", f"{public}.{secret}x", secret, f"x.{secret}"):
            assert asked(client, wrong) == 401
        [(stored,)] = rows(config, "SELECT secret_hash FROM api_keys")
        assert asked(client, f"{public}.{stored}") == 401


def test_a_key_does_what_its_scopes_say_and_no_more(config: Settings, run: object) -> None:
    reads = ("--scope", "roster.readonly", "--scope", "export")
    whole = made(run("create", "--name", "Reader", *reads, "--json"))["apiKey"]
    with serving(config) as client:
        refused = client.get(GUARDED, headers={"X-API-Key": whole})
    assert refused.status_code == 403
    assert "import" in refused.json()["imsx_description"]


def test_an_unknown_scope_or_a_nameless_key_is_wrong_usage(config: Settings, run: object) -> None:
    assert run("create", "--name", "X", "--scope", "everything").exit_code == 2
    assert run("create", "--name", " ").exit_code == 2
    assert rows(config, "SELECT count(*) FROM api_keys") == [(0,)]


def test_a_made_key_is_alone_on_standard_output(config: Settings, run: object) -> None:
    result = run("create", "--name", "X")
    [(public,)] = rows(config, "SELECT key FROM api_keys")
    assert result.stdout.startswith(f"{public}.")
    assert result.stdout.count("\n") == 1


def test_the_list_shows_no_secret(config: Settings, run: object) -> None:
    add_key(config, "7c4fd3b2-manual-secret")
    document = made(run("create", "--name", "Made", "--scope", "import", "--json"))
    secret = document["apiKey"].removeprefix(document["key"])
    for output in (run("list").output, run("list", "--json").output):
        assert "7c4fd3b2-manual-secret" not in output
        assert secret not in output
    listed = json.loads(run("list", "--json").stdout)["keys"]
    assert [(k["key"], k["name"], k["isActive"], k["scopes"]) for k in listed] == [
        ("7c4f…", "Test", True, []),
        (document["key"], "Made", True, ["import"]),
    ]


def test_disable_takes_a_key_from_its_holder(config: Settings, run: object) -> None:
    document = made(run("create", "--name", "Leaver", "--json"))
    with serving(config) as client:
        assert asked(client, document["apiKey"]) == 200
        assert run("disable", document["key"]).exit_code == 0
        within_a_second(lambda: asked(client, document["apiKey"]), 401)
    unknown = run("disable", "nobody")
    assert unknown.exit_code == 1
    assert unknown.stdout == ""


def test_usage_counts_what_each_key_did(config: Settings, run: object) -> None:
    whole = made(run("create", "--name", "Busy", "--json"))["apiKey"]
    with serving(config) as client:
        assert asked(client, whole) == asked(client, whole) == 200
        headers = {"X-API-Key": whole}
        assert client.get(f"{GUARDED}/unknown", headers=headers).status_code == 404
    [row] = json.loads(run("usage", "--json").stdout)["keys"]
    assert (row["name"], row["total"], row["success"], row["errors"]) == ("Busy", 3, 2, 1)
    assert "Busy" in run("usage", "--days", "1").stdout
    execute(config, "UPDATE audit_logs SET created_at = now() - interval '40 days'")
    assert json.loads(run("usage", "--json").stdout)["keys"] == []


def key_check(config: Settings) -> Starlette:
    """The API with a path that looks at the key and needs nothing else."""

    async def check(request: Request) -> Response:
        return Response((await authenticate(request)).name)

    app = create_app(config)
    app.router.routes.insert(0, Route("/check", check))
    return app


def test_keys_are_not_trusted_while_no_database_answers(config: Settings) -> None:
    add_key(config)
    with database_wire(config.read_url) as (wire, url):
        away = Settings(database_url=url)
        with serving(away, key_check(away)) as api:
            api.headers["X-API-Key"] = KEY
            assert api.get("/check").text == "Test"
            wire.cut()
            until(lambda: api.get("/check").status_code == 503)
            refused = api.get("/check")
            assert refused.headers["Retry-After"]
            assert "server_busy" in refused.text
            wire.mend()
            until(lambda: api.get("/check").status_code == 200)


def test_a_database_that_hangs_does_not_hang_the_keys(config: Settings) -> None:
    add_key(config)
    with database_wire(config.read_url) as (wire, url):
        away = Settings(database_url=url)
        with serving(away, key_check(away)) as api:
            api.headers["X-API-Key"] = KEY
            assert api.get("/check").text == "Test"
            wire.clog()
            time.sleep(lookups.KEPT_SECONDS)  # The kept answer has to be too old.
            refused = api.get("/check")
            assert refused.status_code == 503
            assert refused.elapsed < timedelta(seconds=8)
            wire.mend()
            until(lambda: api.get("/check").status_code == 200)


def test_reads_go_on_without_the_primary(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_PATIENCE_SECONDS", 15)
    monkeypatch.setattr(lookups, "_PRIMARY_REST_SECONDS", 60)
    add_key(config)

    async def whose(ring: KeyRing, key: bytes) -> Caller | None:
        return await ring.caller(key)

    async def scenario() -> None:
        with database_wire(config.read_url) as (wire, url):
            primary, replica = small_pool(url), small_pool(config.read_url)
            await primary.open(wait=True)
            await replica.open(wait=True)
            wire.cut()
            ring = KeyRing(Source(primary, replica))
            caller = await whose(ring, KEY.encode())
            assert caller
            assert caller.key == KEY
            # From now on it leaves the primary alone, and nobody waits for it.
            asked = primary.get_stats()["requests_num"]
            assert asked
            assert await whose(ring, b"nobody") is None
            assert primary.get_stats()["requests_num"] == asked
            await primary.close()
            await replica.close()

    asyncio.run(scenario())


def test_those_who_ask_for_one_key_at_once_share_a_lookup(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "KEPT_SECONDS", 60)
    add_key(config)

    async def scenario() -> None:
        pool = small_pool(config.read_url)
        await pool.open(wait=True)
        ring = KeyRing(Source(pool))
        found = await asyncio.gather(*(ring.caller(KEY.encode()) for _ in range(50)))
        assert {caller.key for caller in found if caller} == {KEY}
        assert await ring.caller(KEY.encode()) is found[0]
        assert pool.get_stats()["requests_num"] == 1
        await pool.close()

    asyncio.run(scenario())


def test_guessed_keys_do_not_fill_the_memory(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "ANSWERS", 10)

    async def scenario() -> None:
        pool = small_pool(config.read_url)
        await pool.open(wait=True)
        ring = KeyRing(Source(pool))
        for number in range(30):
            assert await ring.caller(f"guess-{number}".encode()) is None
        assert len(ring._lookups) == 10
        await pool.close()

    asyncio.run(scenario())
