"""nginx before several API servers: one dies, one is made anew elsewhere, one streams."""

import re
import signal
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rosterhub.api import house
from tests.deploy.conftest import NGINX, Fresh
from tests.deploy.fronts import front
from tests.deploy.upstreams import name_server, upstream
from tests.integration.test_serve import serving
from tests.serving import KEY, add_key, until

ORGS = "/ims/oneroster/rostering/v1p2/orgs"
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy"


def test_no_read_fails_when_one_of_two_api_servers_is_killed(
    nginx: str, fresh: Fresh, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two", "nginx")]
    for folder in folders:
        folder.mkdir()
    with (
        fresh() as config,
        serving(config, folders[0]) as one,
        serving(config, folders[1]) as two,
        front(folders[2], nginx, [a.url.removeprefix("http://") for a in (one, two)]) as site,
    ):
        add_key(config)
        answers: Counter[int] = Counter()
        killed = threading.Event()

        def read(_: int) -> None:
            with site.client() as client:
                after = 0
                while after < 25:
                    answers[client.get(ORGS, headers={"X-API-Key": KEY}).status_code] += 1
                    after += killed.is_set()

        def kill() -> None:
            until(lambda: answers.total() > 100)
            one.process.send_signal(signal.SIGKILL)
            one.process.wait(10)
            killed.set()

        with ThreadPoolExecutor() as pool:
            tasks = [pool.submit(kill), *(pool.submit(read, n) for n in range(4))]
            for task in tasks:
                task.result(60)
        assert answers.total() > 150
        assert set(answers) == {200}
        # Both took their part before, and some of the reads met the dead one.
        first, second = (a.url.removeprefix("http://") for a in (one, two))
        alone = re.findall(rf" ({first}|{second}) 200 ", site.log)
        assert {first, second} <= set(alone)
        assert f"{first}, {second} 502, 200 " in site.log


@pytest.mark.parametrize("path", ["/", ORGS, "/api/v1.2/orgs", "/api/v1.2/orgs/1"])
@pytest.mark.parametrize("failure", [[], [BUSY]], ids=["hangs up", "is busy"])
def test_a_read_is_asked_of_the_other_server_too(
    nginx: str, tmp_path: Path, failure: list[bytes], path: str
) -> None:
    with (
        upstream(lambda _: failure) as bad,
        upstream(lambda _: [OK]) as good,
        front(tmp_path, nginx, [bad.address, good.address]) as site,
        site.client() as client,
    ):
        for _ in range(3):
            assert client.get(path).text == "ok"
        assert bad.requests
        assert good.requests == ["GET"] * 3


@pytest.mark.parametrize("failure", [[], [BUSY]], ids=["hangs up", "is busy"])
def test_a_write_is_asked_once(nginx: str, tmp_path: Path, failure: list[bytes]) -> None:
    methods = ["DELETE", "PATCH", "POST", "PUT"]
    with (
        upstream(lambda _: failure) as one,
        upstream(lambda _: failure) as two,
        front(tmp_path, nginx, [one.address, two.address]) as site,
        site.client() as client,
    ):
        for method in methods:
            assert client.request(method, "/").status_code == 503
        assert sorted(one.requests + two.requests) == methods


PARTS = ["/health", "/health/ready", "/api/v1.2/csv/import/jobs/1", "/api/v1.2/roster/health"]


def test_whatever_is_ours_beside_the_reads_is_such_a_part(nginx: str, tmp_path: Path) -> None:
    paths = {
        re.sub("{.*?}", "1", path)
        for path, item in house.document("https://hub")["paths"].items()
        if "get" in item and path != "/metrics"
    }
    assert len(paths) > 10
    with (
        upstream(lambda _: [BUSY]) as one,
        upstream(lambda _: [BUSY]) as two,
        front(tmp_path, nginx, [one.address, two.address]) as site,
        site.client() as client,
    ):
        for path in paths:
            assert client.get(path).text == "busy"
        assert len(one.requests + two.requests) == len(paths)


@pytest.mark.parametrize("path", PARTS)
def test_a_part_that_is_down_does_not_take_the_reads_with_it(
    nginx: str, tmp_path: Path, path: str
) -> None:
    """As a monitor asks all day, and anybody may."""

    def answer(request: bytes) -> list[bytes]:
        return [BUSY if request.split()[1] == path.encode() else OK]

    with (
        upstream(answer) as one,
        upstream(answer) as two,
        front(tmp_path, nginx, [one.address, two.address]) as site,
        site.client() as client,
    ):
        for _ in range(12):
            assert client.get(path).status_code == 503
            assert client.get(path).text == "busy"
            assert client.get(ORGS).text == "ok"


@pytest.mark.parametrize("path", PARTS)
def test_how_the_hub_is_is_asked_of_a_server_that_answers(
    nginx: str, tmp_path: Path, path: str
) -> None:
    with (
        upstream(lambda _: []) as dead,
        upstream(lambda _: [OK]) as good,
        front(tmp_path, nginx, [dead.address, good.address]) as site,
        site.client() as client,
    ):
        for _ in range(3):
            assert client.get(path).text == "ok"
        assert dead.requests


def test_a_write_that_nobody_answered_may_have_been_done(nginx: str, tmp_path: Path) -> None:
    with (
        upstream(lambda _: []) as dead,
        front(tmp_path, nginx, [dead.address]) as site,
        site.client() as client,
    ):
        answer = client.put(ORGS)
        assert answer.status_code == 503
        assert "not known whether this was done" in answer.json()["imsx_description"]
        assert "No API server answers" in client.get(ORGS).json()["imsx_description"]


def test_events_come_as_they_happen(nginx: str, tmp_path: Path) -> None:
    seen = threading.Event()

    def events(_: bytes) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n"
        yield b"data: first\n\n"
        # The second waits until the client has the first.
        assert seen.wait(60)
        yield b"data: second\n\n"

    with (
        upstream(events) as server,
        front(tmp_path, nginx, [server.address]) as site,
        site.client() as client,
        client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as answer,
    ):
        received = ""
        for text in answer.iter_text():
            received += text
            if received == "data: first\n\n":
                seen.set()
        assert received == "data: first\n\ndata: second\n\n"


LOOKS_UP_AGAIN = [v for v in NGINX if tuple(map(int, v.split("."))) >= (1, 27, 3)]
"""Those that do not keep the address a name had at their start."""


@pytest.mark.parametrize("version", LOOKS_UP_AGAIN)
def test_a_server_made_anew_is_found_at_its_new_address(version: str, tmp_path: Path) -> None:
    def named(name: bytes) -> list[bytes]:
        return [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n" + name]

    with (
        upstream(lambda _: named(b"old")) as old,
        upstream(lambda _: named(b"new"), "127.0.0.9", old.port),
        name_server() as names,
    ):
        server, resolver = f"api-server-1:{old.port}", f"127.0.0.1:{names.port}"
        with (
            front(tmp_path, NGINX[version], [server], NGINX_RESOLVERS=resolver) as site,
            site.client() as client,
        ):
            until(lambda: client.get("/").text == "old")
            names.address = "127.0.0.9"
            until(lambda: client.get("/").text == "new")
