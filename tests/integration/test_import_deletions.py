"""What is deleted, what comes back, and what goes on referring to it."""

from uuid import UUID

import pytest

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

LATER = "2100-09-01T00:00:00.000Z"
LATER_STILL = "2100-10-01T00:00:00.000Z"


@pytest.fixture
def loaded(config: Settings) -> Settings:
    """A hub that holds the small board."""
    assert send(config, package(board()))["state"] == "completed"
    return config


def without(data: Board, name: str, sourced_id: str) -> Board:
    """The board less one record."""
    return data | {name: [r for r in data[name] if r["sourcedId"] != sourced_id]}


def deletion(sourced_id: str, **more: str) -> dict[str, str]:
    """A row of a delta that deletes, with no more than it must have."""
    return {"sourcedId": sourced_id, "status": "tobedeleted", "dateLastModified": LATER, **more}


def delta(**files: list[dict[str, str]]) -> bytes:
    return package(files, modes=dict.fromkeys(files, "delta"))


def status(config: Settings, table: str) -> dict[str, str]:
    return dict(rows(config, f"SELECT sourced_id, status FROM {table}"))


def test_a_deletion_needs_no_more_than_the_sourced_id(loaded: Settings) -> None:
    document = send(loaded, delta(users=[deletion("p2")], roles=[deletion("r-p2-school")]))
    assert document["state"] == "completed", document["errors"]
    assert document["counts"] | {"total": 2, "deleted": 2} == document["counts"]
    # What is deleted keeps its last values.
    assert rows(loaded, "SELECT status, family_name FROM users WHERE sourced_id = 'p2'") == [
        ("tobedeleted", "渡邉")
    ]


def test_a_deletion_in_a_single_file(loaded: Settings) -> None:
    gone = person("p2", "別", "人", status="tobedeleted")
    document = send(loaded, csv_file("users", [gone]), "users")
    assert document["counts"] | {"updated": 0, "deleted": 1} == document["counts"]
    assert status(loaded, "users")["p2"] == "tobedeleted"


def test_the_same_deletion_again_changes_nothing(loaded: Settings) -> None:
    send(loaded, delta(demographics=[deletion("p1")]))
    before = contents(loaded)
    document = send(loaded, delta(demographics=[deletion("p1", dateLastModified=LATER_STILL)]))
    assert document["counts"] | {"unchanged": 1, "deleted": 0} == document["counts"]
    assert contents(loaded) == before


def test_the_deletion_of_what_nobody_knows_is_passed_over(loaded: Settings) -> None:
    before = contents(loaded)
    document = send(loaded, delta(users=[deletion("nobody"), deletion("no-one")]))
    assert document["counts"] | {"created": 0, "unchanged": 2} == document["counts"]
    assert places(document["warnings"]) == [("users.csv", 2, "sourcedId", "delete_unknown")]
    assert contents(loaded) == before


def test_a_whole_record_that_comes_deleted_is_kept_as_such(loaded: Settings) -> None:
    gone = person("x", "X", "Y", status="tobedeleted")
    named = person("y", "Y", "Y", agentSourcedIds="x", username=gone["username"])
    document = send(loaded, csv_file("users", [gone, named]), "users")
    assert document["counts"] | {"created": 2} == document["counts"]
    assert places(document["warnings"]) == [
        ("users.csv", 3, "agentSourcedIds", "reference_deleted")
    ]
    assert status(loaded, "users")["x"] == "tobedeleted"


def test_a_reference_to_a_deletion_that_is_passed_over(loaded: Settings) -> None:
    people = [deletion("x"), person("y", "Y", "Y", agentSourcedIds="x")]
    document = send(loaded, csv_file("users", people), "users")
    assert places(document["errors"]) == [("users.csv", 3, "agentSourcedIds", "reference_unknown")]


