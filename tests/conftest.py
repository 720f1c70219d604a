"""The servers every test runs against: a real PostgreSQL and Valkey, and a fresh database each.

`--postgres DIR` uses the PostgreSQL whose binaries lie in DIR instead of the embedded one.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest

from rosterhub.api import app
from rosterhub.ops import embedded, supervisor
from rosterhub.ops.system_user import hand_over, server_owner
from rosterhub.settings import Settings
from rosterhub.store import migrate
from tests.ports import free_port

if "CI" not in os.environ:  # where Hypothesis has no deadline either
    hypothesis.settings.register_profile("ours", deadline=None)
    hypothesis.settings.load_profile("ours")

_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")

_CALM = ("-c", "autovacuum=off")
"""Once a minute it would come between: hold a lock, keep what is dead, write to a full disk."""

_MOST_DATA = 4 << 30
"""Bytes that the databases of a test run do not come near to."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", type=Path, help="binaries of another PostgreSQL to test with")


@pytest.fixture(autouse=True, scope="session")
def ports_of_our_own() -> Iterator[None]:
    """Servers that are prepared in this process get ports that nobody else does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "_free_port", free_port)
        yield


@pytest.fixture(autouse=True, scope="session")
def patient_with_redis() -> Iterator[None]:
    """Hubs in this process do not take a Redis for away that a busy machine lets answer late."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "_REDIS_SECONDS", 10.0)
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """The test run's servers; `server_url` is that of PostgreSQL without a database."""

    server_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Running]:
    data = Path(tempfile.mkdtemp(prefix="rosterhub-test-", dir=_in_memory()))
    binaries: Path | None = request.config.getoption("--postgres")
    try:
        found = embedded.prepare(data)
        postgres = found.postgres
        if binaries:
            postgres = _other_postgres(binaries, data, postgres)
        postgres = replace(postgres, command=[*postgres.command, *_FAST, *_CALM])
        children = [
            supervisor.Child(server.name, server.command, server=server)
            for server in (postgres, found.valkey)
        ]
        try:
            supervisor.start_servers(*children)
            yield Running(found.database_url.rpartition("/")[0], found.redis_url)
        finally:
            supervisor.stop(children)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _in_memory() -> Path | None:
    """Where files need no disk, if there is room: a database is many small files."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free > _MOST_DATA
    return memory if enough else None


def _other_postgres(binaries: Path, data: Path, like: embedded.Server) -> embedded.Server:
    """The server of another PostgreSQL, at the port and with the password of the embedded one."""
    cluster, owner = data / "other", server_owner()
    cluster.mkdir(mode=0o700)
    hand_over(cluster, owner)
    subprocess.run(
        [
            binaries / "initdb",
            *("-D", str(cluster), "-U", "rosterhub", "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C.UTF-8"),
        ],
        check=True,
        capture_output=True,
        cwd="/",
        user=owner.uid,
        group=owner.gid,
        extra_groups=owner.groups,
    )
    port = like.command[like.command.index("-p") + 1]
    command = [str(binaries / "postgres"), "-D", str(cluster), "-p", port, "-k", ""]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "timezone=UTC"]
    return replace(like, command=command, pid_file=cluster / "postmaster.pid")


@pytest.fixture(scope="session")
def template(servers: Running) -> str:
    """The name of a database that has the schema and nothing in it."""
    name = "template_rosterhub"
    _run(servers, f"CREATE DATABASE {name}")
    migrate.upgrade(f"{servers.server_url}/{name}")
    return name


@pytest.fixture
def empty_url(servers: Running) -> Iterator[str]:
    """The URL of a database without even a schema, gone after the test."""
    with _database(servers, "") as url:
        yield url


@pytest.fixture(scope="session")
def fresh(servers: Running, template: str) -> Callable[[], AbstractContextManager[Settings]]:
    """Makes settings for a hub with the schema and no data, for tests that share one hub."""

    @contextmanager
    def made() -> Iterator[Settings]:
        with _database(servers, f"TEMPLATE {template}") as url:
            yield Settings(database_url=url, redis_url=servers.redis_url, csv_batch_size=1_000)

    return made


@pytest.fixture
def config(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """Settings for a hub of the test's own, with the schema and no data."""
    with fresh() as made:
        yield made


@contextmanager
def _database(servers: Running, how: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    _run(servers, f"CREATE DATABASE {name} {how}")
    try:
        yield f"{servers.server_url}/{name}"
    finally:
        _run(servers, f"DROP DATABASE {name} WITH (FORCE)")


def _run(servers: Running, statement: str) -> None:
    with psycopg.connect(f"{servers.server_url}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())
