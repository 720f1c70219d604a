"""`make bench BENCH=indexes SIZE=1000000`: a first load with indexes, and with them built later.

Answers whether a first load should set the indexes aside that are not unique and build them anew.
Bare SQL on tables like users and enrollments, so what checks and history take is in neither.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks import floor
from benchmarks.board import unpacked
from benchmarks.stack import report, stack
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.ops.sample import write_package
from rosterhub.store.connect import compiled

_ENTITIES = ("users", "enrollments")


def main(size: int) -> None:
    """Measure with a board of `size` people."""
    with stack() as hub, tempfile.TemporaryDirectory() as name, hub.connect() as connection:
        folder = Path(name)
        write_package(folder / "board.zip", size, DEFAULT_PROFILE, 1)
        files = [
            path
            for path in unpacked(folder / "board.zip", folder / "files")
            if path.stem in _ENTITIES
        ]
        floor.begin(connection, _ENTITIES)
        floor.upsert(connection, files)
        connection.execute("SET maintenance_work_mem = '128MB'")
        for entity in _ENTITIES:
            before, after = (_load(connection, entity, built_after=b) for b in (False, True))
            report(f"indexes-after-{entity}", size, after, before, "s", after / before)
        floor.end(connection, _ENTITIES)


def _load(connection: floor.Connection, table: str, *, built_after: bool) -> float:
    """Seconds for all rows and all indexes."""
    definitions = connection.execute(
        "SELECT pg_get_indexdef(indexrelid), indisunique FROM pg_index"
        " WHERE indrelid = %s::regclass",
        [table],
    ).fetchall()
    connection.execute(compiled(f"CREATE TABLE load_{table} (LIKE {table} INCLUDING DEFAULTS)"))
    first: list[str] = []
    then: list[str] = []
    for number, (text, unique) in enumerate(definitions):
        other = text.replace(f"public.{table}", f"load_{table}", 1)
        later = built_after and not unique
        name = f"INDEX {'CONCURRENTLY ' if later else ''}load_{number}_"
        (then if later else first).append(other.replace("INDEX ", name, 1))
    load = f"INSERT INTO load_{table} SELECT * FROM floor_{table}"
    started = time.perf_counter()
    for step in (*first, load, *then):
        connection.execute(compiled(step))
    seconds = time.perf_counter() - started
    connection.execute(compiled(f"DROP TABLE load_{table}"))
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
