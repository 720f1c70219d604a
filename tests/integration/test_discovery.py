"""`/docs`, `rosterhub openapi`, and the URLs that documents state; their content is tested in
tests/conformance.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from rosterhub.access.scopes import ALL
from rosterhub.api.services import DOCUMENTS
from rosterhub.settings import Settings
from tests.hubs import ROSTERHUB, plain_environment
from tests.serving import KEY, add_key, serving

PLACE = "/ims/oneroster/gradebook/v1p2/discovery/imsorv1p2_gradebook_openapi3_v1p0.json"


@pytest.fixture(scope="module")
def api(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[httpx.Client]:
    with fresh() as config, serving(config) as client:
        add_key(config, scopes=tuple(ALL))
        yield client


def _openapi(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ROSTERHUB, "openapi", *arguments],
        env=plain_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_page_shows_each_document_and_loads_nothing_from_elsewhere(
    api: httpx.Client, name: str
) -> None:
    page = api.get("/docs", params={"document": name})
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert {source for rule in policy for source in rule.split(" ")[1:]} == {
        "'none'",
        "'self'",
        "data:",
    }
    assert re.findall(r"https?:", page.text) == []
    [shown] = re.findall(r'data-url="([^"]+)"', page.text)
    title = api.get(shown).json()["info"]["title"]
    assert f"<title>{title} – RosterHub API</title>" in page.text
    assert re.findall(r'document=(\w+)" aria-current', page.text) == [name]
    assert set(re.findall(r'href="/docs\?document=(\w+)"', page.text)) == set(DOCUMENTS)


def test_who_knows_only_the_name_of_the_server_comes_to_the_page(api: httpx.Client) -> None:
    answer = api.get("/")
    assert answer.is_redirect
    assert answer.headers["Location"] == "/docs"


def test_everything_the_page_needs_is_there(api: httpx.Client) -> None:
    page = api.get("/docs").text
    assert "<style" not in page
    assert re.findall(r"<script>|\son\w+=", page) == []
    needed = re.findall(r'(?:src|href)="(/docs/[^"]+)"', page)
    assert len(needed) == 4
    for path in needed:
        for coding in ("gzip", "identity"):
            answer = api.get(path, headers={"Accept-Encoding": coding})
            assert answer.status_code == 200
            assert answer.headers.get("Content-Encoding", "identity") == coding
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert len(answer.content) > 100
    assert "SwaggerUIBundle" in api.get("/docs/swagger-ui-bundle.js").text


def test_an_unknown_document_or_file_is_not_there(api: httpx.Client) -> None:
    for path in ("/docs?document=users", "/docs/docs.html", "/docs/..%2Fapp.py"):
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.json()["imsx_codeMajor"] == "failure"


def test_a_document_states_the_url_it_was_asked_by(api: httpx.Client) -> None:
    document = api.get(PLACE, headers={"Host": "hub.example:8443"}).json()
    root = "http://hub.example:8443"
    assert document["servers"] == [{"url": f"{root}/ims/oneroster/gradebook/v1p2"}]
    flows = document["components"]["securitySchemes"]["OAuth2"]["flows"]
    assert flows["clientCredentials"]["tokenUrl"] == f"{root}/oauth/token"


def test_a_document_states_the_public_url_where_there_is_one(config: Settings) -> None:
    public = config.model_copy(update={"public_url": "https://roster.example.jp/"})
    with serving(public) as client:
        text = client.get(PLACE).text
    assert "https://roster.example.jp/ims/oneroster/gradebook/v1p2" in text
    assert "https://roster.example.jp/oauth/token" in text
    assert "127.0.0.1" not in text


def test_documents_are_compressed_for_who_takes_that(api: httpx.Client) -> None:
    plain = api.get(PLACE, headers={"Accept-Encoding": "identity"})
    small = api.get(PLACE, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.content == plain.content
    assert int(small.headers["Content-Length"]) * 5 < int(plain.headers["Content-Length"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_command_prints_what_the_server_serves(api: httpx.Client, name: str) -> None:
    root = str(api.base_url).rstrip("/")
    [place] = re.findall(r'data-url="([^"]+)"', api.get(f"/docs?document={name}").text)
    done = _openapi("--service", name, "--url", f"{root}/")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == api.get(place).json()


def test_the_command_knows_the_public_url() -> None:
    done = _openapi(PUBLIC_URL="https://roster.example.jp")
    document = json.loads(done.stdout)
    assert document["servers"][0]["url"].startswith(
        "https://roster.example.jp/ims/oneroster/roster"
    )


@pytest.mark.parametrize("arguments", [("--service", "users"), ("--url", "roster.example.jp")])
def test_the_command_refuses_what_it_does_not_know(arguments: tuple[str, str]) -> None:
    done = _openapi(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[0] in done.stderr


def test_a_number_of_any_length_is_a_number(api: httpx.Client) -> None:
    headers = {"X-API-Key": KEY}
    for number in ("1" * 30, "0" * 5_000 + "1"):
        for name in ("limit", "offset"):
            answer = api.get(f"/api/v1.2/users?{name}={number}", headers=headers)
            assert answer.status_code == 200, answer.text
    for number in ("0" * 30, "-1", "1.0", "", "１"):
        assert api.get(f"/api/v1.2/users?limit={number}", headers=headers).status_code == 400


def test_an_empty_cursor_is_none(api: httpx.Client) -> None:
    assert api.get("/api/v1.2/users?cursor=", headers={"X-API-Key": KEY}).status_code == 400


def test_an_option_of_an_import_is_given_once(api: httpx.Client) -> None:
    answer = api.post(
        "/api/v1.2/csv/import?dryRun=true",
        headers={"X-API-Key": KEY},
        data={"dryRun": "false"},
        files={"file": ("board.zip", b"PK")},
    )
    assert answer.status_code == 400
    assert "'dryRun' is given twice" in answer.json()["imsx_description"]
