"""What somebody without a key sends must not make nginx take the API servers for dead."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deploy.conftest import Fresh
from tests.deploy.fronts import NAME, Front, front
from tests.integration.test_serve import serving
from tests.rosters import board, package, send
from tests.serving import KEY, add_key

ORGS = "/ims/oneroster/rostering/v1p2/orgs"
LARGE = 5_000_000
TIMES = 10
"""More than `max_fails` of both servers together."""

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
RUDE = {
    "a body too large for a token": (f"POST /oauth/token HTTP/1.1\r\n{FORM}", 413),
    "a path that is no ASCII": ("POST /佐藤 HTTP/1.1\r\n", 400),
    "a header with a control character": ("POST /oauth/token HTTP/1.1\r\nX-A: a\x01b\r\n", 400),
}


@pytest.fixture
def site(nginx: str, fresh: Fresh, tmp_path: Path) -> Iterator[Front]:
    """nginx before two API servers."""
    with ExitStack() as stack:
        config = stack.enter_context(fresh())
        add_key(config)
        send(config, package(board()))
        servers: list[str] = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            api = stack.enter_context(serving(config, tmp_path / name))
            servers.append(api.url.removeprefix("http://"))
        (tmp_path / "nginx").mkdir()
        yield stack.enter_context(front(tmp_path / "nginx", nginx, servers))


def ask(site: Front, head: str) -> tuple[int, bytes]:
    """Send a request with a large body; the status and the body of the answer."""
    context = ssl.create_default_context(cafile=str(site.root / "ssl" / "cert.pem"))
    with (
        socket.create_connection(("127.0.0.1", site.tls_port), 30) as raw,
        context.wrap_socket(raw, server_hostname=NAME) as connection,
    ):
        whole = f"{head}Host: {NAME}\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n"
        connection.sendall(whole.encode())
        answer = b""
        try:
            for _ in range(LARGE // 50_000):
                connection.sendall(b"x" * 50_000)
        except OSError:  # it does not want to hear the rest
            pass
        while piece := connection.recv(65_536):
            answer += piece
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


@pytest.mark.parametrize("rude", RUDE)
def test_nobody_else_notices(site: Front, rude: str) -> None:
    head, status = RUDE[rude]
    answers = [ask(site, head) for _ in range(TIMES)]
    assert [found for found, _ in answers] == [status] * TIMES
    if status == 413:
        assert json.loads(answers[0][1])["error"] == "invalid_request"
    with site.client() as client:
        for _ in range(20):
            assert client.get(ORGS, headers={"X-API-Key": KEY}).status_code == 200


def test_a_long_filter_makes_no_answer_too_long(site: Front) -> None:
    clauses = [f"sourcedId>='00000000-0000-4000-8000-{n:012}'" for n in range(100)]
    with site.client() as client:
        for _ in range(TIMES):
            answer = client.get(
                ORGS,
                params={"limit": "1", "filter": " OR ".join(clauses)},
                headers={"X-API-Key": KEY},
            )
            assert answer.status_code == 200, answer.text
            assert len(answer.headers["Link"]) < 9_000
            assert list(answer.links) == ["next"]
            short = client.get(ORGS, params={"limit": "1"}, headers={"X-API-Key": KEY})
            assert list(short.links) == ["next", "first", "last"]
