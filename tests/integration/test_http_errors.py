"""Whatever is asked for, by whatever method: a clean answer with a request id, and no more."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import LogCapture

from rosterhub.settings import Settings
from tests.errors import minor, whole
from tests.gradebook_hub import GRADEBOOK, ROSTERING, V1P1, Hub, gradebook_hub
from tests.rosters import rows
from tests.serving import until

ALIAS = "/api/v1.2"
RESOURCES = "/ims/oneroster/resources/v1p2"
BASES = (ROSTERING, GRADEBOOK, RESOURCES, V1P1, ALIAS)
INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|SELECT |INSERT |psycopg|site-packages|/src/|rosterhub\.", re.I
)
"""What would show something of the inside."""


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Hub]:
    with fresh() as config, gradebook_hub(config) as made:
        yield made


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over a plain socket."""

    status: int
    headers: dict[str, str]
    body: bytes


def raw(hub: Hub, method: str, target: bytes, body: bytes = b"") -> Answer:
    """The answer to a request whose target goes out byte for byte."""
    address = (hub.client.base_url.host, hub.client.base_url.port or 0)
    request = f"Host: x\r\nX-API-Key: {hub.client.headers['X-API-Key']}\r\nConnection: close\r\n"
    request += f"Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(address, timeout=10) as wire:
        wire.sendall(method.encode() + b" " + target + b" HTTP/1.1\r\n" + request.encode() + body)
        answer = bytearray()
        while data := wire.recv(65_536):
            answer += data
    head, _, content = bytes(answer).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, content)


def clean(answer: Answer, method: str = "GET") -> str:
    """The codeMinor of an error over a plain socket, blank for what is none; it has to be whole,
    with a request id, and show nothing of the inside.
    """
    text = answer.body.decode()
    assert not INSIDE.search(text), text
    assert answer.headers["x-request-id"]
    if answer.status < 400 or method == "HEAD":
        return ""
    assert answer.headers["content-type"] == "application/json"
    found = json.loads(text)
    if "statusInfoSet" in found:
        [info] = found["statusInfoSet"]
        return info["imsx_codeMinor"]
    [field] = found["imsx_CodeMinor"]["imsx_codeMinorField"]
    return field["imsx_codeMinorFieldValue"]


