"""on-error skip: the good rows are applied; the bad ones and what needs them are left out."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from rosterhub.settings import Settings
from tests.rosters import (
    Board,
    board,
    contents,
    csv_file,
    enrollment,
    package,
    person,
    places,
    role,
    rows,
    send,
)


def skipped(config: Settings, data: bytes, entity: str | None = None, **options: Any) -> Any:
    """The job document of an import that was applied without its rows in error."""
    document = send(config, data, entity, on_error="skip", **options)
    assert document["state"] == "completed", document
    counts = document["counts"]
    parts = ("created", "updated", "unchanged", "failed")
    assert counts["total"] == sum(counts[name] for name in parts)
    assert counts["failed"] == len({(e["file"], e["line"]) for e in document["errors"]})
    return document


def live(config: Settings, table: str) -> list[str]:
    query = f"SELECT sourced_id FROM {table} WHERE status = 'active' ORDER BY 1"
    return [sourced_id for (sourced_id,) in rows(config, query)]


def with_bad_pupil() -> Board:
    data = board()
    data["users"][0]["enabledUser"] = "maybe"
    return data


def test_the_good_rows_go_in_and_what_needs_the_bad_ones_stays_out(config: Settings) -> None:
    with capture_logs() as logs:
        document = skipped(config, package(with_bad_pupil()))
    assert sorted(places(document["errors"])) == [
        ("demographics.csv", 2, "sourcedId", "refers_to_left_out"),
        ("enrollments.csv", 2, "userSourcedId", "refers_to_left_out"),
        ("roles.csv", 2, "userSourcedId", "refers_to_left_out"),
        ("users.csv", 2, "enabledUser", "boolean_invalid"),
    ]
    assert live(config, "users") == ["p2", "t1"]
    assert live(config, "enrollments") == ["e-p2", "e-t1"]
    assert live(config, "demographics") == []
    assert document["onError"] == "skip"
    assert document["counts"] | {"total": 15, "created": 11, "failed": 4} == document["counts"]
    assert document["reasonCode"] == "rows_left_out"
    assert "Rows left out: 4;" in document["reason"]
    files = {f["file"]: f["failed"] for f in document["files"]}
    assert (files["users.csv"], files["orgs.csv"]) == (1, 0)
    [said] = [log["event"] for log in logs if log["event"].startswith("CSV import completed")]
    assert said == "CSV import completed: 11 records processed, 4 left out"


def test_reject_is_what_happens_unless_asked_otherwise(config: Settings) -> None:
    before = contents(config)
    document = send(config, package(with_bad_pupil()))
    assert (document["state"], document["onError"]) == ("failed", "reject")
    assert places(document["errors"]) == [("users.csv", 2, "enabledUser", "boolean_invalid")]
    assert contents(config) == before


def test_nothing_in_error_is_nothing_left_out(config: Settings) -> None:
    document = skipped(config, package(board()))
    assert (document["counts"]["failed"], document["reason"]) == (0, None)


def test_leaving_out_goes_on_to_the_end(config: Settings) -> None:
    data = board()
    data["orgs"].append(
        {"sourcedId": "s2", "name": "あ", "type": "temple", "parentSourcedId": "district"}
    )
    data["orgs"].append(
        {"sourcedId": "s3", "name": "い", "type": "school", "parentSourcedId": "s2"}
    )
    data["courses"].append(data["courses"][0] | {"sourcedId": "c3", "orgSourcedId": "s3"})
    data["classes"].append(data["classes"][0] | {"sourcedId": "k3", "courseSourcedId": "c3"})
    data["enrollments"].append(enrollment("p1", "student", sourcedId="e3", classSourcedId="k3"))
    document = skipped(config, package(data))
    assert places(document["errors"]) == [
        ("orgs.csv", 4, "type", "enumeration_unknown"),
        ("orgs.csv", 5, "parentSourcedId", "refers_to_left_out"),
        ("courses.csv", 3, "orgSourcedId", "refers_to_left_out"),
        ("classes.csv", 3, "courseSourcedId", "refers_to_left_out"),
        ("enrollments.csv", 5, "classSourcedId", "refers_to_left_out"),
    ]
    assert "s2 of orgs.csv was left out" in document["errors"][1]["message"]
    assert live(config, "enrollments") == ["e-p1", "e-p2", "e-t1"]


def test_lists_of_references_count_too(config: Settings) -> None:
    data = board()
    data["users"][1]["agentSourcedIds"] = "t1,p1"
    data["users"][0]["enabledUser"] = "maybe"
    document = skipped(config, package(data))
    assert ("users.csv", 3, "agentSourcedIds", "refers_to_left_out") in places(document["errors"])
    assert live(config, "users") == ["t1"]


@pytest.mark.parametrize("level", ["tolerant", "strict"])
def test_a_pupil_can_do_without_the_home_room(config: Settings, level: str) -> None:
    data = board()
    data["classes"][0]["classType"] = "club"
    document = skipped(config, package(data), profile="jp-1.2.1", level=level)
    assert live(config, "users") == ["p1", "p2", "t1"]
    assert ("users.csv", 2, "metadata.jp.homeClass", "home_class_unknown") in places(
        document["warnings"]
    )


@pytest.mark.parametrize("lines", [(2, 3), (2, 3, 4)])
def test_two_rows_of_one_sourced_id_are_both_left_out(
    config: Settings, lines: tuple[int, ...]
) -> None:
    twins = [{"sourcedId": "o", "name": f"{line}", "type": "school"} for line in lines]
    good = {"sourcedId": "good", "name": "n", "type": "school"}
    document = skipped(config, csv_file("orgs", [*twins, good]), "orgs")
    assert sorted(places(document["errors"])) == [
        ("orgs.csv", 2, "sourcedId", "row_contradicted"),
        *(("orgs.csv", line, "sourcedId", "duplicate_sourced_id") for line in lines[1:]),
    ]
    assert live(config, "orgs") == ["good"]


def test_two_people_with_one_username_are_both_left_out(config: Settings) -> None:
    data = board()
    data["users"][1]["username"] = data["users"][0]["username"]
    document = skipped(config, package(data))
    found = places(document["errors"])
    assert ("users.csv", 2, "username", "row_contradicted") in found
    assert ("users.csv", 3, "username", "username_taken") in found
    assert live(config, "users") == ["t1"]


@pytest.mark.parametrize(
    "change",
    [
        {"enabledUser": "maybe"},
        {"username": ""},
        {"primaryOrgSourcedId": "nowhere"},
    ],
)
def test_nobody_is_deleted_because_their_row_was_bad(
    config: Settings, change: dict[str, str]
) -> None:
    send(config, package(board()))
    before = rows(config, "SELECT u::text FROM users u WHERE sourced_id = 'p1'")
    data = board()
    data["users"][0] |= change
    data["users"].pop(1)
    for name in ("roles", "enrollments"):
        data[name].pop(1)
    document = skipped(config, package(data))
    assert document["counts"] | {"deleted": 3, "failed": 4} == document["counts"]
    assert live(config, "users") == ["p1", "t1"]
    assert live(config, "roles") == ["r-p1-school", "r-t1-school"]
    assert live(config, "enrollments") == ["e-p1", "e-t1"]
    assert live(config, "demographics") == ["p1"]
    assert rows(config, "SELECT u::text FROM users u WHERE sourced_id = 'p1'") == before


def test_nobody_is_deleted_whose_row_could_not_be_read(config: Settings) -> None:
    send(config, package(board()))
    data = board()
    users = csv_file("users", data["users"]).replace("佐藤,陽菜".encode(), b"").splitlines()
    short, damaged = users[1].rsplit(b",", 1)[0], users[2].replace("蓮".encode(), b"\x98\x8a")
    users = b"\r\n".join([users[0], short, damaged, users[3], b""])
    document = skipped(config, package(data | {"users": users}))
    assert [place[3] for place in places(document["errors"])[:2]] == [
        "row_length",
        "encoding_invalid",
    ]
    assert live(config, "users") == ["p1", "p2", "t1"]
    assert document["counts"]["failed"] == 2 + 2 + 2 + 1


@pytest.mark.parametrize("sourced_id", ["", "p 2", "p1"])
def test_where_nobody_knows_whose_row_it_is_nothing_is_deleted(
    config: Settings, sourced_id: str
) -> None:
    send(config, package(board()))
    data = board()
    data["users"][1]["sourcedId"] = sourced_id
    document = skipped(config, package(data))
    assert live(config, "users") == ["p1", "p2", "t1"]
    warned = [w for w in document["warnings"] if w["code"] == "deletions_withheld"]
    assert [(w["file"], w["column"]) for w in warned] == [("users.csv", "sourcedId")]
    assert "users" in warned[0]["message"]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("level", ["tolerant", "strict"])
def test_a_class_that_stays_because_nothing_is_deleted_is_a_home_room(
    config: Settings, level: str, dry_run: bool
) -> None:
    send(config, package(board()), profile="jp-1.2.1")
    data = board()
    data["classes"].append(data["classes"][0] | {"sourcedId": "class2"})
    data["classes"][0]["sourcedId"] = ""
    data["users"][1]["givenName"] = "漣"
    document = skipped(config, package(data), profile="jp-1.2.1", level=level, dry_run=dry_run)
    assert places(document["errors"]) == [("classes.csv", 2, "sourcedId", "required_blank")]
    assert [w["code"] for w in document["warnings"]] == ["deletions_withheld"]
    counts = {"created": 1, "updated": 1, "deleted": 0, "failed": 1}
    assert document["counts"] | counts == document["counts"]
    if not dry_run:
        assert live(config, "classes") == ["class", "class2"]
        assert rows(config, "SELECT given_name FROM users WHERE sourced_id = 'p2'") == [("漣",)]


def test_a_class_nobody_has_is_no_home_room_though_nothing_is_deleted(config: Settings) -> None:
    send(config, package(board()), profile="jp-1.2.1")
    data = board()
    data["classes"][0]["sourcedId"] = ""
    data["users"][1]["metadata.jp.homeClass"] = "nowhere"
    document = skipped(config, package(data), profile="jp-1.2.1", level="strict")
    assert sorted(places(document["errors"])) == [
        ("classes.csv", 2, "sourcedId", "required_blank"),
        ("enrollments.csv", 3, "userSourcedId", "refers_to_left_out"),
        ("roles.csv", 3, "userSourcedId", "refers_to_left_out"),
        ("users.csv", 3, "metadata.jp.homeClass", "home_class_unknown"),
    ]


def test_who_stays_because_nothing_is_deleted_is_not_called_deleted(config: Settings) -> None:
    send(config, package(board()))
    data = board()
    data["users"][0]["sourcedId"] = ""
    document = skipped(config, package(data))
    assert [w["code"] for w in document["warnings"]] == ["deletions_withheld"]
    assert document["counts"]["failed"] == 1
    assert live(config, "users") == ["p1", "p2", "t1"]


def test_who_is_gone_is_called_deleted_though_somebody_else_stays(config: Settings) -> None:
    send(config, package(board()))
    send(config, csv_file("users", [{"sourcedId": "p2", "status": "tobedeleted"}]), "users")
    data = board()
    data["users"][0]["sourcedId"] = ""
    data["users"].pop(1)
    document = skipped(config, package(data))
    warned = [w for w in document["warnings"] if w["code"] == "reference_deleted"]
    assert places(warned) == [
        ("roles.csv", 3, "userSourcedId", "reference_deleted"),
        ("enrollments.csv", 3, "userSourcedId", "reference_deleted"),
    ]
    assert not any("rows" in w["message"] for w in warned)


@pytest.mark.parametrize("level", ["tolerant", "strict"])
def test_a_deletion_in_error_deletes_nothing_that_others_refer_to(
    config: Settings, level: str
) -> None:
    send(config, package(board()), profile="jp-1.2.1")
    now = {"status": "active", "dateLastModified": "2026-04-01T00:00:00.000Z"}
    data = {name: [row | now for row in board()[name]] for name in ("classes", "users")}
    data["enrollments"] = [board()["enrollments"][0] | now]
    data["classes"][0] |= {"status": "tobedeleted", "classType": "club"}
    modes = dict.fromkeys(data, "delta")
    document = skipped(config, package(data, modes=modes), profile="jp-1.2.1", level=level)
    assert places(document["errors"]) == [
        ("classes.csv", 2, "classType", "enumeration_unknown"),
        ("enrollments.csv", 2, "classSourcedId", "refers_to_left_out"),
    ]
    assert document["warnings"] == []
    assert live(config, "classes") == ["class"]


def test_a_deletion_left_out_for_what_it_refers_to_leaves_the_home_room(config: Settings) -> None:
    send(config, package(board()), profile="jp-1.2.1")
    now = {"status": "active", "dateLastModified": "2026-04-01T00:00:00.000Z"}
    names = ("courses", "classes", "users")
    data = {name: [row | now for row in board()[name]] for name in names}
    data["courses"][0]["title"] = ""
    data["classes"][0]["status"] = "tobedeleted"
    sent = package(data, modes=dict.fromkeys(names, "delta"))
    document = skipped(config, sent, profile="jp-1.2.1", level="strict")
    assert places(document["errors"]) == [
        ("courses.csv", 2, "title", "required_blank"),
        ("classes.csv", 2, "courseSourcedId", "refers_to_left_out"),
    ]
    assert document["warnings"] == []
    assert live(config, "users") == ["p1", "p2", "t1"]


def test_what_is_absent_goes_all_the_same(config: Settings) -> None:
    send(config, package(board()))
    data = with_bad_pupil()
    data["users"].pop(1)
    data["roles"].pop(1)
    data["enrollments"].pop(1)
    skipped(config, package(data))
    assert live(config, "users") == ["p1", "t1"]


def test_a_name_stays_with_whoever_keeps_it(config: Settings) -> None:
    """p1 hands its name to p2, p2 its own to t1; p1's row is bad, so that nobody can move up."""
    send(config, package(board()))
    data = board()
    one, two, three = data["users"]
    one |= {"username": "new", "enabledUser": "maybe"}
    two["username"], three["username"] = "p1@mihon.example", "p2@mihon.example"
    document = skipped(config, package(data))
    found = [p for p in places(document["errors"]) if p[0] == "users.csv"]
    assert found == [
        ("users.csv", 2, "enabledUser", "boolean_invalid"),
        ("users.csv", 3, "username", "username_held"),
        ("users.csv", 4, "username", "username_held"),
    ]
    assert rows(config, "SELECT count(*) FROM users WHERE username LIKE sourced_id || '@%%'") == [
        (3,)
    ]


