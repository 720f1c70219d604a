"""The CSV reader: rows with the line each begins on, whatever is in them."""

import contextlib
import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from rosterhub.transfer.issues import RefusedError
from rosterhub.transfer.reader import CsvSource

cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=8)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=12)


def written(table: list[list[str]], line_end: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(table)
    return out.getvalue().encode()


@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(table: list[list[str]], line_end: str) -> None:
    source = CsvSource("t.csv", io.BytesIO(written(table, line_end)))
    source.open()
    assert [row for _, row in source.rows()] == table
    assert source.issues == []


@given(tables)
def test_each_row_knows_the_line_it_begins_on(table: list[list[str]]) -> None:
    data = written(table, "\n")
    source = CsvSource("t.csv", io.BytesIO(data))
    source.open()
    lines = io.StringIO(data.decode(), newline="").readlines()
    for line, row in source.rows():
        first = '"' + row[0].replace('"', '""')
        assert "".join(lines[line - 1 :]).startswith(first)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_rows_or_issues(data: bytes) -> None:
    source = CsvSource("t.csv", io.BytesIO(data))
    with contextlib.suppress(RefusedError):
        source.open()
    if not source.header:
        return
    for line, row in source.rows():
        assert line > 1
        assert len(row) == len(source.header)
