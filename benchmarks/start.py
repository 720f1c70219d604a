"""`make bench BENCH=start`: `rosterhub up` on an empty folder, and again on the same one."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.stack import start, stop


def main() -> None:
    """Measure the first and the second start, each until /health is well."""
    data = Path(tempfile.mkdtemp(prefix="rosterhub-bench-"))
    try:
        for name in ("first-start", "second-start"):
            started = time.perf_counter()
            process, _ = start(data)
            print(f"{name}: {time.perf_counter() - started:.2f} s")
            stop(process)
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
