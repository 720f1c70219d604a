"""A CSV file read row by row: bytes to cells, with the line each row begins on.

What cannot be read is said with its place; memory does not grow with the file. Facts: spec/csv.md.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from rosterhub.transfer.issues import Issue, RefusedError

CELL_LIMIT = 131_072
"""The most characters one cell may hold."""
_LINE_LIMIT = 1 << 23
_BOM = b"\xef\xbb\xbf"
ENCODINGS = {"utf-8": "utf-8", "cp932": "cp932", "euc-jp": "euc_jp", "utf-16": "utf-16"}
"""What `--encoding` takes, and the codec it names."""

Row = tuple[int, list[str]]


@dataclass(slots=True)
class CsvSource:
    """One open CSV file: its header, then its rows by `rows()`; findings go to `issues`."""

    name: str
    stream: IO[bytes]
    encoding: str = "utf-8"
    issues: list[Issue] = field(default_factory=list[Issue])
    header: list[str] = field(default_factory=list[str])
    _rows: Any = None

    def open(self) -> None:
        """Read the header.

        Raises:
            RefusedError: there is none, or the file is not CSV.
        """
        raw = io.BufferedReader(_Bounded(self.stream), 1 << 18)
        try:
            if self.encoding == "utf-8" and raw.peek(3)[:3] == _BOM:
                raw.read(3)
                self.issues.append(Issue("bom", "warning", file=self.name, line=1))
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
        problem = next((unreadable(cell) for cell in row if unreadable(cell)), None)
        if problem:
            code = "nul_byte" if problem == "NUL" else "encoding_invalid"
            details = {"value": problem, "encoding": self.encoding}
            raise RefusedError(Issue(code, file=self.name, line=1, details=details))
        self.header = [name.strip() for name in row]

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
                if len(row) != width:
                    if not row:
                        continue
                    if len(row) < width or any(cell.strip() for cell in row[width:]):
                        details = {"value": len(row), "expected": width}
                        self.issues.append(
                            Issue("row_length", file=self.name, line=line, details=details)
                        )
                        continue
                    del row[width:]
                yield line, row
        except _BROKEN as error:
            self.issues.append(self._broken(error, begin))

    def _broken(self, error: Exception, begin: int) -> Issue:
        """The issue for what the csv module or the stream refused, in the row that begins there."""
        text = str(error)
        line: int = self._rows.line_num if self._rows else 1
        if isinstance(error, _LineTooLongError):
            return Issue("not_csv", file=self.name, line=begin, details={"value": text})
        if not isinstance(error, csv.Error):
            return Issue("zip_invalid", file=self.name, line=begin, details={"value": text})
        if "unexpected end of data" in text or (line > begin and "field limit" in text):
            return Issue("quote_unclosed", file=self.name, line=begin)
        if "field limit" in text:
            return Issue(
                "cell_too_large", file=self.name, line=begin, details={"value": CELL_LIMIT}
            )
        return Issue("quote_misplaced", file=self.name, line=line)


class _LineTooLongError(Exception):
    """A line without an end: no CSV file."""


DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)
"""What reading a damaged zip member raises."""
_BROKEN = (csv.Error, _LineTooLongError, *DAMAGED)


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
        end = data.rfind(b"\n")
        self._since_line_end = len(data) - end if end >= 0 else self._since_line_end + len(data)
        if self._since_line_end > _LINE_LIMIT:
            raise _LineTooLongError(f"a line of more than {_LINE_LIMIT:,} bytes")
        return len(data)


def unreadable(cell: str) -> str | None:
    """What in `cell` is no character: `NUL`, or the bytes as hex; None when all is well."""
    if "\x00" in cell:
        return "NUL"
    bad = bytes(ord(c) - 0xDC00 for c in cell if 0xDC80 <= ord(c) <= 0xDCFF)
    if bad:
        return bad.hex(" ").upper()
    return "unpaired surrogate" if any(0xD800 <= ord(c) <= 0xDFFF for c in cell) else None
