"""The roster out as CSV: streamed by COPY, one row in memory at a time, all of one moment.

A bulk file holds what is active, status and dateLastModified blank (spec/csv.md); a delta what has
changed. Japanese profiles quote every value and end rows with CRLF (spec/japan-profiles.md). What
is exported here imports again without a change.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, cast

from rosterhub.model.entities import ENTITIES, Entity
from rosterhub.store import history, versions
from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer.export_options import Choice, ChoiceError
from rosterhub.transfer.export_rows import Between, before, between, live
from rosterhub.transfer.export_rows import rows as rows_of

_CHUNK = 1 << 18
BOM = "\ufeff".encode()


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known once an export has begun: the name for its zip, and the `since` with which the
    next delta goes on, None where the export is no place to go on from.
    """

    name: str
    next_since: str | None


Tell = Callable[[Begun], None]


def export_file(
    connection: Connection, entity: Entity, choice: Choice, tell: Tell | None = None
) -> Generator[bytes]:
    """One CSV file in chunks of about 256 KiB, header first; `tell` is called before that.

    Raises:
        ChoiceError: there is no such org.
    """
    with connection.transaction():
        states = between(connection, choice, _begin(connection, choice, tell))
        header, rows = _file(connection, entity, choice, states)
        # Closed before the transaction, which cannot end while rows are still to come.
        with closing(rows) as chunks:
            yield header + next(chunks, b"")
            yield from chunks


def export_package(
    connection: Connection, choice: Choice, tell: Tell | None = None
) -> Generator[bytes]:
    """The whole roster as a OneRoster zip, in chunks; every file of one moment. A file without rows
    is left out, but from a bulk package only where there never was a row: of what is absent, who
    takes it would keep all that they have.

    Raises:
        ChoiceError: there is no such org.
    """
    out = _Pipe()
    with (
        connection.transaction(),
        zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        until = _begin(connection, choice, tell)
        states = between(connection, choice, until)
        if choice.as_of is None:
            archive.comment = f"next since {_text(until)}".encode()
        present: set[str] = set()
        for entity in ENTITIES.values():
            header, rows = _file(connection, entity, choice, states)
            with closing(rows) as chunks:
                first = next(chunks, b"")
                if first or (not choice.since and _was_there(connection, entity)):
                    present.add(entity.name)
                    with archive.open(entity.file, "w", force_zip64=True) as member:
                        member.write(header + first)
                        for chunk in chunks:
                            member.write(chunk)
                            yield from out.drain()
        if choice.since and not present:
            # Nothing has changed: importers expect some file.
            header, _ = _file(connection, ENTITIES["orgs"], choice, states)
            archive.writestr(ENTITIES["orgs"].file, header)
            present.add("orgs")
        archive.writestr("manifest.csv", _manifest(choice, present))
    yield from out.drain()


def _was_there(connection: Connection, entity: Entity) -> bool:
    """Whether there is any record of an entity, deleted or not."""
    query = compiled(f"SELECT EXISTS (SELECT FROM {entity.table})")
    row = connection.execute(query).fetchone()
    return row is not None and row[0]


def _begin(connection: Connection, choice: Choice, tell: Tell | None) -> datetime:
    """Begin to see one moment only; up to when that is."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute("SET LOCAL timezone = 'UTC'")
    connection.execute("SET LOCAL datestyle = 'ISO'")
    # How large the sets of a part are, the planner cannot know: hashes are right for any size.
    connection.execute("SET LOCAL work_mem = '64MB'")
    connection.execute("SET LOCAL jit = off")
    if choice.orgs:
        connection.execute("SET LOCAL enable_nestloop = off")
        connection.execute("SET LOCAL enable_mergejoin = off")
    found = connection.execute(versions.LATEST).fetchone()
    assert found is not None
    until: datetime = found[0]
    if choice.as_of:
        connection.execute(history.LOOK_BACK, [choice.as_of.isoformat()])
    _see_orgs(connection, choice)
    if tell:
        tell(Begun(_package_name(connection, choice), None if choice.as_of else _text(until)))
    return until


def _text(moment: datetime) -> str:
    """A moment as `since` takes it, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _see_orgs(connection: Connection, choice: Choice) -> None:
    states = [live, before(choice.since)] if choice.since else [live]
    known = " OR ".join(
        f"EXISTS (SELECT FROM {state(ENTITIES['orgs'])} o WHERE o.sourced_id = id)"
        for state in states
    )
    unknown = connection.execute(
        compiled(f"SELECT id FROM unnest(%s::text[]) AS id WHERE NOT ({known}) LIMIT 1"),
        [list(choice.orgs)],
    ).fetchone()
    if unknown:
        raise ChoiceError(f"There is no org with the sourcedId {unknown[0]!r}.")


_IDENTIFIERS = (
    "SELECT identifier FROM orgs WHERE status = 'active'"
    " AND CASE WHEN cardinality(%(orgs)s::text[]) = 1 THEN sourced_id = ANY(%(orgs)s)"
    " ELSE type = 'district' END LIMIT 2"
)


def _package_name(connection: Connection, choice: Choice) -> str:
    found = connection.execute(_IDENTIFIERS, {"orgs": list(choice.orgs)}).fetchall()
    code = found[0][0] if len(found) == 1 else None
    # A day of whoever reads the name: as it was stated, else where we are.
    day = (choice.as_of or datetime.now().astimezone()).date()
    return package_name(choice, day, code)


def package_name(choice: Choice, day: date, code: str | None) -> str:
    """`RO_YYYYMMDD_CODE.zip` for a Japanese profile; CODE is the identifier of the one org that is
    exported, or of the one district, and left out where there is none. A delta says so too.
    """
    kind = "delta" if choice.since else ""
    if not choice.profile.japanese:
        return f"oneroster-{'-'.join(filter(None, (f'{day:%Y%m%d}', kind)))}.zip"
    code = code if code and code.isascii() and code.isalnum() else ""
    return f"RO_{'_'.join(filter(None, (f'{day:%Y%m%d}', code, kind)))}.zip"


def _manifest(choice: Choice, present: set[str]) -> str:
    mode = "delta" if choice.since else "bulk"
    rows = [("manifest.version", "1.0"), ("oneroster.version", choice.profile.version)]
    names = sorted(ENTITIES, key=str.lower)
    rows += [(f"file.{name}", mode if name in present else "absent") for name in names]
    rows += [("source.systemName", "RosterHub"), ("source.systemCode", "")]
    out = io.StringIO()
    end = "\r\n" if choice.quoted else "\n"
    out.write("propertyName,value" + end)
    quoting = csv.QUOTE_ALL if choice.quoted else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue()


def _file(
    connection: Connection, entity: Entity, choice: Choice, states: Between
) -> tuple[bytes, Generator[bytes]]:
    """The header line of a file, and its rows in chunks; none where it has no row."""
    names, query = rows_of(connection, entity, choice, states)
    end = b"\r\n" if choice.quoted else b"\n"
    header = io.StringIO()
    csv.writer(header, lineterminator="").writerow(names)
    bom = BOM if choice.bom or choice.excel else b""
    quote = ", FORCE_QUOTE *" if choice.quoted else ""
    statement = compiled(f"COPY ({query}) TO STDOUT (FORMAT csv{quote})")
    return bom + header.getvalue().encode() + end, copied(connection, statement, end)


def copied(connection: Connection, statement: bytes, end: bytes) -> Generator[bytes]:
    """What a COPY of CSV gives, in chunks of about 256 KiB, each row with this end."""
    buffer = bytearray()
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
