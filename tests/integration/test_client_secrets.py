"""Guessed secrets: whom they hold up, and what becomes of right ones (docs/oauth.md)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import structlog

from rosterhub.access import client_secrets, failures
from rosterhub.settings import Settings
from tests.oauth import GRANT, Client, add_client, ask, execute, opens, refusal, token
from tests.rosters import rows
from tests.serving import serving, until, within_a_second


@pytest.fixture
def api(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as api:
        yield api


@pytest.fixture
def client(config: Settings) -> Client:
    return add_client(config)


def test_thirty_failures_a_minute_are_enough(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    proved, other = add_client(config), add_client(config)
    token(api, proved)
    for wrong in (client[0], proved[0], "nobody" + client[0]):
        statuses = [ask(api, (wrong, "wrong")).status_code for _ in range(failures.A_MINUTE)]
        assert set(statuses) == {401}
        answer = ask(api, (wrong, "wrong"))
        assert refusal(answer) == (429, "temporarily_unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    # Who has not proved itself waits, whatever it brings; who has, and other clients, do not.
    assert ask(api, client).status_code == 429
    assert ask(api, proved).status_code == 200
    assert ask(api, other).status_code == 200
    with serving(config) as another:
        assert ask(another, client).status_code == 429


def test_without_redis_failures_stay_failures(config: Settings, client: Client) -> None:
    for redis_url in ("", "redis://127.0.0.1:1"):
        with serving(config.model_copy(update={"redis_url": redis_url})) as api:
            assert ask(api, (client[0], "wrong")).status_code == 401
            assert ask(api, client).status_code == 200


def test_a_right_secret_is_hashed_once_until_it_changes(
    config: Settings, client: Client, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    verify = client_secrets._verify

    def counting(secret_hash: str, secret: str) -> bool:
        hashed.append(secret)
        return verify(secret_hash, secret)

    monkeypatch.setattr(client_secrets, "_verify", counting)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: token(api, client), range(24)))
    assert hashed == [client[1]]
    another = add_client(config)
    execute(
        config,
        "UPDATE oauth_clients SET secret_hash = (SELECT secret_hash FROM oauth_clients WHERE "
        "client_id = %s) WHERE client_id = %s",
        another[0],
        client[0],
    )
    within_a_second(lambda: ask(api, client).status_code, 401)
    assert ask(api, (client[0], another[1])).status_code == 200


def test_secrets_that_are_checked_hold_nobody_up(
    config: Settings, client: Client, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_secrets, "WAITING", 3)
    proved = add_client(config)
    token(api, proved)
    begun, go_on = threading.Event(), threading.Event()
    running: list[int] = []

    def slow(secret_hash: str, secret: str) -> bool:
        running.append(threading.get_ident())
        begun.set()
        assert len(running) == 1 or go_on.is_set()
        return go_on.wait(60) and False

    monkeypatch.setattr(client_secrets, "_verify", slow)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, api, (client[0], f"wrong{i}")) for i in range(8)]
        # Three wait; the others are sent away, and nobody else waits for them.
        until(lambda: sum(one.done() for one in asked) == 5)
        for refused in [one.result() for one in asked if one.done()]:
            assert refusal(refused) == (503, "temporarily_unavailable")
            assert refused.headers["Retry-After"] == "1"
        assert ask(api, proved).status_code == 200
        assert api.get("/health/live").status_code == 200
        assert begun.wait(60)
        assert len(running) == 1
        go_on.set()
        statuses = sorted(one.result().status_code for one in asked)
        assert statuses == [401] * 3 + [503] * 5


def test_neither_secrets_nor_tokens_reach_the_log_or_the_database(
    config: Settings, client: Client, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.configure([structlog.processors.JSONRenderer()])
    try:
        text = token(api, client)
        opens(api, text)
        api.post("/oauth/token", data={**GRANT, "client_id": client[0], "client_secret": "wr0ng"})
        ask(api, (client[1], client[0]))
    finally:
        structlog.reset_defaults()
    until(lambda: rows(config, "SELECT count(*) FROM audit_logs") == [(4,)])
    kept = "SELECT a::text FROM audit_logs a UNION ALL SELECT c::text FROM oauth_clients c"
    seen = capsys.readouterr().out + str(rows(config, kept))
    assert "/oauth/token" in seen
    for secret in (client[1], "wr0ng", text, text.split(".")[2]):
        assert secret not in seen
