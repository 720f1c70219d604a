"""placeholders: what rows refer to and nobody has sent is made, and gives way to the real one."""

from datetime import datetime, timedelta, timezone

from rosterhub.settings import Settings
from tests.exported import exported_package
from tests.integration.test_guard import changes
from tests.rosters import Board, board, csv_file, package, places, rows, send

MISSING = {"academicSessions", "orgs", "courses"}
MARKED = "SELECT sourced_id FROM {} WHERE metadata ->> 'rosterhub.placeholder' = 'true' ORDER BY 1"


def without(*names: str) -> Board:
    return {name: rows for name, rows in board().items() if name not in names}


def marked(config: Settings, table: str) -> list[str]:
    return [sourced_id for (sourced_id,) in rows(config, MARKED.format(table))]


def test_they_are_made_from_what_the_rows_say(config: Settings) -> None:
    document = send(config, package(without(*MISSING)), placeholders=True)
    assert (document["state"], document["placeholders"]) == ("completed", True), document["errors"]
    assert places(document["warnings"]) == [
        ("classes.csv", 2, "termSourcedIds", "placeholder_made"),
        ("classes.csv", 2, "schoolSourcedId", "placeholder_made"),
        ("classes.csv", 2, "courseSourcedId", "placeholder_made"),
    ]
    assert rows(config, "SELECT sourced_id, name, type FROM orgs") == [
        ("school", "school", "school")
    ]
    today = datetime.now(timezone(timedelta(hours=9)))
    year = today.year - (today.month < 4)
    assert f"called {year}年度1年1組" in document["warnings"][2]["message"]
    assert rows(config, "SELECT title, grades, org_sourced_id FROM courses") == [
        (f"{year}年度1年1組", ["P1"], "school")
    ]
    assert rows(
        config,
        "SELECT title, type, start_date::text, end_date::text, school_year FROM academic_sessions",
    ) == [(f"{year}年度", "schoolYear", f"{year}-04-01", f"{year + 1}-03-31", str(year))]
    assert [marked(config, t) for t in ("academic_sessions", "orgs", "courses")] == [
        ["y2026"],
        ["school"],
        ["course"],
    ]
    assert document["counts"] | {"total": 11, "created": 11} == document["counts"]


def test_they_are_counted_by_themselves(config: Settings) -> None:
    """What the difference says is made is in the counts, as one number of its own."""
    send(config, package(board()))
    moved = board()["classes"][0] | {"schoolSourcedId": "new", "courseSourcedId": "newcourse"}
    for dry_run in (True, False):
        document = send(
            config, csv_file("classes", [moved]), "classes", placeholders=True, dry_run=dry_run
        )
        expected = {"total": 1, "created": 0, "updated": 1, "placeholders": 2}
        assert document["counts"] | expected == document["counts"]
        assert [f["placeholders"] for f in document["files"]] == [2]
        if dry_run:
            made = [c["sourcedId"] for c in changes(config, document) if c["action"] == "created"]
            assert made == ["new", "newcourse"]
    document = send(config, csv_file("classes", [moved]), "classes", placeholders=True)
    assert "placeholders" not in document["counts"]


def test_none_is_made_unless_asked_for(config: Settings) -> None:
    document = send(config, package(without(*MISSING)))
    assert document["state"] == "failed"
    assert {e["code"] for e in document["errors"]} == {"reference_unknown"}
    assert rows(config, "SELECT count(*) FROM orgs") == [(0,)]


def test_none_is_made_of_what_is_there(config: Settings) -> None:
    document = send(config, package(board()), placeholders=True)
    assert document["warnings"] == []
    document = send(config, package(without(*MISSING)), placeholders=True)
    assert document["warnings"] == []
    assert [marked(config, t) for t in ("academic_sessions", "orgs", "courses")] == [[], [], []]


def test_the_year_is_that_of_the_course(config: Settings) -> None:
    data = without("academicSessions")
    data["courses"][0]["schoolYearSourcedId"] = ""
    data["courses"][0]["title"] = "2031年度ホームルーム"
    send(config, package(data), placeholders=True)
    assert rows(config, "SELECT school_year, end_date::text FROM academic_sessions") == [
        ("2031", "2032-03-31")
    ]


def test_a_parent_is_a_district(config: Settings) -> None:
    data = board()
    data["orgs"].pop(0)
    send(config, package(data), placeholders=True)
    assert rows(config, "SELECT type FROM orgs WHERE sourced_id = 'district'") == [("district",)]


def test_users_classes_and_the_like_are_not_made(config: Settings) -> None:
    document = send(config, package(without("users", "classes")), placeholders=True)
    assert document["state"] == "failed"
    assert {e["column"] for e in document["errors"]} == {
        "userSourcedId",
        "classSourcedId",
        "sourcedId",
    }


