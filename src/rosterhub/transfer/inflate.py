"""The members of a zip as streams, unpacked by ISA-L: zlib takes over twice as long, and to unpack
is most of what it takes to read a package that is nearly the one before it.

`zipfile` reads the directory and judges the headers. What comes out is what it would give, and an
error where it would raise one.
"""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import IO, Any

from isal import isal_zlib

_ISAL: Any = isal_zlib
"""It comes with types that are half said."""
_PIECE = 1 << 18
_BUFFER = 1 << 20
_LOCAL_HEADER = struct.Struct("<26xHH")
"""Its last two numbers: the bytes of the name and of the extra field that follow it."""


def open_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, again: Callable[[], IO[bytes]]
) -> IO[bytes]:
    """The bytes of `member`, stored or deflated, from the beginning; `again` opens the file that
    `archive` reads for one more reader.

    Raises:
        zipfile.BadZipFile: its header is not what the directory says. Reading raises this, or
            EOFError, where the data is damaged.
    """
    stored = archive.open(member)
    if member.compress_type == zipfile.ZIP_STORED:
        return stored
    stored.close()
    return io.BufferedReader(_Inflated(again(), member), _BUFFER)


class _Inflated(io.RawIOBase):
    """A deflated member; `packed` is closed with it."""

    def __init__(self, packed: IO[bytes], member: zipfile.ZipInfo) -> None:
        self._packed = packed
        self._name = member.filename
        self._size, self._left = member.file_size, member.compress_size
        self._checksum, self._so_far = member.CRC, 0
        self._inflate = _ISAL.decompressobj(-_ISAL.MAX_WBITS)
        packed.seek(member.header_offset)
        lengths = _LOCAL_HEADER.unpack(packed.read(_LOCAL_HEADER.size))
        packed.seek(sum(lengths), io.SEEK_CUR)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """What comes next, as much of it as can be had at once."""
        data = self._next(min(len(buffer), self._size))
        self._size -= len(data)
        self._so_far = _ISAL.crc32(data, self._so_far)
        # A member ends where its data does, and where it has the length that it is said to have.
        if (self._inflate.eof or not self._size) and self._so_far != self._checksum:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self._name!r}")
        buffer[: len(data)] = data
        return len(data)

    def _next(self, most: int) -> bytes:
        while most and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._packed.read(min(self._left, _PIECE))
                self._left -= len(packed)
            # There may be more to come of what was there before, too.
            try:
                data: bytes = self._inflate.decompress(packed, most)
            except _ISAL.error as error:
                raise zipfile.BadZipFile(str(error)) from error
            if data:
                return data
            if not packed and not self._inflate.eof:
                raise EOFError
        return b""

    def close(self) -> None:
        """Close the file below as well."""
        self._packed.close()
        super().close()
