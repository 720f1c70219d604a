"""A CSV file read row by row: bytes to cells, with the line each row begins on.

What cannot be read is said with its place; memory does not grow with the file. Facts: spec/csv.md.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from rosterhub.transfer.issues import Issue, RefusedError

CELL_LIMIT = 131_072
"""The most characters one cell may hold."""
_LINE_LIMIT = 1 << 22
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
    _reader: Iterator[list[str]] | None = None
    _lines: "_Lines | None" = None

    def open(self) -> None:
        """Read the header.

        Raises:
            RefusedError: there is none, or the file is not CSV.
        """
        if self.encoding == "utf-8" and self._skip_bom():
            self.issues.append(Issue("bom", "warning", file=self.name, line=1))
        text = io.TextIOWrapper(
            self.stream, ENCODINGS[self.encoding], errors="surrogateescape", newline=""
        )
        self._lines = _Lines(text)
        self._reader = csv.reader(self._lines, strict=True)
        try:
            row = next(self._reader)
        except StopIteration:
            raise RefusedError(Issue("file_empty", file=self.name)) from None
        except (csv.Error, _LineTooLongError, *DAMAGED) as error:
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
        assert self._reader is not None
        assert self._lines is not None
        lines, width = self._lines, len(self.header)
        begin = lines.count + 1
        try:
            for row in self._reader:
                line, begin = begin, lines.count + 1
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
        except (csv.Error, _LineTooLongError, *DAMAGED) as error:
            self.issues.append(self._broken(error, begin))

    def _skip_bom(self) -> bool:
        buffered = io.BufferedReader(self.stream, 1 << 18)  # type: ignore[arg-type]
        self.stream = buffered
        if buffered.peek(3)[:3] != b"\xef\xbb\xbf":
            return False
        buffered.read(3)
        return True

    def _broken(self, error: Exception, begin: int) -> Issue:
        """The issue for what the csv module or the stream refused, in the row that begins there."""
        assert self._lines is not None
        text = str(error)
        spans = self._lines.count > begin
        if isinstance(error, DAMAGED):
            return Issue("zip_invalid", file=self.name, line=begin, details={"value": text})
        if "unexpected end of data" in text or (spans and "field limit" in text):
            return Issue("quote_unclosed", file=self.name, line=begin)
        if isinstance(error, _LineTooLongError) or "field limit" in text:
            return Issue(
                "cell_too_large", file=self.name, line=begin, details={"value": CELL_LIMIT}
            )
        return Issue("quote_misplaced", file=self.name, line=self._lines.count)


class _LineTooLongError(Exception):
    """A line without an end: no CSV file."""


DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)
"""What reading a damaged zip member raises."""


class _Lines:
    """The lines of a text, each bounded, and how many there were so far."""

    __slots__ = ("_text", "count")

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.count = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LINE_LIMIT)
        if not line:
            raise StopIteration
        self.count += 1
        if len(line) == _LINE_LIMIT and line[-1] not in "\r\n":
            raise _LineTooLongError
        return line


def unreadable(cell: str) -> str | None:
    """What in `cell` is no character: `NUL`, or the bytes as hex; None when all is well."""
    if "\x00" in cell:
        return "NUL"
    bad = bytes(ord(c) - 0xDC00 for c in cell if 0xDC80 <= ord(c) <= 0xDCFF)
    if bad:
        return bad.hex(" ").upper()
    return "unpaired surrogate" if any(0xD800 <= ord(c) <= 0xDFFF for c in cell) else None
