"""Bad input: each a clear error with its place and code, and the data as before."""

import io
import zipfile
from collections.abc import Callable

import pytest

from rosterhub.settings import Settings
from tests.rosters import board, csv_file, package, person, places, rows, send

GOOD = csv_file("orgs", [{"sourcedId": "o1", "name": "学校", "type": "school"}])
HEADER = b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", (None, None, "upload_empty"), id="empty file"),
        pytest.param(b"\n\n", (1, None, "file_empty"), id="blank lines"),
        pytest.param(b"%PDF-1.7\n...", (None, None, "not_csv"), id="not a CSV"),
        pytest.param(b"\x00\x01\x02\x03", (1, None, "nul_byte"), id="binary"),
        pytest.param(b"a" * (1 << 23 | 1 << 19), (1, None, "line_too_long"), id="no line end"),
        pytest.param(b"name,type\nx,school\n", (1, "sourcedId", "header_missing_column"), id="col"),
        pytest.param(HEADER + b",name\n", (1, "name", "header_duplicate"), id="twice"),
        pytest.param(HEADER + b"\no1,,,n,school\n", (2, None, "row_length"), id="short row"),
        pytest.param(HEADER + b"\no1,,,n,school,,,x\n", (2, None, "row_length"), id="long row"),
        pytest.param(
            HEADER + b'\no1,,,"n,school,,\no2,,,n,school,,\n', (2, None, "quote_unclosed")
        ),
        pytest.param(HEADER + b'\no1,,,"n"m,school,,\n', (2, None, "quote_misplaced"), id="quote"),
        pytest.param(HEADER + b"\no1,,,n\x00m,school,,\n", (2, "name", "nul_byte"), id="NUL"),
        pytest.param(
            HEADER + b"\no1,,," + b"x" * (1 << 20) + b",school,,\n", (2, None, "cell_too_large")
        ),
        pytest.param(
            HEADER + b"\no1,,,\x8aw\x8dZ,school,,\n", (2, "name", "encoding_other"), id="CP932"
        ),
        pytest.param(HEADER + b"\n,,,n,school,,\n", (2, "sourcedId", "required_blank"), id="blank"),
        pytest.param(HEADER + b"\na b,,,n,school,,\n", (2, "sourcedId", "guid_invalid"), id="guid"),
        pytest.param(
            HEADER + b"\n" + b"x" * 256 + b",,,n,school,,\n", (2, "sourcedId", "guid_invalid")
        ),
        pytest.param(
            HEADER + b"\no1,,,n,temple,,\n", (2, "type", "enumeration_unknown"), id="enum"
        ),
        pytest.param(HEADER + b"\no1,inactive,,n,school,,\n", (2, "status", "enumeration_unknown")),
        pytest.param(
            HEADER + b"\no1,,2026-02-30,n,school,,\n", (2, "dateLastModified", "datetime_invalid")
        ),
        pytest.param(
            HEADER + b"\no1,,,n,school,,\no1,,,m,school,,\n",
            (3, "sourcedId", "duplicate_sourced_id"),
        ),
        pytest.param(
            HEADER + b"\no1,,,n,school,,nowhere\n",
            (2, "parentSourcedId", "reference_unknown"),
        ),
        pytest.param(HEADER + b",metadata.a,metadata.a.b\n", (1, "metadata.a.b", "header_prefix")),
    ],
)
def test_bad_files(config: Settings, data: bytes, expected: tuple[object, ...]) -> None:
    document = send(config, data, "orgs")
    assert document["state"] == "failed"
    assert (("orgs.csv", *expected)) in places(document["errors"])
    assert document["reason"]
    assert rows(config, "SELECT count(*) FROM orgs") == [(0,)]


def test_both_lines_of_a_duplicate_are_named(config: Settings) -> None:
    data = HEADER + b"\no1,,,n,school,,\no2,,,n,school,,\no1,,,m,school,,\n"
    (error,) = send(config, data, "orgs")["errors"]
    assert error["line"] == 4
    assert "line 2" in error["message"]


def test_every_error_is_listed_and_nothing_is_applied(config: Settings) -> None:
    bad = b"".join(b"o%d,,,n,temple,,\n" % i for i in range(1500))
    document = send(config, HEADER + b"\nok,,,n,school,,\n" + bad, "orgs")
    assert document["counts"]["failed"] == len(document["errors"]) == 1500
    assert [e["line"] for e in document["errors"]] == list(range(3, 1503))
    assert rows(config, "SELECT count(*) FROM orgs") == [(0,)]


def test_lines_are_those_of_the_file_even_after_line_breaks_in_values(config: Settings) -> None:
    data = HEADER + b'\r\no1,,,"a\nb\nc",school,,\r\no2,,,n,temple,,\r\n'
    assert places(send(config, data, "orgs")["errors"]) == [
        ("orgs.csv", 5, "type", "enumeration_unknown")
    ]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("enabledUser", "yes", "boolean_invalid"),
        ("userIds", "Koumu:1", "user_ids_invalid"),
        ("agentSourcedIds", "p1,nobody", "reference_unknown"),
        ("agentSourcedIds", "p1,a b", "guid_invalid"),
        ("username", "", "required_blank"),
        ("primaryOrgSourcedId", "nowhere", "reference_unknown"),
    ],
)
def test_bad_values_of_users(config: Settings, column: str, value: str, code: str) -> None:
    data = board()
    data["users"][1][column] = value
    document = send(config, package(data))
    assert places(document["errors"]) == [("users.csv", 3, column, code)]