def test_a_deletion_that_others_refer_to_says_who(loaded: Settings) -> None:
    document = send(loaded, delta(users=[deletion("p1")]))
    assert document["state"] == "completed"
    assert {w["code"] for w in document["warnings"]} == {"deleted_still_referred"}
    assert sorted(w["message"].split(" that")[0] for w in document["warnings"]) == [
        "Records of demographics",
        "Records of enrollments",
        "Records of roles",
    ]
    assert any(
        "here: 1. e-p1, for example, refers to p1" in w["message"] for w in document["warnings"]
    )
    assert status(loaded, "enrollments")["e-p1"] == "active"


def test_nothing_is_said_of_records_that_go_as_well(loaded: Settings) -> None:
    document = send(
        loaded,
        delta(
            users=[deletion("p1")],
            roles=[deletion("r-p1-school")],
            enrollments=[deletion("e-p1")],
            demographics=[deletion("p1")],
        ),
    )
    assert document["warnings"] == []
    assert document["counts"]["deleted"] == 4


def test_nothing_is_said_of_records_that_are_sent_with_another_reference(loaded: Settings) -> None:
    moved = enrollment("t1", "teacher", sourcedId="e-p1", primary="true")
    document = send(
        loaded,
        delta(
            users=[deletion("p1")],
            roles=[deletion("r-p1-school")],
            demographics=[deletion("p1")],
            enrollments=[moved | {"status": "active", "dateLastModified": LATER}],
        ),
    )
    assert document["state"] == "completed", document["errors"]
    assert document["warnings"] == []


def test_a_bulk_that_drops_users_whom_other_files_still_name(loaded: Settings) -> None:
    people = csv_file("users", without(board(), "users", "p1")["users"])
    document = send(loaded, people, "users", mode="bulk")
    assert document["counts"]["deleted"] == 1
    assert {w["code"] for w in document["warnings"]} == {"deleted_still_referred"}
    assert len(document["warnings"]) == 3


def test_a_bulk_whose_own_rows_name_a_user_it_drops(loaded: Settings) -> None:
    document = send(loaded, package(without(board(), "users", "p1")))
    assert document["state"] == "completed"
    assert places(document["warnings"]) == [
        ("roles.csv", 2, "userSourcedId", "reference_deleted"),
        ("enrollments.csv", 2, "userSourcedId", "reference_deleted"),
        ("demographics.csv", 2, "sourcedId", "reference_deleted"),
    ]


def test_a_reference_to_what_the_same_delta_deletes(loaded: Settings) -> None:
    another = enrollment("p1", "student", sourcedId="e2", status="active", dateLastModified=LATER)
    document = send(loaded, delta(classes=[deletion("class")], enrollments=[another]))
    assert document["state"] == "completed"
    found = places(document["warnings"])
    assert ("enrollments.csv", 2, "classSourcedId", "reference_deleted") in found


def test_a_reference_to_what_was_deleted_before(loaded: Settings) -> None:
    send(loaded, delta(classes=[deletion("class")]))
    another = enrollment("p1", "student", sourcedId="e2")
    document = send(loaded, csv_file("enrollments", [another]), "enrollments")
    assert document["state"] == "completed"
    assert places(document["warnings"]) == [
        ("enrollments.csv", 2, "classSourcedId", "reference_deleted")
    ]


def test_a_reference_to_what_was_never_there_is_an_error_even_if_it_is_deleted_too(
    loaded: Settings,
) -> None:
    document = send(
        loaded, csv_file("enrollments", [enrollment("nobody", "student")]), "enrollments"
    )
    assert places(document["errors"]) == [
        ("enrollments.csv", 2, "userSourcedId", "reference_unknown")
    ]


def test_a_bulk_of_orgs_beside_another_source_whose_classes_are_in_them(
    loaded: Settings,
) -> None:
    data = board()
    lesson = data["classes"][0] | {"sourcedId": "lesson", "classType": "scheduled"}
    send(loaded, csv_file("classes", [lesson]), "classes", source="timetable")
    schools = [
        {"sourcedId": "district", "name": "見本市教育委員会", "type": "district"},
        {"sourcedId": "other", "name": "あおぞら小学校", "type": "school"},
    ]
    document = send(loaded, package({"orgs": schools}))
    assert document["counts"]["deleted"] == 1
    said = [w["message"] for w in document["warnings"] if "Records of classes" in w["message"]]
    assert len(said) == 1
    assert "here: 2." in said[0]
    assert status(loaded, "classes") == {"class": "active", "lesson": "active"}


