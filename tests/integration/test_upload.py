"""An upload in chunks reads as the file that it was."""

import io

import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.upload import READ_LIMIT, TooMuchError, Upload

CHUNKS = [b"0123456789", b"abcdefghij", b"K"]
WHOLE = b"".join(CHUNKS)


def test_it_reads_as_the_file_that_it_was(config: Settings) -> None:
    with connect(config.write_url) as connection:
        request = records.Request("x.csv", "users")
        upload = Upload(connection, records.create(connection, request, CHUNKS))
        plain = io.BytesIO(WHOLE)
        assert upload.size == len(WHOLE)
        for size in (0, 1, 9, 10, 11, 20, 21, 100, -1, None):
            for place in (0, 5, 9, 10, 19, 20, 21, 99):
                for stream in (upload, plain):
                    stream.seek(place)
                assert upload.read(size) == plain.read(size)
                assert upload.tell() == plain.tell()
        assert upload.seek(-3, io.SEEK_END) == 18
        assert upload.seek(-2, io.SEEK_CUR) == 16
        buffer = bytearray(7)
        assert (upload.readinto(buffer), bytes(buffer)) == (5, b"ghijK\0\0")
        with pytest.raises(OSError, match="before"):
            upload.seek(-1)
        assert io.TextIOWrapper(io.BufferedReader(upload)).read() == "ghijK"[5:]


def test_nobody_reads_all_of_it_at_once(config: Settings) -> None:
    with connect(config.write_url) as connection:
        request = records.Request("x.csv", "users")
        chunks = [b"x" * READ_LIMIT, b"y"]
        upload = Upload(connection, records.create(connection, request, chunks))
        with pytest.raises(TooMuchError):
            upload.read()
        assert len(upload.read(READ_LIMIT)) == READ_LIMIT
        assert upload.read() == b"y"


def test_nothing(config: Settings) -> None:
    with connect(config.write_url) as connection:
        upload = Upload(connection, records.create(connection, records.Request("x", None), []))
        assert (upload.size, upload.read(), upload.read(5)) == (0, b"", b"")
