"""What goes out as CSV, and that it comes in again without a change."""

import csv
import io
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import PROFILES
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer.export import export_file, export_package
from tests.rosters import Board, board, package, person, rows, send


def exported(config: Settings, entity: str, profile: str = "jp-1.2.1", **options: Any) -> bytes:
    with connect(config.read_url) as connection:
        return b"".join(export_file(connection, ENTITIES[entity], PROFILES[profile], **options))


def exported_package(config: Settings, profile: str = "jp-1.2.1") -> bytes:
    with connect(config.read_url) as connection:
        return b"".join(export_package(connection, PROFILES[profile]))


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_file_has_the_header_of_its_profile(config: Settings) -> None:
    send(config, package(board()))
    for profile in PROFILES:
        header = (
            exported(config, "users", profile)
            .decode()
            .split("\r\n" if PROFILES[profile].japanese else "\n")[0]
        )
        expected = ENTITIES["users"].header(profile)
        assert header.split(",")[: len(expected)] == expected


def test_japanese_profiles_quote_every_value_and_end_rows_with_crlf(config: Settings) -> None:
    send(config, package(board()))
    lines = exported(config, "orgs").decode().split("\r\n")
    assert '"school","","","みどり小学校","school","","district"' in lines
    assert lines[-1] == ""


def test_the_bom_is_written_when_asked_for(config: Settings) -> None:
    assert exported(config, "orgs", bom=True).startswith(b"\xef\xbb\xbfsourcedId,")
    assert exported(config, "orgs").startswith(b"sourcedId,")


def test_what_was_deleted_is_not_exported(config: Settings) -> None:
    send(config, package(board()))
    data = board()
    data["demographics"] = []
    send(config, package(data))
    assert table(exported(config, "demographics")) == []


def test_the_package_says_what_it_holds(config: Settings) -> None:
    send(config, package(board()))
    with zipfile.ZipFile(io.BytesIO(exported_package(config))) as archive:
        assert archive.testzip() is None
        manifest = dict(csv.reader(io.StringIO(archive.read("manifest.csv").decode())))
        names = set(archive.namelist())
    assert manifest["oneroster.version"] == "1.2"
    for name, entity in ENTITIES.items():
        expected = "bulk" if name in board() else "absent"
        assert manifest[f"file.{name}"] == expected
        assert (entity.file in names) == (expected == "bulk")


def test_metadata_of_any_name_goes_out_again(config: Settings) -> None:
    data = board()
    data["users"][0]["metadata.color.hair"] = "黒"
    send(config, package(data))
    (row,) = [r for r in table(exported(config, "users")) if r["sourcedId"] == "p1"]
    assert (row["metadata.color.hair"], row["metadata.jp.homeClass"]) == ("黒", "class")


@pytest.mark.parametrize("profile", PROFILES)
def test_what_we_export_we_import_again_without_a_change(config: Settings, profile: str) -> None:
    send(config, package(board()))
    document = send(config, exported_package(config, profile))
    assert document["state"] == "completed", document["errors"]
    counts = document["counts"]
    assert counts == {**counts, "unchanged": 15, "created": 0, "updated": 0, "deleted": 0}


text = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12
).map(lambda s: s.strip(" \t\u3000"))
item = st.text(
    st.characters(exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp"), exclude_characters="\x00,"),
    min_size=1,
    max_size=6,
)
guid = st.text("0123456789abcXYZ./@_-", min_size=1, max_size=20)


@st.composite
def boards(draw: st.DrawFn) -> Board:
    """The small board with its text cells, lists and metadata replaced by anything."""
    data = board()
    data["orgs"][0]["name"] = draw(text.filter(bool))
    data["orgs"][0]["identifier"] = draw(text)
    data["classes"][0] |= {
        "title": draw(text.filter(bool)),
        "periods": ",".join(draw(st.lists(item, max_size=3))),
        "metadata.any.thing": draw(text),
    }
    data["users"].append(
        person(
            draw(guid.map(lambda g: f"x{g}")),
            draw(text.filter(bool)),
            draw(text.filter(bool)),
            username=draw(text.filter(bool).map(lambda u: f"u{u}")),
            email=draw(text),
            userIds=draw(st.sampled_from(["", "{a:1}", "{a:1},{Koumu:x@y.z}"])),
            grades=draw(st.sampled_from(["", "P1", "P1,P2"])),
            **{"metadata.jp.kanaGivenName": draw(text)},
        )
    )
    return data


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=boards())
def test_any_board_survives_the_round_trip(config: Settings, data: Board) -> None:
    first = send(config, package(data))
    assert first["state"] == "completed", first["errors"]
    before = rows(config, "SELECT users::text FROM users WHERE status = 'active' ORDER BY 1")
    again = send(config, exported_package(config))
    assert again["state"] == "completed", again["errors"]
    assert again["counts"]["unchanged"] == again["counts"]["total"], again["counts"]
    assert again["counts"]["deleted"] == 0
    assert before == rows(
        config, "SELECT users::text FROM users WHERE status = 'active' ORDER BY 1"
    )
