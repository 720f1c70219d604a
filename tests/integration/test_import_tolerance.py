"""What is understood without guessing is taken, with a warning that names its place."""

import pytest

from rosterhub.settings import Settings
from tests.rosters import board, csv_file, package, person, places, rows, send

GOOD = csv_file("orgs", [{"sourcedId": "o1", "name": "学校", "type": "school"}])


def tolerated() -> list[tuple[str, str, str, str, object]]:
    return [
        ("enabledUser", "TRUE", "boolean_case", "enabled_user", True),
        ("givenName", "  陽菜 ", "spaces_trimmed", "given_name", "陽菜"),
        ("familyName", "佐藤\u3000", "spaces_trimmed", "family_name", "佐藤"),
        ("givenName", "\u00a0陽菜\u00a0", "spaces_trimmed", "given_name", "陽菜"),
        ("givenName", "\ufeff陽菜", "spaces_trimmed", "given_name", "陽菜"),
        ("username", "p1\u00a0", "spaces_trimmed", "username", "p1"),
        ("middleName", "\u00a0", "spaces_trimmed", "middle_name", None),
        ("primaryOrgSourcedId", "NULL", "null_literal", "primary_org_sourced_id", None),
        ("grades", "P1, P2", "list_spaces", "grades", ["P1", "P2"]),
        ("grades", ",P1,,P2,", "list_spaces", "grades", ["P1", "P2"]),
        ("grades", " , ,", "list_spaces", "grades", None),
        ("agentSourcedIds", "t1,", "list_spaces", "agent_sourced_ids", ["t1"]),
        ("userIds", "{a:1}, {b:2}", "list_spaces", "user_ids", ["a:1", "b:2"]),
        ("status", "active", "bulk_status", "status", "active"),
    ]


@pytest.mark.parametrize(("column", "value", "code", "sql", "taken"), tolerated())
def test_values(
    config: Settings, column: str, value: str, code: str, sql: str, taken: object
) -> None:
    data = board()
    data["users"][0][column] = value
    document = send(config, package(data))
    assert document["state"] == "completed", document["errors"]
    assert ("users.csv", 2, column, code) in places(document["warnings"])
    assert rows(config, f"SELECT {sql} FROM users WHERE sourced_id = 'p1'") == [(taken,)]


def test_a_list_that_goes_together_may_end_in_a_comma(config: Settings) -> None:
    data = board()
    data["classes"][0] |= {"subjects": "国語, 算数,", "subjectCodes": "P010,P030"}
    document = send(config, package(data))
    assert places(document["warnings"]) == [("classes.csv", 2, "subjects", "list_spaces")]
    assert rows(config, "SELECT subjects FROM classes") == [(["国語", "算数"],)]


@pytest.mark.parametrize(
    "day", ["2026/04/01", "2026/4/1", "2026-4-1", "2026-04-01 00:00:00", "2026/4/1 0:00"]
)
def test_days_in_other_forms(config: Settings, day: str) -> None:
    data = board()
    data["academicSessions"][0]["startDate"] = day
    document = send(config, package(data))
    assert places(document["warnings"]) == [("academicSessions.csv", 2, "startDate", "date_form")]
    assert rows(config, "SELECT start_date::text FROM academic_sessions") == [("2026-04-01",)]


def test_a_leap_day_is_a_day(config: Settings) -> None:
    data = board()
    data["demographics"][0]["birthDate"] = "2020-02-29"
    assert send(config, package(data))["state"] == "completed"


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("2026-04-01", "2026-04-01 00:00:00+00"),
        ("2026-04-01T09:00:00Z", "2026-04-01 09:00:00+00"),
        ("2026-04-01T09:00:00.000+09:00", "2026-04-01 00:00:00+00"),
        ("2026-04-01 09:00:00", "2026-04-01 09:00:00+00"),
        ("2026/4/1 9:00", "2026-04-01 09:00:00+00"),
        ("2026-04-01T09:00:00.1239Z", "2026-04-01 09:00:00.123+00"),
    ],
)
def test_times_in_other_forms(config: Settings, value: str, taken: str) -> None:
    data = csv_file(
        "orgs", [{"sourcedId": "o", "name": "n", "type": "school", "dateLastModified": value}]
    )
    document = send(config, data, "orgs")
    assert ("orgs.csv", 2, "dateLastModified", "datetime_form") in places(document["warnings"])
    assert rows(config, "SELECT date_last_modified::text FROM orgs") == [(taken,)]


def test_misspelt_and_unknown_columns_are_named(config: Settings) -> None:
    more = {"prefferedGivenName": "C", "dataLastModified": "x", "sns": "1", "vendorThing": "1"}
    data = csv_file("users", [person("p", "A", "B", primaryOrgSourcedId="", **more)])
    document = send(config, data, "users")
    assert document["state"] == "completed", document["errors"]
    codes = {w["column"]: (w["code"], w["message"]) for w in document["warnings"]}
    for wrong, right in (
        ("prefferedGivenName", "preferredGivenName"),
        ("dataLastModified", "dateLastModified"),
        ("sns", "sms"),
    ):
        assert codes[wrong][0] == "column_similar"
        assert f"Is {right} meant?" in codes[wrong][1]
    assert codes["vendorThing"][0] == "column_ignored"


