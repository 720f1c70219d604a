"""`make bench BENCH=servers SIZE=100000`: reads through nginx by two API servers, beside one.

Requests a second with the files of nginx/ and deploy/postgresql: both servers read from the
primary, then both from a standby. All of it, wrk included, shares the cores of one machine, so a
second server can use only what the first leaves idle; on another machine it brings cores along.
What is seen here is what the second one costs, and what is left for it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from benchmarks.reads import BASE, USERS, need_wrk, wrk
from benchmarks.stack import BIN, report
from rosterhub.access import keys
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.ops.sample import write_package
from rosterhub.settings import Settings
from rosterhub.store import migrate
from rosterhub.store.connect import Connection, connect
from tests.deploy import fronts
from tests.deploy.clusters import Cluster, binaries, initialised, prepared
from tests.deploy.test_standby import command, environment
from tests.hubs import free_port
from tests.rosters import send

_ROUNDS = 3
_START_SECONDS = 60
_PROGRAMS = binaries()["18"]


def main(size: int) -> None:
    """Measure with a board of `size` people; medians of rounds taken in turn."""
    need_wrk()
    nginx = fronts.programs()
    if not nginx:
        raise SystemExit("nginx is missing: apt-get install nginx-light openssl")
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rosterhub-bench-")))
        root.chmod(0o755)
        folders = [root / name for name in ("primary", "standby", "nginx-1", "nginx-2")]
        for folder in folders:
            folder.mkdir()
        primary, standby = initialised(_PROGRAMS, folders[0]), prepared(_PROGRAMS, folders[1])
        stack.enter_context(primary.running(*primary.command("8gb"))).execute(
            "CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password'"
        )
        key = _fill(_url(primary), size, root)
        given = environment(standby, primary)
        reader = stack.enter_context(standby.running(*command(standby), **given))
        ports = [free_port(), free_port()]
        program = list(nginx.values())[-1]
        # Each has its own nginx: one that knows one server, and one that chooses by least_conn.
        sites = [
            stack.enter_context(
                fronts.front(folder, program, [f"127.0.0.1:{port}" for port in ports[:servers]])
            )
            for servers, folder in enumerate(folders[2:], 1)
        ]
        urls = [f"https://127.0.0.1:{site.tls_port}" for site in sites]
        for name, read in (("servers", primary), ("servers-standby", standby)):
            began = _commits(reader)
            with _api(ports[0], read, primary), _api(ports[1], read, primary):
                _rates(name, size, urls, key, f"http://127.0.0.1:{ports[0]}")
            if read is standby and _commits(reader) - began < 100:
                raise SystemExit("The servers did not read from the standby.")


def _fill(url: str, size: int, folder: Path) -> str:
    """A board in the database; a key to read it."""
    migrate.upgrade(url)
    config = Settings.model_validate({"database_url": url, "redis_url": ""})
    path = folder / "board.zip"
    write_package(path, size, DEFAULT_PROFILE, 1)
    job = send(config, path.read_bytes())
    if job["state"] != "completed":
        raise SystemExit(f"import failed: {job['reason']} {job['errors'][:3]}")
    with connect(url) as connection:
        connection.execute("VACUUM ANALYZE")
        return keys.create(connection, "bench", None, ())[1]


def _rates(name: str, size: int, urls: list[str], key: str, server: str) -> None:
    headers = {"X-API-Key": key}
    with httpx.Client(base_url=server, headers=headers, timeout=60) as client:
        found = client.get(f"{BASE}/enrollments", params={"filter": "role='student'", "limit": 1})
        enrollment = found.json()["enrollments"][0]
    paths = {
        "list": USERS,
        "one": f"{USERS}/{enrollment['user']['sourcedId']}",
        "class-students": f"{BASE}/classes/{enrollment['class']['sourcedId']}/students",
    }
    for what, path in paths.items():
        rates: list[list[float]] = [[], []]
        for _ in range(_ROUNDS):
            for url, measured in zip(urls, rates, strict=True):
                measured.append(wrk(url + path, f"Host: {fronts.NAME}", f"X-API-Key: {key}"))
        one, two = map(statistics.median, rates)
        report(f"{name}-{what}", size, two, one, "/s", two / one)


@contextmanager
def _api(port: int, read: Cluster, write: Cluster) -> Generator[None]:
    """An API server on `port` that reads there, once it can."""
    given = {
        **{"DATABASE_URL": _url(read), "DATABASE_WRITE_URL": _url(write), "REDIS_URL": ""},
        **{"API_HOST": "127.0.0.1", "API_PORT": str(port)},
    }
    process = subprocess.Popen(
        [BIN / "rosterhub", "api"], env=os.environ | given, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("An API server did not get ready.")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
    except httpx.TransportError:
        return False


def _url(cluster: Cluster) -> str:
    return f"postgresql://rosterhub:secret@127.0.0.1:{cluster.port}/postgres"


def _commits(reader: Connection) -> int:
    """How many transactions a server has ended, reads included."""
    row = reader.execute("SELECT sum(xact_commit) FROM pg_stat_database").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
