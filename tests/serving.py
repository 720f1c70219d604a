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

import httpx
import uvicorn
from starlette.applications import Starlette

from rosterhub.api.app import create_app
from rosterhub.settings import Settings
from rosterhub.store.connect import connect

KEY = "a-key-of-the-manual"
"""A key that may do what the manual's plain INSERT lets it."""


def add_key(config: Settings, key: str = KEY, *, scopes: tuple[str, ...] = ()) -> str:
    """Insert a plain key."""
    with connect(config.write_url) as connection:
        connection.execute(
            "INSERT INTO api_keys (key, name, scopes) VALUES (%s, 'Test', %s)", [key, list(scopes)]
        )
    return key


@contextmanager
def serving(config: Settings, app: Starlette | None = None) -> Iterator[httpx.Client]:
    """The API on a free port, until the block ends; its shutdown is a whole one."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app or create_app(config), log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until(lambda: server.started)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


@contextmanager
def process(config: Settings) -> Iterator[tuple[httpx.Client, Callable[[], int]]]:
    """The API as a process; calling the second value sends SIGTERM and returns the exit code."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
        return child.wait(20)

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            until(lambda: child.poll() is not None or _answers(client))
            yield client, stop
    finally:
        child.kill()
        child.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until `true()`; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.01)
