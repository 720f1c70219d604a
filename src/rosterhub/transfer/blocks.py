"""CSV to COPY's text format a megabyte at a time, exactly or not at all.

Two ways of writing CSV need no look at each cell: every value quoted and no quote within one (the
Japanese profiles), and no quotes anywhere. A block is such CSV if replacing its separators leaves
no quote over: read from the left, each quote must then end a value or begin the next. Anything
else is left to `reader`, which takes every row apart and can say what is wrong with it.
"""

from collections.abc import Iterator
from typing import IO

from rosterhub.transfer.reader import CELL_LIMIT

_BLOCK = 1 << 20
_LONGEST_LINE = 1 << 22


def blocks(stream: IO[bytes]) -> Iterator[bytes | None]:
    """The data rows of a UTF-8 CSV file in COPY's text format; None, and the end, where it is not
    of the two kinds.

    The header line is passed over: `stream` stands at the beginning of the file.
    """
    rest = b""
    header_seen = False
    while True:
        data = stream.read(_BLOCK)
        cut = data.rfind(b"\n") + 1
        if data and not cut:
            rest += data
            if len(rest) > _LONGEST_LINE:
                yield None
                return
            continue
        block, rest = (rest + data[:cut], data[cut:]) if data else (rest, b"")
        if not header_seen and block:
            header_seen = True
            header, _, block = block.partition(b"\n")
            if b"\r" in header[:-1]:
                yield None
                return
        if block:
            text = copy_text(block)
            yield text
            if text is None:
                return
        if not data:
            return


def copy_text(block: bytes) -> bytes | None:
    """Whole lines of CSV in COPY's text format, None where they are not of the two kinds."""
    if b"\t" in block or b"\\" in block:
        return None
    if not block.endswith(b"\n"):
        block += b"\n"
    text = _quoted(block) if b'"' in block else _unquoted(block)
    return None if text is None or _may_have_large_cells(text) else text


def _may_have_large_cells(text: bytes) -> bool:
    """Whether somewhere no line ends for so long that a cell may be larger than is allowed."""
    step = CELL_LIMIT // 2
    return any(text.find(b"\n", at, at + step) < 0 for at in range(0, len(text) - step, step))


def _quoted(block: bytes) -> bytes | None:
    end = b'"\r\n' if block.endswith(b'"\r\n') else b'"\n'
    if not (block.startswith(b'"') and block.endswith(end)):
        return None
    tabbed = block[1 : -len(end)].replace(b'","', b"\t")
    text = tabbed.replace(end + b'"', b"\n")
    line_ends = (len(tabbed) - len(text)) // len(end)
    if b'"' in text or b"\r" in text or text.count(b"\n") != line_ends:
        return None
    return text + b"\n"


def _unquoted(block: bytes) -> bytes | None:
    text = block.replace(b"\r\n", b"\n").replace(b",", b"\t")
    return None if b"\r" in text else text
