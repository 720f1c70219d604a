"""What access tokens open, for how long, and what they are signed with (docs/oauth.md)."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterhub.access import audit_log, lookups
from rosterhub.access.clients import Clients
from rosterhub.access.lookups import Source
from rosterhub.access.scopes import READ
from rosterhub.access.signing_keys import SigningKeys
from rosterhub.access.tokens import Tokens
from rosterhub.api.app import create_app
from rosterhub.api.hub import authenticate
from rosterhub.settings import Settings
from rosterhub.store.connect import connect, small_pool
from tests.oauth import (
    JOBS,
    ORGS,
    Client,
    add_client,
    ask,
    bearer,
    execute,
    opens,
    refusal,
    token,
)
from tests.rosters import rows
from tests.serving import KEY, add_key, process, serving, until, within_a_second
from tests.wire import database_wire


@pytest.fixture
def api(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as api:
        yield api


@pytest.fixture
def client(config: Settings) -> Client:
    return add_client(config)


def test_a_token_opens_what_its_scopes_say_and_no_more(config: Settings, api: httpx.Client) -> None:
    client = add_client(config, "roster.readonly", "import")
    narrow = token(api, client, "roster.readonly")
    assert opens(api, narrow) == 200
    answer = api.get(JOBS, headers=bearer(narrow))
    assert answer.status_code == 403
    assert "forbidden" in answer.text
    assert 'error="insufficient_scope", scope="import"' in answer.headers["WWW-Authenticate"]
    assert opens(api, token(api, client), JOBS) == 200


def test_a_client_that_loses_a_scope_loses_it_in_its_tokens(
    config: Settings, api: httpx.Client
) -> None:
    text = token(api, add_client(config, "roster.readonly", "import"))
    assert opens(api, text, JOBS) == 200
    execute(config, "UPDATE oauth_clients SET scopes = '{roster.readonly}'")
    within_a_second(lambda: opens(api, text, JOBS), 403)
    assert opens(api, text) == 200


def test_the_audit_log_names_the_client(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    opens(api, token(api, client))
    ask(api, (client[0], "wrong"))
    logged = "SELECT endpoint, response_status, api_key FROM audit_logs ORDER BY id"
    until(lambda: len(rows(config, logged)) == 3)
    assert rows(config, logged) == [
        ("/oauth/token", 200, client[0]),
        (ORGS, 200, client[0]),
        ("/oauth/token", 401, None),
    ]
    with connect(config.write_url) as connection:
        shown = [entry["api_key"] for entry in audit_log.entries(connection)]
    assert shown == [None, client[0], client[0]]


def forged(config: Settings, text: str, *, alg: str = "HS256", **changes: Any) -> str:
    """A token as `text` but for its claims, signed with the true key."""
    [(kid, secret)] = rows(config, "SELECT kid, secret FROM token_keys")
    claims = jwt.decode(text, options={"verify_signature": False}) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, None if alg == "none" else secret, alg, {"kid": kid})


def coded(document: bytes) -> str:
    return base64.urlsafe_b64encode(document).decode().rstrip("=")


@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long")
def test_tokens_that_are_not_ours_are_refused(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    text = token(api, client)
    other = add_client(config)[0]
    header, claims, signature = text.split(".")
    more = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"scope": "admin"}
    [(kid, secret)] = rows(config, "SELECT kid, secret FROM token_keys")
    now, unsigned = int(time.time()), coded(b'{"alg":"NONE"}')
    # The forgery itself is right: unchanged, or for another client, it is taken.
    assert opens(api, forged(config, text)) == 200
    assert opens(api, forged(config, text, sub=other)) == 200
    wrong = {
        "tampered": f"{header}.{coded(json.dumps(more).encode())}.{signature}",
        "signature cut off": f"{header}.{claims}.",
        "signature of another": f"{header}.{claims}.{forged(config, text, jti='x').split('.')[2]}",
        "no algorithm": forged(config, text, alg="none"),
        "no algorithm, said otherwise": f"{unsigned}.{claims}.",
        "another algorithm": forged(config, text, alg="HS384"),
        "expired": forged(config, text, exp=now - 1),
        "without an end": forged(config, text, exp=None),
        "another issuer": forged(config, text, iss="https://example.com"),
        "another audience": forged(config, text, aud="https://example.com"),
        "nobody's": forged(config, text, sub="nobody"),
        "without a client": forged(config, text, sub=None),
        "without scopes": forged(config, text, scope=None),
        "another key": jwt.encode(more, b"x" * 32, "HS256", {"kid": kid}),
        "an unknown key": jwt.encode(more, secret, "HS256", {"kid": "unknown"}),
        "no key": jwt.encode(more, secret, "HS256"),
        "a deep header": f"{coded(b'[' * 1_500)}.{claims}.{signature}",
        "endless": text + "x" * 10_000,
        "empty": "",
        "a secret": client[1],
    }
    for what, sent in wrong.items():
        answer = api.get(ORGS, headers={"Authorization": f"Bearer {sent}".strip()})
        assert answer.status_code == 401, what
        challenge = answer.headers["WWW-Authenticate"]
        assert challenge.startswith("Bearer "), what
        assert 'error="invalid_token"' in challenge, what
    assert opens(api, text) == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_token_makes_the_server_fail(api: httpx.Client, one: bytes, two: bytes) -> None:
    kid = coded(b'{"alg":"HS256","kid":"x"}').encode()
    for sent in (
        base64.urlsafe_b64encode(one) + b"." + base64.urlsafe_b64encode(two) + b".",
        kid + b"." + base64.urlsafe_b64encode(one) + b"." + base64.urlsafe_b64encode(two),
    ):
        answer = api.get(ORGS, headers={"Authorization": b"Bearer " + sent})
        assert answer.status_code == 401


def test_without_credentials_both_ways_in_are_named(api: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearerx"}):
        answer = api.get(ORGS, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rosterhub"'
        assert "X-API-Key" in answer.text
        assert "Bearer" in answer.text


def test_a_key_and_a_token_at_once_are_refused(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    add_key(config)
    headers = bearer(token(api, client))
    both = api.get(ORGS, headers={**headers, "X-API-Key": KEY})
    assert both.status_code == 400
    assert 'error="invalid_request"' in both.headers["WWW-Authenticate"]
    twice = [*headers.items(), *headers.items()]
    assert api.get(ORGS, headers=twice).status_code == 400
    # What a proxy in front asked for is not ours.
    assert api.get(ORGS, headers={"X-API-Key": KEY}, auth=("proxy", "x")).status_code == 200


def test_tokens_of_a_disabled_client_die_within_a_second_on_every_server(
    config: Settings, client: Client
) -> None:
    with serving(config) as one, process(config) as (other, _):
        text = token(one, client)
        for active, status in ((False, 401), (True, 200)):
            assert opens(one, text) == opens(other, text) == 601 - status
            execute(config, "UPDATE oauth_clients SET is_active = %s", active)
            within_a_second(lambda: {opens(one, text), opens(other, text)}, {status})


def test_servers_share_the_keys_from_the_first_token_on(config: Settings, client: Client) -> None:
    with serving(config) as one, serving(config) as other, ThreadPoolExecutor(8) as threads:
        for server in (one, other):
            assert opens(server, "x.y.z") == 401
        texts = list(threads.map(lambda i: token((one, other)[i % 2], client), range(16)))
        for text in texts:
            assert opens(one, text) == opens(other, text) == 200
    assert rows(config, "SELECT count(*) FROM token_keys") == [(1,)]


def test_keys_rotate_and_tokens_of_the_old_ones_live_on(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    def kid(text: str) -> str:
        return jwt.get_unverified_header(text)["kid"]

    def kids() -> list[str]:
        return [kid for (kid,) in rows(config, "SELECT kid FROM token_keys ORDER BY created_at")]

    def age(kid: str, hours: float) -> None:
        sql = "UPDATE token_keys SET created_at = now() - make_interval(secs => %s) WHERE kid = %s"
        execute(config, sql, hours * 3_600, kid)

    text = token(api, client)
    first = kid(text)
    assert kids() == [first]
    # An hour before its day is over the next key is made, so that all know it before it signs.
    age(first, 23.1)
    until(lambda: kid(token(api, client)) == first and len(kids()) == 2)
    second = kids()[1]
    assert kid(token(api, client)) == first
    age(first, 24.1)
    until(lambda: kid(token(api, client)) == second)
    assert opens(api, text) == opens(api, token(api, client)) == 200
    # By now its last token is dead; the key goes when the next one is made.
    age(first, 25.2)
    within_a_second(lambda: opens(api, text), 401)
    assert kids() == [first, second]
    age(second, 24.5)
    until(lambda: kid(token(api, client)) not in (first, second))
    assert kids() == [second, kid(token(api, client))]


def test_deleting_a_key_ends_its_tokens_within_a_second(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    text = token(api, client)
    assert opens(api, text) == 200
    execute(config, "DELETE FROM token_keys")
    within_a_second(lambda: opens(api, text), 401)
    until(lambda: opens(api, token(api, client)) == 200)


def checking(config: Settings) -> Starlette:
    """The API with a path that looks at who calls and needs nothing else."""

    async def check(request: Request) -> Response:
        return Response((await authenticate(request)).key)

    app = create_app(config)
    app.router.routes.insert(0, Route("/check", check))
    return app


def test_tokens_are_neither_trusted_nor_issued_while_no_database_answers(
    config: Settings, client: Client
) -> None:
    with database_wire(config.read_url) as (wire, url):
        away = config.model_copy(update={"database_url": url})
        with serving(away, checking(away)) as api:
            text = token(api, client)
            assert opens(api, text, "/check") == 200
            wire.cut()
            until(lambda: opens(api, text, "/check") == 503)
            until(lambda: ask(api, client).status_code == 503)
            refused = ask(api, client)
            assert refusal(refused) == (503, "temporarily_unavailable")
            assert refused.headers["Retry-After"]
            wire.mend()
            until(lambda: opens(api, text, "/check") == 200)
            until(lambda: ask(api, client).status_code == 200)


def test_tokens_go_on_without_the_primary(
    config: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "_PATIENCE_SECONDS", 15)

    async def scenario() -> None:
        with database_wire(config.read_url) as (wire, url):
            primary, replica = small_pool(url), small_pool(config.read_url)
            await primary.open(wait=True)
            await replica.open(wait=True)
            source = Source(primary, replica)
            clients = Clients(source)
            tokens = Tokens(clients, SigningKeys(source))
            found = await clients.find(client[0])
            assert found
            before = await tokens.issue(found, ["roster.readonly"])
            wire.cut()
            # A server that has not seen the token, the client or the key.
            source = Source(primary, replica)
            clients = Clients(source)
            tokens = Tokens(clients, SigningKeys(source))
            caller = await tokens.caller(before.encode())
            assert caller
            assert (caller.key, caller.scopes) == (client[0], {"roster.readonly"})
            found = await clients.find(client[0])
            assert found
            assert await tokens.caller((await tokens.issue(found, READ)).encode())
            await primary.close()
            await replica.close()

    asyncio.run(scenario())
