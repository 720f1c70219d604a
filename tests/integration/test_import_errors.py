"""Bad files: each a clear error with its place and code, and the data as before."""

import csv
import io
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rosterhub.settings import Settings
from tests.rosters import board, contents, csv_file, package, person, places, rows, send, zipped


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that holds the small board, for tests that leave it as it is."""
    with fresh() as config:
        assert send(config, package(board()))["state"] == "completed"
        yield config


def refused(config: Settings, data: bytes, entity: str | None = None, **options: Any) -> Any:
    """The job document of an import that fails and leaves every table as it was."""
    before = contents(config)
    document = send(config, data, entity, **options)
    assert document["state"] == "failed", document
    assert document["reason"]
    assert document["counts"] | {"created": 0, "updated": 0, "deleted": 0} == document["counts"]
    assert contents(config) == before
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
    assert rows(config, left) == []
    return document


HEADER = b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"
GOOD = b"o1,,,n,school,,"


def orgs(*lines: bytes) -> bytes:
    return b"\n".join([HEADER, *lines, b""])


BAD_FILES: dict[str, tuple[bytes, list[tuple[int | None, str | None, str]]]] = {
    "empty": (b"", [(None, None, "upload_empty")]),
    "blank lines": (b"\n\n", [(1, None, "file_empty")]),
    "commas": (b",,,\n,,\n", [(1, None, "file_empty")]),
    "PDF": (b"%PDF-1.7\n...", [(None, None, "not_csv")]),
    "HTML": (b"\n <!DOCTYPE html><html>", [(None, None, "not_csv")]),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), [(None, None, "not_csv")]),
    "binary": (bytes(range(256)), [(1, None, "nul_byte")]),
    "text": (b"Dear clerk,\nhere is the roster.\n", [(1, None, "header_not_found")]),
    "no header": (orgs(GOOD).split(b"\n", 1)[1], [(1, None, "header_not_found")]),
    "no line end": (b"a" * (1 << 23 | 1 << 19), [(1, None, "line_too_long")]),
    "semicolons": (HEADER.replace(b",", b";"), [(1, None, "delimiter_other")]),
    "tabs": (HEADER.replace(b",", b"\t"), [(1, None, "delimiter_other")]),
    "too wide": (
        HEADER + b"".join(b",metadata.m%d" % i for i in range(500)),
        [(1, None, "header_too_wide")],
    ),
    "missing columns": (
        b"sourcedId,identifier\no1,1\n",
        [(1, "name", "header_missing_column"), (1, "type", "header_missing_column")],
    ),
    "another file": (
        csv_file("academicSessions", board()["academicSessions"]),
        [(1, None, "header_other_file")],
    ),
    "column twice": (HEADER + b",name\n", [(1, "name", "header_duplicate")]),
    "unknown column twice": (HEADER + b",memo,memo\n", [(1, "memo", "header_duplicate")]),
    "prefix": (
        HEADER + b",metadata.a,metadata.a.b\n",
        [(1, "metadata.a.b", "header_prefix")],
    ),
    "short row": (orgs(b"o1,,,n,school"), [(2, None, "row_length")]),
    "long row": (orgs(b"o1,,,n,school,,,x"), [(2, None, "row_length")]),
    "unclosed quote": (
        orgs(b'o1,,,"n,school,,', b"o2,,,n,school,,"),
        [(2, None, "quote_unclosed")],
    ),
    "quote closed far below": (
        orgs(GOOD, b'o2,,,"n,school,,', b'o3,,,"n",school,,'),
        [(3, None, "quote_unclosed")],
    ),
    "text after a quote": (orgs(b'o1,,,"n"m,school,,'), [(2, None, "quote_misplaced")]),
    "NUL": (orgs(b"o1,,,n\x00m,school,,"), [(2, "name", "nul_byte")]),
    "1 MB cell": (orgs(b"o1,,," + b"x" * (1 << 20) + b",school,,"), [(2, None, "cell_too_large")]),
    "CP932": (orgs(b"o1,,,\x8aw\x8dZ,school,,"), [(2, "name", "encoding_other")]),
    "EUC-JP": (orgs("o1,,,学校,school,,".encode("euc_jp")), [(2, "name", "encoding_other")]),
    "UTF-16 without a mark": (
        orgs(GOOD).decode().encode("utf-16-le"),
        [(1, None, "encoding_other")],
    ),
    "damaged UTF-8": (
        orgs("o1,,,学校,school,,".encode(), "o2,,,学校,school,,".encode()[:-11] + b",school,,"),
        [(3, "name", "encoding_invalid")],
    ),
    "no sourcedId": (orgs(b",,,n,school,,"), [(2, "sourcedId", "required_blank")]),
    "bad sourcedId": (orgs(b"a b,,,n,school,,"), [(2, "sourcedId", "guid_invalid")]),
    "long sourcedId": (orgs(b"x" * 256 + b",,,n,school,,"), [(2, "sourcedId", "guid_invalid")]),
    "no name": (orgs(b"o1,,,,school,,"), [(2, "name", "required_blank")]),
    "enumeration": (orgs(b"o1,,,n,temple,,"), [(2, "type", "enumeration_unknown")]),
    "nothing after ext:": (orgs(b"o1,,,n,ext:,,"), [(2, "type", "enumeration_unknown")]),
    "a blank after ext:": (orgs(b"o1,,,n,ext:a b,,"), [(2, "type", "enumeration_unknown")]),
    "a line after ext:": (
        orgs('o1,,,n,"ext: \n外",,'.encode()),
        [(2, "type", "enumeration_unknown")],
    ),
    "a no-break space after ext:": (
        orgs("o1,,,n,ext:外\u00a0部,,".encode()),
        [(2, "type", "enumeration_unknown")],
    ),
    "status": (orgs(b"o1,inactive,,n,school,,"), [(2, "status", "enumeration_unknown")]),
    "impossible day": (
        orgs(b"o1,,2026-02-30,n,school,,"),
        [(2, "dateLastModified", "datetime_invalid")],
    ),
    "day first": (
        orgs(b"o1,,01/05/2026,n,school,,"),
        [(2, "dateLastModified", "datetime_invalid")],
    ),
    "sourcedId twice": (orgs(GOOD, GOOD), [(3, "sourcedId", "duplicate_sourced_id")]),
    "reference to nothing": (
        orgs(b"o1,,,n,school,,nowhere"),
        [(2, "parentSourcedId", "reference_unknown")],
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(hub: Settings, name: str) -> None:
    data, expected = BAD_FILES[name]
    document = refused(hub, data, "orgs")
    assert places(document["errors"]) == [("orgs.csv", *e) for e in expected]


def test_an_excel_workbook_is_called_by_its_name(hub: Settings) -> None:
    workbook = zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
    for entity in ("users", None):
        (error,) = refused(hub, workbook, entity)["errors"]
        assert error["code"] == "not_csv"
        assert "Excel (xlsx)" in error["message"]


def test_what_another_encoding_looks_like_and_what_to_do(hub: Settings) -> None:
    data = csv_file("users", board()["users"]).decode()
    for encoding, codec in (("cp932", "cp932"), ("euc-jp", "euc_jp"), ("utf-16", "utf-16-le")):
        (error,) = refused(hub, data.encode(codec), "users")["errors"]
        assert f"looks like {encoding}" in error["message"]
        assert f"--encoding {encoding}" in error["message"]
        assert f"looks like {encoding}" in error["message"]
    for encoding, codec in (("cp932", "cp932"), ("euc-jp", "euc_jp"), ("utf-16", "utf-16")):
        assert send(hub, data.encode(codec), "users", encoding=encoding)["state"] == "completed"


def test_a_stated_encoding_that_is_wrong(hub: Settings) -> None:
    data = csv_file("users", board()["users"])
    for encoding in ("cp932", "euc-jp", "utf-16"):
        for sent in (data, b"\xef\xbb\xbf" + csv_file("users", [person("p", "A", "B")])):
            (error,) = refused(hub, sent, "users", encoding=encoding, on_error="skip")["errors"]
            assert places([error]) == [("users.csv", 1, None, "encoding_other")]
            assert f"not {encoding}; it looks like utf-8" in error["message"]


def test_both_lines_of_a_duplicate_are_named(hub: Settings) -> None:
    data = orgs(GOOD, b"o2,,,n,school,,", GOOD)
    (error,) = refused(hub, data, "orgs")["errors"]
    assert error["line"] == 4
    assert "line 2" in error["message"]


def test_every_error_is_listed(hub: Settings) -> None:
    bad = [b"o%d,,,n,temple,," % i for i in range(1500)]
    document = refused(hub, orgs(b"ok,,,n,school,,", *bad), "orgs")
    assert document["counts"]["failed"] == len(document["errors"]) == 1500
    assert [e["line"] for e in document["errors"]] == list(range(3, 1503))


def test_every_row_that_cannot_be_read_is_listed(hub: Settings) -> None:
    bad = [b"o%d,,,n" % i if i % 2 else b"o%d,,,n\xff,school,," % i for i in range(2500)]
    document = refused(hub, orgs(*bad), "orgs")
    assert document["counts"] | {"total": 2500, "failed": 2500} == document["counts"]
    assert sorted(e["line"] for e in document["errors"]) == list(range(2, 2502))


def test_lines_are_those_of_the_file_even_after_line_breaks_in_values(hub: Settings) -> None:
    data = HEADER + b'\r\no1,,,"a\nb\nc",school,,\r\no2,,,n,temple,,\r\n'
    assert places(refused(hub, data, "orgs")["errors"]) == [
        ("orgs.csv", 5, "type", "enumeration_unknown")
    ]


def test_lines_are_those_of_the_file_under_a_header_of_two_lines(hub: Settings) -> None:
    data = HEADER + b',"metadata.two\nlines"\no1,,,n,school,,,\no2,,,n,temple,,,\n'
    assert ("orgs.csv", 4, "type", "enumeration_unknown") in places(
        refused(hub, data, "orgs")["errors"]
    )


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
def test_bad_values_of_users(hub: Settings, column: str, value: str, code: str) -> None:
    data = board()
    data["users"][1][column] = value
    document = refused(hub, package(data))
    assert places(document["errors"]) == [("users.csv", 3, column, code)]


@pytest.mark.parametrize(
    "day",
    ["2026-04-31", "2026-13-01", "0000-01-01", "2025-02-29", "1/4/2026", "2026/2/30", "R8.4.1"],
)
def test_dates_that_do_not_exist(hub: Settings, day: str) -> None:
    data = board()
    data["academicSessions"][0]["startDate"] = day
    (error,) = refused(hub, package(data))["errors"]
    assert places([error]) == [("academicSessions.csv", 2, "startDate", "date_invalid")]
    assert day in error["message"]


def test_lists_that_go_together_must_have_no_gaps(hub: Settings) -> None:
    data = board()
    data["classes"][0] |= {"subjects": "国語,,算数", "subjectCodes": "P010,P020,P030"}
    document = refused(hub, package(data))
    assert places(document["errors"]) == [("classes.csv", 2, "subjects", "list_gap")]


LONG = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10_000))
"""What no compression makes fit into an index."""


@pytest.mark.parametrize(
    ("entity", "column", "value"),
    [
        ("users", "username", LONG),
        ("users", "email", f"a@{LONG}.example"),
        ("users", "userMasterIdentifier", LONG),
        ("enrollments", "role", f"ext:{LONG}"),
    ],
)
def test_what_records_are_looked_up_by_is_no_novel(
    hub: Settings, entity: str, column: str, value: str
) -> None:
    data = board()
    data[entity][1] |= {column: value}
    document = refused(hub, package(data), level="tolerant")
    assert (f"{entity}.csv", 3, column, "text_too_long") in places(document["errors"])
    [error] = [e for e in document["errors"] if e["code"] == "text_too_long"]
    assert "2,000 bytes" in error["message"]


def test_an_enumeration_is_extended_by_what_can_be_seen(hub: Settings) -> None:
    data = board()
    data["orgs"] += [
        {"sourcedId": f"o{n}", "name": "n", "type": f"ext:{kind}"}
        for n, kind in enumerate(("研究所", "Lab_2-a.b", "a/b:c", "é𠮷〜"))
    ]
    document = send(hub, package(data), dry_run=True)
    assert document["state"] == "completed", document


def test_what_records_are_looked_up_by_may_be_long(hub: Settings) -> None:
    data = board()
    longest = LONG[:2000]
    data["users"][1] |= {"username": longest, "email": longest, "familyName": LONG}
    data["enrollments"][1] |= {"role": f"ext:{LONG[:1996]}"}
    document = send(hub, package(data), dry_run=True)
    assert document["state"] == "completed", document


def gradebook() -> dict[str, list[dict[str, str]]]:
    """The small board with a line item and a result."""
    return board() | {
        "categories": [{"sourcedId": "cat", "title": "小テスト"}],
        "lineItems": [
            {
                "sourcedId": "item",
                "title": "漢字",
                "assignDate": "2026-05-01T00:00:00.000Z",
                "dueDate": "2026-05-08T00:00:00.000Z",
                "classSourcedId": "class",
                "categorySourcedId": "cat",
                "academicSessionSourcedId": "y2026",
                "resultValueMin": "0",
                "resultValueMax": "100",
                "schoolSourcedId": "school",
            }
        ],
        "results": [
            {
                "sourcedId": "result",
                "lineItemSourcedId": "item",
                "studentSourcedId": "p1",
                "scoreStatus": "fully graded",
                "score": "80",
                "scoreDate": "2026-05-09",
                "classSourcedId": "class",
            }
        ],
    }


@pytest.mark.parametrize(
    ("entity", "changes", "code"),
    [
        ("academicSessions", {"schoolYear": "26"}, "year_invalid"),
        ("lineItems", {"resultValueMax": "many"}, "number_invalid"),
        ("scoreScales", {"scoreScaleValue": "A=5"}, "scale_values_invalid"),
    ],
)
def test_values_of_other_kinds(
    hub: Settings, entity: str, changes: dict[str, str], code: str
) -> None:
    scale = {"sourcedId": "scale", "title": "五段階", "type": "ordinal", "orgSourcedId": "school"}
    scale |= {"courseSourcedId": "course", "classSourcedId": "class"}
    data = gradebook() | {"scoreScales": [scale | {"scoreScaleValue": "{A:5}"}]}
    data[entity][0] |= changes
    document = refused(hub, package(data))
    assert places(document["errors"]) == [(f"{entity}.csv", 2, next(iter(changes)), code)]
    assert document["reasonCode"] == "rows_in_error"


def test_a_master_identifier_stays_with_one_person(config: Settings) -> None:
    data = board()
    data["users"][0]["userMasterIdentifier"] = "m1"
    assert send(config, package(data))["state"] == "completed"
    other = person("p9", "A", "B", userMasterIdentifier="m1")
    document = refused(config, csv_file("users", [other]), "users")
    assert places(document["errors"]) == [
        ("users.csv", 2, "userMasterIdentifier", "user_master_identifier_held")
    ]


def test_a_file_that_there_is_not(hub: Settings) -> None:
    (error,) = refused(hub, orgs(GOOD), "pupils")["errors"]
    assert error["code"] == "entity_unknown"


def test_bounds_must_be_in_order(hub: Settings) -> None:
    data = gradebook()
    data["lineItems"][0] |= {"resultValueMin": "100", "resultValueMax": "9"}
    document = refused(hub, package(data))
    assert places(document["errors"]) == [("lineItems.csv", 2, "resultValueMin", "min_over_max")]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"score": "101"}, ("results.csv", 2, "score", "score_out_of_bounds")),
        ({"score": "-1"}, ("results.csv", 2, "score", "score_out_of_bounds")),
        ({"classSourcedId": "other"}, ("results.csv", 2, "classSourcedId", "class_of_another")),
    ],
)
def test_results_that_do_not_agree_with_their_line_item_are_taken_with_a_warning(
    config: Settings, changes: dict[str, str], place: tuple[object, ...]
) -> None:
    data = gradebook()
    data["classes"].append(data["classes"][0] | {"sourcedId": "other"})
    data["results"][0] |= changes
    document = send(config, package(data))
    assert document["state"] == "completed", document["errors"]
    assert places(document["warnings"]) == [place]


def test_a_role_must_name_a_profile_of_its_own_user(hub: Settings) -> None:
    data = board()
    data["userProfiles"] = [
        {
            "sourcedId": "profile",
            "userSourcedId": "p1",
            "profileType": "LMS",
            "vendorId": "v",
            "credentialType": "password",
            "username": "p1",
        }
    ]
    data["roles"][0]["userProfileSourcedId"] = "profile"
    data["roles"][1]["userProfileSourcedId"] = "profile"
    document = refused(hub, package(data))
    assert places(document["errors"]) == [
        ("roles.csv", 3, "userProfileSourcedId", "profile_of_another")
    ]


def test_a_second_primary_role_in_a_school(hub: Settings) -> None:
    data = board()
    data["roles"].append(data["roles"][0] | {"sourcedId": "another"})
    (error,) = refused(hub, package(data))["errors"]
    assert places([error]) == [("roles.csv", 5, "roleType", "second_primary_role")]
    assert "line 2" in error["message"]


def test_a_reference_to_a_row_that_is_bad_itself_is_no_second_error(hub: Settings) -> None:
    data = board()
    users = csv_file("users", data["users"]).decode().replace("蓮,渡邉", "蓮").encode()
    document = refused(hub, package(data | {"users": users}))
    assert places(document["errors"]) == [("users.csv", 3, None, "row_length")]


def test_a_row_of_one_cell_is_told_what_to_do(hub: Settings) -> None:
    (error,) = refused(hub, orgs(b"o1"), "orgs")["errors"]
    assert error["message"].startswith("Cells in this row: 1; columns in the header: 7. Make them")


def test_references_to_a_file_that_cannot_be_read_are_not_complained_of(hub: Settings) -> None:
    data = board()
    fresh = [person("new", "A", "A"), *data["users"]]
    users = csv_file("users", fresh).decode().replace("givenName", "firstName").encode()
    data["enrollments"][0]["userSourcedId"] = "new"
    document = refused(hub, package(data | {"users": users}))
    assert places(document["errors"]) == [
        ("users.csv", 1, "givenName", "header_missing_column"),
    ]


def test_messages_can_be_read_in_a_spreadsheet(hub: Settings) -> None:
    document = refused(hub, orgs(b"o1,,,n,temple,,"), "orgs")
    out = io.StringIO()
    csv.DictWriter(out, document["errors"][0]).writerow(document["errors"][0])
    assert "department, school, district" in out.getvalue()
