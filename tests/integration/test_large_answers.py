"""Large answers are made few at a time, so that a process has its memory under control; small ones
wait for none of them, and who takes a large one too slowly holds up nobody for long.
"""

import asyncio
import gzip
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from rosterhub.api import large
from rosterhub.api.whole_answers import WholeAnswers
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.integration.test_serve import serving as serving_processes
from tests.serving import KEY, add_key, serving, until

Fresh = Callable[[], AbstractContextManager[Settings]]
USERS = "/ims/oneroster/rostering/v1p2/users"
LARGE = f"{USERS}?limit=10000"
KEYED = {"X-API-Key": KEY}

CLIENTS = 48
MOST_MEGABYTES = 350
"""Of an API process; it has some 95 to begin with."""

PEOPLE = """
INSERT INTO users (sourced_id, given_name, family_name)
SELECT 'u' || n, repeat(md5(n::text), 14), repeat(md5('x' || n), 14)
  FROM generate_series(1, 12000) AS n
"""


@pytest.fixture(scope="module")
def people(fresh: Fresh) -> Iterator[Settings]:
    """A board of which a page of 10,000 users is ten megabytes, as of a real one."""
    with fresh() as config:
        add_key(config)
        with connect(config.write_url) as connection:
            connection.execute(PEOPLE)
            connection.execute("ANALYZE users")
        yield config


def test_many_large_answers_at_once_do_not_fill_the_memory(
    people: Settings, tmp_path: Path
) -> None:
    with serving_processes(people, tmp_path) as api:
        sizes = asyncio.run(_all_at_once(httpx.URL(api.url)))
        status = Path(f"/proc/{api.process.pid}/status").read_text()
    assert len(sizes) == CLIENTS
    assert min(sizes) > 8_000_000
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    assert int(peak[1]) / 1024 < MOST_MEGABYTES


async def _all_at_once(url: httpx.URL) -> list[int]:
    """The size of the large answer that each of many clients gets."""

    async def take() -> int:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(_request(LARGE))
        status = (await reader.readline()).split()[1]
        if status == b"503":  # on a machine that is busy with other things
            writer.close()
            return await take()
        assert status == b"200"
        size = 0
        while piece := await reader.read(1 << 20):
            size += len(piece)
        writer.close()
        return size

    return await asyncio.gather(*(take() for _ in range(CLIENTS)))


def _request(path: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: hub\r\nX-API-Key: {KEY}\r\nConnection: close\r\n\r\n"
    return head.encode()


@contextmanager
def dawdling(api: httpx.Client) -> Iterator[list[socket.socket]]:
    """As many clients as get large answers at once, who have begun to take theirs and stopped."""
    with ExitStack() as stack:
        clients: list[socket.socket] = []
        for _ in range(large.AT_ONCE):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.settimeout(60)
            client.connect((api.base_url.host, api.base_url.port))
            client.sendall(_request(LARGE))
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            clients.append(client)
        yield clients


def test_who_waits_too_long_is_told_to_come_back_and_small_reads_go_on(
    people: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "WAIT_SECONDS", 0.2)
    with serving(people) as api:
        with dawdling(api):
            refused = api.get(LARGE, headers=KEYED)
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "5"
            assert "smaller pages" in refused.json()["imsx_description"]
            assert api.get(f"{USERS}?limit=999", headers=KEYED).status_code == 200
        # They hung up.
        until(lambda: api.get(LARGE, headers=KEYED).status_code == 200)


def test_who_takes_a_large_answer_too_slowly_is_hung_up_on(
    people: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "SEND_SECONDS", 0.5)
    with serving(people, http=WholeAnswers) as api, dawdling(api) as clients:
        whole = len(api.get(LARGE, headers={**KEYED, "Accept-Encoding": "identity"}).content)
        # The first of them had to go, or there had been no room.
        received = 0
        while piece := clients[0].recv(1 << 20):
            received += len(piece)
        assert received < whole


def test_what_is_refused_or_unchanged_keeps_no_place(people: Settings) -> None:
    with serving(people) as api:
        known = api.get(LARGE, headers=KEYED).headers["ETag"]
        for _ in range(large.AT_ONCE + 1):
            same = api.get(LARGE, headers={**KEYED, "If-None-Match": known})
            assert same.status_code == 304
            cursor = f"{LARGE}&sort=givenName&cursor=after~gone"
            assert api.get(cursor, headers=KEYED).status_code == 400
        assert api.get(LARGE, headers=KEYED).status_code == 200


@pytest.mark.parametrize("sent", [{}, {"Accept-Encoding": "gzip"}], ids=["plain", "gzip"])
def test_a_large_answer_is_whole(people: Settings, sent: dict[str, str]) -> None:
    with serving(people) as api:
        headers = {"Accept-Encoding": "identity", **KEYED, **sent}
        with api.stream("GET", LARGE, headers=headers) as answer:
            body = b"".join(answer.iter_raw())
        assert len(body) == int(answer.headers["Content-Length"])
        assert answer.headers["X-Total-Count"] == "12000"
        assert 'rel="next"' in answer.headers["Link"]
        assert ("Content-Encoding" in answer.headers) is bool(sent)
        users = json.loads(gzip.decompress(body) if sent else body)["users"]
        assert len({user["sourcedId"] for user in users}) == 10_000
        assert api.head(LARGE, headers=headers).headers["ETag"] == answer.headers["ETag"]
