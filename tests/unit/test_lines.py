"""Which lines two files do not have in common: the same as by comparing them whole."""

import io
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.transfer import lines
from rosterhub.transfer.lines import Changed, changed


def compared(old: bytes, new: bytes, block: int = 1 << 20, piece: int = 1 << 13) -> Changed | None:
    with patch.object(lines, "_BLOCK", block), patch.object(lines, "_PIECE", piece):
        return changed(io.BytesIO(old), io.BytesIO(new), 2, lambda _: None)


def text(rows: list[str]) -> bytes:
    return "".join(f"{row}\r\n" for row in rows).encode()


LINES = st.lists(st.sampled_from([f"row {n}" for n in range(30)]), unique=True, max_size=30)


@given(LINES, LINES, st.integers(1, 40), st.integers(1, 20))
def test_the_lines_that_only_one_of_them_has(
    old: list[str], new: list[str], block: int, piece: int
) -> None:
    found = compared(text(old), text(new), block, piece)
    assert found is not None
    assert found.total == len(new)
    assert found.removed == {f"{row}\r".encode() for row in old if row not in new}
    assert found.added == {
        f"{row}\r".encode(): number for number, row in enumerate(new, 2) if row not in old
    }


@given(LINES, st.data())
def test_a_line_that_stands_twice_is_never_passed_over(
    rows: list[str], data: st.DataObject
) -> None:
    if not rows:
        return
    again = data.draw(st.sampled_from(rows))
    at = data.draw(st.integers(0, len(rows)))
    found = compared(text(rows), text([*rows[:at], again, *rows[at:]]), 16)
    assert found is None or found.added.keys() == {f"{again}\r".encode()}


def test_a_last_line_without_an_end() -> None:
    assert compared(b"a\nb", b"a\nb") == Changed({}, set(), 2)
    assert compared(b"a\nb\n", b"a\nc") == Changed({b"c": 3}, {b"b"}, 2)


def test_how_far_it_is_read() -> None:
    seen: list[int] = []
    data = text([f"row {n}" for n in range(1_000)])
    with patch.object(lines, "_BLOCK", 1_000):
        changed(io.BytesIO(data), io.BytesIO(data), 2, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1_000
    assert len(seen) > 5


@pytest.mark.parametrize("old", [text([f"old {n}" for n in range(60)]), b""])
def test_files_with_little_in_common_are_given_up(old: bytes) -> None:
    with patch.object(lines, "MOST", 50 * 160):
        assert compared(old, text([f"new {n}" for n in range(60)]), 100) is None


def test_large_lines_are_fewer() -> None:
    rows = [f"{n}{'x' * 1_000}" for n in range(60)]
    with patch.object(lines, "MOST", 50_000):
        assert compared(b"", text(rows), 5_000) is None
        assert compared(b"", text(rows[:40]), 5_000) is not None


def test_a_line_without_an_end_is_given_up() -> None:
    with patch.object(lines, "_LONGEST_LINE", 100):
        assert compared(b"x" * 1_000, b"a\n", 50) is None
        assert compared(b"a\n", b"x" * 1_000, 50) is None