# Paths.


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "rest", ["", "/", "/nothing", "/Users", "/users/p1/p2", "/schools/school/classes/class", "/*"]
)
def test_a_path_that_there_is_not_is_404(hub: Hub, base: str, rest: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = raw(hub, method, f"{base}{rest}".encode())
        assert answer.status == 404
        assert clean(answer, method) == ("" if method == "HEAD" else "unknownobject")
        assert "allow" not in answer.headers
    assert hub.client.get(base + rest, headers={"X-API-Key": "nobody"}).status_code == 404


ABOVE = ["//", "/ims", "/ims/oneroster", "/ims/oneroster/rostering", "/api", "/api/v1.2/csv"]
ABOVE += ["/ims/oneroster/rostering/v1p1/users", "/ims/oneroster/v1p2/users", "/favicon.ico", "*"]
ABOVE += ["/ims/oneroster/gradebook/v1p2/users", "/ims/oneroster/rostering/v1p2/lineItems"]
ABOVE += ["/.env", "/index.php", "/etc/passwd", "/console/../etc/passwd"]


@pytest.mark.parametrize("path", ABOVE)
def test_a_path_above_the_bases_is_404(hub: Hub, path: str) -> None:
    answer = raw(hub, "GET", path.encode())
    assert (answer.status, clean(answer)) == (404, "unknownobject")


AS_WRITTEN = ["/users//", "/users/p1//", "/users//p1", "//users", "/users//", "/classes//students"]
AS_WRITTEN += ["//", "/./users", "/classes/../users", "/users/./p1"]
AS_WRITTEN += ["/users%2Fp1", "/users;x=1", "/%75sers/p1/"]


@pytest.mark.parametrize("path", AS_WRITTEN)
def test_a_path_is_taken_as_it_is_written(hub: Hub, path: str) -> None:
    """A client that puts paths together wrongly should hear of it, whatever a proxy does; but for
    a slash at the end.
    """
    for base in (ROSTERING, V1P1):
        answer = raw(hub, "GET", f"{base}{path}".encode())
        assert (answer.status, clean(answer)) == (404, "unknownobject")


ENDED = {
    f"{ROSTERING}/users?limit=1": "/users",
    f"{ALIAS}/users/p1": "/users/{sourcedId}",
    f"{ROSTERING}/classes/class/students": "/classes/{classSourcedId}/students",
    f"{GRADEBOOK}/classes/class/lineItems": "/classes/{classSourcedId}/lineItems",
    f"{RESOURCES}/resources": "/resources",
    f"{V1P1}/users?limit=1": "/users",
    f"{V1P1}/classes/class": "/classes/{sourcedId}",
}
"""Reads, and how the audit log calls them."""


@pytest.mark.parametrize("target", ENDED)
def test_what_is_read_may_be_asked_for_with_a_slash_at_its_end(hub: Hub, target: str) -> None:
    path, question, query = target.partition("?")
    for method in ("GET", "HEAD"):
        plain = raw(hub, method, target.encode())
        ended = raw(hub, method, f"{path}/{question}{query}".encode())
        assert plain.status == 200
        assert (ended.status, ended.body) == (200, plain.body)
        own = {"date", "x-request-id"}
        assert ended.headers.keys() == plain.headers.keys()
        # The links and the ETag are the same, too.
        assert all(ended.headers[k] == plain.headers[k] for k in plain.headers.keys() - own)

    def logged() -> list[tuple[Any, ...]]:
        return rows(hub.config, "SELECT endpoint FROM audit_logs WHERE path = %s", f"{path}/")

    until(lambda: len(logged()) == 2)
    assert {endpoint.removeprefix(base) for (endpoint,) in logged() for base in BASES} >= {
        ENDED[target]
    }


def test_what_is_only_written_ends_without_a_slash(hub: Hub) -> None:
    for path in ("/lineItems/kanji-1/results/", "/schools/school/lineItems/"):
        for method in ("GET", "POST"):
            answer = raw(hub, method, f"{GRADEBOOK}{path}".encode(), b"{}")
            assert (answer.status, clean(answer)) == (404, "unknownobject")


ODD = ["%00", "%ff", "%E3%81", "%2F", "..", "%2e%2e", "a%2F..%2Fb", "%", "%zz", "%0d%0aX:%20y"]
ODD += [
    "'%20OR%20'1'%3D'1",
    "x" * 300,
    "%5C",
    "%22",
    "<script>",
    "*",
    "{sourcedId}",
    "~",
    "%E3%80%80",
]


@pytest.mark.parametrize("sourced_id", ODD)
def test_an_odd_id_is_an_id_that_there_is_not(hub: Hub, sourced_id: str) -> None:
    paths = [
        f"{base}/{many}/{sourced_id}" for base in (ROSTERING, V1P1) for many in ("users", "orgs")
    ]
    paths += [
        f"{ROSTERING}/classes/{sourced_id}/students",
        f"{ALIAS}/students/{sourced_id}/classes",
    ]
    paths += [f"{ROSTERING}/schools/school/classes/{sourced_id}/enrollments"]
    paths += [f"{GRADEBOOK}/classes/class/lineItems/{sourced_id}/results"]
    for path in paths:
        answer = raw(hub, "GET", path.encode())
        assert (answer.status, clean(answer)) == (404, "unknownobject"), path
        assert "x" not in answer.headers
    answer = raw(hub, "DELETE", f"{GRADEBOOK}/results/{sourced_id}".encode())
    assert (answer.status, clean(answer)) == (404, "unknownobject")
    answer = raw(hub, "PUT", f"{GRADEBOOK}/results/{sourced_id}".encode(), b'{"result": {}}')
    assert (answer.status, clean(answer)) == (400, "invaliddata")
    answer = raw(hub, "POST", f"{GRADEBOOK}/lineItems/{sourced_id}/results".encode(), b"{}")
    assert (answer.status, clean(answer)) == (404, "unknownobject")


@pytest.mark.parametrize("byte", [b"\x01", b"\x7f", b"\x80", b"\xe3\x81\x82", b"\xff"])
def test_a_byte_that_no_url_has_is_refused(hub: Hub, byte: bytes) -> None:
    for target in (b"/users/" + byte, b"/users?filter=" + byte, b"/" + byte):
        answer = raw(hub, "GET", ROSTERING.encode() + target)
        assert (answer.status, clean(answer)) in ((400, "invaliddata"), (404, "unknownobject"))
    assert hub.client.get(f"{ROSTERING}/users").status_code == 200


@pytest.mark.parametrize("base", BASES)
def test_a_url_that_is_not_encoded_is_refused_with_what_to_do(
    hub: Hub, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = f"{base}/users?filter=familyName='秋山'"
    answer = raw(hub, "GET", target.encode())
    assert (answer.status, clean(answer)) == (400, "invaliddata")
    assert ("statusInfoSet" in json.loads(answer.body)) == (base == V1P1)
    assert "percent-encode" in answer.body.decode()
    assert answer.headers["connection"] == "close"
    logged = capsys.readouterr().out
    assert logged.count(answer.headers["x-request-id"]) == 1
    assert "秋山" not in logged
    assert "familyName" not in logged
    assert raw(hub, "GET", quote(target, safe="/?='").encode()).status in (200, 404)


def test_what_is_no_http_keeps_the_request_id_that_it_states(hub: Hub) -> None:
    for name, kept in (("front-1:2.3", True), ("a b", False), ("x" * 65, False)):
        version = f"HTTP/1.1\r\nX-Request-Id: {name}\r\nX-A: b"
        answer = raw(hub, "GET", f"{ROSTERING}/users/秋山 {version}".encode())
        assert (answer.status, clean(answer)) == (400, "invaliddata")
        assert (answer.headers["x-request-id"] == name) == kept


@pytest.mark.parametrize("length", [5_000, 70_000, 1_000_000])
def test_an_endless_url_is_refused_and_the_next_one_served(hub: Hub, length: int) -> None:
    text = "x" * length
    for target in (f"/users/{text}", f"/users?filter={text}", f"/users?{text}", f"/{text}"):
        try:
            answer = raw(hub, "GET", (ROSTERING + target).encode())
        except (ConnectionError, ValueError):
            continue
        assert 400 <= answer.status < 500
        clean(answer)
    assert hub.client.get(f"{ROSTERING}/users").status_code == 200


# Methods.

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TAKEN = {
    f"{ROSTERING}/users": "GET, HEAD",
    f"{ROSTERING}/users/p1": "GET, HEAD",
    f"{ALIAS}/classes/class/students": "GET, HEAD",
    f"{RESOURCES}/resources": "GET, HEAD",
    f"{GRADEBOOK}/lineItems": "GET, HEAD",
    f"{GRADEBOOK}/lineItems/kanji-1": "GET, HEAD, PUT, DELETE",
    f"{GRADEBOOK}/assessmentResults/survey-1-p1": "GET, HEAD, PUT, DELETE",
    f"{GRADEBOOK}/classes/class/lineItems": "GET, HEAD, POST",
    f"{GRADEBOOK}/lineItems/kanji-1/results": "POST",
    f"{GRADEBOOK}/schools/school/lineItems": "POST",
    f"{GRADEBOOK}/classes/class/academicSessions/term1/results": "POST",
    f"{V1P1}/lineItems/kanji-1": "GET, HEAD, PUT, DELETE",
    f"{V1P1}/users/p1": "GET, HEAD",
    f"{V1P1}/classes/class/lineItems": "GET, HEAD",
    f"{ROSTERING}/users/": "GET, HEAD",
    f"{GRADEBOOK}/lineItems/kanji-1/": "GET, HEAD",
    f"{GRADEBOOK}/classes/class/lineItems/": "GET, HEAD",
    f"{V1P1}/lineItems/kanji-1/": "GET, HEAD",
}


@pytest.mark.parametrize("path", TAKEN)
def test_a_method_that_a_path_does_not_take_is_405(hub: Hub, path: str) -> None:
    for method in METHODS:
        if method in TAKEN[path].split(", "):
            continue
        answer = raw(hub, method, path.encode(), b"{}" if method == "POST" else b"")
        assert answer.status == 405, method
        assert answer.headers["allow"] == TAKEN[path]
        assert clean(answer, method) == ("" if method == "HEAD" else "unsupported")
        if method == "HEAD":
            assert answer.body == b""


@pytest.mark.parametrize("path", [p for p, taken in TAKEN.items() if "GET" in taken])
def test_head_answers_as_get_does_without_the_body(hub: Hub, path: str) -> None:
    read, head = hub.client.get(path), hub.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    own = {"date", "x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in read.headers.items() if k not in own
    }


def test_head_of_what_is_not_there_is_404_without_a_body(hub: Hub) -> None:
    for path in ("/users/nobody", "/classes/no/students", "/nothing"):
        answer = hub.client.head(ROSTERING + path)
        assert (answer.status_code, answer.content) == (404, b"")
        assert answer.headers["X-Request-ID"]


# Request ids.


def test_every_answer_and_its_log_line_have_the_request_id(hub: Hub) -> None:
    large = b" " * (16 * 1024 * 1024 + 1)
    asked: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "GET", f"{ROSTERING}/users", {}),
        (200, "HEAD", f"{ROSTERING}/users", {}),
        (200, "GET", f"{V1P1}/users/p1", {}),
        (400, "GET", f"{ROSTERING}/users?limit=0", {}),
        (400, "PUT", f"{GRADEBOOK}/lineItems/x", {"content": b"{"}),
        (401, "GET", f"{ROSTERING}/users", {"headers": {"X-API-Key": "nobody"}}),
        (404, "GET", f"{ROSTERING}/users/nobody", {}),
        (404, "GET", "/nothing", {}),
        (404, "DELETE", f"{V1P1}/results/nothing", {}),
        (405, "POST", f"{ROSTERING}/users", {}),
        (413, "PUT", f"{GRADEBOOK}/lineItems/x", {"content": large}),
    ]
    log = LogCapture()
    structlog.configure([structlog.contextvars.merge_contextvars, log])

    def logged() -> dict[str, int]:
        return {n["request_id"]: n["status"] for n in [*log.entries] if n["event"] == "request"}

    try:
        answers = [hub.client.request(method, path, **more) for _, method, path, more in asked]
        ids = [answer.headers["X-Request-ID"] for answer in answers]
        until(lambda: logged().keys() >= {*ids})
    finally:
        structlog.reset_defaults()
    assert [answer.status_code for answer in answers] == [status for status, *_ in asked]
    assert len(set(ids)) == len(ids)
    assert [logged()[name] for name in ids] == [status for status, *_ in asked]


