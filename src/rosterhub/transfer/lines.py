"""Which lines of a file are new since another one, whatever their order; a few passes in C.

Reads both side by side and holds only what has found no counterpart yet: the lines that differ, and
as many as one file has run ahead of the other. Knows nothing of CSV.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

MOST = 200_000
"""Lines without a counterpart that are held; files with more of them have little in common."""
MOST_BYTES = 40 << 20
"""About how many bytes these may be."""
_BLOCK = 1 << 20
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Changed:
    """`added` are the lines that only the new file has, by their number in it, without line end;
    `removed` those that only the old one has. `total` counts the lines of the new file.
    """

    added: dict[bytes, int]
    removed: set[bytes]
    total: int


class _TooDifferentError(Exception):
    """There is no use in going on."""


def changed(
    old: IO[bytes], new: IO[bytes], first: int, progress: Callable[[int], None]
) -> Changed | None:
    """What `new` has otherwise than `old`, from where the streams stand; `first` is the number of
    the next line of `new`. `progress` takes how many of its lines are read.

    None where that is too much to hold, a line of `new` stands in it twice within a short distance,
    or a line is too long.
    """
    removed: set[bytes] = set()
    added: dict[bytes, int] = {}
    number = first
    more_old = more_new = True
    with ThreadPoolExecutor(2) as pool, suppress(_TooDifferentError):
        olds, news = _lines(old, pool), _lines(new, pool)
        while more_old or more_new:
            if more_old and (not more_new or len(removed) <= len(added)):
                block = next(olds, None)
                if block is None:
                    more_old = False
                    continue
                found = added.keys() & block
                for line in found:
                    del added[line]
                removed |= set(block) - found
            else:
                block = next(news, None)
                if block is None:
                    more_new = False
                    continue
                fresh = {n: at for at, n in enumerate(block, number) if n not in removed}
                before = len(removed), len(added)
                removed.difference_update(block)
                added |= fresh
                if before[0] - len(removed) + len(added) - before[1] != len(block):
                    return None
                number += len(block)
                progress(number - first)
            held = len(removed) + len(added)
            if held > MOST or held * sum(map(len, block)) > MOST_BYTES * len(block):
                return None
        return Changed(added, removed, number - first)
    return None


def _lines(stream: IO[bytes], pool: Executor) -> Iterator[list[bytes]]:
    """The lines of some block after the other, each as it stands before its line feed.

    The next block is read (from a zip: unpacked) while one is looked at.
    """
    rest = b""
    coming = pool.submit(stream.read, _BLOCK)
    while data := coming.result():
        coming = pool.submit(stream.read, _BLOCK)
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST_LINE:
            raise _TooDifferentError
        if lines:
            yield lines
    if rest:
        yield [rest]
