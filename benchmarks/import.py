"""`make bench BENCH=import SIZE=100000`: users in by HTTP, then the same file again.

The whole job counts: upload, queue, staging, checks, comparison, applying, with the audit on.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks import floor
from benchmarks.roster import write_users
from benchmarks.stack import report, stack


def main(size: int) -> None:
    """Measure with `size` users."""
    with stack() as hub, tempfile.TemporaryDirectory() as folder, hub.connect() as connection:
        orgs, users = write_users(Path(folder), size)
        first_floor, again_floor = floor.import_users(connection, users)
        hub.upload(orgs, "orgs")
        first = hub.upload(users, "users")
        memory = hub.peak_memory("worker")
        assert first["counts"]["created"] == size, first
        again = hub.upload(users, "users")
        assert again["counts"]["unchanged"] == size, again
        seconds, more = first["seconds"], again["seconds"]
        report("import", size, seconds, first_floor, "s", seconds / first_floor)
        report("import-again", size, more, again_floor, "s", more / again_floor)
        print(f"steps {size}: {first['timings']}")
        print(f"memory {size}: worker {memory:.0f} MB, api {hub.peak_memory('api'):.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