def test_a_username_that_a_delta_frees_and_gives_away(loaded: Settings) -> None:
    new = person("new", "新", "人", username="p2@mihon.example")
    document = send(
        loaded,
        delta(
            users=[
                new | {"status": "active", "dateLastModified": LATER},
                deletion("p2", username="p2@mihon.example"),
            ]
        ),
    )
    assert document["state"] == "completed", document
    assert status(loaded, "users")["p2"] == "tobedeleted"
    assert rows(loaded, "SELECT username FROM users WHERE sourced_id = 'new'") == [
        ("p2@mihon.example",)
    ]


def test_a_username_that_goes_from_one_batch_to_another(loaded: Settings) -> None:
    config = loaded.model_copy(update={"csv_batch_size": 1})
    data = board()
    names = ["t1@mihon.example", "p1@mihon.example", "p2@mihon.example"]
    for one, name in zip(data["users"], names, strict=True):
        one["username"] = name
    document = send(config, package(data))
    assert document["counts"]["updated"] == 3, document
    assert rows(loaded, "SELECT sourced_id, username FROM users ORDER BY 1") == [
        ("p1", "t1@mihon.example"),
        ("p2", "p1@mihon.example"),
        ("t1", "p2@mihon.example"),
    ]


def test_a_record_that_comes_back_is_newer_than_its_deletion(loaded: Settings) -> None:
    query = "SELECT status, date_last_modified FROM users WHERE sourced_id = 'p1'"
    (_, first), *_ = rows(loaded, query)
    send(loaded, package(without(board(), "users", "p1")))
    ((_, deleted),) = rows(loaded, query)
    data = board()
    data["users"][0]["dateLastModified"] = "2020-01-01T00:00:00.000Z"
    assert send(loaded, package(data))["counts"]["updated"] == 1
    ((state, back),) = rows(loaded, query)
    assert state == "active"
    assert first < deleted < back


def test_a_time_that_is_sent_counts_when_it_is_later(loaded: Settings) -> None:
    query = "SELECT date_last_modified::text FROM users WHERE sourced_id = 'p1'"
    for given, time in (("陽葵", LATER), ("陽子", "2020-01-01T00:00:00.000Z"), ("花", "")):
        one = person("p1", given, "佐藤", dateLastModified=time)
        assert send(loaded, csv_file("users", [one]), "users")["counts"]["updated"] == 1
        assert rows(loaded, query) > [("2100-09-01",)]
    assert rows(loaded, query) == [("2100-09-01 00:00:00.002+00",)]


def test_a_time_alone_changes_nothing(loaded: Settings) -> None:
    before = contents(loaded)
    data = board()
    for files in data.values():
        for row in files:
            row["dateLastModified"] = LATER
    document = send(loaded, package(data))
    assert document["counts"]["unchanged"] == document["counts"]["total"]
    assert contents(loaded) == before


def test_metadata_whose_column_is_no_longer_sent_stays(loaded: Settings) -> None:
    query = "SELECT metadata FROM users WHERE sourced_id = 'p1'"
    one = person("p1", "陽菜", "佐藤", **{"metadata.color": "赤", "metadata.jp.homeClass": ""})
    send(loaded, csv_file("users", [one]), "users")
    assert rows(loaded, query) == [({"color": "赤"},)]
    header = ["sourcedId", "enabledUser", "username", "givenName", "familyName"]
    less = {k: v for k, v in person("p1", "陽葵", "佐藤").items() if k in header}
    send(loaded, csv_file("users", [less], header), "users")
    assert rows(loaded, query) == [({"color": "赤"},)]
    send(loaded, csv_file("users", [less | {"metadata.color": ""}], header), "users")
    assert rows(loaded, query) == [(None,)]


