"""Keeps processes running: starts them, starts again what dies, stops all of them at the end."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from rosterhub.lifeline import die_with_parent
from rosterhub.ops.embedded import Server, running, server_environment, wait_ready

_log = structlog.get_logger("rosterhub.up")
_STOP_SECONDS = 40.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a process is started again, growing while it keeps dying."""
_STEADY_SECONDS = 30.0
"""A process that ran this long died of something new."""
_REST_SECONDS = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


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
            return _lives(self.adopted)
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Run it, unless it is running already from an earlier time."""
        with _undisturbed():
            self._start()

    def _start(self) -> None:
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
                preexec_fn=die_with_parent,
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
    """Turn SIGTERM, SIGINT and the end of the terminal into `Stopped` in the main thread."""
    for number in _SIGNALS:
        # nohup has the end of the terminal ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped


@contextlib.contextmanager
def _undisturbed() -> Generator[None]:
    """Put `Stopped` off until the end of the block: a process that was started and not noted
    down would be left behind."""
    asked: list[int] = []
    signals = [n for n in _SIGNALS if signal.getsignal(n) is _stop]
    for number in signals:
        signal.signal(number, lambda n, _: asked.append(n))
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, _stop)
        for number in asked[:1]:
            _stop(number, None)


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
        look_after(children)


def look_after(children: list[Child]) -> None:
    """Start again what has died, then rest for a moment."""
    for child in children:
        child.look_after()
    time.sleep(_REST_SECONDS)


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


def _lives(pid: int) -> bool:
    """Whether the process is there; one that only waits to be noticed by its parent is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _run_server(server: Server) -> subprocess.Popen[bytes]:
    with server.log.open("ab") as log:
        return subprocess.Popen(
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=server_environment(),
            cwd="/",
            start_new_session=True,
            user=server.owner.uid,
            group=server.owner.gid,
            extra_groups=server.owner.groups,
        )