def test_a_name_stays_with_whoever_is_kept_because_a_row_was_unreadable(config: Settings) -> None:
    send(config, package(board()))
    data = board()
    data["users"][0] = person("p9", "陽菜", "佐藤", username="p1@mihon.example")
    data["users"][1]["sourcedId"] = ""
    document = skipped(config, package(data | {"roles": [], "enrollments": [], "demographics": []}))
    assert ("users.csv", 2, "username", "username_held") in places(document["errors"])
    assert live(config, "users") == ["p1", "p2", "t1"]


def test_roles_of_11_stay_with_their_user(config: Settings) -> None:
    users = [
        {
            "sourcedId": u,
            "enabledUser": "true",
            "orgSourcedIds": "o",
            "role": "student",
            "username": u,
            "givenName": "g",
            "familyName": "f",
        }
        for u in ("a", "b")
    ]
    columns = list(users[0])
    orgs = [{"sourcedId": "o", "name": "n", "type": "school"}]

    def files() -> dict[str, Any]:
        return {
            "orgs": csv_file("orgs", orgs),
            "users": csv_file("users", users, columns),
        }

    send(config, package(files(), version="1.1"))
    users[0]["enabledUser"] = "maybe"
    users[1]["role"] = "teacher"
    skipped(config, package(files(), version="1.1"))
    query = "SELECT user_sourced_id, role FROM roles WHERE status = 'active' ORDER BY 1"
    assert rows(config, query) == [("a", "student"), ("b", "teacher")]