def test_a_source_that_takes_another_name_owns_its_records_then(loaded: Settings) -> None:
    before = rows(loaded, "SELECT sourced_id, date_last_modified FROM users ORDER BY 1")
    document = send(loaded, package(board()), source="sis-2")
    assert document["counts"]["unchanged"] == document["counts"]["total"]
    assert rows(loaded, "SELECT DISTINCT source_system FROM users") == [("sis-2",)]
    assert rows(loaded, "SELECT sourced_id, date_last_modified FROM users ORDER BY 1") == before
    less = package(without(board(), "demographics", "p1"))
    assert send(loaded, less)["counts"]["deleted"] == 0
    send(loaded, package(board()), source="sis-2")
    assert send(loaded, less, source="sis-2")["counts"]["deleted"] == 1


def test_a_user_changes_with_a_role_that_is_taken_away_or_given_to_another(
    loaded: Settings,
) -> None:
    query = "SELECT sourced_id, org_sourced_ids FROM users ORDER BY 1"
    moved = role("p2", "student", sourcedId="r-p1-school", roleType="secondary")
    before = dict(rows(loaded, "SELECT sourced_id, date_last_modified FROM users"))
    send(loaded, csv_file("roles", [moved]), "roles")
    assert rows(loaded, query) == [("p1", []), ("p2", ["school"]), ("t1", ["school"])]
    after = dict(rows(loaded, "SELECT sourced_id, date_last_modified FROM users"))
    assert {name for name in after if after[name] > before[name]} == {"p1", "p2"}
    send(loaded, delta(roles=[deletion("r-t1-school")]))
    assert dict(rows(loaded, query))["t1"] == []


HEADER_11 = [
    "sourcedId",
    "status",
    "dateLastModified",
    "enabledUser",
    "orgSourcedIds",
    "role",
    "username",
    "givenName",
    "familyName",
]


def person_11(sourced_id: str, orgs: str, **more: str) -> dict[str, str]:
    """A row of a users.csv of OneRoster 1.1."""
    row = {k: v for k, v in person(sourced_id, "直子", "山﨑").items() if k in HEADER_11}
    return row | {"orgSourcedIds": orgs, "role": "teacher", **more}


def roles_of(config: Settings, user: str) -> set[tuple[str, str]]:
    return set(
        rows(
            config,
            "SELECT org_sourced_id, source_system FROM roles"
            " WHERE user_sourced_id = %s AND status = 'active'",
            user,
        )
    )


def test_roles_of_1_1_replace_those_of_their_source_alone(loaded: Settings) -> None:
    extra = role("t1", "aide", "district", roleType="secondary")
    send(loaded, csv_file("roles", [extra]), "roles", source="hr")
    people = csv_file("users", [person_11("t1", "school")], HEADER_11)
    for _ in range(2):
        document = send(loaded, people, "users")
        assert document["state"] == "completed", document["errors"]
        assert roles_of(loaded, "t1") == {("school", "default"), ("district", "hr")}
    assert status(loaded, "roles")["r-t1-school"] == "tobedeleted"


def test_roles_of_1_1_that_name_an_org_twice(loaded: Settings) -> None:
    people = csv_file("users", [person_11("t9", "school,district,school")], HEADER_11)
    assert send(loaded, people, "users")["state"] == "completed"
    assert rows(
        loaded,
        "SELECT role_type, org_sourced_id FROM roles WHERE user_sourced_id = 't9' ORDER BY 1",
    ) == [("primary", "school"), ("secondary", "district")]


def test_roles_of_1_1_go_with_their_user(loaded: Settings) -> None:
    send(loaded, csv_file("users", [person_11("t9", "school")], HEADER_11), "users")
    gone = person_11("t9", "school", status="tobedeleted")
    document = send(loaded, csv_file("users", [gone], HEADER_11), "users")
    assert [(f["file"], f["entity"], f["deleted"]) for f in document["files"]] == [
        ("users.csv", "users", 1),
        ("users.csv", "roles", 1),
    ]
    assert roles_of(loaded, "t9") == set()
    assert send(loaded, csv_file("users", [person_11("t9", "school")], HEADER_11), "users")
    assert roles_of(loaded, "t9") == {("school", "default")}


