"""PostgreSQL clusters of the tests' own, run with the files of `deploy/postgresql`."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from rosterhub.ops import embedded
from rosterhub.ops.system_user import hand_over, make_reachable, server_owner
from tests.deploy.fronts import REPOSITORY
from tests.ports import free_port
from tests.serving import until

OLDEST = Path("/usr/lib/postgresql/15/bin")
"""PostgreSQL 15, where Debian's package is installed."""


def binaries() -> dict[str, Path]:
    """Folders of programs, by PostgreSQL's version."""
    newest = embedded._postgres_binaries(server_owner())
    return {"18": newest} | ({"15": OLDEST} if (OLDEST / "initdb").exists() else {})


@dataclass(frozen=True, slots=True)
class Cluster:
    """Data in `folder`, and how to reach the server while it runs."""

    programs: Path
    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> str:
        return f"host={self.folder} port={self.port} user=rosterhub dbname=postgres"

    def command(self, size: str) -> list[str]:
        """As docker-compose.yml runs it, but for the place."""
        files = self.folder / "postgresql"
        return [
            *(str(self.programs / "postgres"), "-D", str(self.data)),
            *("-c", f"config_file={files / f'{size}.conf'}"),
            *("-c", f"hba_file={files / 'pg_hba.conf'}"),
            *("-p", str(self.port), "-c", f"unix_socket_directories={self.folder}"),
            *("-c", "listen_addresses=127.0.0.1"),
        ]

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[psycopg.Connection]:
        """Run `command`; the connection is over the socket, as psql's in the container."""
        with as_owner([*command], environment) as process:
            until(lambda: process.poll() is not None or self._answers(), 60)
            with psycopg.connect(self.socket, autocommit=True) as connection:
                yield connection

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.socket).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass(slots=True)
class Server:
    """A PostgreSQL server that can be stopped and started again."""

    start: Callable[[], AbstractContextManager[psycopg.Connection]]
    _running: ExitStack = field(default_factory=ExitStack)

    def begin(self) -> psycopg.Connection:
        """Start it; a connection to it."""
        return self._running.enter_context(self.start())

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running.close()


@contextmanager
def as_owner(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the user that may run servers; ended with the block."""
    owner = server_owner()
    process = subprocess.Popen(
        command,
        env=embedded.server_environment() | environment,
        cwd="/",
        user=owner.uid,
        group=owner.gid,
        extra_groups=owner.groups,
    )
    try:
        yield process
    finally:
        # PostgreSQL's fast shutdown.
        process.send_signal(2)
        process.wait(120)


def prepared(programs: Path, folder: Path) -> Cluster:
    """A cluster without data."""
    owner = server_owner()
    shutil.copytree(REPOSITORY / "deploy" / "postgresql", folder / "postgresql")
    make_reachable(folder, owner, contents=True)
    hand_over(folder, owner)
    return Cluster(programs, folder, free_port())


def initialised(programs: Path, folder: Path) -> Cluster:
    """A cluster with a fresh database, whose user rosterhub has the password `secret`."""
    cluster = prepared(programs, folder)
    password = folder / "password"
    password.write_text("secret")
    password.chmod(0o644)
    command = [
        *(str(programs / "initdb"), "-D", str(cluster.data), "-U", "rosterhub"),
        *("--pwfile", str(password), "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
    ]
    with as_owner(command, {}) as process:
        assert process.wait(60) == 0
    return cluster
