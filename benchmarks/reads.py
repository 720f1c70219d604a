"""`make bench BENCH=reads SIZE=100000`: a list, a page far behind, one user, a filter, over HTTP.

Requests a second by wrk (Debian's package) on eight connections, some also on 32, with key and
audit, beside `benchmarks.plain` in the same run: each page put together anew, and asked for again,
when it may be one that was kept; and how long the last page takes when one follows `next`.
"""

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx

from benchmarks.stack import Stack, report, stack
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.ops.sample import write_package

BASE = "/ims/oneroster/rostering/v1p2"
USERS = f"{BASE}/users"
_ROUNDS = 3
_SECONDS = 4
_FEW, _MANY = 8, 32
"""Connections: as many as the hub has to the database, and four times as many."""
_BUSY = ("one", "school-enrollments")
"""What is also read on many."""


def main(size: int) -> None:
    """Measure with a board of `size` people; medians of rounds taken in turn with the floor."""
    need_wrk()
    with stack() as hub, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "board.zip"
        write_package(path, size, DEFAULT_PROFILE, 1)
        hub.upload(path, None)
        with hub.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        with httpx.Client(base_url=hub.base, headers=hub.headers, timeout=60) as client:
            one = client.get(f"{BASE}/enrollments", params={"filter": "role='student'", "limit": 1})
            enrollment = one.json()["enrollments"][0]
            ids = [enrollment[name]["sourcedId"] for name in ("user", "class", "school")]
            with _plain(hub, size, ids) as floor:
                _rates(hub, floor, size, ids)
            last_page(client, size)
        print(f"memory {size}: api {hub.peak_memory('api'):.0f} MB")


def need_wrk() -> None:
    """End with what to install if wrk is not there."""
    if not shutil.which("wrk"):
        raise SystemExit("The load comes from wrk: apt-get install wrk")


def _rates(hub: Stack, floor: str, size: int, ids: list[str]) -> None:
    user, classroom, school = ids
    contains = quote("familyName~'田'")
    ours = {
        "list": USERS,
        "page": f"{USERS}?offset={size * 9 // 10}",
        "one": f"{USERS}/{user}",
        "contains": f"{USERS}?filter={contains}",
        "class-students": f"{BASE}/classes/{classroom}/students",
        "school-enrollments": f"{BASE}/schools/{school}/enrollments",
    }
    key = f"X-API-Key: {hub.key}"
    for name, connections in [*((name, _FEW) for name in ours), *((name, _MANY) for name in _BUSY)]:
        rates: list[float] = []
        again: list[float] = []
        floors: list[float] = []
        for _ in range(_ROUNDS):
            floors.append(wrk(f"{floor}/{name}", anew=True, connections=connections))
            rates.append(wrk(hub.base + ours[name], key, anew=True, connections=connections))
            again.append(wrk(hub.base + ours[name], key, connections=connections))
        least = statistics.median(floors)
        of = f"read-{name}" if connections == _FEW else f"read-{name}-of-{connections}"
        for what, values in ((of, rates), (f"{of}-again", again)):
            value = statistics.median(values)
            report(what, size, value, least, "/s", value / least)


def wrk(url: str, *headers: str, anew: bool = False, connections: int = _FEW) -> float:
    """Requests a second on so many connections; `anew` so that no kept page is an answer."""
    given = [part for header in headers for part in ("-H", header)]
    if anew:
        given += ["-s", str(Path(__file__).with_name("anew.lua"))]
    for seconds in (_SECONDS, 8 * _SECONDS):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", *given, url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if "Non-2xx" in text:
            raise SystemExit(text)
        found = re.search(r"Requests/sec:\s+([\d.]+)", text)
        assert found, text
        # A page far behind may take a plain OFFSET longer than a round.
        if rate := float(found[1]):
            return rate
    raise SystemExit(f"no answer in {seconds} s: {url}")


def last_page(client: httpx.Client, size: int) -> None:
    """Follow `next` to the end, at the largest steps, then compare pages of 100 at both ends."""
    url = f"{USERS}?limit=10000"
    first, last = f"{USERS}?limit=100", ""
    while url:
        answer = client.get(url)
        link = answer.links.get("next")
        last, url = url, link["url"] if link else ""
    last = re.sub(r"limit=\d+", "limit=100", last)
    times: dict[str, list[float]] = {first: [], last: []}
    for _ in range(200):
        for page, seconds in times.items():
            started = time.perf_counter()
            assert client.get(page).is_success
            seconds.append(time.perf_counter() - started)
    begin, end = (statistics.median(seconds) * 1000 for seconds in times.values())
    report("last-page", size, end, begin, "ms", end / begin)


@contextmanager
def _plain(hub: Stack, size: int, ids: list[str]) -> Generator[str]:
    """The floor's app, on the same database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["-m", "uvicorn", "benchmarks.plain:app", "--port", str(port), "--no-access-log"]
    process = subprocess.Popen(
        [sys.executable, *command, "--log-level", "warning"],
        env=os.environ | {"DATABASE_URL": hub.database, "PLAIN": f"{size} {' '.join(ids)}"},
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
