"""The API as tests call it: in a thread of the test, or as a process that can be told to stop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import uvicorn
from starlette.applications import Starlette

from rosterhub.api.app import create_app
from rosterhub.api.whole_answers import WholeAnswers
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.ports import free_port

Answer = TypeVar("Answer")

KEY = "a-key-of-the-manual"
"""A key that may do what the manual's plain INSERT lets it."""
# As the operations manual has it.
END_IDLE_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state = 'idle' AND application_name LIKE 'rosterhub%'"
)
ASLEEP = (
    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
)


def add_key(config: Settings, key: str = KEY, *, scopes: tuple[str, ...] = ()) -> str:
    """Insert a plain key."""
    with connect(config.write_url) as connection:
        connection.execute(
            "INSERT INTO api_keys (key, name, scopes) VALUES (%s, 'Test', %s)", [key, list(scopes)]
        )
    return key


@contextmanager
def serving(
    config: Settings, app: Starlette | None = None, **options: Any
) -> Iterator[httpx.Client]:
    """The API on a free port, until the block ends; its shutdown is a whole one."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = app or create_app(config)
    options = {"http": WholeAnswers, **options}
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, **options))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until(lambda: server.started and connected(app))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()
        assert not thread.is_alive()


def connected(app: Starlette) -> bool:
    """Whether each pool has a connection: a request that came earlier would wait a second for one
    and be refused. Where the database is away a pool has tried; a server around ours has none."""
    state = getattr(app, "state", None)
    pools = state.hub.levels._pools.values() if state else ()
    return all(
        stats["pool_available"] or stats.get("connections_errors")
        for stats in [pool.get_stats() for pool in pools]
    )


@contextmanager
def process(config: Settings) -> Iterator[tuple[httpx.Client, Callable[[], int]]]:
    """The API as a process; calling the second value sends SIGTERM and returns the exit code."""
    port = free_port()
    command = ["-m", "uvicorn", "--factory", "rosterhub.api.app:create_app", "--port", str(port)]
    environment = {
        **os.environ,
        "DATABASE_URL": config.read_url,
        "DATABASE_WRITE_URL": config.write_url,
        "REDIS_URL": "",
    }
    child = subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, stderr=sys.stderr
    )

    def stop() -> int:
        child.send_signal(signal.SIGTERM)
        return child.wait(60)

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            until(lambda: child.poll() is not None or _answers(client))
            assert child.poll() is None
            yield client, stop
    finally:
        child.kill()
        child.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def within_a_second(asked: Callable[[], Answer], wanted: Answer) -> None:
    """Whatever is asked over a second from now is answered so, however long an answer takes."""
    begun = sent = time.monotonic()
    while (answer := asked()) != wanted:
        assert sent - begun <= 1, f"still {answer} after a second"
        time.sleep(0.01)
        sent = time.monotonic()


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until `true()`; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.01)
