"""Files into staging tables by COPY, each row with its line number; cells stay text.

A staging table is unlogged and named after the import and the entity; the import drops it. Cells
that are blank become NULL. Passwords never get here (spec/csv.md, last lines).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

import psycopg
from psycopg.rows import TupleRow

from rosterhub.model.entities import Entity
from rosterhub.store.connect import compiled
from rosterhub.transfer.columns import Columns, match
from rosterhub.transfer.issues import Issue
from rosterhub.transfer.package import Mode, PackageFile
from rosterhub.transfer.reader import CsvSource, Row, unreadable

Connection = psycopg.Connection[TupleRow]
_BATCH = 1_000
_ISSUES_AT_ONCE = 1_000


@dataclass(slots=True)
class StagedFile:
    """One file in its staging table.

    `derived` ones were made from another file and do not count as rows of their own; `replaces` is
    then a predicate on the table (alias `t`) for the records that this file alone decides about.
    `odd` holds what the text showed: `spaces` (a cell that begins or ends with white space) and
    `NULL` (the literal), so that the checks for them run only where they can find something.
    """

    entity: Entity
    name: str
    mode: Mode
    table: str
    columns: Columns
    rows: int = 0
    derived: bool = False
    replaces: str | None = None
    odd: set[str] = field(default_factory=set[str])

    def has(self, csv: str) -> bool:
        """Whether the file has the column called `csv`."""
        return self.columns.get(csv) is not None


def stage(
    connection: Connection,
    import_id: int,
    file: PackageFile,
    encoding: str,
    report: Callable[[list[Issue]], None],
    progress: Callable[[int], None],
) -> StagedFile | None:
    """Copy `file` into a new staging table; None when its form is so bad that it cannot be.

    `report` takes the issues as they come up, `progress` the rows staged so far.

    Raises:
        RefusedError: the file has no header that can be read.
    """
    with file.open() as stream:
        source = CsvSource(file.name, stream, encoding)
        try:
            source.open()
        finally:
            report(source.issues)
        source.issues = []
        columns, issues = match(file.entity, source.header, file.name)
        report(issues)
        if any(i.severity == "error" for i in issues):
            return None
        table = f"staging.i{import_id}_{file.entity.table}"
        _create(connection, table, columns)
        staged = StagedFile(file.entity, file.name, file.mode, table, columns)
        _copy(connection, source, staged, report, progress)
    connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
    connection.execute(compiled(f"ANALYZE {table} (line, sourced_id)"))
    return staged


def _create(connection: Connection, table: str, columns: Columns) -> None:
    cells = ", ".join(f'"{c.sql}" text' for c in columns.staged)
    connection.execute(compiled(f"DROP TABLE IF EXISTS {table}"))
    connection.execute(compiled(f"CREATE UNLOGGED TABLE {table} (line bigint, {cells})"))


def _copy(
    connection: Connection,
    source: CsvSource,
    staged: StagedFile,
    report: Callable[[list[Issue]], None],
    progress: Callable[[int], None],
) -> None:
    positions = [c.position for c in staged.columns.staged]
    pick = itemgetter(*positions) if len(positions) > 1 else None
    passwords_seen = False
    rows = source.rows()
    statement = compiled(f"COPY {staged.table} FROM STDIN (NULL '')")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        while batch := list(islice(rows, _BATCH)):
            staged.rows += len(batch)
            if not passwords_seen:
                passwords_seen = any(row[p] for p in staged.columns.passwords for _, row in batch)
            if pick:
                text = "\n".join([f"{line}\t" + "\t".join(pick(row)) for line, row in batch])
            else:
                text = "\n".join([f"{line}\t{row[positions[0]]}" for line, row in batch])
            data = _plain(text, len(batch), len(positions))
            if data is None:
                data = "\n".join(_escaped(batch, source, staged)).encode()
            _look(data, staged)
            if data:
                copy.write(data)
                copy.write(b"\n")
            if len(source.issues) >= _ISSUES_AT_ONCE:
                report(source.issues)
                source.issues = []
            progress(staged.rows)
    if passwords_seen:
        source.issues.append(Issue("password_dropped", "warning", staged.name, 1, "password"))
    report(source.issues)


def _plain(text: str, rows: int, width: int) -> bytes | None:
    """`text` as COPY takes it, None when some cell holds what needs an escape or is unreadable."""
    if (
        "\\" in text
        or "\r" in text
        or "\x00" in text
        or text.count("\t") != rows * width
        or text.count("\n") != rows - 1
    ):
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(batch: Iterable[Row], source: CsvSource, staged: StagedFile) -> Iterator[str]:
    """The rows in COPY's text format; a row with what is no character becomes an issue instead."""
    for line, row in batch:
        bad = False
        for column in staged.columns.staged:
            problem = unreadable(row[column.position])
            if problem:
                bad = True
                code = "nul_byte" if problem == "NUL" else "encoding_invalid"
                details = {"value": problem, "encoding": source.encoding}
                source.issues.append(Issue(code, "error", staged.name, line, column.csv, details))
        if not bad:
            cells = (row[c.position].translate(_ESCAPES) for c in staged.columns.staged)
            yield f"{line}\t" + "\t".join(cells)


def _look(data: bytes, staged: StagedFile) -> None:
    """Note what the checks must look for: cheap here, a few passes over the bytes in C."""
    if b"NULL" in data:
        staged.odd.add("NULL")
    if "spaces" in staged.odd:
        return
    for space in (b" ", "\u3000".encode()):
        if space in data and (
            b"\t" + space in data
            or space + b"\t" in data
            or space + b"\n" in data
            or data.endswith(space)
        ):
            staged.odd.add("spaces")
    if b"\\" in data:
        staged.odd.add("spaces")
