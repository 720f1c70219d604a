"""The files of `deploy/postgresql` and `deploy/redis`: real servers take them as they are meant."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError
from redis.retry import Retry

from rosterhub.ops import embedded
from rosterhub.ops.system_user import server_owner
from tests.deploy.clusters import binaries, initialised
from tests.deploy.fronts import REPOSITORY
from tests.ports import free_port
from tests.serving import until

POSTGRES = binaries()

# The manual's chapter on tuning, for the 16 GB it gives and the same shares of 8 and 32.
EVERYWHERE = {
    "max_connections": "200",
    "wal_buffers": "16MB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "wal_level": "replica",
    "TimeZone": "UTC",
}
BY_SIZE = {
    "8gb": ("2GB", "6GB", "20MB", "512MB"),
    "16gb": ("4GB", "12GB", "40MB", "1GB"),
    "32gb": ("8GB", "24GB", "80MB", "2GB"),
}
NAMES = ("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem")
REDIS_BY_SIZE = {"8gb": 1 << 30, "16gb": 2 << 30, "32gb": 4 << 30}


@pytest.mark.parametrize("version", POSTGRES)
def test_postgresql_runs_with_each_file(
    version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster = initialised(POSTGRES[version], short(tmp_path_factory))
    for size, values in BY_SIZE.items():
        wanted = EVERYWHERE | dict(zip(NAMES, values, strict=True))
        with cluster.running(*_fitting(cluster.command(size), values[0])) as connection:
            found = {name: show(connection, name) for name in wanted}
            if _fits(values[0]):
                assert found == wanted
            else:
                assert found == wanted | {"shared_buffers": "128MB"}
            assert show(connection, "server_version").startswith(version)


def test_what_alter_system_says_counts_and_local_conf_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cluster = initialised(POSTGRES["18"], short(tmp_path_factory))
    (cluster.folder / "postgresql" / "local.conf").write_text("work_mem = 7MB\n")
    with cluster.running(*cluster.command("8gb")) as connection:
        assert show(connection, "work_mem") == "7MB"
        # As the manual prints it.
        connection.execute("ALTER SYSTEM SET max_connections = 150")
        connection.execute("ALTER SYSTEM SET work_mem = '40MB'")
        connection.execute("SELECT pg_reload_conf()")
    with cluster.running(*cluster.command("8gb")) as connection:
        assert show(connection, "max_connections") == "150"
        assert show(connection, "work_mem") == "40MB"


def test_who_comes_over_the_network_needs_the_password(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cluster = initialised(POSTGRES["18"], short(tmp_path_factory))
    with cluster.running(*cluster.command("8gb")):
        url = f"host=127.0.0.1 port={cluster.port} user=rosterhub dbname=postgres"
        psycopg.connect(f"{url} password=secret").close()
        for refused in (url, f"{url} password=wrong"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(refused)


def test_an_error_does_not_put_the_data_into_the_log(
    tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster = initialised(POSTGRES["18"], short(tmp_path_factory))
    with cluster.running(*cluster.command("8gb")) as connection:
        connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES ('Yamada')")
        with pytest.raises(psycopg.errors.UniqueViolation, match="Yamada"):
            connection.execute("INSERT INTO people VALUES ('Yamada')")
    log = capfd.readouterr().err
    assert "duplicate key value violates unique constraint" in log
    assert "Yamada" not in log


def redis_programs() -> dict[str, str]:
    system = shutil.which("redis-server")
    found = {"valkey": str(embedded._valkey_binary(server_owner()))}
    return found | ({"redis": system} if system else {})


@pytest.mark.parametrize("size", REDIS_BY_SIZE)
@pytest.mark.parametrize("program", redis_programs())
def test_redis_runs_with_each_file(program: str, size: str, tmp_path: Path) -> None:
    port, file = free_port(), REPOSITORY / "deploy" / "redis" / f"{size}.conf"
    process = subprocess.Popen(
        [
            *(redis_programs()[program], str(file), "--requirepass", "secret"),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        once = Retry(NoBackoff(), 0)
        with (
            Redis(port=port, retry=once) as stranger,
            Redis(port=port, retry=once, password="secret") as client,
        ):
            until(lambda: answers(client))
            with pytest.raises(AuthenticationError):
                stranger.ping()
            assert client.config_get("maxmemory") == {"maxmemory": str(REDIS_BY_SIZE[size])}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
            assert client.config_get("save") == {"save": "900 1 300 10 60 10000"}
    finally:
        process.terminate()
        process.wait(60)


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except ConnectionError:
        return False


def show(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row
    return row[0]


def short(factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for a socket in it."""
    return factory.mktemp("pg")


def _fits(shared_buffers: str) -> bool:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return memory > 2 * (int(shared_buffers.removesuffix("GB")) << 30)


def _fitting(command: list[str], shared_buffers: str) -> list[str]:
    """With less shared memory where this machine has not that much."""
    return command if _fits(shared_buffers) else [*command, "-c", "shared_buffers=128MB"]
