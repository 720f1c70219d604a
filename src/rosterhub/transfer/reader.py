"""A CSV file read row by row: bytes to cells, with the line each row begins on.

What cannot be read is said with its place; memory does not grow with the file. Facts: spec/csv.md.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from rosterhub.transfer import looks
from rosterhub.transfer.issues import Issue, RefusedError

CELL_LIMIT = 131_072
"""The most characters one cell may hold."""
COLUMN_LIMIT = 500
"""The most columns a file may have: more is no roster, and no table of PostgreSQL either."""
_LINE_LIMIT = 1 << 23
_FOUND_AT_ONCE = 1_000
_BOM = b"\xef\xbb\xbf"
ENCODINGS = {"utf-8": "utf-8", "cp932": "cp932", "euc-jp": "euc_jp", "utf-16": "utf-16"}
"""What `--encoding` takes, and the codec it names."""

Row = tuple[int, list[str]]


@dataclass(slots=True)
class CsvSource:
    """One CSV file: its header by `open()`, then its rows by `rows()`.

    `stream` stands at the file's beginning; `again` opens the file once more, to look at it when it
    turns out not to be what it is said to be. `report` takes what is found, some at a time, the
    last of it at `flush()`. `read` counts the data rows, good and bad; `damaged` says that there
    were bad ones, whose sourcedIds stand in their issues' details as `row`, and `broken` that what
    came after them could not be read at all.
    """

    name: str
    stream: IO[bytes]
    again: Callable[[], IO[bytes]]
    report: Callable[[list[Issue]], None]
    encoding: str = "utf-8"
    header: list[str] = field(default_factory=list[str])
    read: int = 0
    damaged: bool = False
    broken: bool = False
    _rows: Any = None
    _found: list[Issue] = field(default_factory=list[Issue])
    _looked: bool = False

    def open(self) -> None:
        """Read the header.

        Raises:
            RefusedError: there is none, the file is not CSV, or not in the encoding that was said.
        """
        raw = io.BufferedReader(_Bounded(self.stream), 1 << 18)
        try:
            if self.encoding != "utf-8":
                self._refuse_utf8()
            elif raw.peek(3)[:3] == _BOM:
                raw.read(3)
                self.note(Issue("bom", "warning", file=self.name, line=1))
            text = io.TextIOWrapper(
                raw, ENCODINGS[self.encoding], errors="surrogateescape", newline=""
            )
            self._rows = csv.reader(text, strict=True)
            row: list[str] = next(self._rows)
        except StopIteration:
            raise RefusedError(Issue("file_empty", file=self.name)) from None
        except _BROKEN as error:
            raise RefusedError(self._broken(error, 1)) from error
        while row and not row[-1].strip():
            row.pop()
        if not row:
            raise RefusedError(Issue("file_empty", file=self.name, line=1))
        for at in range(len(row)):
            if issue := self.unreadable(row, at, 1):
                raise RefusedError(issue)
        if len(row) > COLUMN_LIMIT:
            details = {"value": len(row), "expected": COLUMN_LIMIT}
            raise RefusedError(Issue("header_too_wide", file=self.name, line=1, details=details))
        self.header = [name.strip() for name in row]

    def _refuse_utf8(self) -> None:
        """What is UTF-8 can often be read as something else, and then is full of wrong letters.

        Raises:
            RefusedError: the file is UTF-8.
        """
        with self.again() as stream:
            found = looks.is_utf8(stream)
        if found:
            details = {"value": "utf-8", "encoding": self.encoding}
            raise RefusedError(Issue("encoding_other", "error", self.name, 1, None, details))

    @property
    def header_is_one_line(self) -> bool:
        """Whether the first data row is on line 2."""
        return self._rows.line_num == 1

    def rows(self) -> Iterator[Row]:
        """The data rows with the line each begins on; blank lines are passed over.

        A row with too many or too few cells becomes an issue. Where the form of the file breaks,
        an issue says so and the rows end.
        """
        rows, width = self._rows, len(self.header)
        begin = rows.line_num + 1
        try:
            for row in rows:
                line, begin = begin, rows.line_num + 1
                if not row:
                    continue
                if len(row) != width:
                    if not any(row):
                        continue
                    self.read += 1
                    if len(row) < width or any(cell.strip() for cell in row[width:]):
                        # Only the first cell is surely in its place.
                        named = self._id(row) if self.header[0] == "sourcedId" else None
                        details = {"value": len(row), "expected": width, "row": named}
                        self.note(Issue("row_length", file=self.name, line=line, details=details))
                        continue
                    del row[width:]
                else:
                    self.read += 1
                yield line, row
        except _BROKEN as error:
            self.broken = True
            self.note(self._broken(error, begin))

    def _id(self, row: list[str]) -> str | None:
        """The sourcedId of a row, for what it is worth."""
        at = self.header.index("sourcedId") if "sourcedId" in self.header else len(row)
        return row[at][:255] if at < len(row) and not unreadable(row[at]) else None

    def note(self, issue: Issue) -> None:
        """Report `issue`, or keep it until there are more."""
        self.damaged |= issue.severity == "error"
        self._found.append(issue)
        if len(self._found) >= _FOUND_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Report what was kept."""
        if self._found:
            self.report(self._found)
            self._found = []

    def unreadable(self, row: list[str], at: int, line: int) -> Issue | None:
        """What in a cell of `row` is no character, as an issue.

        Raises:
            RefusedError: the whole file is in another encoding than the one that was said.
        """
        problem = unreadable(row[at]) or (self.encoding == "cp932" and _undefined(row[at]))
        if not problem:
            return None
        column = self.header[at] if self.header else None
        if not self._looked:
            self._looked = True
            with self.again() as stream:
                other = looks.encoding(stream)
            if other and other != self.encoding:
                details = {"value": other, "encoding": self.encoding}
                raise RefusedError(
                    Issue("encoding_other", "error", self.name, line, column, details)
                )
        code = "nul_byte" if problem == "NUL" else "encoding_invalid"
        details = {"value": problem, "encoding": self.encoding, "row": self._id(row)}
        return Issue(code, "error", self.name, line, column, details)

    def _broken(self, error: Exception, begin: int) -> Issue:
        """The issue for what the csv module or the stream refused, in the row that begins there."""
        text = str(error)
        line: int = self._rows.line_num if self._rows else 1
        if isinstance(error, _LineTooLongError):
            return Issue("line_too_long", file=self.name, line=begin, details={"value": text})
        if isinstance(error, UnicodeError):
            details = {"value": "…", "encoding": self.encoding}
            return Issue("encoding_invalid", file=self.name, line=begin, details=details)
        if not isinstance(error, csv.Error):
            return Issue("zip_invalid", file=self.name, details={"value": text})
        if "unexpected end of data" in text or line > begin:
            return Issue("quote_unclosed", file=self.name, line=begin)
        if "field limit" in text:
            return Issue(
                "cell_too_large", file=self.name, line=begin, details={"value": CELL_LIMIT}
            )
        return Issue("quote_misplaced", file=self.name, line=line)


