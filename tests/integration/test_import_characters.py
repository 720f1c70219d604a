"""Encodings and characters: what is read, what cannot be, and what a clerk should look at."""

from typing import Any

import pytest

from rosterhub.settings import Settings
from tests.rosters import csv_file, person, places, rows, send

FAMILY = ("users.csv", 2, "familyName")


def users(*families: str) -> str:
    people = [
        person(f"p{n}", "陽菜", family, primaryOrgSourcedId="") for n, family in enumerate(families)
    ]
    return csv_file("users", people).decode()


def taken(config: Settings, data: bytes, **options: Any) -> dict[str, Any]:
    document = send(config, data, "users", **options)
    assert document["state"] == "completed", document["errors"]
    return document


def families(config: Settings) -> list[str]:
    found = rows(config, "SELECT family_name FROM users ORDER BY length(sourced_id), sourced_id")
    return [name for (name,) in found]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_says_utf_16(config: Settings, mark: bytes) -> None:
    codec = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    document = taken(config, mark + users("髙﨑").encode(codec))
    assert places(document["warnings"]) == [("users.csv", 1, None, "encoding_marked")]
    assert families(config) == ["髙﨑"]


@pytest.mark.parametrize(
    ("encoding", "codec", "shown"),
    [
        (None, "utf-8", "U+E000 (EE8080) U+E757 (EE9D97)"),
        ("cp932", "cp932", "U+E000 (F040) U+E757 (F9FC)"),
        ("utf-16", "utf-16", "U+E000 (E000) U+E757 (E757)"),
    ],
)
def test_gaiji_are_kept_and_listed_with_their_bytes(
    config: Settings, encoding: str | None, codec: str, shown: str
) -> None:
    name = "\ue000田\ue757"
    document = taken(config, users(name).encode(codec), encoding=encoding)
    assert places(document["warnings"]) == [(*FAMILY, "private_use")]
    assert shown in document["warnings"][0]["message"]
    assert families(config) == [name]


def test_every_user_defined_character_of_cp932_has_its_bytes(config: Settings) -> None:
    """All 1,880 of them, a person each."""
    cells = [bytes([0xF0 + n // 188, 0x40 + n % 188 + (n % 188 >= 63)]) for n in range(1880)]
    data = users(*(cell.decode("cp932") for cell in cells)).encode("cp932")
    document = taken(config, data, encoding="cp932")
    assert [w["line"] for w in document["warnings"]] == list(range(2, 1882))
    for cell, warning in zip(cells, document["warnings"], strict=True):
        assert f"({cell.hex().upper()})" in warning["message"]


@pytest.mark.parametrize("character", ["\uf000", "\uf8ff", "\U000f0000", "\U0010fffd"])
def test_all_private_use_areas_count(config: Settings, character: str) -> None:
    document = taken(config, users(character).encode())
    assert places(document["warnings"]) == [(*FAMILY, "private_use")]


@pytest.mark.parametrize(
    ("name", "said"),
    [("〓田", True), ("吉\ufffd", True), ("?田", True), ("□田", True), ("吉田", False)],
)
def test_what_stands_in_for_a_character_of_a_name(config: Settings, name: str, said: bool) -> None:
    document = taken(config, users(name).encode())
    assert places(document["warnings"]) == ([(*FAMILY, "character_lost")] if said else [])
    assert families(config) == [name]


def test_a_question_mark_elsewhere_is_one(config: Settings) -> None:
    row = person("p", "陽菜", "佐藤", primaryOrgSourcedId="", identifier="?", email="a?b")
    assert taken(config, csv_file("users", [row]))["warnings"] == []
    row["identifier"] = "〓1"
    document = taken(config, csv_file("users", [row]))
    assert places(document["warnings"]) == [("users.csv", 2, "identifier", "character_lost")]


def test_every_one_is_listed(config: Settings) -> None:
    document = taken(config, users(*["〓"] * 1200).encode())
    assert [w["line"] for w in document["warnings"]] == list(range(2, 1202))


@pytest.mark.parametrize("bad", [b"\x80", b"\xa0", b"\xfd", b"\x81\x20", b"\x85\x9f"])
def test_bytes_that_cp932_gives_no_character_to(config: Settings, bad: bytes) -> None:
    data = users("佐藤").encode("cp932").replace("佐藤".encode("cp932"), bad)
    document = send(config, data, "users", encoding="cp932")
    (error,) = document["errors"]
    assert places([error]) == [(*FAMILY, "encoding_invalid")]
    assert bad[:1].hex().upper() in error["message"]


def test_everything_else_is_kept_as_it_is(config: Settings) -> None:
    names = ["ﾔﾏﾀﾞ", "山田12", "渡邊", "渡辺", "神社", "①㈱", "𠮷野", "齊󠄃藤", "〜－"]
    document = taken(config, users(*names).encode())
    assert document["warnings"] == []
    assert families(config) == names
