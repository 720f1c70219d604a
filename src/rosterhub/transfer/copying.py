"""The rows of a file into its staging table by COPY: in blocks, row by row, or only those lines
that another file does not have. What cannot be read row by row becomes an issue.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import IO

import psycopg

from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer import looks
from rosterhub.transfer.blocks import blocks, copy_text
from rosterhub.transfer.lines import changed
from rosterhub.transfer.odd import look
from rosterhub.transfer.package import PackageFile
from rosterhub.transfer.reader import DAMAGED, CsvSource, Row
from rosterhub.transfer.staged import StagedFile

_BATCH = 1_000


def copy_blocks(
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
                look(text, staged.odd)
                copy.write(text)
                progress(staged.rows)
    except (_StartOverError, psycopg.DataError, *DAMAGED):
        return False
    return True


def copy_changed(
    connection: Connection,
    file: PackageFile,
    before: Callable[[], IO[bytes]],
    whole: list[str],
    staged: StagedFile,
    progress: Callable[[int], None],
) -> bool:
    """Copy the lines that the file of `before` does not have, and list what that alone has; False
    when the file must be read whole.

    All lines of the other file are rows, so this one's are too if each line that is new is one.
    """
    try:
        with file.open() as new, before() as old:
            if _header(new) != _header(old):
                return False
            found = changed(old, new, 2, progress)
        if found is None:
            return False
        lines = sorted(found.added.items(), key=itemgetter(1))
        text = copy_text(b"".join([line.removesuffix(b"\r") + b"\n" for line, _ in lines]))
        if text is None:
            return False
        look(text, staged.odd)
        numbered = zip((number for _, number in lines), text.split(b"\n"), strict=False)
        names = ", ".join(f'"{name}"' for name in whole)
        statement = compiled(f"COPY {staged.table} (line, {names}) FROM STDIN (NULL '')")
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join([b"%d\t%b\n" % one for one in numbered]))
        _list_removed(connection, found.removed, staged)
    except (psycopg.DataError, UnicodeDecodeError, csv.Error, *DAMAGED):
        return False
    staged.rows = found.total
    staged.unstaged = found.total - len(lines)
    return True


_LONGEST_HEADER = 1 << 20


def _header(stream: IO[bytes]) -> list[str]:
    line = stream.readline(_LONGEST_HEADER).decode("utf-8-sig")
    return next(csv.reader([line]))


def _list_removed(connection: Connection, removed: set[bytes], staged: StagedFile) -> None:
    """Keep the sourcedIds of lines that are gone."""
    column = staged.columns.get("sourcedId")
    assert column is not None
    table = staged.removed_table
    connection.execute(compiled(f"DROP TABLE IF EXISTS {table}"))
    connection.execute(compiled(f"CREATE UNLOGGED TABLE {table} (sourced_id text PRIMARY KEY)"))
    rows = csv.reader(line.decode() for line in removed)
    ids = "".join([f"{row[column.position]}\n" for row in rows])
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        copy.write(ids)
    connection.execute(compiled(f"ANALYZE {table}"))


class _StartOverError(Exception):
    """The file is not of the kinds that `blocks` reads."""


def copy_rows(
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
            look(data, staged.odd)
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
