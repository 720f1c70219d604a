"""The real thing to measure: `rosterhub up` on a data folder of its own, and a way to load it."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow

BIN = Path(sys.executable).parent
_START_SECONDS = 120
_AT_WORK = "SELECT FROM procrastinate.procrastinate_jobs WHERE status IN ('todo', 'doing')"


@dataclass
class Stack:
    """A running hub: its base URL, an API key, its database, its processes."""

    base: str
    key: str
    database: str
    data: Path
    process: subprocess.Popen[bytes]

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.key}

    def connect(self) -> psycopg.Connection[TupleRow]:
        return psycopg.connect(self.database, autocommit=True)

    def upload(self, path: Path, entity: str | None, **fields: str) -> dict[str, Any]:
        """Import a file over HTTP; the job document once it has ended, with `seconds` in all."""
        url = f"{self.base}/api/v1.2/csv/import" + (f"/{entity}" if entity else "")
        started = time.perf_counter()
        # curl, as the manual has it: it takes no time that the hub could use.
        answer = subprocess.run(
            [
                *("curl", "-sS", "-H", f"X-API-Key: {self.key}", "-F", f"file=@{path}"),
                *(part for name, value in fields.items() for part in ("-F", f"{name}={value}")),
                url,
            ],
            check=True,
            capture_output=True,
        )
        job = json.loads(answer.stdout)["jobId"]
        status = urllib.request.Request(
            f"{self.base}/api/v1.2/csv/import/jobs/{job}", headers=self.headers
        )
        while True:
            with urllib.request.urlopen(status) as answer:
                document = json.load(answer)["job"]
            if document["state"] in ("completed", "failed"):
                break
            time.sleep(0.05)
        # A first load is done for the clerk now, and builds its indexes yet.
        with self.connect() as connection:
            while connection.execute(_AT_WORK).fetchall():
                time.sleep(0.05)
        document["seconds"] = time.perf_counter() - started
        if document["state"] == "failed":
            raise SystemExit(f"import failed: {document['reason']} {document['errors'][:3]}")
        return document

    def peak_memory(self, part: str) -> float:
        """The largest resident size of the `api` or `worker` processes so far, in MB."""
        sizes = [
            int(match[1]) / 1024
            for pid in self._processes(part)
            if (match := re.search(r"VmHWM:\s+(\d+) kB", _status(pid)))
        ]
        return max(sizes, default=0.0)

    def cpu_seconds(self, part: str) -> float:
        """CPU time that the `api` or `worker` processes have used so far."""
        stats = (Path(f"/proc/{pid}/stat").read_text() for pid in self._processes(part))
        fields = (stat.rpartition(")")[2].split() for stat in stats)
        return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")

    def _processes(self, part: str) -> list[int]:
        pids = _descendants(self.process.pid)
        return [pid for pid in pids if f"rosterhub {part}" in _command(pid)]


@contextlib.contextmanager
def stack(**environment: str) -> Generator[Stack]:
    """A hub on a free port and an empty data folder, gone at the end."""
    data = Path(tempfile.mkdtemp(prefix="rosterhub-bench-"))
    process, base = start(data, **environment)
    env = os.environ | {"ROSTERHUB_DATA": str(data)}
    try:
        database = _output("db", "url", env=env).strip()
        key = json.loads(_output("keys", "create", "--name", "bench", "--json", env=env))["apiKey"]
        yield Stack(base, key, database, data, process)
    finally:
        stop(process)
        shutil.rmtree(data, ignore_errors=True)


def start(data: Path, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    """`rosterhub up` on `data`; returns once it is healthy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (data.parent / f"{data.name}.log").open("wb")
    process = subprocess.Popen(
        [BIN / "rosterhub", "up", "--port", str(port), "--data-dir", data],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | environment,
    )
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            if urllib.request.urlopen(f"{base}/health", timeout=2).status == 200:
                return process, base
        time.sleep(0.02)
    raise SystemExit(f"rosterhub up did not get healthy; see {log.name}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the hub as Ctrl-C would."""
    process.terminate()
    process.wait(60)


def report(name: str, size: int, value: float, floor: float, unit: str, ratio: float) -> None:
    """The line every benchmark ends with."""
    print(f"{name} {size}: {value:.3f} {unit}, floor {floor:.3f} {unit}, ratio {ratio:.2f}")


def _output(*arguments: str, env: dict[str, str]) -> str:
    done = subprocess.run([BIN / "rosterhub", *arguments], check=True, capture_output=True, env=env)
    return done.stdout.decode()


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for current in found:
        for children in Path(f"/proc/{current}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def _status(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/status").read_text()
    return ""
