"""Ports for servers of tests, that neither another server gets nor another run's tests."""

import fcntl
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_OURS: list[IO[bytes]] = []
"""Locks on the ports that were handed out, until this process ends."""


def free_port() -> int:
    """A port that nobody listens on now, that is no other run's, and that the system gives nobody
    who asks for any.
    """
    folder = Path(tempfile.gettempdir()) / "rosterhub-test-ports"
    folder.mkdir(mode=0o777, exist_ok=True)
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        lock = (folder / str(port)).open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            lock.close()
        else:
            _OURS.append(lock)
            return port


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port that nobody listens on, nor can until the block ends."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