def test_a_course_without_a_school_is_not_made(config: Settings) -> None:
    send(config, package(board()))
    resources = [{"sourcedId": "r", "vendorResourceId": "v"}]
    links = [{"sourcedId": "l", "courseSourcedId": "nowhere", "resourceSourcedId": "r"}]
    data = package({"resources": resources, "courseResources": links})
    document = send(config, data, placeholders=True)
    assert places(document["errors"]) == [
        ("courseResources.csv", 2, "courseSourcedId", "reference_unknown")
    ]


def test_the_real_one_takes_its_place_whoever_sends_it(config: Settings) -> None:
    send(config, package(without(*MISSING)), placeholders=True, source="sis-1")
    real = {name: board()[name] for name in MISSING}
    document = send(config, package(real), source="sis-2")
    assert document["warnings"] == []
    assert document["counts"] | {"created": 1, "updated": 3} == document["counts"]
    assert [marked(config, t) for t in ("academic_sessions", "orgs", "courses")] == [[], [], []]
    assert rows(config, "SELECT title, source_system FROM courses") == [
        ("2026年度小学校第1学年ホームルーム", "sis-2")
    ]
    assert rows(config, "SELECT metadata FROM courses") == [(None,)]
    assert send(config, package(real), source="sis-2")["counts"]["unchanged"] == 4


def test_the_real_one_may_say_just_the_same(config: Settings) -> None:
    send(config, package(without("courses")), placeholders=True)
    same = {"sourcedId": "course", "title": "2026年度1年1組", "grades": "P1"}
    same |= {"orgSourcedId": "school"}
    document = send(config, csv_file("courses", [same]), "courses")
    assert document["counts"]["updated"] == 1
    assert marked(config, "courses") == []


def test_the_difference_says_that_it_is_one_no_more(config: Settings) -> None:
    send(config, package(without("courses")), placeholders=True)
    same = {"sourcedId": "course", "title": "2026年度1年1組", "grades": "P1"}
    same |= {"orgSourcedId": "school"}
    mark = {"metadata.rosterhub.placeholder": {"old": "true", "new": None}}
    document = send(config, csv_file("courses", [same]), "courses", dry_run=True)
    assert [c["changes"] for c in changes(config, document)] == [mark]
    document = send(config, csv_file("courses", [same | {"grades": "P2"}]), "courses", dry_run=True)
    grades = {"grades": {"old": ["P1"], "new": ["P2"]}}
    assert [c["changes"] for c in changes(config, document)] == [mark | grades]


def test_it_stays_while_others_send_theirs(config: Settings) -> None:
    send(config, package(without("courses")), placeholders=True)
    data = board()
    other = data["courses"][0] | {"sourcedId": "another"}
    for _ in range(2):
        document = send(config, package(board() | {"courses": [other]}), placeholders=True)
        assert document["counts"]["deleted"] == 0
        assert document["warnings"] == []
    assert marked(config, "courses") == ["course"]


def test_an_export_brings_it_back_as_it_is(config: Settings) -> None:
    send(config, package(without(*MISSING)), placeholders=True)
    document = send(config, exported_package(config))
    assert (document["state"], document["warnings"]) == ("completed", [])
    assert document["counts"] | {"created": 0, "updated": 0, "deleted": 0} == document["counts"]
    assert marked(config, "courses") == ["course"]


def test_none_is_made_for_rows_that_are_left_out(config: Settings) -> None:
    data = without("courses")
    data["classes"].append(
        data["classes"][0] | {"sourcedId": "bad", "courseSourcedId": "c2", "classType": "club"}
    )
    document = send(config, package(data), placeholders=True, on_error="skip")
    assert document["state"] == "completed"
    assert marked(config, "courses") == ["course"]
    assert [w["code"] for w in document["warnings"]] == ["placeholder_made"]


def test_none_is_made_in_place_of_a_row_in_error(config: Settings) -> None:
    data = board()
    data["courses"][0]["grades"] = "P1"
    data["courses"][0]["title"] = ""
    document = send(config, package(data), placeholders=True, on_error="skip")
    assert marked(config, "courses") == []
    assert ("classes.csv", 2, "courseSourcedId", "refers_to_left_out") in places(document["errors"])


def test_a_dry_run_names_them_and_makes_none(config: Settings) -> None:
    document = send(config, package(without("courses")), placeholders=True, dry_run=True)
    assert [w["code"] for w in document["warnings"]] == ["placeholder_made"]
    assert rows(config, "SELECT count(*) FROM courses") == [(0,)]
