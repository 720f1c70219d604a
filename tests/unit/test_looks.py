"""What files look like that are not what they are said to be."""

import io

import pytest

from rosterhub.transfer import looks

NAMES = "佐藤,陽菜\n鈴木,ﾊﾙﾅ\n髙橋,ﾀﾛｳ\n田中,さくら\n"


@pytest.mark.parametrize(
    ("codec", "name"),
    [("cp932", "cp932"), ("euc_jp", "euc-jp"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16")],
)
def test_encodings(codec: str, name: str) -> None:
    text = NAMES.replace("髙", "高")
    assert looks.encoding(io.BytesIO(text.encode(codec))) == name
    assert looks.encoding(io.BytesIO(("a,b\n" * 10_000 + text * 400).encode(codec))) == name


@pytest.mark.parametrize(
    "data",
    [
        NAMES.encode(),
        NAMES.encode() + b"\xe4\xbd,x\n",
        b"a,b\n",
        # In CP932 this would be a rare kanji.
        b"a,b\n" * 50 + "あ".encode()[:2] + b",x\n",
        b"a\xff,b\n",
        b"\x80\n\xa0\n",
        b"",
        b"x" * (1 << 22),
        # To be looked through once, not once for each of its letters.
        b"x" * (1 << 19) + b"\n\xff\n",
    ],
)
def test_what_is_not_clear(data: bytes) -> None:
    assert looks.encoding(io.BytesIO(data)) is None


@pytest.mark.parametrize(
    ("data", "surely"),
    [
        (NAMES.encode(), True),
        (b"\xef\xbb\xbfa,b\n", True),
        # Cut within a character, at the end of what is looked at.
        (b"xx" + "佐".encode() * (1 << 19), True),
        (b"a,b\n", False),
        (b"", False),
        # In UTF-8 these would be letters of two bytes.
        ("ﾃｱ,ﾄｲ\n".encode("cp932"), False),
        (NAMES.encode("cp932"), False),
        (NAMES.replace("髙", "高").encode("euc_jp"), False),
        (NAMES.encode("utf-16-le"), False),
        ("a,b\n".encode("utf-16-le"), False),
    ],
)
def test_what_is_surely_utf_8(data: bytes, surely: bool) -> None:
    assert looks.is_utf8(io.BytesIO(data)) is surely


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"\xef\xbb\xbf\n<html>", "HTML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel (xls)"),
        (b"sourcedId,status", None),
        (b"", None),
    ],
)
def test_kinds(start: bytes, kind: str | None) -> None:
    assert looks.kind(start) == kind