def test_a_method_that_nobody_knows_is_refused(hub: Hub) -> None:
    for method in ("FOO", "get"):
        assert clean(raw(hub, method, f"{ROSTERING}/users".encode())) == "invaliddata"


def test_what_was_sent_is_in_no_log_line(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """Titles and filters may be somebody's data."""
    category = f"{GRADEBOOK}/categories/x"
    answers = [
        hub.client.get(f"{ROSTERING}/users", params={"filter": "familyName='himitsu'"}),
        hub.client.get(f"{ROSTERING}/users/himitsu"),
        hub.client.put(category, content=b'{"category": {"himitsu": 1}}'),
        hub.client.put(category, content=b'{"category": himitsu}'),
    ]
    logged = ""

    def everything() -> bool:
        nonlocal logged
        logged += capsys.readouterr().out
        return all(answer.headers["X-Request-ID"] in logged for answer in answers)

    until(everything)
    assert "himitsu" not in logged


# Anything.

_segment = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=12).map(
    lambda text: text.replace(" ", "+").replace("#", "%23")
)
_known = st.sampled_from(
    ["users", "classes", "schools", "lineItems", "results", "class", "p1", "students", "terms"]
)
_targets = st.tuples(
    st.sampled_from([*BASES, "", "/ims/oneroster", "/api/v1.2/csv", "/oauth"]),
    st.lists(_known | _segment, max_size=4),
    st.none() | _segment,
    st.sampled_from(["", "limit=", "filter=", "fields=", "sort=", "offset=", "orderBy="]),
).map(lambda t: f"{t[0]}/{'/'.join(t[1])}" + ("" if t[2] is None else f"?{t[3]}{t[2]}"))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(METHODS), _targets, st.binary(max_size=50))
@example("GET", f"{ROSTERING}/users?filter=%ff='%ff'", b"")
@example("GET", f"{ROSTERING}/users?%00=%00", b"")
@example("GET", f"{ROSTERING}/users?limit=%D9%A1", b"")
@example("GET", f"{ROSTERING}/users?offset=99999999999999999999", b"")
@example("GET", f"{ROSTERING}/users?offset=9999999999999999999", b"")
@example("GET", f"{ROSTERING}/users?filter=dateLastModified>'9999-12-31T23:59:59.999Z'", b"")
@example("GET", f"{ROSTERING}/enrollments?filter=beginDate='0001-01-01'", b"")
@example("GET", f"{ROSTERING}/users?filter=metadata.jp.homeClass='x'%00", b"")
@example("GET", f"{ROSTERING}/users?filter=familyName='%00'", b"")
def test_whatever_is_asked_the_answer_is_clean(
    hub: Hub, method: str, target: str, body: bytes
) -> None:
    answer = raw(hub, method, target.encode(), body)
    assert answer.status < 500, answer.body
    if not target.startswith("/oauth"):
        clean(answer, method)


def test_errors_name_what_was_wrong_and_how_it_should_be(hub: Hub) -> None:
    get = hub.client.get
    assert whole(get(f"{ROSTERING}/users?limit=many"))[2] == (
        "limit is a whole number of 1 or more, not 'many'."
    )
    assert "limit, offset" in whole(get(f"{ROSTERING}/users?colour=red"))[2]
    assert "'nobody' in users" in whole(get(f"{ROSTERING}/users/nobody"))[2]
    assert "character 5" in whole(get(f"{ROSTERING}/users?filter=role"))[2]
    assert minor(get(f"{ROSTERING}/users?sort=colour")) == (400, "invalid_sort_field")
    text = whole(httpx.get(f"{hub.root}{ROSTERING}/users"))[2]
    assert "X-API-Key" in text