@pytest.mark.parametrize(
    "day", ["2026-04-31", "2026-13-01", "0000-01-01", "2025-02-29", "1/4/2026"]
)
def test_dates_that_do_not_exist(config: Settings, day: str) -> None:
    data = board()
    data["academicSessions"][0]["startDate"] = day
    document = send(config, package(data))
    assert places(document["errors"]) == [("academicSessions.csv", 2, "startDate", "date_invalid")]


def test_a_leap_day_is_a_date(config: Settings) -> None:
    data = board()
    data["demographics"][0]["birthDate"] = "2020-02-29"
    assert send(config, package(data))["state"] == "completed"


def tolerated() -> list[tuple[str, str, str, str, object]]:
    return [
        ("enabledUser", "TRUE", "boolean_case", "enabled_user", True),
        ("givenName", "  陽菜 ", "spaces_trimmed", "given_name", "陽菜"),
        ("familyName", "佐藤\u3000", "spaces_trimmed", "family_name", "佐藤"),
        ("primaryOrgSourcedId", "NULL", "null_literal", "primary_org_sourced_id", None),
        ("grades", "P1, P2", "list_spaces", "grades", ["P1", "P2"]),
        ("userIds", "{a:1}, {b:2}", "list_spaces", "user_ids", ["a:1", "b:2"]),
        ("status", "active", "bulk_status", "status", "active"),
    ]


@pytest.mark.parametrize(("column", "value", "code", "sql", "taken"), tolerated())
def test_what_is_understood_is_taken_with_a_warning(
    config: Settings, column: str, value: str, code: str, sql: str, taken: object
) -> None:
    data = board()
    data["users"][0][column] = value
    document = send(config, package(data))
    assert document["state"] == "completed", document["errors"]
    assert ("users.csv", 2, column, code) in places(document["warnings"])
    assert rows(config, f"SELECT {sql} FROM users WHERE sourced_id = 'p1'") == [(taken,)]


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("2026-04-01", "2026-04-01 00:00:00+00"),
        ("2026-04-01T09:00:00Z", "2026-04-01 09:00:00+00"),
        ("2026-04-01T09:00:00.000+09:00", "2026-04-01 00:00:00+00"),
        ("2026-04-01 09:00:00", "2026-04-01 09:00:00+00"),
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
    data = csv_file(
        "users",
        [person("p", "A", "B", primaryOrgSourcedId="", prefferedGivenName="C", vendorThing="1")],
    )
    document = send(config, data, "users")
    assert document["state"] == "completed", document["errors"]
    codes = {w["column"]: (w["code"], w["message"]) for w in document["warnings"]}
    assert codes["prefferedGivenName"][0] == "column_similar"
    assert "preferredGivenName" in codes["prefferedGivenName"][1]
    assert codes["vendorThing"][0] == "column_ignored"


def test_a_bom_is_skipped_with_a_warning(config: Settings) -> None:
    document = send(config, b"\xef\xbb\xbf" + GOOD, "orgs")
    assert places(document["warnings"])[0] == ("orgs.csv", 1, None, "bom")
    assert document["counts"]["created"] == 1


def test_cp932_is_read_when_it_is_said(config: Settings) -> None:
    data = csv_file("orgs", [{"sourcedId": "o", "name": "髙﨑小学校", "type": "school"}])
    document = send(config, data.decode().encode("cp932"), "orgs", encoding="cp932")
    assert document["state"] == "completed"
    assert rows(config, "SELECT name FROM orgs") == [("髙﨑小学校",)]


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"PK\x03\x04 nonsense", "zip_invalid"),
        (lambda: package(board())[:-200], "zip_invalid"),
        (lambda: package(board(), manifest=b""), "manifest_missing"),
        (lambda: package(board(), manifest=b"name,wert\n"), "manifest_invalid"),
        (lambda: package(board(), version="2.0"), "manifest_value"),
        (lambda: package(board(), modes={"users": "some"}), "manifest_value"),
        (lambda: package(board(), modes={"users": "absent"}), "file_not_announced"),
        (lambda: package(board(), modes={"results": "bulk"}), "file_missing"),
        (lambda: package(board(), names={"users": "data/users.csv"}), "zip_path"),
        (lambda: package(board(), names={"users": "../users.csv"}), "zip_path"),
        (lambda: package(board(), extra={"inner.zip": zipped()}), "zip_nested"),
        (lambda: package(board(), extra={"USERS.CSV": b"x"}), "zip_duplicate"),
        (lambda: package({}), "package_empty"),
    ],
)
def test_bad_packages(config: Settings, make: Callable[[], bytes], code: str) -> None:
    document = send(config, make())
    assert document["state"] == "failed"
    assert code in {e["code"] for e in document["errors"]}
    assert rows(config, "SELECT count(*) FROM users") == [(0,)]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(config: Settings) -> None:
    small = config.model_copy(update={"csv_unpacked_max_size": 1_000_000})
    document = send(small, package({"orgs": HEADER + b"\n" + b" " * 2_000_000}))
    assert [e["code"] for e in document["errors"]] == ["zip_bomb"]


def test_a_zip_for_a_single_file_is_refused(config: Settings) -> None:
    assert [e["code"] for e in send(config, package(board()), "users")["errors"]] == [
        "zip_for_entity"
    ]


def test_file_names_in_another_case_and_extra_files_are_tolerated(config: Settings) -> None:
    data = package(board(), names={"users": "Users.csv"}, extra={"readme.txt": b"hello"})
    document = send(config, data)
    assert document["state"] == "completed", document
    assert {"file_name_case", "file_extra"} <= {w["code"] for w in document["warnings"]}
