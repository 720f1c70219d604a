"""The URLs in answers: of the server as the client reached it, and never of what it made up."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from rosterhub.settings import Settings
from tests.rosters import board, package, send
from tests.serving import KEY, add_key, serving
from tests.urls import links

USERS = "/ims/oneroster/rostering/v1p2/users"


@pytest.fixture(scope="module")
def config(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    with fresh() as made:
        send(made, package(board()))
        add_key(made)
        yield made


@pytest.fixture(scope="module")
def client(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def roots(answer: httpx.Response) -> set[str]:
    """What stands before the path in every link and every href."""
    assert answer.status_code == 200, answer.text
    hrefs = [user["primaryOrg"]["href"] for user in answer.json()["users"]]
    hrefs += [role["org"]["href"] for user in answer.json()["users"] for role in user["roles"]]
    assert len(hrefs) > 1
    return {url.partition("/ims/")[0] for url in [*hrefs, *(k.url for k in links(answer).values())]}


@pytest.mark.parametrize("host", ["hub.example", "hub.example:8443", "127.0.0.1:1", "[::1]:3000"])
def test_urls_are_of_the_host_that_the_client_named(client: httpx.Client, host: str) -> None:
    assert roots(client.get(USERS, headers={"Host": host})) == {f"http://{host}"}


@pytest.mark.parametrize(
    "host",
    [
        '"',
        'hub"},{"x":"y',
        "hub\\",
        "hub>; rel=next",
        "hub/path",
        "hub?x=y",
        "user@hub",
        "hub,other",
        "<script>",
        "hub.example:port",
        "hub.example:123456",
        "",
        "x" * 300,
        "é",
        "%22",
        "[::1",
    ],
)
def test_a_host_that_is_none_goes_nowhere(client: httpx.Client, host: str) -> None:
    answer = client.get(USERS, headers={"Host": host.encode("latin-1")})
    if answer.status_code != 400:
        assert roots(answer) == {str(client.base_url).rstrip("/")}
        everything = answer.text + str(answer.headers)
        assert len(host) < 4 or host not in everything


def test_the_public_url_stands_before_every_path(config: Settings) -> None:
    for given, root in (
        ("https://roster.example", "https://roster.example"),
        ("https://roster.example/", "https://roster.example"),
        ("https://city.example/hub/", "https://city.example/hub"),
    ):
        with serving(config.model_copy(update={"public_url": given})) as client:
            client.headers["X-API-Key"] = KEY
            assert roots(client.get(USERS, headers={"Host": "other.example"})) == {root}


def test_behind_a_proxy_with_tls_urls_begin_with_https(client: httpx.Client) -> None:
    headers = {"Host": "hub.example", "X-Forwarded-Proto": "https"}
    assert roots(client.get(USERS, headers=headers)) == {"https://hub.example"}


@pytest.mark.parametrize(
    "target",
    [
        b"/ims/oneroster/rostering/v1p2/users/\xff\xfe",
        b"/ims/oneroster/rostering/v1p2/users/\xe4\xbd\x90",
        b"/ims/oneroster/rostering/v1p2/users?filter=familyName='\xe4\xbd\x90\xe8\x97\xa4'",
        b"/ims/oneroster/rostering/v1p2/users/%",
        b"/ims/oneroster/rostering/v1p2/users/%zz",
        b"/ims/oneroster/rostering/v1p2/users/%00",
        b"/ims/oneroster/rostering/v1p2/users/%FF",
        b"/ims/oneroster/rostering/v1p2/schools/a%22%3E%0d%0aX:1/classes",
        b"/ims/oneroster/rostering/v1p2/users?filter=%FF",
        b"/ims/oneroster/rostering/v1p2/users?%",
        b"/ims/oneroster/rostering/v1p2/users?limit",
        b"/ims/oneroster/rostering/v1p2/users?&&&",
        b"*",
        b"http://other.example/ims/oneroster/rostering/v1p2/users",
    ],
)
def test_no_request_target_is_a_failure_of_ours(client: httpx.Client, target: bytes) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: hub.example\r\nX-API-Key: %b\r\nConnection: close\r\n\r\n"
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address) as connection, connection.makefile("rb") as answer:
        connection.sendall(request % (target, KEY.encode()))
        head, _, body = answer.read().partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert 200 <= status < 500
    if b"application/json" in head and b"gzip" not in head:
        json.loads(body)
