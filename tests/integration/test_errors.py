"""Errors by spec/rest.md, whatever goes wrong, and nothing of the inside in them."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx
import psycopg
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rosterhub.api.app import create_app
from rosterhub.api.errors import ApiError
from rosterhub.api.routing import PlainRoutes
from rosterhub.settings import Settings
from tests.rosters import rows
from tests.serving import KEY, add_key, serving, until

INSIDE = "SELECT secret FROM users; /srv/rosterhub/api.py"


async def fail(request: Request) -> Response:
    raise RuntimeError(INSIDE)


async def fail_midway(request: Request) -> Response:
    async def body() -> AsyncGenerator[bytes]:
        yield b"begun"
        await asyncio.sleep(0)
        raise RuntimeError(INSIDE)

    return StreamingResponse(body(), headers={"Content-Length": "1000"})


async def refuse(request: Request) -> Response:
    status = int(request.path_params["status"])
    raise ApiError(status, "server_busy", "Wait a little \ud800.", {"Retry-After": "1"})


async def sql(request: Request) -> Response:
    raise psycopg.errors.SyntaxError(INSIDE)


async def lacking(request: Request) -> Response:
    raise psycopg.errors.UndefinedTable(INSIDE)


async def away(request: Request) -> Response:
    raise psycopg.OperationalError(INSIDE)


async def fine(request: Request) -> Response:
    return Response(b"{}")


ROUTES = PlainRoutes(
    [
        Route("/fail", fail),
        Route("/midway", fail_midway),
        Route("/refuse/{status}", refuse),
        Route("/sql", sql),
        Route("/away", away),
        Route("/lacking", lacking),
        Route("/things/{id}", fine, methods=["GET"]),
        Route("/things/{id}", fine, methods=["PUT"]),
        Route("/things/{id}", fine, methods=["DELETE"]),
    ]
)


@pytest.fixture
def client(config: Settings) -> Iterator[httpx.Client]:
    app = create_app(config)
    app.router.routes.insert(0, ROUTES)
    with serving(config, app) as client:
        yield client


def imsx(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, codeMinor and description of an answer that has to be a whole error body."""
    assert answer.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {
        "imsx_codeMajor",
        "imsx_severity",
        "imsx_description",
        "imsx_CodeMinor",
    }
    assert (body["imsx_codeMajor"], body["imsx_severity"]) == ("failure", "error")
    [field] = body["imsx_CodeMinor"]["imsx_codeMinorField"]
    assert field["imsx_codeMinorFieldName"] == "TargetEndSystem"
    assert INSIDE not in answer.text
    return answer.status_code, field["imsx_codeMinorFieldValue"], body["imsx_description"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/ims/oneroster/rostering/v1p2/nothing", "/api/v1.2/nothing"]
)
def test_an_unknown_path_is_404(client: httpx.Client, path: str) -> None:
    assert imsx(client.get(path))[:2] == (404, "unknownobject")
    assert imsx(client.post(path, content=b"x"))[:2] == (404, "unknownobject")


def test_a_wrong_method_is_405_with_every_method_that_is_right(client: httpx.Client) -> None:
    answer = client.post("/things/1")
    assert imsx(answer)[:2] == (405, "unsupported")
    assert answer.headers["Allow"] == "GET, HEAD, PUT, DELETE"
    answer = client.put("/api/v1.2/csv/import/jobs")
    assert imsx(answer)[0] == 405
    assert "GET" in answer.headers["Allow"]


def test_a_failure_of_ours_is_500_with_the_request_id_alone(client: httpx.Client) -> None:
    for path in ("/fail", "/sql"):
        answer = client.get(path)
        status, minor, description = imsx(answer)
        assert (status, minor) == (500, "internal_server_error")
        assert answer.headers["X-Request-ID"] in description


def test_a_failure_midway_breaks_the_answer_off(client: httpx.Client, config: Settings) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/midway")
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("status", [403, 413, 429, 503])
def test_a_refusal_has_its_status_and_headers(client: httpx.Client, status: int) -> None:
    answer = client.get(f"/refuse/{status}")
    assert imsx(answer) == (status, "server_busy", "Wait a little ?.")
    assert answer.headers["Retry-After"] == "1"


def test_a_database_that_is_away_is_503(client: httpx.Client) -> None:
    answer = client.get("/away")
    assert imsx(answer)[:2] == (503, "server_busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_database_that_lacks_a_table_is_503_and_says_what_to_run(client: httpx.Client) -> None:
    answer = client.get("/lacking")
    status, minor, description = imsx(answer)
    assert (status, minor) == (503, "server_busy")
    assert "rosterhub db upgrade" in description
    assert int(answer.headers["Retry-After"]) > 0


def test_a_wrong_parameter_is_400_and_named_but_its_value_is_not(
    client: httpx.Client, config: Settings
) -> None:
    client.headers["X-API-Key"] = add_key(config)
    jobs = "/api/v1.2/csv/import/jobs"
    status, minor, description = imsx(client.get(jobs, params={"limit": "山田太郎"}))
    assert (status, minor) == (400, "invaliddata")
    assert "limit" in description
    assert "山田" not in description
    assert imsx(client.get(jobs, params={"colour": "red"}))[:2] == (400, "invaliddata")


def test_errors_below_the_1_1_base_have_its_body(client: httpx.Client) -> None:
    answer = client.get("/ims/oneroster/v1p1/nothing")
    assert answer.status_code == 404
    assert answer.json() == {
        "statusInfoSet": [
            {
                "imsx_codeMajor": "failure",
                "imsx_severity": "error",
                "imsx_codeMinor": "unknownobject",
                "imsx_description": "There is nothing at this path.",
            }
        ]
    }


def test_every_answer_carries_a_request_id_of_its_own(client: httpx.Client) -> None:
    paths = ("/health/live", "/nothing", "/fail", "/things/1", "/refuse/429")
    names = [client.get(path).headers["X-Request-ID"] for path in paths * 2]
    assert len(set(names)) == 10


def test_a_sane_request_id_is_taken_and_another_replaced(client: httpx.Client) -> None:
    given = {"X-Request-ID": "trace-1:a.b_c"}
    assert client.get("/health/live", headers=given).headers["X-Request-ID"] == "trace-1:a.b_c"
    for odd in ("", "a b", "x" * 65, "a\tb", "<script>", "-a"):
        answer = client.get("/health/live", headers={"X-Request-ID": odd})
        assert answer.headers["X-Request-ID"] not in ("", odd)


def test_the_log_has_the_request_id_and_why_it_failed(
    client: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.configure(
        [
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    try:
        client.get("/fail?name=secret", headers={"X-Request-ID": "find-me"})
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed, request = (line for line in lines if line.get("request_id") == "find-me")
    assert INSIDE in failed["exception"]
    assert (request["endpoint"], request["status"]) == ("/fail", 500)
    assert "secret" not in json.dumps(request)


def test_an_upload_that_its_client_breaks_off_is_no_failure_of_ours(
    client: httpx.Client, config: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    add_key(config)
    request = (
        "POST /api/v1.2/csv/import/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        f"X-API-Key: {KEY}\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as upload:
        upload.sendall(request.encode())
    logged = "SELECT response_status FROM audit_logs"
    until(lambda: rows(config, logged) == [(499,)])
    assert "error" not in caplog.text.lower()


def test_a_key_is_named_in_no_answer(client: httpx.Client, config: Settings) -> None:
    add_key(config, scopes=("export",))
    for path in ("/api/v1.2/csv/import/jobs", "/nothing", "/fail"):
        assert KEY not in client.get(path, headers={"X-API-Key": KEY}).text
