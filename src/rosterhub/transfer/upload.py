"""An upload as a file to read: kept in PostgreSQL in chunks, of which one at a time is here.

No worker needs room on its disk, and any of them can read any upload. Nothing is written here.
"""

import io
from bisect import bisect_right
from itertools import accumulate

from rosterhub.store.connect import Connection

READ_LIMIT = 1 << 22
"""The most bytes read at once."""


class TooMuchError(Exception):
    """Somebody wants more of an upload at once than memory should hold."""


class Upload(io.RawIOBase):
    """The upload of an import. `connection` must be free whenever it is read."""

    def __init__(self, connection: Connection, import_id: int) -> None:
        self._connection = connection
        self._import_id = import_id
        rows = connection.execute(
            "SELECT octet_length(data) FROM import_chunks WHERE import_id = %s ORDER BY number",
            [import_id],
        ).fetchall()
        self._ends = list(accumulate(length for (length,) in rows))
        self._at = 0
        self._held = -1
        self._chunk = memoryview(b"")

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._ends[-1] if self._ends else 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place; the place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes, fewer only at the end.

        Raises:
            TooMuchError: more than READ_LIMIT are asked for, and are there.
        """
        rest = max(self.size - self._at, 0)
        wanted = rest if size is None or size < 0 else min(size, rest)
        if wanted > READ_LIMIT:
            raise TooMuchError
        pieces: list[memoryview] = []
        while wanted:
            piece = self._piece(wanted)
            pieces.append(piece)
            self._at += len(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read as many bytes as `buffer` has room for."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _piece(self, most: int) -> memoryview:
        """What follows, out of one chunk."""
        number = bisect_right(self._ends, self._at)
        if number != self._held:
            cursor = self._connection.cursor(binary=True)
            row = cursor.execute(
                "SELECT data FROM import_chunks WHERE import_id = %s AND number = %s",
                [self._import_id, number],
                prepare=True,
            ).fetchone()
            if row is None:
                # Pruned while it was read: it is the base of another import.
                raise EOFError("the upload is gone")
            self._held, self._chunk = number, memoryview(row[0])
        begin = self._at - (self._ends[number - 1] if number else 0)
        return self._chunk[begin : begin + most]
