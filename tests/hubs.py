"""`rosterhub up` and its like as tests run them: processes of their own, gone when the test is."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from rosterhub.settings import CONNECTION_FILE
from tests.serving import until

ROSTERHUB = [sys.executable, "-P", "-m", "rosterhub"]
_INHERITED = ("PATH", "HOME", "TMPDIR", "PYTHONPATH")


def plain_environment(**more: str) -> dict[str, str]:
    """An environment that sets nothing of ours but `more`."""
    return {k: os.environ[k] for k in _INHERITED if k in os.environ} | {"LANG": "C.UTF-8"} | more


@dataclass(frozen=True, slots=True)
class Up:
    """A running `rosterhub up`; `log` is where all that it and its processes say goes."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text("utf-8")

    @property
    def url(self) -> str:
        return json.loads((self.data / "up.lock").read_text())["url"]

    @property
    def connection(self) -> dict[str, Any]:
        """How to reach the embedded servers."""
        return json.loads((self.data / CONNECTION_FILE).read_text())

    def pids(self) -> dict[str, int]:
        """The processes that are kept running, by name."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found: dict[str, int] = {}
        for pid in map(int, children.read_text().split()):
            if name := re.search(r"valkey-server|postgres|rosterhub (api|worker)", command(pid)):
                found[name[0].removeprefix("rosterhub ")] = pid
        return found

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def up(
    data: Path, *arguments: str, uid: int | None = None, gid: int | None = None, **environment: str
) -> Iterator[Up]:
    """`rosterhub up` on `data` and a free port, once it says that it is ready for all."""
    with starting(data, *arguments, uid=uid, gid=gid, **environment) as hub:
        until(lambda: hub.process.poll() is not None or "Ctrl-C" in hub.output, 60)
        assert hub.process.poll() is None, hub.output
        yield hub


@contextmanager
def starting(
    data: Path, *arguments: str, uid: int | None = None, gid: int | None = None, **environment: str
) -> Iterator[Up]:
    """The same, from the very beginning."""
    log = data.with_name(f"{data.name}.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*ROSTERHUB, "up", "--port", "0", "--data-dir", str(data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=plain_environment(**environment),
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            cwd="/",
        )
    hub = Up(process, data, log)
    try:
        yield hub
    finally:
        if process.poll() is None:
            hub.stop()


def command(pid: int) -> str:
    """The command line of a process, empty when there is none with this number."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for current in found:
        for children in Path(f"/proc/{current}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                found += map(int, children.read_text().split())
    return found


def gone(pids: list[int]) -> bool:
    """Whether none of these processes lives; one without a command line has ended."""
    return not any(command(pid) for pid in pids)
