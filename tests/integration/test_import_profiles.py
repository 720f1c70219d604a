"""Which profile an import follows, and what the Japanese ones ask for, rule by rule."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import PROFILES, READ_PROFILES
from rosterhub.settings import Settings
from rosterhub.transfer.sentences import CODES
from tests.rosters import Board, board, csv_file, package, places, rows, send

NAMES = ("givenName", "familyName")
UUID = "6e4c0b9a-2f0d-4c55-9d0a-0c3f5a4e1b{:02}"


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """An empty hub, for tests that leave it so."""
    with fresh() as config:
        yield config


def full_board() -> Board:
    """The small board with all that the stricter profiles require."""
    data = board()
    for number, user in enumerate(data["users"]):
        user |= {
            "userMasterIdentifier": UUID.format(number),
            "preferredGivenName": user["givenName"],
            "preferredFamilyName": user["familyName"],
            "metadata.jp.kanaGivenName": "ハナ",
            "metadata.jp.kanaFamilyName": "ミホン",
        }
    return data


def written(data: Board, profile: str) -> bytes:
    """A package with the headers and the version of a profile."""
    files: dict[str, bytes] = {}
    for name, lines in data.items():
        out = io.StringIO()
        columns = [f for f in ENTITIES[name].fields if f.name_in(profile)]
        names = {f.csv: f.name_in(profile) or "" for f in columns}
        writer = csv.DictWriter(out, ENTITIES[name].header(profile), restval="")
        writer.writeheader()
        for row in lines:
            kept = {"sourcedId": row["sourcedId"]}
            writer.writerow(kept | {names[k]: v for k, v in row.items() if k in names})
        files[name] = out.getvalue().encode()
    return package(files, version=PROFILES[profile].version)


def changed(entity: str, number: int = 0, **values: str) -> Callable[[Board], None]:
    def change(data: Board) -> None:
        kana = {n.replace("kana", "metadata.jp.kana"): v for n, v in values.items()}
        data[entity][number] |= kana

    return change


def added(entity: str, **values: str) -> Callable[[Board], None]:
    def change(data: Board) -> None:
        data[entity].append(data[entity][-1] | {"sourcedId": "more", **values})

    return change


Rule = tuple[str, Callable[[Board], None], tuple[str, int, str]]
JP, STRICTER = "jp-1.2.1", "interop-6"
RULES: dict[str, Rule] = {
    "jp_session_type": (
        JP,
        added("academicSessions", type="term"),
        ("academicSessions.csv", 3, "type"),
    ),
    "jp_session_title": (
        JP,
        changed("academicSessions", title="令和8年度"),
        ("academicSessions.csv", 2, "title"),
    ),
    "jp_session_day": (
        JP,
        changed("academicSessions", endDate="2027-03-30"),
        ("academicSessions.csv", 2, "endDate"),
    ),
    "jp_session_year": (
        JP,
        changed("academicSessions", schoolYear="2027"),
        ("academicSessions.csv", 2, "schoolYear"),
    ),
    "jp_org_type": (JP, changed("orgs", type="local"), ("orgs.csv", 2, "type")),
    "jp_district_parent": (
        JP,
        changed("orgs", parentSourcedId="school"),
        ("orgs.csv", 2, "parentSourcedId"),
    ),
    "jp_org_code": (JP, changed("orgs", 1, identifier="0123"), ("orgs.csv", 3, "identifier")),
    "jp_course_code": (JP, changed("courses", courseCode="HR"), ("courses.csv", 2, "courseCode")),
    "jp_course_title": (
        JP,
        changed("courses", title="ホームルーム"),
        ("courses.csv", 2, "title"),
    ),
    "jp_grade": (JP, changed("users", grades="P1,7"), ("users.csv", 2, "grades")),
    "jp_subject_code": (
        JP,
        changed("courses", subjects="国語", subjectCodes="国"),
        ("courses.csv", 2, "subjectCodes"),
    ),
    "jp_class_type": (
        JP,
        changed("classes", classType="ext:club"),
        ("classes.csv", 2, "classType"),
    ),
    "jp_user_disabled": (
        JP,
        changed("users", enabledUser="false"),
        ("users.csv", 2, "enabledUser"),
    ),
    "jp_role": (JP, changed("roles", role="relative"), ("roles.csv", 2, "role")),
    "jp_manager_primary": (JP, changed("roles", 2, role="principal"), ("roles.csv", 4, "role")),
    "jp_manager_alone": (
        JP,
        added("roles", userSourcedId="p1", roleType="secondary", role="principal"),
        ("roles.csv", 5, "userSourcedId"),
    ),
    "jp_enrollment_role": (
        JP,
        changed("enrollments", role="ext:assistant"),
        ("enrollments.csv", 2, "role"),
    ),
    "jp_student_primary": (
        JP,
        changed("enrollments", primary="true"),
        ("enrollments.csv", 2, "primary"),
    ),
    "jp_sex": (JP, changed("demographics", sex="ext:x"), ("demographics.csv", 2, "sex")),
    "jp_value_missing": (
        STRICTER,
        changed("users", preferredGivenName=""),
        ("users.csv", 2, "preferredGivenName"),
    ),
    "jp_half_width": (
        STRICTER,
        changed("users", familyName="ﾔﾏﾀﾞ"),
        ("users.csv", 2, "familyName"),
    ),
    "jp_kana": (
        STRICTER,
        changed("users", kanaGivenName="はな"),
        ("users.csv", 2, "metadata.jp.kanaGivenName"),
    ),
    "jp_master_identifier": (
        STRICTER,
        changed("users", userMasterIdentifier="1234"),
        ("users.csv", 2, "userMasterIdentifier"),
    ),
}


def test_every_rule_is_tried() -> None:
    assert RULES.keys() == {c for c in CODES if c.startswith("jp_")} - {"jp_column_missing"}


@pytest.mark.parametrize("code", RULES)
def test_tolerant_warns_of_what_breaks_a_rule(hub: Settings, code: str) -> None:
    profile, change, place = RULES[code]
    data = full_board()
    change(data)
    document = send(hub, written(data, profile), profile=profile, dry_run=True)
    assert document["state"] == "completed", document["errors"]
    assert places(document["warnings"]) == [(*place, code)]


@pytest.mark.parametrize("code", RULES)
def test_strict_refuses_what_the_sources_agree_on(hub: Settings, code: str) -> None:
    profile, change, place = RULES[code]
    data = full_board()
    change(data)
    document = send(hub, written(data, profile), profile=profile, level="strict", dry_run=True)
    strict = CODES[code].strict
    assert strict == (code not in ("jp_org_code", "jp_subject_code", "jp_user_disabled"))
    assert document["state"] == ("failed" if strict else "completed")
    assert places(document["errors" if strict else "warnings"]) == [(*place, code)]


@pytest.mark.parametrize("code", RULES)
def test_no_other_profile_asks_for_it(hub: Settings, code: str) -> None:
    profile, change, _ = RULES[code]
    data = full_board()
    change(data)
    other = "jp-k12-1" if profile == STRICTER else "ims-1.2"
    document = send(hub, written(data, other), profile=other, level="strict", dry_run=True)
    assert (document["errors"], document["warnings"]) == ([], [])


@pytest.mark.parametrize("profile", PROFILES)
def test_a_board_as_a_profile_has_it_breaks_no_rule_of_it(hub: Settings, profile: str) -> None:
    data = written(full_board(), profile)
    document = send(hub, data, profile=profile, level="strict", dry_run=True)
    assert (document["errors"], document["warnings"]) == ([], [])
    assert document["profile"] == {"id": profile, "detected": False}


def test_a_column_that_a_stricter_profile_requires(hub: Settings) -> None:
    columns = [c for c in ENTITIES["enrollments"].header("interop-6") if c != "primary"]
    lines = [{k: v for k, v in r.items() if k in columns} for r in board()["enrollments"]]
    data = csv_file("enrollments", lines, columns)
    sent = package({**full_board(), "enrollments": data}, version="1.2_JP")
    place = ("enrollments.csv", 1, "primary", "jp_column_missing")
    tolerant = send(hub, sent, profile="interop-6", dry_run=True)
    assert (tolerant["state"], places(tolerant["warnings"])) == ("completed", [place])
    strict = send(hub, sent, profile="interop-6", level="strict")
    assert (strict["state"], places(strict["errors"])) == ("failed", [place])


@pytest.mark.parametrize(
    ("profile", "detected"),
    [
        ("ims-1.2", "ims-1.2"),
        ("ims-1.2.1", "ims-1.2.1"),
        ("jp-1.1", "jp-1.1"),
        ("jp-1.2.1", "jp-1.2.1"),
        ("jp-k12-1", "jp-k12-1"),
        # Nothing tells a stricter profile from the one that it is made of.
        ("eportal-3", "jp-1.1"),
        ("eportal-4", "jp-1.2.1"),
        ("interop-5", "jp-1.2.1"),
        ("interop-6", "jp-k12-1"),
    ],
)
def test_what_manifest_and_headers_show(hub: Settings, profile: str, detected: str) -> None:
    document = send(hub, written(full_board(), profile), dry_run=True)
    assert (document["warnings"], document["errors"]) == ([], [])
    assert document["profile"] == {"id": detected, "detected": True}


@pytest.mark.parametrize(
    ("entity", "columns", "detected"),
    [
        ("orgs", ["sourcedId", "name", "type"], "ims-1.2"),
        (
            "users",
            [*("sourcedId", "enabledUser", "orgSourcedIds", "role", "username"), *NAMES],
            "ims-1.1",
        ),
        ("users", ENTITIES["users"].header("jp-1.2.1"), "jp-1.2.1"),
        ("enrollments", ENTITIES["enrollments"].header("interop-6"), "jp-k12-1"),
    ],
)
def test_a_single_file_shows_it_in_its_header(
    hub: Settings, entity: str, columns: list[str], detected: str
) -> None:
    document = send(hub, csv_file(entity, [], columns), entity, dry_run=True)
    assert document["profile"] == {"id": detected, "detected": True}


@pytest.mark.parametrize("version", ["1.1", "1.2_JP"])
def test_a_version_of_another_profile(hub: Settings, version: str) -> None:
    sent = package(board(), version=version)
    place = ("manifest.csv", None, None, "profile_version")
    tolerant = send(hub, sent, profile="jp-1.1", dry_run=True)
    assert (tolerant["state"], places(tolerant["warnings"])) == ("completed", [place])
    strict = send(hub, sent, profile="jp-1.1", level="strict")
    assert place in places(strict["errors"])


@pytest.mark.parametrize("profile", READ_PROFILES)
def test_every_profile_can_be_asked_for(hub: Settings, profile: str) -> None:
    document = send(hub, csv_file("orgs", []), "orgs", profile=profile, dry_run=True)
    assert document["profile"] == {"id": profile, "detected": False}


@pytest.mark.parametrize("name", ["shussekiNo", "ShussekiNo"])
def test_both_spellings_are_one_field(config: Settings, name: str) -> None:
    data: dict[str, Any] = dict(board())
    enrollments = csv_file("enrollments", data["enrollments"])
    data["enrollments"] = enrollments.replace(b"ShussekiNo", name.encode())
    assert send(config, package(data))["state"] == "completed"
    query = "SELECT metadata ->> 'jp.ShussekiNo' FROM enrollments WHERE sourced_id = 'e-p2'"
    assert rows(config, query) == [("2",)]


def test_a_home_room_must_exist_where_strict_reads_a_japanese_profile(hub: Settings) -> None:
    data = board()
    data["users"][0]["metadata.jp.homeClass"] = "nowhere"
    place = ("users.csv", 2, "metadata.jp.homeClass", "home_class_unknown")
    strict = send(hub, package(data), level="strict")
    assert (strict["state"], places(strict["errors"])) == ("failed", [place])
    other = send(hub, package(data), level="strict", profile="ims-1.2.1", dry_run=True)
    assert (other["state"], places(other["warnings"])) == ("completed", [place])


def test_a_manager_may_be_a_teacher_from_before(config: Settings) -> None:
    send(config, package(board()))
    more = board()["roles"][2] | {"sourcedId": "m", "roleType": "secondary", "role": "principal"}
    document = send(config, csv_file("roles", [more]), "roles", profile="jp-1.2.1")
    assert document["warnings"] == []
