"""The floors: what PostgreSQL alone takes for the same data, in the same run and server."""

import time
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from rosterhub.model.entities import ENTITIES
from rosterhub.store.connect import compiled

Connection = psycopg.Connection[TupleRow]
_CHUNK = 1 << 20


def import_users(connection: Connection, path: Path) -> tuple[float, float]:
    """Seconds for a bare COPY of users.csv and one INSERT … ON CONFLICT into a table like users.

    Twice, as an import and the same file again. No line numbers, checks, comparison or history.
    """
    header = path.open(encoding="utf-8").readline().strip().replace('"', "").split(",")
    connection.execute("DROP TABLE IF EXISTS floor_users, floor_stage")
    connection.execute("CREATE TABLE floor_users (LIKE users INCLUDING ALL)")
    names = [name.replace(".", "_").lower() for name in header]
    connection.execute(
        compiled(f"CREATE UNLOGGED TABLE floor_stage ({', '.join(f'{n} text' for n in names)})")
    )
    upsert = compiled(_upsert(header))
    # Japanese profiles quote blanks, too; without this they would not be NULL.
    options = f"FORMAT csv, HEADER, FORCE_NULL ({', '.join(names)})"
    seconds: list[float] = []
    for _ in range(2):
        connection.execute("TRUNCATE floor_stage")
        started = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy(compiled(f"COPY floor_stage FROM STDIN ({options})")) as copy,
            path.open("rb") as stream,
        ):
            while chunk := stream.read(_CHUNK):
                copy.write(chunk)
        connection.execute(upsert)
        seconds.append(time.perf_counter() - started)
    connection.execute("DROP TABLE floor_users, floor_stage")
    return seconds[0], seconds[1]


def _upsert(header: list[str]) -> str:
    """The statement a person would write by hand for users."""
    known = {f.csv: f for f in ENTITIES["users"].stored_fields}
    values = {
        "sourced_id": "sourcedid",
        "status": "coalesce(status, 'active')",
        "date_last_modified": "now()",
    }
    for name in header:
        field = known.get(name)
        if not field:
            continue
        cell = field.csv.lower()
        if field.many:
            values[field.column] = f"string_to_array({cell}, ',')"
        elif field.csv == "userIds":
            values[field.column] = f"string_to_array(btrim({cell}, '{{}}'), '}},{{')"
        elif field.csv == "enabledUser":
            values[field.column] = f"{cell}::boolean"
        else:
            values[field.column] = cell
    keys = [name for name in header if name.startswith("metadata.")]
    pairs = ", ".join(f"'{k[9:]}', {k.replace('.', '_').lower()}" for k in keys)
    if keys:
        values["metadata"] = f"jsonb_strip_nulls(jsonb_build_object({pairs}))"
    sets = ", ".join(f"{c} = excluded.{c}" for c in values if c != "sourced_id")
    return (
        f"INSERT INTO floor_users ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM floor_stage ON CONFLICT (sourced_id) DO UPDATE SET {sets}"
    )


def export_users(connection: Connection) -> float:
    """Seconds for COPY users TO STDOUT as it stands."""
    started = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy("COPY users TO STDOUT (FORMAT csv)") as copy:
        for _ in copy:
            pass
    return time.perf_counter() - started
