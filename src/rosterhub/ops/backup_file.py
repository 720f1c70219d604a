"""What a backup file holds, read piece by piece: statements, and the rows of one table after the
other. Decides whether a file is a whole backup before anybody acts on it; never touches a database.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BEGIN = b"-- RosterHub backup\n"
END = b"-- RosterHub backup complete\n"

_COPY = re.compile(rb"COPY (\S+) \(.*\) FROM stdin;\n")
_REVISION_TABLE = b"public.alembic_version"
_ROWS_END = b"\\.\n"
_BATCH = 1 << 20

Progress = Callable[[float], None]
"""Called with the part that is read, 0 to 1."""


class BackupFileError(RuntimeError):
    """The file is no backup, or not all of one; the text says which."""


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL to run as it is, perhaps many statements."""

    sql: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """A `COPY … FROM stdin` and the batches of its data, to be read before the next piece."""

    table: bytes
    copy: bytes
    batches: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole backup: its schema's revision, and how many rows it holds."""

    revision: str
    rows: int


def examine(path: Path, progress: Progress = lambda _: None) -> Contents:
    """Read the file to its end.

    Raises:
        BackupFileError: it is no backup, is damaged, or ends too early.
    """
    revision, rows = "", 0
    for piece in pieces(path, progress):
        if isinstance(piece, Rows):
            for batch in piece.batches:
                rows += batch.count(b"\n")
                if piece.table == _REVISION_TABLE:
                    revision = batch.decode().strip()
    if not revision:
        raise BackupFileError(f"{path} holds no schema of a hub.")
    return Contents(revision, rows)


def pieces(path: Path, progress: Progress = lambda _: None) -> Iterator[Statements | Rows]:
    """What is in the file, in order. Commands to psql itself are left out.

    Raises:
        BackupFileError: as above; what ends too early only shows at its end.
    """
    try:
        with path.open("rb") as raw, gzip.open(raw) as file:
            size = path.stat().st_size or 1
            yield from _pieces(path, file, lambda: progress(raw.tell() / size))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupFileError(f"{path} is damaged or not complete: {error}") from error


def _pieces(
    path: Path, file: gzip.GzipFile, look: Callable[[], None]
) -> Iterator[Statements | Rows]:
    if file.readline(1_000) != BEGIN:
        raise BackupFileError(
            f"{path} is no backup of RosterHub. Those are made by scripts/backup-database.sh and "
            "`rosterhub db backup`."
        )
    sql: list[bytes] = []
    line = b""
    for line in file:
        if match := _COPY.fullmatch(line):
            if sql:
                yield Statements(b"".join(sql))
                sql = []
            yield Rows(match[1], line, _batches(file, look))
            look()
        elif not line.startswith(b"\\"):
            sql.append(line)
    if line != END:
        raise BackupFileError(f"{path} is not complete: it ends in the middle.")
    yield Statements(b"".join(sql))
    look()


def _batches(file: gzip.GzipFile, look: Callable[[], None]) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for line in file:
        if line == _ROWS_END:
            break
        batch.append(line)
        size += len(line)
        if size >= _BATCH:
            yield b"".join(batch)
            batch, size = [], 0
            look()
    if batch:
        yield b"".join(batch)
