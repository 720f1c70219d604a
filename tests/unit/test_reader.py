"""The CSV reader: rows with the line each begins on, whatever is in them."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from rosterhub.transfer.issues import Issue, RefusedError, sentence
from rosterhub.transfer.reader import ENCODINGS, CsvSource

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
    source, issues = opened(written(table, line_end))
    assert [row for _, row in source.rows()] == table
    assert issues == []


@given(tables)
def test_each_row_knows_the_line_it_begins_on(table: list[list[str]]) -> None:
    data = written(table, "\n")
    source, _ = opened(data)
    lines = io.StringIO(data.decode(), newline="").readlines()
    for line, row in source.rows():
        first = '"' + row[0].replace('"', '""')
        assert "".join(lines[line - 1 :]).startswith(first)


@given(st.binary(max_size=200), st.sampled_from(sorted(ENCODINGS)))
def test_arbitrary_bytes_end_in_rows_or_issues(data: bytes, encoding: str) -> None:
    issues: list[Issue] = []
    source = CsvSource("t.csv", io.BytesIO(data), lambda: io.BytesIO(data), issues.extend, encoding)
    try:
        source.open()
        for line, row in source.rows():
            assert line > 1
            assert len(row) == len(source.header)
            for at in range(len(row)):
                source.unreadable(row, at, line)
    except RefusedError as refused:
        issues.append(refused.issue)
    for issue in issues:
        assert sentence(issue.code, issue.details)


def opened(data: bytes) -> tuple[CsvSource, list[Issue]]:
    """The reader of a file, its header read, and the list to which its issues will come."""
    issues: list[Issue] = []
    source = CsvSource("t.csv", io.BytesIO(data), lambda: io.BytesIO(data), issues.extend)
    source.open()
    return source, issues


def test_lines_without_any_value_are_passed_over() -> None:
    source, issues = opened(b"a,b\n\n1,2\n,,,\n\n")
    assert list(source.rows()) == [(3, ["1", "2"])]
    source.flush()
    assert (source.read, issues) == (1, [])


def test_ever_so_many_bad_rows_are_reported_a_few_at_a_time() -> None:
    reported: list[int] = []
    data = b"a,b\n" + b"x\n" * 10_500
    source = CsvSource(
        "t.csv", io.BytesIO(data), lambda: io.BytesIO(data), lambda i: reported.append(len(i))
    )
    source.open()
    assert list(source.rows()) == []
    source.flush()
    assert sum(reported) == source.read == 10_500
    assert max(reported) == 1_000
