"""Block by block a file is read as row by row, or not at all."""

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from rosterhub.transfer.blocks import blocks, copy_text
from rosterhub.transfer.issues import Issue
from rosterhub.transfer.reader import CsvSource

pieces = st.sampled_from(['"', '""', '","', ",", "\n", "\r\n", "\r", "a", "b c", "\\", "\t", "学"])
texts = st.lists(pieces, max_size=30).map("".join)
cells = st.text('",\n\r\t\\ a学', max_size=4)
tables = st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8)


def by_rows(data: bytes) -> list[list[str]] | None:
    """The rows as the csv module reads them, None where it complains of something."""
    issues: list[Issue] = []
    source = CsvSource("t.csv", io.BytesIO(data), lambda: io.BytesIO(data), issues.extend)
    source.open()
    found = [row for _, row in source.rows()]
    source.flush()
    return found if not any(i.severity == "error" for i in issues) else None


def by_blocks(data: bytes) -> list[list[str]] | None:
    text = b""
    for block in blocks(io.BytesIO(data)):
        if block is None:
            return None
        text += block
    return [line.split("\t") for line in text.decode().split("\n")[:-1]]


@given(texts)
@example('"1","2"\n"\n","x"\n')
@example("1,2\n\n3,4\n")
@example("1,2\r3,4\n")
def test_whatever_stands_in_a_file(text: str) -> None:
    data = f"h,h\n{text}".encode()
    found = by_blocks(data)
    if found is not None and all(len(row) == 2 for row in found):
        assert found == by_rows(data)


@given(
    st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8), st.sampled_from(["\n", "\r\n"])
)
def test_whatever_was_written_with_every_value_quoted(table: list[list[str]], ends: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=ends)
    writer.writerows([["h", "h"], *table])
    found = by_blocks(out.getvalue().encode())
    if found is not None:
        assert found == table


def test_files_as_they_usually_come_are_read_so() -> None:
    assert copy_text(b'"1","","a, b"\r\n"2","x","y"\r\n') == b"1\t\ta, b\n2\tx\ty\n"
    assert copy_text(b"1,,x\r\n2,y,\r\n") == b"1\t\tx\n2\ty\t\n"


def test_a_file_whose_lines_end_as_they_did_on_old_macs_is_left_to_the_reader() -> None:
    assert list(blocks(io.BytesIO(b"h,h\r1,2\r"))) == [None]


def test_blocks_end_at_line_ends() -> None:
    row = b'"0123456789","0123456789"\r\n'
    data = b"h,h\r\n" + row * 100_000
    assert by_blocks(data) == [["0123456789", "0123456789"]] * 100_000
