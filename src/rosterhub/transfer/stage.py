"""Files into staging tables by COPY, each row with its line number; cells stay text.

A staging table is unlogged and named after the import and the entity; the import drops it. Cells
that are blank become NULL. Passwords never get here (spec/csv.md, last lines).
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

import psycopg

from rosterhub.model.entities import Entity
from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer import looks
from rosterhub.transfer.blocks import blocks
from rosterhub.transfer.columns import Columns, match
from rosterhub.transfer.issues import Issue
from rosterhub.transfer.package import Mode, PackageFile
from rosterhub.transfer.reader import DAMAGED, CsvSource, Row

_BATCH = 1_000


@dataclass(slots=True)
class StagedFile:
    """One file in its staging table.

    `derived` ones were made from another file and do not count as rows of their own; `replaces` is
    then a predicate on the table (alias `t`) for the records that this file alone decides about,
    and `spares` one for those that are never deleted for not being in the file. Its records are
    the sending system's, or the `owner`'s, if it has one.
    `odd` holds what the text showed: `spaces` (a cell that begins or ends with white space), `NULL`
    and `tobedeleted` (the literals), `private` (a private-use character), `lost` and `doubt` (what
    stands in for a character, surely or perhaps), so that what deals with them runs only where they
    are. `encoding` is what the file was read in.
    `incomplete` says that rows are missing because they could not be read, `broken` that nobody
    knows which. `left_out` counts the rows that were taken out, which `out_table` lists, with those
    that could not be read; with `withheld` no record is deleted for not being in the file.
    """

    entity: Entity
    name: str
    mode: Mode
    table: str
    columns: Columns
    rows: int = 0
    derived: bool = False
    replaces: str | None = None
    spares: str | None = None
    owner: str | None = None
    odd: set[str] = field(default_factory=set[str])
    incomplete: bool = False
    broken: bool = False
    encoding: str = "utf-8"
    left_out: int = 0
    withheld: bool = False

    @property
    def out_table(self) -> str:
        """The table (line, sourced_id) of the rows left out, when there are any."""
        return f"{self.table}_out"

    def has(self, csv: str) -> bool:
        """Whether the file has the column called `csv`."""
        return self.columns.get(csv) is not None


def stage(
    connection: Connection,
    import_id: int,
    file: PackageFile,
    encoding: str | None,
    report: Callable[[list[Issue]], None],
    progress: Callable[[int], None],
) -> StagedFile | None:
    """Copy `file` into a new staging table; None when its form is so bad that it cannot be.

    `report` takes the issues as they come up (while `connection` is busy copying), `progress` the
    rows staged so far. Without an `encoding` it is UTF-8, or what its byte order mark says.

    Raises:
        RefusedError: the file has no header that can be read.
    """
    if encoding is None:
        encoding = _marked(file, report)
    with file.open() as stream:
        source = CsvSource(file.name, stream, file.open, report, encoding)
        try:
            source.open()
        finally:
            source.flush()
        columns, issues = match(file.entity, source.header, file.name)
        report(issues)
        if any(i.severity == "error" for i in issues):
            return None
        table = f"staging.i{import_id}_{file.entity.table}"
        staged = StagedFile(file.entity, file.name, file.mode, table, columns, encoding=encoding)
        whole = _create(connection, staged, source.header)
        plain = encoding == "utf-8" and source.header_is_one_line
        if not plain or not _copy_blocks(connection, file, whole, staged, progress):
            connection.execute(compiled(f"TRUNCATE {table}"))
            staged.odd = set()
            _copy_rows(connection, source, staged, progress)
    if not staged.rows:
        report([Issue("file_without_rows", "warning", staged.name, 1)])
    _drop_unwanted(connection, staged, report)
    connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
    connection.execute(compiled(f"ANALYZE {table} (line, sourced_id)"))
    return staged


def _marked(file: PackageFile, report: Callable[[list[Issue]], None]) -> str:
    """The encoding of a file by its byte order mark: the one thing about it that is certain."""
    try:
        with file.open() as stream:
            start = stream.read(2)
    except DAMAGED:
        # Whoever reads on says so.
        return "utf-8"
    if start not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-8"
    details = {"value": "utf-16"}
    report([Issue("encoding_marked", "warning", file.name, 1, None, details)])
    return "utf-16"


def _create(connection: Connection, staged: StagedFile, header: list[str]) -> list[str]:
    """Make the staging table; the SQL names of all columns of the file, `drop_N` for the unwanted.

    The first data row is on line 2: rows that come in without their line count up from there.
    """
    wanted = {c.position: c.sql for c in staged.columns.staged}
    whole = [wanted.get(position, f"drop_{position}") for position in range(len(header))]
    cells = ", ".join(f'"{name}" text' for name in whole)
    connection.execute(compiled(f"DROP TABLE IF EXISTS {staged.table}"))
    connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {staged.table} (line bigint"
            f" GENERATED BY DEFAULT AS IDENTITY (START WITH 2 CACHE 1000), {cells})"
        )
    )
    return whole


def _drop_unwanted(
    connection: Connection, staged: StagedFile, report: Callable[[list[Issue]], None]
) -> None:
    """Forget the columns that are ignored, and passwords with a warning."""
    passwords = [f"drop_{position}" for position in staged.columns.passwords]
    for name in passwords:
        row = connection.execute(
            compiled(f'SELECT FROM {staged.table} WHERE "{name}" IS NOT NULL LIMIT 1')
        ).fetchone()
        if row is not None:
            report([Issue("password_dropped", "warning", staged.name, 1, "password")])
    dropped = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attname ~ '^drop_'"
        " AND NOT attisdropped",
        [staged.table],
    ).fetchall()
    if dropped:
        drops = ", ".join(f'DROP COLUMN "{name}"' for (name,) in dropped)
        connection.execute(compiled(f"ALTER TABLE {staged.table} {drops}"))


def _copy_blocks(
    connection: Connection,
    file: PackageFile,
    whole: list[str],
    staged: StagedFile,
    progress: Callable[[int], None],
) -> bool:
    """Copy the file block by block; False when it must be read row by row instead.

    PostgreSQL refuses what is no UTF-8 and rows of the wrong length; `reader` then says where.
    """
    names = ", ".join(f'"{name}"' for name in whole)
    statement = compiled(f"COPY {staged.table} ({names}) FROM STDIN (NULL '')")
    try:
        with file.open() as stream, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for text in blocks(stream):
                if text is None:
                    raise _StartOverError
                staged.rows += text.count(b"\n")
                _look(text, staged)
                copy.write(text)
                progress(staged.rows)
    except (_StartOverError, psycopg.DataError, *DAMAGED):
        return False
    return True


class _StartOverError(Exception):
    """The file is not of the kinds that `blocks` reads."""


def _copy_rows(
    connection: Connection,
    source: CsvSource,
    staged: StagedFile,
    progress: Callable[[int], None],
) -> None:
    """Copy the file row by row, each with its line; what is wrong becomes an issue."""
    columns = staged.columns
    positions = [*(c.position for c in columns.staged), *columns.passwords]
    names = [*(c.sql for c in columns.staged), *(f"drop_{p}" for p in columns.passwords)]
    pick = itemgetter(*positions, positions[0])
    listed = ", ".join(f'"{name}"' for name in names)
    rows = source.rows()
    statement = compiled(f"COPY {staged.table} (line, {listed}) FROM STDIN (NULL '')")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        while batch := list(islice(rows, _BATCH)):
            text = "\n".join([f"{line}\t" + "\t".join(pick(row)[:-1]) for line, row in batch])
            data = _plain(text, len(batch), len(positions), source.encoding)
            if data is None:
                data = "\n".join(_escaped(batch, positions, source, staged)).encode()
            _look(data, staged)
            if data:
                copy.write(data)
                copy.write(b"\n")
            progress(source.read)
    staged.rows, staged.incomplete, staged.broken = source.read, source.damaged, source.broken
    source.flush()


def _plain(text: str, rows: int, width: int, encoding: str) -> bytes | None:
    """`text` as COPY takes it, None when some cell holds what needs an escape or is unreadable."""
    if (
        "\\" in text
        or "\r" in text
        or "\x00" in text
        or text.count("\t") != rows * width
        or text.count("\n") != rows - 1
        or (encoding == "cp932" and looks.NO_LETTER.search(text))
    ):
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(
    batch: Iterable[Row], positions: list[int], source: CsvSource, staged: StagedFile
) -> Iterator[str]:
    """The rows in COPY's text format; a row with what is no character becomes an issue instead."""
    for line, row in batch:
        bad = False
        for position in positions:
            issue = source.unreadable(row, position, line)
            if issue:
                bad = True
                source.note(issue)
        if not bad:
            yield f"{line}\t" + "\t".join([row[p].translate(_ESCAPES) for p in positions])


