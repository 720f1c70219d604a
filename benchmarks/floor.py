"""The floors: what PostgreSQL alone takes for the same data, in the same run and server."""

import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from rosterhub.model.entities import ENTITIES, Entity, Kind
from rosterhub.store.connect import compiled

Connection = psycopg.Connection[TupleRow]
_CHUNK = 1 << 20
_CASTS = {
    **{Kind.BOOLEAN: "boolean", Kind.DATE: "date", Kind.DATETIME: "timestamptz"},
    **{Kind.FLOAT: "numeric", Kind.INTEGER: "integer"},
}


def import_users(connection: Connection, path: Path) -> tuple[float, float]:
    """Seconds for a bare COPY of users.csv and one INSERT … ON CONFLICT into a table like users.

    Twice, as an import and the same file again. No line numbers, checks, comparison or history.
    """
    begin(connection, ["users"])
    seconds = (upsert(connection, [path]), upsert(connection, [path]))
    end(connection, ["users"])
    return seconds


def begin(connection: Connection, entities: Sequence[str]) -> None:
    """Make an empty table like that of each entity, with its indexes."""
    end(connection, entities)
    for name in entities:
        table = ENTITIES[name].table
        connection.execute(compiled(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL)"))


def end(connection: Connection, entities: Sequence[str]) -> None:
    """Drop those tables."""
    tables = ", ".join(f"floor_{ENTITIES[name].table}" for name in entities)
    connection.execute(compiled(f"DROP TABLE IF EXISTS {tables}"))


def upsert(connection: Connection, paths: Sequence[Path]) -> float:
    """Seconds for COPY and one INSERT … ON CONFLICT of each file, called after its entity."""
    seconds = 0.0
    for path in paths:
        entity, header = ENTITIES[path.stem], _header(path)
        statement = compiled(_upsert(entity, header))
        started = time.perf_counter()
        _stage(connection, path, header)
        connection.execute(statement)
        seconds += time.perf_counter() - started
        connection.execute("DROP TABLE floor_stage")
    return seconds


def anti_join(connection: Connection, paths: Sequence[Path]) -> float:
    """Seconds for COPY of each file and one anti-join of it with the hub's table."""
    seconds = 0.0
    for path in paths:
        started = time.perf_counter()
        _stage(connection, path, _header(path))
        connection.execute(
            compiled(
                "SELECT count(*) FROM floor_stage s WHERE NOT EXISTS"
                f" (SELECT FROM {ENTITIES[path.stem].table} t WHERE t.sourced_id = s.sourcedid)"
            )
        )
        seconds += time.perf_counter() - started
        connection.execute("DROP TABLE floor_stage")
    return seconds


def export_users(connection: Connection) -> float:
    """Seconds for COPY users TO STDOUT as it stands."""
    started = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy("COPY users TO STDOUT (FORMAT csv)") as copy:
        for _ in copy:
            pass
    return time.perf_counter() - started


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as lines:
        return lines.readline().strip().replace('"', "").split(",")


def _cell(name: str) -> str:
    return name.replace(".", "_").lower() if name != "primary" else '"primary"'


def _stage(connection: Connection, path: Path, header: list[str]) -> None:
    cells = [_cell(name) for name in header]
    connection.execute(
        compiled(f"CREATE UNLOGGED TABLE floor_stage ({', '.join(f'{c} text' for c in cells)})")
    )
    # Japanese profiles quote blanks, too; without this they would not be NULL.
    options = f"FORMAT csv, HEADER, FORCE_NULL ({', '.join(cells)})"
    with (
        connection.cursor() as cursor,
        cursor.copy(compiled(f"COPY floor_stage FROM STDIN ({options})")) as copy,
        path.open("rb") as stream,
    ):
        while chunk := stream.read(_CHUNK):
            copy.write(chunk)


def _upsert(entity: Entity, header: list[str]) -> str:
    """The statement a person would write by hand."""
    known = {f.csv: f for f in entity.stored_fields}
    values = {
        "sourced_id": "sourcedid",
        "status": "coalesce(status, 'active')",
        "date_last_modified": "now()",
    }
    for name in header:
        field = known.get(name)
        if not field:
            continue
        cell = _cell(field.csv)
        if field.many:
            values[field.column] = f"string_to_array({cell}, ',')"
        elif field.kind in (Kind.USER_IDS, Kind.SCALE_VALUES):
            values[field.column] = f"string_to_array(btrim({cell}, '{{}}'), '}},{{')"
        elif cast := _CASTS.get(field.kind):
            values[field.column] = f"{cell}::{cast}"
        else:
            values[field.column] = cell
    keys = [name for name in header if name.startswith("metadata.")]
    pairs = ", ".join(f"'{k[9:]}', {_cell(k)}" for k in keys)
    if keys:
        values["metadata"] = f"jsonb_strip_nulls(jsonb_build_object({pairs}))"
    columns = [f'"{column}"' for column in values]
    sets = ", ".join(f"{c} = excluded.{c}" for c in columns[1:])
    return (
        f"INSERT INTO floor_{entity.table} ({', '.join(columns)})"
        f" SELECT {', '.join(values.values())}"
        f" FROM floor_stage ON CONFLICT (sourced_id) DO UPDATE SET {sets}"
    )