def test_a_second_primary_role_leaves_neither(config: Settings) -> None:
    data = board()
    data["roles"].append(role("p1", "guardian", sourcedId="second"))
    document = skipped(config, package(data))
    assert [p for p in places(document["errors"]) if p[0] == "roles.csv"] == [
        ("roles.csv", 5, "roleType", "second_primary_role"),
        ("roles.csv", 2, "roleType", "row_contradicted"),
    ]
    assert live(config, "roles") == ["r-p2-school", "r-t1-school"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"users": b"sourcedId,status\np1,\n"}, "header_missing_column"),
        ({"users": csv_file("users", board()["users"]) + b'p9,"'}, "quote_unclosed"),
        ({"results": b"nothing,of,it\n"}, "header_not_found"),
    ],
)
def test_what_is_wrong_with_a_whole_file_refuses_all(
    config: Settings, files: dict[str, bytes], code: str
) -> None:
    before = contents(config)
    document = send(config, package(board() | files), on_error="skip")
    assert (document["state"], document["reasonCode"]) == ("failed", "files_in_error")
    assert code in {e["code"] for e in document["errors"]}
    assert contents(config) == before


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 no zip", "zip_invalid"),
        (package(board(), modes={"users": "some"}), "manifest_value"),
        (package(board(), modes={"results": "bulk"}), "file_missing"),
        (
            package({"orgs": csv_file("orgs", board()["orgs"]).decode().encode("cp932")}),
            "encoding_other",
        ),
    ],
)
def test_what_is_wrong_with_the_package_refuses_all(
    config: Settings, data: bytes, code: str
) -> None:
    document = send(config, data, on_error="skip")
    assert document["state"] == "failed"
    assert code in {e["code"] for e in document["errors"]}


