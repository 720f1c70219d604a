"""All in one: the embedded servers, the API and its workers on one data folder, kept running.

Says nothing to people; `cli/up.py` does.
"""

import contextlib
import fcntl
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rosterhub.ops import embedded, supervisor
from rosterhub.ops.ports import refuse_taken
from rosterhub.ops.supervisor import Child
from rosterhub.settings import Settings
from rosterhub.store import revision

LOCK_FILE = "up.lock"
_HEALTHY_SECONDS = 60.0
_DEATHS = 3
_LET_GO_SECONDS = 15.0
"""How long the API of a hub that was killed may take to let go of its port."""


class UpError(RuntimeError):
    """The hub cannot be started; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub that runs, and how to use it from this process."""

    url: str
    data: Path
    config: Settings
    children: list[Child]

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep everything running until `until` says so, or for ever."""
        supervisor.watch(self.children, until)

    def look_after(self) -> None:
        """Keep everything running, for those who wait for something else; rests for a moment."""
        supervisor.look_after(self.children)


@contextlib.contextmanager
def hub(
    config: Settings, *, data: Path, port: int, workers: int, environment: dict[str, str]
) -> Generator[Hub]:
    """A healthy hub on `data`, stopped with all its processes at the end of the block.

    `config` says what the embedded servers do not; `environment` is for the API and the workers.

    Raises:
        UpError: a hub runs on `data` already, or the API does not get healthy.
        PortError: the port is taken.
        EmbeddedError: a server cannot be set up or started.
    """
    data.mkdir(parents=True, exist_ok=True)
    host = config.api_host
    with _lock(data) as lock:
        # A hub that was killed may still be letting go; what it left in the lock says so.
        port = refuse_taken(host, port, patience=_LET_GO_SECONDS if lock.read() else 0)
        url = f"http://{_reached_at(host)}:{port}"
        _note(lock, {"pid": os.getpid(), "url": url})
        servers = embedded.prepare(data)
        children = [Child(s.name, s.command, server=s) for s in (servers.postgres, servers.valkey)]
        try:
            supervisor.start_servers(*children)
            _migrate(servers.database_url)
            environment = environment | servers.environment | {"ROSTERHUB_DATA": str(data)}
            api = Child("api", _command("api", "--host", host, "--port", str(port)), environment)
            children.append(api)
            children += [Child("worker", _command("worker"), environment) for _ in range(workers)]
            for child in children[2:]:
                child.start()
            own = {"database_url": servers.database_url, "database_write_url": ""}
            own |= {"redis_url": servers.redis_url}
            found = Hub(url, data, config.model_copy(update=own), children)
            _wait_healthy(found, api)
            yield found
        finally:
            supervisor.stop(children)
            _note(lock, None)


@contextlib.contextmanager
def _lock(data: Path) -> Generator[TextIO]:
    """The lock of a data folder. The kernel lets go of it when its holder ends, however it does."""
    with (data / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UpError(_who_runs(data)) from error
        lock.seek(0)
        yield lock


def _note(lock: TextIO, what: dict[str, object] | None) -> None:
    """Write down who has the lock, or that its holder ended in good order."""
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps(what) if what else "")
    lock.flush()


def _who_runs(data: Path) -> str:
    try:
        holder = json.loads((data / LOCK_FILE).read_text())
        which = f" at {holder['url']} (process {holder['pid']})"
    except (OSError, ValueError):
        which = ""
    return (
        f"A hub already runs on {data}{which}. "
        "Use that one, stop it first, or choose another folder with --data-dir."
    )


def _migrate(url: str) -> None:
    if revision.current(url) != revision.head():
        from rosterhub.store import migrate  # takes longer to load than all else in a start

        migrate.upgrade(url)


def _command(*arguments: str) -> list[str]:
    # -P: whatever lies in the folder we were called in is none of our modules.
    return [sys.executable, "-P", "-m", "rosterhub", *arguments]


def _wait_healthy(found: Hub, api: Child) -> None:
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while not _healthy(found.url):
        if api.deaths >= _DEATHS or time.monotonic() > deadline:
            raise UpError("The API did not get healthy; its log says why.")
        found.look_after()


def _healthy(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=3)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reached_at(host: str) -> str:
    """The address at which this machine reaches what listens on `host`."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{address}]" if ":" in address else address