def _look(data: bytes, staged: StagedFile) -> None:
    """Note what the checks must look for: cheap here, a few passes over COPY's text in C."""
    # One byte is looked for a hundred times as fast as three, and often enough is not there.
    staged.odd |= {
        word for word, signs in _SIGNS if any(s[:1] in data and s in data for s in signs)
    }
    if "private" not in staged.odd and any(
        lead in data and (expression is None or expression.search(data))
        for lead, expression in _PRIVATE
    ):
        staged.odd.add("private")
    if "spaces" not in staged.odd and (
        b"\\" in data or any(_edges(data, space) for space in _SPACES)
    ):
        staged.odd.add("spaces")


_SIGNS = (
    ("NULL", (b"NULL",)),
    ("tobedeleted", (b"tobedeleted",)),
    ("lost", ("〓".encode(), "\ufffd".encode())),
    ("doubt", (b"?", "□".encode())),
)
_PRIVATE = (
    (b"\xee", None),
    (b"\xef", re.compile(rb"\xef[\x80-\xa3]")),
    (b"\xf3", re.compile(rb"\xf3[\xb0-\xbf]")),
    (b"\xf4", None),
)
"""How the private-use characters begin in UTF-8; the leading byte is looked for first."""

_SPACES = (b" ", "\u3000".encode())
_FEW = 500


def _edges(data: bytes, space: bytes) -> bool:
    """Whether some value begins or ends with `space`."""
    count = data.count(space)
    if count > _FEW:
        edges = (b"\t" + space, b"\n" + space, space + b"\t", space + b"\n")
        return data.startswith(space) or data.endswith(space) or any(e in data for e in edges)
    at = -1
    for _ in range(count):
        at = data.find(space, at + 1)
        end = at + len(space)
        if at == 0 or data[at - 1] in b"\t\n" or data[end : end + 1] in (b"", b"\t", b"\n"):
            return True
    return False