def test_roles_of_1_1_have_ids_of_the_form_of_a_uuid_4(loaded: Settings) -> None:
    send(loaded, csv_file("users", [person_11("t9", "school,district")], HEADER_11), "users")
    found = rows(loaded, "SELECT sourced_id FROM roles WHERE user_sourced_id = 't9'")
    assert [UUID(sourced_id).version for (sourced_id,) in found] == [4, 4]


def known(sourced_id: str, identifier: str = "m1") -> dict[str, str]:
    return person(sourced_id, "A", "B", userMasterIdentifier=identifier)


COLUMNS = ["sourcedId", "status", "dateLastModified", "enabledUser", "username", "givenName"]
COLUMNS += ["familyName"]


def without_identifier(*rows: dict[str, str]) -> bytes:
    """A users.csv in which nobody's userMasterIdentifier stands."""
    kept = [{name: row[name] for name in COLUMNS if name in row} for row in rows]
    return csv_file("users", kept, COLUMNS)


HELD = ("users.csv", 2, "userMasterIdentifier", "user_master_identifier_held")


@pytest.fixture
def succeeded(loaded: Settings) -> Settings:
    """A hub in which the identifier of `old`, who is deleted, has passed to `new`."""
    for sourced_id in ("old", "new"):
        data = board()
        data["users"].append(known(sourced_id))
        assert send(loaded, package(data))["state"] == "completed"
    return loaded


def test_who_comes_back_must_not_bring_what_another_has_by_now(succeeded: Settings) -> None:
    before = contents(succeeded)
    document = send(succeeded, without_identifier(known("old")), "users")
    assert (document["state"], places(document["errors"])) == ("failed", [HELD])
    assert "m1 belongs to new" in document["errors"][0]["message"]
    assert contents(succeeded) == before
    # Also where the other one stays by standing in the file.
    document = send(succeeded, without_identifier(known("old"), known("new")), "users")
    assert places(document["errors"]) == [HELD]


def test_who_comes_back_may_have_what_the_same_file_frees(succeeded: Settings) -> None:
    change = {"status": "active", "dateLastModified": LATER}
    rows_of = (known("old") | change, known("new") | deletion("new"))
    file = without_identifier(*rows_of)
    document = send(succeeded, package({"users": file}, modes={"users": "delta"}))
    assert document["state"] == "completed", document["errors"]
    found = "SELECT sourced_id FROM users WHERE user_master_identifier = 'm1' AND status = 'active'"
    assert rows(succeeded, found) == [("old",)]


def test_who_would_bring_what_another_has_can_be_left_out(succeeded: Settings) -> None:
    file = without_identifier(known("old"), known("p9"))
    document = send(succeeded, file, "users", on_error="skip")
    assert (document["state"], places(document["errors"])) == ("completed", [HELD])
    assert status(succeeded, "users")["p9"] == "active"
    assert status(succeeded, "users")["old"] == "tobedeleted"


def test_who_keeps_it_because_a_row_was_left_out(succeeded: Settings) -> None:
    change = {"status": "active", "dateLastModified": LATER}
    bad = known("new") | deletion("new", dateLastModified="tomorrow")
    file = without_identifier(known("old") | change, bad, known("p9") | change)
    data = package({"users": file}, modes={"users": "delta"})
    document = send(succeeded, data, on_error="skip")
    assert document["state"] == "completed", document
    assert sorted(e["code"] for e in document["errors"]) == ["datetime_invalid", HELD[3]]
    assert status(succeeded, "users")["old"] == "tobedeleted"


def test_two_who_come_back_with_the_same(succeeded: Settings) -> None:
    assert send(succeeded, package(board()))["state"] == "completed"
    assert status(succeeded, "users")["new"] == "tobedeleted"
    file = without_identifier(known("old"), known("new"), known("p9"))
    document = send(succeeded, file, "users")
    place = ("users.csv", 3, "userMasterIdentifier", "user_master_identifier_taken")
    assert (document["state"], places(document["errors"])) == ("failed", [place])
    document = send(succeeded, file, "users", on_error="skip")
    assert (document["state"], document["counts"]["failed"]) == ("completed", 2)