class _LineTooLongError(Exception):
    """A line without an end: no CSV file."""


DAMAGED = (zipfile.BadZipFile, EOFError)
"""What reading a damaged zip member raises."""
_BROKEN = (csv.Error, UnicodeError, _LineTooLongError, *DAMAGED)


class _Bounded(io.RawIOBase):
    """A stream in which no line is longer than memory should hold."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._since_line_end = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self._since_line_end = len(data) - end if end >= 0 else self._since_line_end + len(data)
        if self._since_line_end > _LINE_LIMIT:
            raise _LineTooLongError(f"{_LINE_LIMIT:,}")
        return len(data)


def _undefined(cell: str) -> str | None:
    """The bytes in a cell of CP932 that stand for nothing, which Python lets through."""
    bad = "".join(looks.NO_LETTER.findall(cell))
    return bad.encode("cp932").hex(" ").upper() or None


def unreadable(cell: str) -> str | None:
    """What in `cell` is no character: `NUL`, or the bytes as hex; None when all is well."""
    if "\x00" in cell:
        return "NUL"
    bad = bytes(ord(c) - 0xDC00 for c in cell if 0xDC80 <= ord(c) <= 0xDCFF)
    if bad:
        return bad.hex(" ").upper()
    return "unpaired surrogate" if any(0xD800 <= ord(c) <= 0xDFFF for c in cell) else None
