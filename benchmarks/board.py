"""`make bench BENCH=board SIZE=200000`: a whole board, the next day's package, and both undone.

Every file of the board: its first import; the next day's package, in which one row of a hundred is
another, as a dry run and applied; and what it takes to undo each.
"""

import csv
import json
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import floor
from benchmarks.stack import Stack, report, stack
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.ops.sample import write_package

_CHANGED = {
    "classes": "title",
    "courses": "title",
    "users": "familyName",
    "roles": "endDate",
    "enrollments": "endDate",
    "demographics": "birthDate",
}
"""What is another in the next day's package, by its file."""
_EVERY = 100


def main(size: int) -> None:
    """Measure with a board of `size` people."""
    with stack() as hub, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        today, tomorrow = folder / "today.zip", folder / "tomorrow.zip"
        write_package(today, size, DEFAULT_PROFILE, 1)
        files = unpacked(today, folder / "today")
        changed = _next_day(today, tomorrow)
        later = unpacked(tomorrow, folder / "tomorrow")
        entities = [path.stem for path in files]
        with hub.connect() as connection:
            floor.begin(connection, entities)
            least = floor.upsert(connection, files)
            floor.end(connection, entities)

        first = hub.upload(today, None)
        rows = first["counts"]["total"]
        assert first["counts"]["created"] == rows, first["counts"]
        report("board", rows, first["seconds"], least, "s", first["seconds"] / least)

        with hub.connect() as connection:
            connection.execute("VACUUM ANALYZE")
            looked = floor.anti_join(connection, later)
        dry = hub.upload(tomorrow, None, dryRun="true")
        assert dry["counts"]["updated"] == changed, dry["counts"]
        report("board-dry-run", rows, dry["seconds"], looked, "s", dry["seconds"] / looked)
        started = time.perf_counter()
        seen = _difference(hub, dry["jobId"])
        print(f"difference {seen}: {time.perf_counter() - started:.2f} s to read as CSV")
        again = hub.upload(tomorrow, None)
        assert again["counts"]["updated"] == changed, again["counts"]
        report("board-next-day", rows, again["seconds"], looked, "s", again["seconds"] / looked)

        for what, job in (("board-undo-next-day", again), ("board-undo", first)):
            seconds = _undo(hub, job["jobId"])
            report(what, rows, seconds, job["seconds"], "s", seconds / job["seconds"])
        print(f"steps {rows}: {first['timings']}, next day {again['timings']}")
        worker, api = hub.peak_memory("worker"), hub.peak_memory("api")
        print(f"memory {rows}: worker {worker:.0f} MB, api {api:.0f} MB")


def unpacked(package: Path, folder: Path) -> list[Path]:
    """The files of a package, in `folder`."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return sorted(path for path in folder.iterdir() if path.stem in ENTITIES)


def _next_day(today: Path, tomorrow: Path) -> int:
    """Write the next day's package; how many rows are others."""
    changed = 0

    def lines(stream: Iterator[str], name: str) -> Iterator[list[str]]:
        nonlocal changed
        reader = csv.reader(stream)
        header = next(reader)
        yield header
        at = header.index(_CHANGED[name]) if name in _CHANGED else None
        for number, row in enumerate(reader):
            if at is not None and number % _EVERY == 0:
                row[at] = _another(row[at])
                changed += 1
            yield row

    with zipfile.ZipFile(today) as old, zipfile.ZipFile(tomorrow, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            with old.open(name) as source, new.open(name, "w") as target:
                text = (line.decode() for line in source)
                for row in lines(text, Path(name).stem):
                    cells = ('"' + cell.replace('"', '""') + '"' for cell in row)
                    target.write((",".join(cells) + "\r\n").encode())
    return changed


def _another(cell: str) -> str:
    if cell[:4].isdecimal() and cell[4:5] == "-":
        return f"{cell[:8]}{'02' if cell[8:] == '01' else '01'}"
    return f"{cell}改"


def _difference(hub: Stack, job: str) -> int:
    """How many lines the difference has."""
    url = f"{hub.base}/api/v1.2/csv/import/jobs/{job}/difference.csv"
    with urllib.request.urlopen(urllib.request.Request(url, headers=hub.headers)) as answer:
        return sum(1 for _ in answer) - 1


def _undo(hub: Stack, job: str) -> float:
    """Seconds until the import is undone."""
    url = f"{hub.base}/api/v1.2/csv/import/jobs/{job}"
    started = time.perf_counter()
    ask = urllib.request.Request(f"{url}/undo", method="POST", headers=hub.headers)
    urllib.request.urlopen(ask).close()
    while True:
        with urllib.request.urlopen(urllib.request.Request(url, headers=hub.headers)) as answer:
            undo = json.load(answer)["job"]["undo"]
        if undo["state"] not in ("queued", "running"):
            assert undo["state"] == "done", undo
            return time.perf_counter() - started
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
