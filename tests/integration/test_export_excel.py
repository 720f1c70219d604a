"""Exports to look at in a spreadsheet: no cell runs there, and none comes back from there."""

import csv
import io

import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from rosterhub.transfer.spreadsheet import EYES_ONLY, harmless
from tests.exported import exported, exported_package, manifest, table
from tests.rosters import board, csv_file, package, places, send

DANGEROUS = ["=1+1", "+81-3", "-1", "@SUM(A1)", "＝1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", [*DANGEROUS, "\t=1", "\r=1", "\n=1"])
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "1組", "a=b", "'", 5, None])
def test_what_it_would_not_run_stays(text: object) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize("profile", ["jp-1.2.1", "ims-1.2.1"])
def test_cells_are_escaped_and_the_file_says_what_it_is(config: Settings, profile: str) -> None:
    data = board()
    data["classes"][0]["title"] = DANGEROUS[0]
    data["users"][0] |= {"givenName": DANGEROUS[5], "phone": DANGEROUS[1], "sms": DANGEROUS[2]}
    data["users"][1] |= {"familyName": DANGEROUS[3], "metadata.x": DANGEROUS[4], "email": "a=b"}
    assert send(config, package(data))["state"] == "completed"
    file = exported(config, "users", excel=True, profile=profile)
    assert file.startswith(b"\xef\xbb\xbfsourcedId,")
    names = next(csv.reader(io.StringIO(file.decode("utf-8-sig"), newline="")))
    own = ENTITIES["users"].header(profile)
    assert (names[: len(own)], names[-1]) == (own, EYES_ONLY)
    users = {row["sourcedId"]: row for row in table(file)}
    assert [users["p1"][n] for n in ("givenName", "phone", "sms")] == [
        f"'{DANGEROUS[n]}" for n in (5, 1, 2)
    ]
    assert [users["p2"][n] for n in ("familyName", "metadata.x", "email")] == [
        f"'{DANGEROUS[3]}",
        f"'{DANGEROUS[4]}",
        "a=b",
    ]
    (homeroom,) = table(exported(config, "classes", excel=True))
    assert homeroom["title"] == "'=1+1"
    # And without it, every cell is what it is.
    assert table(exported(config, "classes", bom=True))[0]["title"] == "=1+1"


def test_it_is_not_taken_for_a_roster(config: Settings) -> None:
    send(config, package(board()))
    file = exported(config, "orgs", excel=True)
    document = send(config, file, "orgs")
    assert document["state"] == "failed"
    assert places(document["errors"]) == [("orgs.csv", 1, EYES_ONLY, "for_eyes_only")]
    assert "without --excel" in document["errors"][0]["message"]
    saved_again = file.decode("utf-8-sig").encode("cp932")
    document = send(config, saved_again, "orgs", encoding="cp932")
    assert places(document["errors"]) == [("orgs.csv", 1, EYES_ONLY, "for_eyes_only")]
    whole = exported_package(config, excel=True)
    assert manifest(whole)["file.orgs"] == "bulk"
    document = send(config, whole)
    assert document["state"] == "failed"
    assert {code for _, _, _, code in places(document["errors"])} == {"for_eyes_only"}


def test_a_file_with_a_bom_alone_imports(config: Settings) -> None:
    send(config, package(board()))
    document = send(config, exported(config, "orgs", bom=True), "orgs")
    assert (document["state"], document["counts"]["unchanged"]) == ("completed", 2)


def test_a_hand_made_file_may_have_a_column_that_sounds_alike(config: Settings) -> None:
    rows = [{**row, "閲覧用": "x"} for row in board()["orgs"]]
    document = send(config, csv_file("orgs", rows), "orgs")
    assert document["state"] == "completed"
    assert [w["code"] for w in document["warnings"]] == ["column_ignored"]
