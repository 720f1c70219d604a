"""`/oauth/token` as clients meet it (docs/oauth.md)."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rosterhub.access.scopes import READ, URI, URI_1_1, full
from rosterhub.settings import Settings
from tests.oauth import GRANT, JOBS, Client, add_client, ask, execute, opens, refusal, token
from tests.rosters import rows
from tests.serving import serving


@pytest.fixture
def api(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as api:
        yield api


@pytest.fixture
def client(config: Settings) -> Client:
    return add_client(config)


def test_a_client_gets_a_token_and_reads_with_it(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    answer = ask(api, client, f"{URI}roster.readonly")
    document = answer.json()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert set(document) == {"access_token", "token_type", "expires_in", "scope"}
    assert document["token_type"] == "Bearer"
    assert document["expires_in"] == 3600
    assert document["scope"] == f"{URI}roster.readonly"
    assert opens(api, document["access_token"]) == 200


def test_credentials_in_the_form_do_as_well(client: Client, api: httpx.Client) -> None:
    form = {**GRANT, "client_id": client[0], "client_secret": client[1]}
    answer = api.post("/oauth/token", data=form)
    assert opens(api, answer.json()["access_token"]) == 200


def test_credentials_that_are_percent_encoded_do_as_well(client: Client, api: httpx.Client) -> None:
    encoded = ["".join(f"%{ord(c):02x}" for c in part) for part in client]
    raw = base64.b64encode(":".join(encoded).encode()).decode()
    answer = api.post("/oauth/token", data=GRANT, headers={"Authorization": f"basic {raw}"})
    assert answer.status_code == 200


def test_the_token_says_whose_it_is_and_for_how_long(client: Client, api: httpx.Client) -> None:
    text = token(api, client, "roster.readonly", f"{URI}resource.readonly")
    claims = jwt.decode(text, options={"verify_signature": False})
    assert claims["sub"] == client[0]
    assert claims["scope"] == "resource.readonly roster.readonly"
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 60
    assert {"iss", "aud", "jti"} <= set(claims)
    another = jwt.decode(token(api, client), options={"verify_signature": False})
    assert another["jti"] != claims["jti"]


def test_without_a_scope_all_of_the_clients_are_granted(
    config: Settings, api: httpx.Client
) -> None:
    some = add_client(config, "roster.readonly", "import")
    assert set(ask(api, some).json()["scope"].split()) == {f"{URI}roster.readonly", "import"}
    assert set(ask(api, some, "").json()["scope"].split()) == {f"{URI}roster.readonly", "import"}
    all_that_read = add_client(config)
    assert set(ask(api, all_that_read).json()["scope"].split()) == {full(name) for name in READ}


def test_scopes_go_by_short_name_by_uri_and_by_that_of_1_1(
    config: Settings, api: httpx.Client
) -> None:
    client = add_client(config, "roster.readonly", "import")
    for asked in ("roster.readonly", f"{URI}roster.readonly", f"{URI_1_1}roster.readonly"):
        document = ask(api, client, asked).json()
        assert document["scope"] == asked
        assert opens(api, document["access_token"]) == 200
    assert opens(api, token(api, client, "import"), JOBS) == 200


def test_a_scope_that_the_client_lacks_is_named_and_refused(
    config: Settings, api: httpx.Client
) -> None:
    client = add_client(config, "roster.readonly", "import", "gradebook-core.readonly")
    for lacking, named in {
        "gradebook.delete": "gradebook.delete",
        f"{URI}gradebook.delete": f"{URI}gradebook.delete",
        f"{URI}import": f"{URI}import",
        f"{URI_1_1}gradebook-core.readonly": f"{URI_1_1}gradebook-core.readonly",
        "https://example.com/scope/roster.readonly": "https://example.com/scope/roster.readonly",
        "ROSTER.READONLY": "ROSTER.READONLY",
        'quoted"\\あ': "quoted???",
    }.items():
        for asked in (lacking, f"roster.readonly {lacking} import"):
            answer = ask(api, client, asked)
            assert refusal(answer) == (400, "invalid_scope")
            assert answer.json()["error_description"] == f"This client lacks: {named}"


def test_a_client_without_any_scope_gets_no_token(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    execute(config, "UPDATE oauth_clients SET scopes = '{}'")
    assert refusal(ask(api, client)) == (400, "unauthorized_client")


def test_who_is_no_client_is_refused_by_basic(client: Client, api: httpx.Client) -> None:
    client_id, secret = client
    for wrong in (
        (client_id, secret + "x"),
        (client_id, ""),
        ("nobody", secret),
        (client_id, "x" * 1_000),
        (client_id + "\0", secret),
        ("あ", "い"),
    ):
        answer = ask(api, wrong)
        assert refusal(answer) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
    nothing = api.post("/oauth/token", data=GRANT)
    assert refusal(nothing) == (401, "invalid_client")
    assert nothing.headers["WWW-Authenticate"].startswith("Basic")


def test_the_hash_of_a_secret_is_no_secret(
    config: Settings, client: Client, api: httpx.Client
) -> None:
    [(stored,)] = rows(config, "SELECT secret_hash FROM oauth_clients")
    assert refusal(ask(api, (client[0], stored))) == (401, "invalid_client")


def test_requests_that_are_none_are_refused_by_their_kind(
    client: Client, api: httpx.Client
) -> None:
    def sent(**request: Any) -> tuple[int, str]:
        return refusal(api.post("/oauth/token", auth=client, **request))

    assert sent() == (400, "invalid_request")
    assert sent(json=GRANT) == (400, "invalid_request")
    assert sent(files={"grant_type": (None, "client_credentials")}) == (400, "invalid_request")
    assert sent(params=GRANT) == (400, "invalid_request")
    assert sent(data={"grant_type": "password"}) == (400, "unsupported_grant_type")
    assert sent(data={**GRANT, "client_secret": client[1]}) == (400, "invalid_request")
    assert sent(data={**GRANT, "scope": "x" * 20_000}) == (413, "invalid_request")


def test_the_token_path_takes_post_alone(api: httpx.Client) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = api.request(method, "/oauth/token")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.binary(min_size=1, max_size=300).map(lambda raw: b"Basic " + base64.b64encode(raw))
    | st.from_regex(
        rb"[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?", fullmatch=True
    ),
    st.binary(max_size=300),
)
def test_no_header_and_no_body_makes_the_server_fail(
    api: httpx.Client, header: bytes, body: bytes
) -> None:
    for content in (body, b"grant_type=client_credentials&" + body):
        headers = {
            "Authorization": header,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = api.post("/oauth/token", content=content, headers=headers)
        assert answer.status_code in (400, 401, 429)
