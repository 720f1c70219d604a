"""`make bench BENCH=import SIZE=100000`: users in by HTTP, then the same file again.

The whole job counts: upload, queue, staging, checks, comparison, applying, with the audit on. Up to
100,000 users it is done five times, each beside its floor, and the middle ratio is reported.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.roster import REFERRED_TO, write_files
from benchmarks.stack import Stack, report, stack

_SMALL, _ROUNDS = 100_000, 5


def main(size: int) -> None:
    """Measure with `size` users."""
    with stack() as hub, tempfile.TemporaryDirectory() as folder:
        *others, users = write_files(Path(folder), size, *REFERRED_TO, "users")
        for path in others:
            hub.upload(path, path.stem)
        rounds = [_round(hub, users, size) for _ in range(_ROUNDS if size <= _SMALL else 1)]
        for name in ("import", "import-again"):
            seconds, least = sorted((r[name] for r in rounds), key=lambda pair: pair[0] / pair[1])[
                len(rounds) // 2
            ]
            report(name, size, seconds, least, "s", seconds / least)
        print(f"steps {size}: {rounds[-1]['steps']}")
        worker, api = hub.peak_memory("worker"), hub.peak_memory("api")
        print(f"memory {size}: worker {worker:.0f} MB, api {api:.0f} MB")


def _round(hub: Stack, users: Path, size: int) -> dict[str, Any]:
    """Our seconds beside those of the floor, for the import and for the same file again."""
    with hub.connect() as connection:
        floors = floor.import_users(connection, users)
        connection.execute("TRUNCATE users")
    first = hub.upload(users, "users")
    assert first["counts"]["created"] == size, first
    again = hub.upload(users, "users")
    assert again["counts"]["unchanged"] == size, again
    return {
        "import": (first["seconds"], floors[0]),
        "import-again": (again["seconds"], floors[1]),
        "steps": first["timings"],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
