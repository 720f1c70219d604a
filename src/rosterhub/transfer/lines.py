"""Which lines of a file are new since another one, mostly in the same order; knows nothing of CSV.

Both are read side by side. What is the same is passed over by the kilobyte; what is not waits until
its counterpart turns up on the other side, so that a line more here or there brings them together
again soon. Held is only what has none so far.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

MOST = 64 << 20
"""About how many bytes of memory may be held; files that need more have little in common."""
_BLOCK = 1 << 20
_PIECE = 1 << 13
"""Bytes that are compared at once."""
_LONGEST_LINE = 1 << 20
_OVERHEAD = 150
"""Bytes of memory that a line takes beside its text."""


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

    None where that is too much to hold or a line too long, and where a line that has no counterpart
    stands twice in its file.
    """
    with ThreadPoolExecutor(2) as pool:
        try:
            return _Comparison(_Side(old, pool), _Side(new, pool), first, progress).run()
        except _TooDifferentError:
            return None


class _Side:
    """One of the files: `block` holds whole lines, of which those from `at` on are to come."""

    __slots__ = ("_blocks", "at", "block")

    def __init__(self, stream: IO[bytes], pool: Executor) -> None:
        self._blocks = _blocks(stream, pool)
        self.block = b""
        self.at = 0

    def more(self) -> bool:
        """Whether there is a line at `at`."""
        if self.at < len(self.block):
            return True
        self.block, self.at = next(self._blocks, b""), 0
        return bool(self.block)

    def line(self) -> bytes:
        """The line at `at`."""
        return self.block[self.at : self.block.find(b"\n", self.at)]


def _blocks(stream: IO[bytes], pool: Executor) -> Iterator[bytes]:
    """The stream in pieces of whole lines; the last one gets a line feed if it has none.

    The next piece is read (from a zip: unpacked) while one is looked at.
    """
    rest = b""
    coming = pool.submit(stream.read, _BLOCK)
    while data := coming.result():
        coming = pool.submit(stream.read, _BLOCK)
        end = data.rfind(b"\n") + 1
        if end:
            yield rest + data[:end]
            rest = data[end:]
        else:
            rest += data
        if len(rest) > _LONGEST_LINE:
            raise _TooDifferentError
    if rest:
        yield rest + b"\n"


@dataclass(slots=True)
class _Comparison:
    old: _Side
    new: _Side
    first: int
    progress: Callable[[int], None]

    def run(self) -> Changed:
        """Go through both to the end."""
        old, new, number = self.old, self.new, self.first
        added: dict[bytes, int] = {}
        removed: set[bytes] = set()
        held = 0
        more_old, more_new = old.more(), new.more()
        while more_old or more_new:
            if more_old and more_new and (same := _same(old, new)):
                number += new.block.count(b"\n", new.at, new.at + same)
                old.at += same
                new.at += same
                self.progress(number - self.first)
                if old.at == len(old.block) or new.at == len(new.block):
                    more_old, more_new = old.more(), new.more()
                    continue
            # The next lines are not the same.
            if more_new and (line := new.line()) in removed:
                # The old file ran ahead; this side catches up.
                removed.remove(line)
                held -= len(line) + _OVERHEAD
                new.at += len(line) + 1
                number += 1
            elif more_old and (line := old.line()) in added:
                del added[line]
                held -= len(line) + _OVERHEAD
                old.at += len(line) + 1
            else:
                if more_new:
                    line = new.line()
                    held += _hold(line, added)
                    added[line] = number
                    new.at += len(line) + 1
                    number += 1
                if more_old:
                    line = old.line()
                    held += _hold(line, removed)
                    removed.add(line)
                    old.at += len(line) + 1
                if held > MOST:
                    raise _TooDifferentError
            more_old, more_new = old.more(), new.more()
        return Changed(added, removed, number - self.first)


def _hold(line: bytes, waiting: "dict[bytes, int] | set[bytes]") -> int:
    """The bytes that it takes to let `line` wait among those that do."""
    if line in waiting:
        raise _TooDifferentError
    return len(line) + _OVERHEAD


def _same(old: _Side, new: _Side) -> int:
    """The bytes of the whole lines that come next on both sides alike."""
    one, at = old.block, old.at
    other, begin = new.block, new.at
    most = min(len(one) - at, len(other) - begin)
    same = 0
    while same < most:
        size = min(_PIECE, most - same)
        if one[at + same : at + same + size] != other[begin + same : begin + same + size]:
            break
        same += size
    else:
        # One of the blocks ends here, so with a line.
        return same
    size = min(_PIECE, most - same)
    while size > 1:
        half = size // 2
        if one[at + same : at + same + half] == other[begin + same : begin + same + half]:
            same += half
            size -= half
        else:
            size = half
    # Not found is -1, and then no line is whole.
    return max(other.rfind(b"\n", begin, begin + same) + 1 - begin, 0)
