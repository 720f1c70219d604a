"""What bytes look like that are not the UTF-8 CSV they are said to be: only to say so.

Nothing is ever read by what is guessed here; a person chooses the encoding (spec/japan-profiles.md,
"Practice").
"""

import codecs
import re
from collections.abc import Iterator
from typing import IO

_SIGNATURES = (
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel (xls)"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
)
_MARKUP = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<?xml", "XML"), (b'{"', "JSON"))
ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""What a zip begins with."""

_SAMPLE_LINES = 500
_JAPANESE_LETTER = re.compile("[\u3041-\u30ff\u4e00-\u9fff\uff66-\uff9f]")
NO_LETTER = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
"""What Python's CP932 makes of bytes that stand for nothing."""
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")
_BROKEN = re.compile("[\udc80-\udcff]+")
_CUT = re.compile(rb"[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2}")
"""The beginning of a character of which the end is missing."""
_BLOCK = 1 << 20


def kind(start: bytes) -> str | None:
    """What sort of file begins so, None when it may be CSV."""
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            return name
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((name for signature, name in _MARKUP if text.startswith(signature)), None)


def encoding(stream: IO[bytes]) -> str | None:
    """The encoding that a file which is no UTF-8 seems to have; None when that is not clear.

    `stream` stands at the beginning of the file.
    """
    start = stream.read(4096)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start[1::2].count(0) * 8 > len(start[1::2]) > 0:
        return "utf-16"
    lines = list(_high_lines(start, stream))
    if sum(map(_is_utf8, lines)) * 2 > len(lines):
        return None
    text = {name: _decoded(lines, codec) for name, codec in _JAPANESE.items()}
    # EUC-JP read as CP932 is full of half-width katakana; the other way round it does not decode.
    fitting = [
        (len(_HALF_WIDTH_KANA.findall(t)), name)
        for name, t in text.items()
        if t and _JAPANESE_LETTER.search(t) and not NO_LETTER.search(t)
    ]
    return min(fitting)[1] if fitting else None


def is_utf8(stream: IO[bytes]) -> bool:
    """Whether a file that is said to be something else is surely UTF-8: it begins with that byte
    order mark, or its first megabyte is UTF-8 and holds characters of three bytes or more.

    Shorter ones prove little: half-width katakana in CP932 look like them.
    """
    start = stream.read(_BLOCK)
    if start.startswith(codecs.BOM_UTF8):
        return True
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return "\x00" not in text and max(text, default="") > "\u07ff"


_JAPANESE = {"cp932": "cp932", "euc-jp": "euc_jp"}


def _high_lines(start: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    """The first whole lines that are not ASCII."""
    found = 0
    rest = start
    while True:
        data = stream.read(_BLOCK)
        block = rest + data
        cut = block.rfind(b"\n") + 1 if data else len(block)
        for line in block[:cut].splitlines(keepends=True):
            if line.isascii():
                continue
            yield line
            found += 1
            if found == _SAMPLE_LINES:
                return
        rest = block[cut:]
        if not data or len(rest) > _BLOCK:
            return


def _is_utf8(line: bytes) -> bool:
    """Whether it is UTF-8, here and there with a character that was cut."""
    broken = _BROKEN.findall(line.decode("utf-8", "surrogateescape"))
    return all(_CUT.fullmatch(b.encode("utf-8", "surrogateescape")) for b in broken)


def _decoded(lines: list[bytes], codec: str) -> str | None:
    try:
        return b"".join(lines).decode(codec)
    except UnicodeDecodeError:
        return None
