"""`make bench BENCH=pages SIZE=1000000`: the last page of very many users, by following `next`.

Users alone, so that a million of them are there in a minute; `reads` does the same with a board.
"""

import sys
import tempfile
from pathlib import Path

import httpx

from benchmarks.reads import last_page
from benchmarks.roster import REFERRED_TO, write_files
from benchmarks.stack import stack


def main(size: int) -> None:
    """Measure with `size` users."""
    with stack() as hub, tempfile.TemporaryDirectory() as folder:
        paths = write_files(Path(folder), size, *REFERRED_TO, "users")
        for path in paths:
            hub.upload(path, path.stem)
        with hub.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        with httpx.Client(base_url=hub.base, headers=hub.headers, timeout=60) as client:
            last_page(client, size)
        print(f"memory {size}: api {hub.peak_memory('api'):.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
