"""Keeps processes running: starts them, starts again what dies, stops all of them at the end."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from rosterhub.ops.embedded import Server, running, wait_ready

_log = structlog.get_logger("rosterhub.up")
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 40.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a process is started again, growing while it keeps dying."""
_STEADY_SECONDS = 30.0
"""A process that ran this long died of something new."""


@dataclass(slots=True)
class Child:
    """One process that is kept running. `adopted` is one that ran before us."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict[str, str])
    server: Server | None = None
    process: subprocess.Popen[bytes] | None = None
    adopted: int | None = None
    started: float = 0.0
    again: float | None = None
    deaths: int = 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        if self.adopted:
            return Path(f"/proc/{self.adopted}").exists()
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Run it, unless it is running already from an earlier time."""
        self.started, self.again = time.monotonic(), None
        if self.server:
            self.adopted = running(self.server.pid_file, Path(self.command[0]).name)
            if self.adopted:
                _log.info("server runs already, it is used as it is", name=self.name)
                return
            self.process = _run_server(self.server)
        else:
            self.process = subprocess.Popen(
                self.command,
                env=os.environ | self.environment,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def ask_to_stop(self) -> None:
        """Tell the process to end in good order."""
        self.again = None
        number = self.server.stop_signal if self.server else signal.SIGTERM
        with contextlib.suppress(ProcessLookupError):
            if self.adopted:
                os.kill(self.adopted, number)
            elif self.process:
                self.process.send_signal(number)

    def wait_stopped(self, deadline: float) -> None:
        """Wait for its end, and make it one at the deadline."""
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.alive:
            _log.warning("process had to be killed", name=self.name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.adopted or (self.process.pid if self.process else 0), signal.SIGKILL)

    def look_after(self) -> None:
        """Start it again when it has died, after a pause."""
        now = time.monotonic()
        if self.alive:
            return
        if self.again is None:
            self.deaths = 0 if now - self.started > _STEADY_SECONDS else self.deaths
            pause = _PAUSES[min(self.deaths, len(_PAUSES) - 1)]
            self.deaths += 1
            self.again = now + pause
            code = self.process.returncode if self.process else None
            _log.warning("process died, it is started again", name=self.name, code=code)
        elif now >= self.again:
            self.start()


class Stopped(Exception):  # noqa: N818
    """Somebody asked for the end."""


def stop_on_signals() -> None:
    """Turn SIGTERM and SIGINT into `Stopped` in the main thread."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def start_servers(*children: Child) -> None:
    """Start servers and wait until they answer.

    Raises:
        EmbeddedError: one of them does not.
    """
    for child in children:
        child.start()
    for child in children:
        assert child.server
        wait_ready(child.server, lambda child=child: child.alive)


def watch(children: list[Child], until: Callable[[], bool] = lambda: False) -> None:
    """Look after `children` until `until` says so, or for ever."""
    while not until():
        for child in children:
            child.look_after()
        time.sleep(0.1)


def stop(children: list[Child]) -> None:
    """End all: what was started last first, servers when nobody uses them any more."""
    deadline = time.monotonic() + _STOP_SECONDS
    users = [c for c in children if not c.server]
    servers = [c for c in children if c.server]
    for group in (users, servers):
        for child in group:
            child.ask_to_stop()
        for child in group:
            child.wait_stopped(deadline)


def _run_server(server: Server) -> subprocess.Popen[bytes]:
    with server.log.open("ab") as log:
        return subprocess.Popen(
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            user=server.owner.uid,
            group=server.owner.gid,
            extra_groups=server.owner.groups,
        )


def _die_with_parent() -> None:
    """In the child: have the kernel end it when we are gone, however that came about."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
