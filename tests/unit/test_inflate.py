"""Members of zips come out as `zipfile` gives them, and are refused where it refuses them."""

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.transfer.inflate import open_member

NAME = "users.csv"
REFUSED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError)
"""The latter two are for ways of packing that nobody has, or that need a password."""
ROWS = b"".join(b'"u%d","active","%x"\r\n' % (n, n * 2_654_435_761) for n in range(60_000))
PACKED = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}


def packed(data: bytes, method: int = zipfile.ZIP_DEFLATED, level: int = 6) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=level) as archive:
        archive.writestr("manifest.csv", b"before it")
        archive.writestr(NAME, data)
        archive.writestr("orgs.csv", b"after it")
    return out.getvalue()


def read_all(stream: IO[bytes], sizes: Callable[[], int]) -> bytes:
    with stream:
        pieces: list[bytes] = []
        while piece := stream.read(sizes()):
            pieces.append(piece)
        return b"".join(pieces)


def ours(package: bytes, sizes: Callable[[], int] = lambda: 1 << 20) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        member = archive.getinfo(NAME)
        return read_all(open_member(archive, member, lambda: io.BytesIO(package)), sizes)


def theirs(package: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return read_all(archive.open(NAME), lambda: 1 << 20)


@pytest.mark.parametrize("method", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\nunpack itself\n"], ids=["alone", "behind"])
def test_what_was_packed_comes_out(method: int, before: bytes) -> None:
    assert ours(before + packed(ROWS, method)) == ROWS


@given(
    st.one_of(st.binary(max_size=5_000), st.sampled_from([b"", b"x" * 3_000_000, ROWS])),
    st.integers(0, 9),
    st.sampled_from([1, 7, 8_192, 1 << 20, 1 << 22]),
)
def test_it_comes_out_whatever_it_is_and_however_it_is_read(
    data: bytes, level: int, size: int
) -> None:
    # A byte at a time takes long where there are millions.
    size = max(size, len(data) // 1_000)
    assert ours(packed(data, level=level), lambda: size) == data


def test_lines_are_read_from_it_too() -> None:
    package = packed(ROWS)
    with (
        zipfile.ZipFile(io.BytesIO(package)) as archive,
        open_member(archive, archive.getinfo(NAME), lambda: io.BytesIO(package)) as stream,
    ):
        assert stream.readline() == b'"u0","active","0"\r\n'
        assert stream.read(5) == b'"u1",'
        assert stream.readline().endswith(b"\r\n")
        assert b"".join(stream) == ROWS.split(b"\r\n", 2)[2]


def test_damage_is_found_where_zipfile_finds_it() -> None:
    whole = packed(ROWS[:20_000])
    begin, end = whole.index(NAME.encode()), whole.index(b"orgs.csv")
    chance = random.Random(1)
    outcomes: set[bool] = set()
    for _ in range(2_000):
        broken = bytearray(whole)
        for _ in range(chance.choice([1, 1, 2, 30])):
            broken[chance.randrange(begin - 30, end)] = chance.randrange(256)
        try:
            expected = theirs(bytes(broken))
        except (*REFUSED, zlib.error):
            expected = None
            with pytest.raises(REFUSED):
                ours(bytes(broken))
        else:
            assert ours(bytes(broken)) == expected
        outcomes.add(expected is None)
    assert outcomes == {True, False}


def test_a_member_ends_where_it_is_said_to_end() -> None:
    """What says it is short and unpacks to much gives no more than it says, and that is refused."""
    package = packed(b"x" * 50_000_000)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        member = archive.getinfo(NAME)
        member.file_size = 100
        stream = open_member(archive, member, lambda: io.BytesIO(package))
        with stream, pytest.raises(zipfile.BadZipFile, match="CRC"):
            stream.read()


@pytest.mark.parametrize("length", [0, 1, 100, 10_000])
def test_a_member_that_is_cut_off_is_refused(length: int) -> None:
    package = packed(ROWS)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        member = archive.getinfo(NAME)
        member.compress_size = length
        stream = open_member(archive, member, lambda: io.BytesIO(package))
        with stream, pytest.raises(EOFError):
            stream.read()


def test_what_is_below_is_closed_with_it() -> None:
    package = io.BytesIO(packed(ROWS))
    again = io.BytesIO(package.getvalue())
    with zipfile.ZipFile(package) as archive:
        open_member(archive, archive.getinfo(NAME), lambda: again).close()
    assert again.closed
