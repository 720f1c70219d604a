"""What a key is, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.access import keys, scopes
from rosterhub.access.audit import storable

PLAIN = b"7c4fd3b2-plain.with-a-dot"
PUBLIC, SECRET = "rh_0123456789abcdef", "secret"


def presented(sent: bytes) -> keys.Presented:
    key = keys.presented(sent)
    assert key is not None
    return key


def test_a_plain_key_opens_its_row_and_no_other() -> None:
    assert presented(PLAIN).opens(PLAIN.decode(), None)
    assert not presented(PLAIN[:-1]).opens(PLAIN.decode(), None)
    assert not presented(PLAIN + b"x").opens(PLAIN.decode(), None)


def test_a_made_key_opens_with_its_secret_alone() -> None:
    stored = keys.hashed(SECRET)
    assert presented(f"{PUBLIC}.{SECRET}".encode()).opens(PUBLIC, stored)
    for wrong in (PUBLIC, f"{PUBLIC}.", f"{PUBLIC}.other", f"{PUBLIC}.{stored}", f"x.{SECRET}"):
        assert not presented(wrong.encode()).opens(PUBLIC, stored), wrong


def test_a_row_with_a_secret_never_opens_by_its_key_as_a_whole() -> None:
    whole = f"{PUBLIC}.{SECRET}"
    assert not presented(whole.encode()).opens(whole, keys.hashed("another"))


@pytest.mark.parametrize(
    "sent", [b"", b"x" * 513, "鍵".encode(), b"\xff", b"a\x00b", b"a\tb", b"a\x7f"]
)
def test_what_cannot_be_a_key_is_not_looked_up(sent: bytes) -> None:
    assert keys.presented(sent) is None


@given(st.binary(max_size=600))
def test_any_header_is_a_key_or_none(sent: bytes) -> None:
    key = keys.presented(sent)
    assert key is None or key.whole.encode() == sent


def test_a_masked_key_shows_four_characters_at_most() -> None:
    assert keys.masked("0123456789abcdef") == "0123…"
    assert keys.masked("short") == "…"


def test_a_key_without_scopes_reads_everything_and_imports() -> None:
    assert scopes.granted([]) == scopes.READ | {"import", "export"}
    assert scopes.granted(["roster-core.readonly"]) == {"roster-core.readonly"}


def test_an_unknown_scope_is_refused_with_the_known_ones() -> None:
    with pytest.raises(scopes.UnknownScope, match=r"roster\.readwrite.*known:.*roster\.readonly"):
        scopes.checked(["import", "roster.readwrite"])
    assert scopes.checked(["import", "export", "import"]) == ["export", "import"]


@given(st.text(st.characters(exclude_categories=[])))
def test_any_path_can_be_stored(path: str) -> None:
    text = storable(path)
    assert "\x00" not in text
    assert len(text.encode()) <= 4 * 2_000
