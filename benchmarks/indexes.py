"""`make bench BENCH=indexes SIZE=1000000`: a first load with indexes, and with them built later.

Answers whether a first load should drop the indexes and build them anew. Bare SQL on a table like
users, so what checks and history take is in neither.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks import floor
from benchmarks.roster import write_files
from benchmarks.stack import report, stack
from rosterhub.store.connect import compiled

_LOAD = "INSERT INTO load_users SELECT * FROM floor_users"


def main(size: int) -> None:
    """Measure with `size` users."""
    with stack() as hub, tempfile.TemporaryDirectory() as folder, hub.connect() as connection:
        (users,) = write_files(Path(folder), size, "users")
        floor.begin(connection, ["users"])
        floor.upsert(connection, [users])
        connection.execute("SET maintenance_work_mem = '128MB'")
        definitions = [
            text.replace("public.users", "public.load_users", 1)
            for (text,) in connection.execute(
                "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
                " WHERE indrelid = 'users'::regclass"
            )
        ]
        seconds: list[float] = []
        for built_after in (False, True):
            connection.execute("DROP TABLE IF EXISTS load_users")
            connection.execute("CREATE TABLE load_users (LIKE users INCLUDING DEFAULTS)")
            indexes = [
                text.replace("INDEX ", f"INDEX load_{number}_", 1)
                for number, text in enumerate(definitions)
            ]
            started = time.perf_counter()
            for step in [_LOAD, *indexes] if built_after else [*indexes, _LOAD]:
                connection.execute(compiled(step))
            seconds.append(time.perf_counter() - started)
        connection.execute("DROP TABLE load_users")
        floor.end(connection, ["users"])
        report("indexes-after", size, seconds[1], seconds[0], "s", seconds[1] / seconds[0])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
