"""`make bench BENCH=batch SIZE=100000`: the import by CSV_BATCH_SIZE, beside that of the default.

Each size in turn with the default, on hubs of their own; the middle of three.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.roster import REFERRED_TO, write_files
from benchmarks.stack import report, stack

_SIZES = (100, 500, 1_000, 5_000, 20_000)
_DEFAULT = 1_000
_ROUNDS = 3


def main(size: int) -> None:
    """Measure with `size` users."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_files(Path(folder), size, *REFERRED_TO, "users")
        applying = {batch: _applying(paths, batch) for batch in _SIZES}
    for batch, seconds in applying.items():
        least = applying[_DEFAULT]
        report(f"batch-{batch}", size, seconds, least, "s", seconds / least)


def _applying(paths: list[Path], batch: int) -> float:
    """Seconds of the step `applying` of a first import."""
    *others, users = paths
    with stack(CSV_BATCH_SIZE=str(batch)) as hub:
        for path in others:
            hub.upload(path, path.stem)
        seconds: list[float] = []
        for _ in range(_ROUNDS):
            seconds.append(hub.upload(users, "users")["timings"]["applying"])
            with hub.connect() as connection:
                connection.execute("TRUNCATE users")
                connection.execute("SELECT renew_versions(ARRAY['users'])")
        return statistics.median(seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
