"""A primary and a hot standby behind the API servers: who answers, and who when one is away.

At last all of it together, with nginx before the API servers.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from rosterhub.access.scopes import ALL
from rosterhub.settings import Settings
from rosterhub.store import migrate
from rosterhub.store.replica import readable
from tests.deploy.clusters import Cluster, Server, binaries, initialised, prepared
from tests.deploy.fronts import front
from tests.deploy.test_standby import command, environment
from tests.integration.test_serve import serving
from tests.rosters import board, csv_file, package, person, send
from tests.serving import KEY, add_key, until

USERS = "/ims/oneroster/rostering/v1p2/users"
CATEGORIES = "/ims/oneroster/gradebook/v1p2/categories"
PROGRAMS = binaries()["18"]


@dataclass(frozen=True, slots=True)
class Site:
    """Two API servers that read from the standby and write to the primary."""

    config: Settings
    primary: Server
    standby: Server
    servers: list[httpx.Client]

    def names(self) -> list[str]:
        """The family name of p1 as each server answers it."""
        answers = [answered(client, f"{USERS}/p1") for client in self.servers]
        return [answer.json()["user"]["familyName"] for answer in answers]


def answered(client: httpx.Client, path: str) -> httpx.Response:
    """The answer, asked for again while it is 503: a server that was stopped has just come back."""
    answers: list[httpx.Response] = []

    def ask() -> bool:
        answers.append(client.get(path))
        return answers[-1].status_code != 503

    until(ask)
    assert answers[-1].status_code == 200, answers[-1].text
    return answers[-1]


def url(cluster: Cluster) -> str:
    return f"postgresql://rosterhub:secret@127.0.0.1:{cluster.port}/postgres"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folders = [tmp_path_factory.mktemp(name) for name in ("primary", "standby", "one", "two")]
    first, second = initialised(PROGRAMS, folders[0]), prepared(PROGRAMS, folders[1])
    given = environment(second, first)
    primary = Server(lambda: first.running(*first.command("8gb")))
    standby = Server(lambda: second.running(*command(second), **given))
    config = Settings(database_url=url(second), database_write_url=url(first), redis_url="")
    with ExitStack() as stack:
        stack.callback(primary.stop)
        stack.callback(standby.stop)
        primary.begin().execute(
            "CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password'"
        )
        migrate.upgrade(config.write_url)
        add_key(config, scopes=tuple(ALL))
        assert send(config, package(board()))["state"] == "completed"
        standby.begin()
        clients = [stack.enter_context(_client(config, folder)) for folder in folders[2:]]
        primary.stop()
        standby.stop()
        yield Site(config, primary, standby, clients)


@pytest.fixture
def site(servers: Site) -> Iterator[Site]:
    """Stopped afterwards: each test starts both servers."""
    yield servers
    servers.standby.stop()
    servers.primary.stop()


@contextmanager
def _client(config: Settings, folder: Path) -> Iterator[httpx.Client]:
    with (
        serving(config, folder, DATABASE_WRITE_URL=config.write_url) as api,
        httpx.Client(base_url=api.url, headers={"X-API-Key": KEY}, timeout=30) as client,
    ):
        yield client


def changed(site: Site, name: str) -> None:
    """Import a change of p1's name, and hear from both servers that it is done."""
    job = send(site.config, csv_file("users", [person("p1", "陽菜", name)]), "users")
    for client in site.servers:
        found = answered(client, f"/api/v1.2/csv/import/jobs/{job['jobId']}").json()["job"]
        assert found["state"] == "completed"


def known_to(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT family_name, (SELECT max(committed) FROM data_commits) FROM users"
        " ORDER BY sourced_id"
    ).fetchall()


def test_reads_come_from_the_standby_and_never_from_before_an_import(site: Site) -> None:
    writes, reads = site.primary.begin(), site.standby.begin()

    def see_that_the_standby_serves() -> None:
        """By a change that it has not, and that nobody made known."""
        until(lambda: known_to(reads) == known_to(writes))
        reads.execute("SELECT pg_wal_replay_pause()")
        writes.execute("UPDATE users SET family_name = '主' WHERE sourced_id = 'p1'")
        until(lambda: "主" not in site.names())

    see_that_the_standby_serves()
    assert readable(site.config) == site.config.read_url
    for number in range(3):
        changed(site, f"見本{number}")
        assert site.names() == [f"見本{number}"] * 2
    category = {
        **{"sourcedId": "c1", "status": "active", "title": "小テスト", "weight": 1},
        "dateLastModified": "2026-05-01T00:00:00.000Z",
    }
    # Nor do commands and scheduled exports read what is older than that.
    assert readable(site.config) == site.config.write_url
    assert site.servers[0].put(f"{CATEGORIES}/c1", json={"category": category}).is_success
    for client in site.servers:
        assert answered(client, f"{CATEGORIES}/c1")
        assert answered(client, "/api/v1.2/csv/export/users").text.count("見本2") == 1
    reads.execute("SELECT pg_wal_replay_resume()")
    see_that_the_standby_serves()
    reads.execute("SELECT pg_wal_replay_resume()")


def test_without_the_primary_reads_go_on_and_changes_are_refused(site: Site) -> None:
    writes, reads = site.primary.begin(), site.standby.begin()
    until(lambda: known_to(reads) == known_to(writes))
    site.primary.stop()
    assert readable(site.config) == site.config.read_url
    for client in site.servers:
        assert answered(client, USERS)
        assert answered(client, "/health/ready")
        assert client.get("/health").status_code == 503
        answer = client.delete(f"{CATEGORIES}/c1")
        assert answer.status_code == 503
        assert "nothing was changed; reads may go on" in answer.json()["imsx_description"]
        assert int(answer.headers["Retry-After"]) > 0
    site.primary.begin()
    until(lambda: site.servers[0].delete(f"{CATEGORIES}/nothing").status_code == 404)
    changed(site, "再開")
    assert site.names() == ["再開"] * 2


def test_without_the_standby_the_primary_serves_the_reads(site: Site) -> None:
    site.primary.begin()
    assert readable(site.config) == site.config.write_url
    for client in site.servers:
        assert answered(client, USERS)
        assert answered(client, "/health/ready")
    changed(site, "予備")
    assert site.names() == ["予備"] * 2


def test_through_nginx_reads_go_on_without_either_database_and_changes_hear_why_not(
    site: Site, nginx: str, tmp_path: Path
) -> None:
    writes, reads = site.primary.begin(), site.standby.begin()
    until(lambda: known_to(reads) == known_to(writes))
    for direct in site.servers:
        answered(direct, USERS)
    addresses = [f"{direct.base_url.host}:{direct.base_url.port}" for direct in site.servers]
    with front(tmp_path, nginx, addresses) as made, made.client() as client:
        client.headers["X-API-Key"] = KEY

        def read() -> None:
            for _ in range(10):
                answered(client, USERS)

        read()
        site.primary.stop()
        read()
        refused = client.delete(f"{CATEGORIES}/nothing")
        assert refused.status_code == 503
        assert "nothing was changed; reads may go on" in refused.json()["imsx_description"]
        assert int(refused.headers["Retry-After"]) > 0
        site.primary.begin()
        until(lambda: client.delete(f"{CATEGORIES}/nothing").status_code == 404)
        site.standby.stop()
        read()
        assert client.delete(f"{CATEGORIES}/nothing").status_code == 404
        assert all(address in made.log for address in addresses)
