"""`make bench BENCH=export SIZE=100000`: users out as CSV over HTTP."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import floor
from benchmarks.roster import REFERRED_TO, write_files
from benchmarks.stack import report, stack

_ROUNDS = 5


def main(size: int) -> None:
    """Measure with `size` users; the median of five rounds, taken in turn with the floor."""
    with stack() as hub, tempfile.TemporaryDirectory() as folder, hub.connect() as connection:
        for path in write_files(Path(folder), size, *REFERRED_TO, "users"):
            hub.upload(path, path.stem)
        ours: list[float] = []
        floors: list[float] = []
        for _ in range(_ROUNDS):
            floors.append(floor.export_users(connection))
            started = time.perf_counter()
            command = ["curl", "-sS", "-f", "-o", "/dev/null", "-H", f"X-API-Key: {hub.key}"]
            subprocess.run([*command, f"{hub.base}/api/v1.2/csv/export/users"], check=True)
            ours.append(time.perf_counter() - started)
        value, least = sorted(ours)[_ROUNDS // 2], sorted(floors)[_ROUNDS // 2]
        report("export", size, value, least, "s", value / least)
        print(f"memory {size}: api {hub.peak_memory('api'):.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