def test_a_column_without_a_name_is_ignored(config: Settings) -> None:
    data = b"sourcedId,,name,type,,\no1,?,n,school,,\n"
    document = send(config, data, "orgs")
    assert [w["code"] for w in document["warnings"]] == ["column_unnamed"]
    assert "Column 2" in document["warnings"][0]["message"]


def test_rows_and_lines_without_any_value_are_passed_over(config: Settings) -> None:
    blank = b"," * GOOD.split(b"\r\n")[0].count(b",") + b"\r\n"
    document = send(config, GOOD + blank + b"\r\n" + blank, "orgs")
    assert places(document["warnings"]) == [("orgs.csv", 3, None, "row_blank")]
    assert "2 rows" in document["warnings"][0]["message"]
    assert document["counts"] | {"total": 1, "created": 1} == document["counts"]


def test_a_header_alone_is_no_error(config: Settings) -> None:
    document = send(config, csv_file("orgs", []), "orgs")
    assert document["state"] == "completed"
    assert places(document["warnings"]) == [("orgs.csv", 1, None, "file_without_rows")]


def test_a_bom_before_the_first_value_of_a_row(config: Settings) -> None:
    """Two files joined, of which the second had no header."""
    document = send(
        config, GOOD + b"\xef\xbb\xbf" + GOOD.splitlines()[1].replace(b"o1", b"o2"), "orgs"
    )
    assert places(document["warnings"]) == [("orgs.csv", 3, "sourcedId", "spaces_trimmed")]
    assert rows(config, "SELECT sourced_id FROM orgs ORDER BY 1") == [("o1",), ("o2",)]


def test_a_bom_is_skipped_with_a_warning(config: Settings) -> None:
    document = send(config, b"\xef\xbb\xbf" + GOOD, "orgs")
    assert places(document["warnings"]) == [("orgs.csv", 1, None, "bom")]
    assert document["counts"]["created"] == 1


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "utf-16"])
def test_an_encoding_that_is_said(config: Settings, encoding: str) -> None:
    codec = encoding.replace("-jp", "_jp")
    data = csv_file("orgs", [{"sourcedId": "o", "name": "\\表\t一", "type": "school"}])
    document = send(config, data.decode().encode(codec), "orgs", encoding=encoding)
    assert (document["state"], document["warnings"]) == ("completed", [])
    assert rows(config, "SELECT name FROM orgs") == [("\\表\t一",)]


def test_the_kanji_of_cp932_that_shift_jis_lacks(config: Settings) -> None:
    data = csv_file("orgs", [{"sourcedId": "o", "name": "髙﨑小学校", "type": "school"}])
    send(config, data.decode().encode("cp932"), "orgs", encoding="cp932")
    assert rows(config, "SELECT name FROM orgs") == [("髙﨑小学校",)]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_every_kind(config: Settings, ends: bytes, last: bool) -> None:
    lines = [b"sourcedId,name,type", b"o1,n,school", b"o2,n,school"]
    document = send(config, ends.join(lines) + (ends if last else b""), "orgs")
    assert document["counts"]["created"] == 2


def test_what_may_well_be_missing_is_only_a_warning(config: Settings) -> None:
    data = board()
    data["users"][0]["metadata.jp.homeClass"] = "nowhere"
    data["users"][1]["metadata.jp.homeClass"] = "nowhere"
    document = send(config, package(data))
    assert document["state"] == "completed"
    assert places(document["warnings"]) == [
        ("users.csv", 2, "metadata.jp.homeClass", "home_class_unknown")
    ]
    assert "2 rows" in document["warnings"][0]["message"]


def test_a_reference_to_the_wrong_kind_of_record(config: Settings) -> None:
    data = board()
    data["academicSessions"].append(
        data["academicSessions"][0] | {"sourcedId": "t1", "type": "term"}
    )
    data["classes"][0]["schoolSourcedId"] = "district"
    data["courses"][0]["schoolYearSourcedId"] = "t1"
    document = send(config, package(data), profile="ims-1.2")
    assert places(document["warnings"]) == [
        ("courses.csv", 2, "schoolYearSourcedId", "reference_type"),
        ("classes.csv", 2, "schoolSourcedId", "reference_type"),
    ]
    assert "district is of type district" in document["warnings"][1]["message"]


def test_a_primary_role_beside_one_that_stays(config: Settings) -> None:
    send(config, package(board()))
    role = board()["roles"][0] | {"sourcedId": "another"}
    document = send(config, csv_file("roles", [role]), "roles")
    assert places(document["warnings"]) == [("roles.csv", 2, "roleType", "primary_role_held")]


def test_as_many_metadata_columns_as_anybody_may_have(config: Settings) -> None:
    more = {f"metadata.m{i}": str(i) for i in range(120)}
    data = csv_file("orgs", [{"sourcedId": "o", "name": "n", "type": "school", **more}])
    assert send(config, data, "orgs")["state"] == "completed"
    assert rows(config, "SELECT metadata ->> 'm119' FROM orgs") == [("119",)]
    assert send(config, data, "orgs")["counts"]["unchanged"] == 1
