"""What the checks must look for in a file (`StagedFile.odd`), seen while it passes by: a few passes
over COPY's text in C, so that what deals with rare things runs only where they are.
"""

import re

from rosterhub.model import values


def look(data: bytes, odd: set[str]) -> None:
    """Add to `odd` what COPY's text `data` shows of it."""
    # One byte is looked for a hundred times as fast as three, and often enough is not there.
    odd |= {word for word, signs in _SIGNS if any(s[:1] in data and s in data for s in signs)}
    if "private" not in odd and any(
        lead in data and (expression is None or expression.search(data))
        for lead, expression in _PRIVATE
    ):
        odd.add("private")
    if "spaces" not in odd and (
        b"\\" in data or any(s[:1] in data and _edges(data, s) for s in _SPACES)
    ):
        odd.add("spaces")


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

_SPACES = tuple(sign.encode() for sign in values.BLANKS if sign != "\t")
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
