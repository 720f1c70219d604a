"""A hub on a PostgreSQL of its own, whose worker and database are killed as power cuts do it."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from rosterhub.ops import embedded, supervisor
from rosterhub.settings import Settings
from rosterhub.store import migrate
from rosterhub.store.connect import connect
from tests.hubs import ROSTERHUB, family, plain_environment
from tests.serving import until

_NO_GUARD = {"GUARD_DELETED_PERCENT": "100", "GUARD_CHANGED_PERCENT": "100"}
"""Every generation changes everything."""


@dataclass(slots=True)
class Machines:
    """The database's process and the worker's."""

    config: Settings
    database: supervisor.Child
    log: Path
    worker: subprocess.Popen[bytes] = field(init=False)

    def start_worker(self) -> None:
        with self.log.open("ab") as out:
            self.worker = subprocess.Popen(
                [*ROSTERHUB, "worker"],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=plain_environment(
                    DATABASE_URL=self.config.write_url,
                    ROSTERHUB_DATA=str(self.log.parent),
                    CSV_BATCH_SIZE=str(self.config.csv_batch_size),
                    **_NO_GUARD,
                ),
            )

    def kill_worker(self) -> None:
        """Kill it, and have another one started, as whoever looks after it would."""
        self.worker.kill()
        self.worker.wait()
        self.start_worker()

    def kill_database(self) -> None:
        """Kill the postmaster and every process of it at once, and start it again."""
        process = self.database.process
        assert process is not None
        # Held still first, so that it mends nothing, and its children have no time to say good-bye.
        process.send_signal(signal.SIGSTOP)
        processes = family(process.pid)
        for pid in reversed(processes):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        # Only a process that is over altogether has let go of the shared memory.
        until(lambda: not any(map(supervisor._lives, processes)))
        supervisor.start_servers(self.database)


@contextmanager
def machines(batch: int) -> Iterator[Machines]:
    """A database with the schema, and a worker."""
    # Not in pytest's folder, which another run of it would close to the server's own user.
    folder = Path(tempfile.mkdtemp(prefix="rosterhub-faults-"))
    try:
        with _running(folder, batch) as both:
            yield both
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path, batch: int) -> Iterator[Machines]:
    found = embedded.prepare(folder)
    # What the kernel was handed survives the end of a process; only its own end would need fsync.
    server = replace(found.postgres, command=[*found.postgres.command, "-c", "fsync=off"])
    database = supervisor.Child("postgres", server.command, server=server)
    config = Settings(database_url=found.database_url, csv_batch_size=batch)
    both = Machines(config, database, folder / "worker.log")
    try:
        supervisor.start_servers(database)
        migrate.upgrade(config.write_url)
        both.start_worker()
        try:
            yield both
        finally:
            both.worker.kill()
            both.worker.wait()
    finally:
        supervisor.stop([database])


Seen = tuple[list[str] | None, int]


class Reader:
    """Reads the roster again and again, and keeps each different thing that it saw."""

    _LOOK = (
        "SELECT array_agg(DISTINCT family_name ORDER BY family_name), count(*) FROM users"
        " WHERE status = 'active'"
    )

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.seen: list[Seen] = []
        self.looks = 0

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        while not self._end.is_set():
            try:
                with connect(self._config.read_url) as connection:
                    while not self._end.wait(0.05):
                        names, count = connection.execute(self._LOOK).fetchone() or (None, 0)
                        self.looks += 1
                        if (names, count) not in self.seen:
                            self.seen.append((names, count))
            except psycopg.OperationalError:
                self._end.wait(0.05)  # the database is down; there is nothing to see
