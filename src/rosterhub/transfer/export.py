"""The roster out as CSV, in any profile: streamed by COPY, one row in memory at a time.

A bulk export holds what is active, status and dateLastModified blank (spec/csv.md). Japanese
profiles quote every value and end rows with CRLF (spec/japan-profiles.md). What is exported here
imports again without a change.
"""

import csv
import io
import zipfile
from collections.abc import Generator, Iterator, Sequence
from datetime import date
from typing import IO, cast

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS, Entity, Field, Kind
from rosterhub.model.profiles import PROFILES, Profile
from rosterhub.store.connect import Connection, compiled

_CHUNK = 1 << 18
_BLANK_IN_BULK = frozenset({"status", "dateLastModified"})
_BOM = "\ufeff".encode()


def export_file(
    connection: Connection, entity: Entity, profile: Profile, *, bom: bool = False
) -> Generator[bytes]:
    """One CSV file in chunks of about 256 KiB, header first."""
    with connection.transaction():
        _snapshot(connection)
        yield from _file(connection, entity, profile, bom=bom)


def export_package(
    connection: Connection, profile: Profile, *, bom: bool = False
) -> Generator[bytes]:
    """The whole roster as a OneRoster zip, in chunks; every file of one moment."""
    out = _Pipe()
    with (
        connection.transaction(),
        zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        _snapshot(connection)
        present = _present(connection)
        for entity in ENTITIES.values():
            if entity.name in present:
                with archive.open(entity.file, "w", force_zip64=True) as member:
                    for chunk in _file(connection, entity, profile, bom=bom):
                        member.write(chunk)
                        yield from out.drain()
        archive.writestr("manifest.csv", _manifest(profile, present))
    yield from out.drain()


DISTRICTS = "SELECT identifier FROM orgs WHERE type = 'district' AND status = 'active' LIMIT 2"
"""Finds what `package_name` needs to know."""


def package_name(profile: Profile, day: date, districts: Sequence[tuple[str | None]]) -> str:
    """`RO_YYYYMMDD_CODE.zip` for a Japanese profile; CODE is the identifier of the one district,
    and left out where there is none, or several.
    """
    if not profile.japanese:
        return f"oneroster-{day:%Y%m%d}.zip"
    code = districts[0][0] if len(districts) == 1 else None
    suffix = f"_{code}" if code and code.isascii() and code.isalnum() else ""
    return f"RO_{day:%Y%m%d}{suffix}.zip"


def _snapshot(connection: Connection) -> None:
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute("SET LOCAL timezone = 'UTC'")
    connection.execute("SET LOCAL datestyle = 'ISO'")


def _present(connection: Connection) -> set[str]:
    """The entities that have a row to export."""
    exist = ", ".join(
        f"EXISTS (SELECT FROM {e.table} WHERE status = 'active')" for e in ENTITIES.values()
    )
    row = connection.execute(compiled(f"SELECT {exist}")).fetchone()
    assert row is not None
    return {name for name, found in zip(ENTITIES, row, strict=True) if found}


def _manifest(profile: Profile, present: set[str]) -> str:
    rows = [("manifest.version", "1.0"), ("oneroster.version", profile.version)]
    names = sorted(ENTITIES, key=str.lower)
    rows += [(f"file.{name}", "bulk" if name in present else "absent") for name in names]
    rows += [("source.systemName", "RosterHub"), ("source.systemCode", "")]
    out = io.StringIO()
    out.write("propertyName,value" + _end(profile))
    quoting = csv.QUOTE_ALL if profile.japanese else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=_end(profile), quoting=quoting).writerows(rows)
    return out.getvalue()


def _end(profile: Profile) -> str:
    return "\r\n" if profile.japanese else "\n"


def _file(
    connection: Connection, entity: Entity, profile: Profile, *, bom: bool
) -> Generator[bytes]:
    columns = [
        (name, "NULL" if f.csv in _BLANK_IN_BULK else cell(f))
        for f in (*SYSTEM_FIELDS, *entity.fields)
        if (name := f.name_in(profile.id))
    ]
    columns += [
        (f"metadata.{key}", _metadata(key)) for key in _other_metadata(connection, entity, profile)
    ]
    end = _end(profile).encode()
    header = io.StringIO()
    csv.writer(header, lineterminator="").writerow([name for name, _ in columns])
    buffer = bytearray((_BOM if bom else b"") + header.getvalue().encode() + end)
    quote = ", FORCE_QUOTE *" if profile.japanese else ""
    cells = ", ".join(f"coalesce({value}, '')" if quote else value for _, value in columns)
    query = f"SELECT {cells} FROM {entity.table} WHERE status = 'active'"
    statement = compiled(f"COPY ({query}) TO STDOUT (FORMAT csv{quote})")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            # The server sends row by row and ends each with a line feed of its own.
            buffer += row[:-1]
            buffer += end
            if len(buffer) >= _CHUNK:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)


def cell(field: Field) -> str:
    """SQL for the text of a field's cell; NULL for a blank one."""
    if field.metadata_key:
        return _metadata(field.metadata_key)
    if field.kind is Kind.PASSWORD:
        return "NULL::text"
    column = f'"{field.column}"'
    if field.many:
        return f"array_to_string({column}, ',')"
    match field.kind:
        case Kind.BOOLEAN:
            return f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"
        case Kind.DATETIME:
            return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        case Kind.USER_IDS | Kind.SCALE_VALUES:
            return f"'{{' || array_to_string({column}, '}},{{') || '}}'"
        case Kind.DATE | Kind.FLOAT | Kind.INTEGER:
            return f"{column}::text"
        case _:
            return column


def _metadata(key: str) -> str:
    return "metadata ->> '" + key.replace("'", "''") + "'"


def _other_metadata(connection: Connection, entity: Entity, profile: Profile) -> list[str]:
    """The metadata keys in use for which the profile has no column of its own."""
    own = [f.metadata_key for f in entity.metadata_fields if f.name_in(profile.id)]
    rows = connection.execute(
        compiled(
            f"SELECT DISTINCT key FROM {entity.table}, jsonb_object_keys(metadata - %s::text[]) key"
            " WHERE status = 'active' AND metadata IS NOT NULL ORDER BY key"
        ),
        [own],
    )
    return [key for (key,) in rows]


class _Pipe:
    """What zipfile writes to: kept until it is drained. It cannot seek, and zipfile copes."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do: what is written is there."""

    def drain(self) -> Iterator[bytes]:
        """What was written since, if anything."""
        if self._data:
            yield bytes(self._data)
            self._data.clear()


def profile_named(name: str) -> Profile:
    """The profile with the id `name`.

    Raises:
        ValueError: there is none; the text lists those that there are.
    """
    try:
        return PROFILES[name]
    except KeyError:
        raise ValueError(f"profile is one of {', '.join(PROFILES)}, not {name[:40]!r}.") from None
