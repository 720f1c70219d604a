"""What is kept of pages: those asked for again, while they are right, in so much room."""

import time
from functools import cache
from unittest.mock import patch

from rosterhub.store import kept_pages
from rosterhub.store.collections import Page, Statement
from rosterhub.store.kept_pages import KeptPages, Key


@cache
def key(number: int) -> Key:
    return Statement(b"SELECT", (str(number),)), "http://hub", ()


def page(text: str) -> Page:
    return Page(memoryview(text.encode()), 1, False, "", "")


def test_what_is_asked_for_again_is_kept_while_its_version_holds() -> None:
    kept = KeptPages()
    kept.put(key(1), b"v1", page("a"))
    assert key(1) not in kept
    kept.put(key(1), b"v1", page("a"))
    assert kept.get(key(1), b"v1") == page("a")
    assert kept.get(key(1), b"v2") is None
    kept.put(key(1), b"v2", page("b"))
    assert kept.get(key(1), b"v2") == page("b")
    assert kept.get(key(1), b"v1") is None
    assert key(2) not in kept


def test_other_values_roots_and_paths_are_other_pages() -> None:
    kept = KeptPages()
    statement, root, _ = key(1)
    for other in (key(1), (statement, "http://other", ()), (statement, root, ("class",))):
        for _ in range(2):
            kept.put(other, b"v1", page(str(other)))
    assert kept.get((statement, root, ("class",)), b"v1") != kept.get(key(1), b"v1")


def test_no_page_is_older_than_a_minute() -> None:
    kept = KeptPages()
    for _ in range(2):
        kept.put(key(1), b"v1", page("a"))
    with patch.object(kept_pages.time, "monotonic", lambda: time.perf_counter() + 10**9):
        assert kept.get(key(1), b"v1") is None


def test_the_latest_used_ones_stay() -> None:
    with patch.object(kept_pages, "ROOM", 100), patch.object(kept_pages, "_LARGEST", 50):
        kept = KeptPages()
        for number in range(12):
            for _ in range(2):
                kept.put(key(number), b"v1", page("x" * 10))
            assert kept.get(key(0), b"v1")
            assert kept.size <= 100
        assert key(1) not in kept
        assert key(11) in kept
        for _ in range(2):
            kept.put(key(20), b"v1", page("x" * 60))
        assert key(20) not in kept
        assert kept.size == 100


def test_a_walk_through_everything_pushes_nothing_out() -> None:
    with patch.object(kept_pages, "_SEEN", 50):
        kept = KeptPages()
        for _ in range(2):
            kept.put(key(0), b"v1", page("a"))
        for number in range(1, 200):
            kept.put(key(number), b"v1", page("b"))
        assert kept.get(key(0), b"v1")
        assert kept.size == 1
