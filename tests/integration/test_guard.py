"""Dry runs say what they would do; an import that would do too much waits for a person."""

from typing import Any

import pytest

from rosterhub.jobs.decide import decide
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import difference
from rosterhub.transfer.run import run_import
from tests.rosters import Board, board, csv_file, enrollment, job, package, person, role, rows, send


def changes(config: Settings, document: dict[str, Any]) -> list[dict[str, Any]]:
    with connect(config.write_url) as connection:
        found = connection.execute(
            difference.SELECT, [document["jobId"], 0, None, None, None, None]
        ).fetchall()
    return difference.documents(found)


def many(pupils: int, year: int = 2026) -> Board:
    """The small board with more pupils, in a school year."""
    data = board()
    grade = f"P{1 + year - 2026}"
    data["academicSessions"] = [
        {
            "sourcedId": f"y{year}",
            "title": f"{year}年度",
            "type": "schoolYear",
            "startDate": f"{year}-04-01",
            "endDate": f"{year + 1}-03-31",
            "schoolYear": str(year),
        }
    ]
    data["courses"][0]["schoolYearSourcedId"] = data["classes"][0]["termSourcedIds"] = f"y{year}"
    names = [f"q{n:03}" for n in range(pupils)]
    data["users"] += [person(n, "花", "山田", grades=grade) for n in names]
    data["roles"] += [role(n, "student") for n in names]
    data["enrollments"] += [enrollment(n, "student") for n in names]
    return data


def test_a_dry_run_says_every_field_and_changes_nothing(config: Settings) -> None:
    send(config, package(board()))
    before = rows(config, "SELECT * FROM users ORDER BY 1")
    data = board()
    data["users"][0] |= {"givenName": "陽葵", "grades": "P2", "metadata.jp.homeClass": ""}
    data["users"] = [data["users"][0], data["users"][2], person("p3", "翔", "高橋")]
    document = send(config, package(data), dry_run=True)
    assert document["state"] == "completed"
    found = {(c["entity"], c["sourcedId"]): c for c in changes(config, document)}
    assert found["users", "p1"]["changes"] == {
        "givenName": {"old": "陽菜", "new": "陽葵"},
        "grades": {"old": ["P1"], "new": ["P2"]},
        "metadata.jp.homeClass": {"old": "class", "new": None},
    }
    assert (found["users", "p1"]["line"], found["users", "p1"]["file"]) == (2, "users.csv")
    assert found["users", "p3"]["action"] == "created"
    assert found["users", "p2"]["action"] == "deleted"
    assert len(found) == 3
    assert rows(config, "SELECT * FROM users ORDER BY 1") == before


def test_a_dry_run_of_a_file_without_status(config: Settings) -> None:
    send(config, package(board()))
    org = {"sourcedId": "school", "name": "あおば小学校", "type": "school"}
    document = send(config, csv_file("orgs", [org], list(org)), "orgs", dry_run=True)
    assert document["state"] == "completed", document
    assert [c["changes"] for c in changes(config, document)] == [
        {"name": {"old": "みどり小学校", "new": "あおば小学校"}}
    ]


def test_a_bulk_that_deletes_too_much_waits_and_changes_nothing(config: Settings) -> None:
    send(config, package(many(100)))
    document = send(config, package(many(79)))
    assert document["state"] == "waiting"
    assert document["reasonCode"] == "guard_deleted"
    assert "21 of 103 records of users would be deleted (20%)" in document["reason"]
    assert document["counts"]["deleted"] == 63
    assert rows(config, "SELECT count(*) FROM users WHERE status = 'active'") == [(103,)]
    assert sum(c["action"] == "deleted" for c in changes(config, document)) == 63
    # Nothing happens to it by itself.
    run_import(int(document["jobId"]), config)
    assert job(config, int(document["jobId"]))["state"] == "waiting"


def test_a_dry_run_says_that_the_import_would_wait(config: Settings) -> None:
    send(config, package(many(100)))
    document = send(config, package(many(79, 2027)), dry_run=True)
    assert document["state"] == "completed"
    said = {w["code"]: w["message"] for w in document["warnings"]}
    assert "year_rollover" in said
    assert "guard_changed_dry_run" in said
    assert "21 of 103 records of" in said["guard_deleted_dry_run"]
    assert "would wait" in said["guard_deleted_dry_run"]
    assert not {"guard_deleted", "guard_changed"} & set(said)


@pytest.mark.parametrize("left", [81, 91])
def test_few_or_a_small_share_do_not_wait(config: Settings, left: int) -> None:
    send(config, package(many(100)))
    assert send(config, package(many(left)))["state"] == "completed"


def test_a_new_school_year_is_recognised(config: Settings) -> None:
    send(config, package(many(100)))
    document = send(config, package(many(100, 2027)))
    assert document["state"] == "waiting"
    said = {w["code"]: w["message"] for w in document["warnings"]}
    assert "2027 is new, and 100 of 102 people move up one grade" in said["year_rollover"]
    assert "guard_changed" in said


def test_a_broken_export_in_october_is_no_new_year(config: Settings) -> None:
    send(config, package(many(100)))
    data = many(100)
    for user in data["users"]:
        user["grades"] = "P3"
    document = send(config, package(data))
    assert document["state"] == "waiting"
    assert "year_rollover" not in {w["code"] for w in document["warnings"]}


def test_a_first_load_and_a_merge_of_new_people_do_not_wait(config: Settings) -> None:
    assert send(config, package(many(100)))["state"] == "completed"
    people = [person(f"n{n}", "花", "山田") for n in range(50)]
    assert send(config, csv_file("users", people), "users")["state"] == "completed"


def people_11(role: str, org: str) -> bytes:
    """Forty people of a users.csv of OneRoster 1.1, with their orgs."""
    named = (person(f"u{n}", "花", "山田") for n in range(40))
    people = [
        {k: v for k, v in row.items() if k != "primaryOrgSourcedId"}
        | {"role": role, "orgSourcedIds": org}
        for row in named
    ]
    orgs = [{"sourcedId": o, "name": o, "type": "school"} for o in ("A", "B")]
    users = csv_file("users", people, list(people[0]))
    return package({"orgs": orgs, "users": users}, version="1.1")


def test_roles_of_1_1_are_counted_and_guarded(config: Settings) -> None:
    first = send(config, people_11("student", "A"))
    assert first["state"] == "completed"
    assert [(f["file"], f["entity"], f["created"]) for f in first["files"]] == [
        ("orgs.csv", "orgs", 2),
        ("users.csv", "users", 40),
        ("users.csv", "roles", 40),
    ]
    tried = send(config, people_11("teacher", "A"), dry_run=True)
    document = send(config, people_11("teacher", "A"))
    assert (document["state"], document["reasonCode"]) == ("waiting", "guard_changed")
    assert "40 of 40 records of roles" in document["reason"]
    for one in (tried, document):
        assert one["counts"] == {
            "total": 82,
            "created": 0,
            "updated": 40,
            "unchanged": 42,
            "deleted": 0,
            "failed": 0,
        }
    with connect(config.write_url) as connection:
        decide(connection, int(document["jobId"]), "approve")
    run_import(int(document["jobId"]), config)
    assert job(config, int(document["jobId"]))["state"] == "completed"
    moved = send(config, people_11("teacher", "B"))
    assert (moved["state"], moved["reasonCode"]) == ("waiting", "guard_deleted")
    assert (moved["counts"]["created"], moved["counts"]["deleted"]) == (40, 40)