def test_the_guard_still_looks(config: Settings) -> None:
    people = [person(f"u{i}", "g", "f") for i in range(40)]
    data = board()
    data["users"] += people
    send(config, package(data))
    data["users"] = [data["users"][0] | {"enabledUser": "maybe"}, *data["users"][1:5]]
    document = send(config, package(data), on_error="skip")
    assert (document["state"], document["reasonCode"]) == ("waiting", "guard_deleted")
    assert document["counts"]["failed"] == 4
    assert len(live(config, "users")) == 43


def test_a_dry_run_says_what_would_be_left_out(config: Settings) -> None:
    before = contents(config)
    document = skipped(config, package(with_bad_pupil()), dry_run=True)
    assert document["counts"] | {"created": 11, "failed": 4} == document["counts"]
    assert contents(config) == before


def test_strict_leaves_out_what_strict_refuses(config: Settings) -> None:
    data = board()
    data["users"][0]["enabledUser"] = "TRUE"
    document = skipped(config, package(data), level="strict")
    assert ("users.csv", 2, "enabledUser", "boolean_case") in places(document["errors"])
    assert live(config, "users") == ["p2", "t1"]


def test_a_file_of_nothing_but_errors_changes_nothing(config: Settings) -> None:
    send(config, package(board()))
    data = board()
    for user in data["users"]:
        user["enabledUser"] = "maybe"
    document = skipped(config, package(data))
    assert document["counts"] | {"updated": 0, "deleted": 0, "failed": 10} == document["counts"]
    assert live(config, "users") == ["p1", "p2", "t1"]


def test_a_row_with_a_comma_too_many_costs_nobody_their_record(config: Settings) -> None:
    """Where the sourcedId is not the first cell, nobody knows whose row it is."""
    header = "familyName,givenName,sourcedId,enabledUser,username\n"
    people = [f"F{n},G{n},u{n},true,name{n}\n" for n in range(6)]
    send(config, package({"users": (header + "".join(people)).encode()}))
    people[3] = people[3].replace("F3,", "F,3,")
    document = send(
        config, package({"users": (header + "".join(people)).encode()}), on_error="skip"
    )
    assert document["counts"]["failed"] == 1
    assert document["counts"]["deleted"] == 0
    assert rows(config, "SELECT count(*) FROM users WHERE status = 'active'") == [(6,)]
