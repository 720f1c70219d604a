"""What an import does to the roster: created, changed, deleted, left alone."""

import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer.export import export_file
from rosterhub.transfer.export_options import choose
from tests.rosters import board, csv_file, enrollment, package, person, places, role, rows, send

LATER = "2100-09-01T00:00:00.000Z"
"""Later than whatever the tests do."""


@pytest.fixture
def loaded(config: Settings) -> Settings:
    """A hub that holds the small board."""
    document = send(config, package(board()))
    assert document["state"] == "completed", document
    return config


def test_a_package_creates_every_record(config: Settings) -> None:
    document = send(config, package(board()))
    assert document["state"] == "completed"
    assert document["counts"] == {
        "total": 15,
        "created": 15,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "failed": 0,
    }
    assert set(document["timings"]) == {"staging", "checking", "comparing", "applying"}
    assert document["progress"] == 100
    assert rows(config, "SELECT family_name, metadata FROM users WHERE sourced_id = 'p2'") == [
        ("渡邉", {"jp.homeClass": "class"})
    ]
    assert rows(config, "SELECT metadata FROM enrollments WHERE sourced_id = 'e-p2'") == [
        ({"jp.ShussekiNo": 2},)
    ]


def test_the_same_package_again_changes_nothing(loaded: Settings) -> None:
    before = rows(loaded, "SELECT sourced_id, date_last_modified, xmin::text FROM users ORDER BY 1")
    document = send(loaded, package(board()))
    assert document["counts"]["unchanged"] == 15
    assert document["counts"]["updated"] == document["counts"]["created"] == 0
    after = rows(loaded, "SELECT sourced_id, date_last_modified, xmin::text FROM users ORDER BY 1")
    assert after == before


def test_a_changed_cell_changes_that_record_alone(loaded: Settings) -> None:
    data = board()
    data["users"][0]["givenName"] = "陽葵"
    document = send(loaded, package(data))
    assert (document["counts"]["updated"], document["counts"]["unchanged"]) == (1, 14)
    assert rows(loaded, "SELECT given_name FROM users WHERE sourced_id = 'p1'") == [("陽葵",)]


def test_bulk_deletes_what_the_source_no_longer_sends(loaded: Settings) -> None:
    data = board()
    for name, key in (("users", "p2"), ("roles", "r-p2-school"), ("enrollments", "e-p2")):
        data[name] = [r for r in data[name] if r["sourcedId"] != key]
    document = send(loaded, package(data))
    assert document["counts"]["deleted"] == 3
    assert rows(loaded, "SELECT sourced_id FROM users WHERE status = 'tobedeleted'") == [("p2",)]


def test_bulk_leaves_the_records_of_another_source(loaded: Settings) -> None:
    orgs = [{"sourcedId": "lib", "name": "図書館", "type": "local"}]
    document = send(loaded, package({"orgs": orgs}), source="library")
    assert document["counts"]["deleted"] == 0
    assert rows(loaded, "SELECT count(*) FROM orgs WHERE status = 'active'") == [(3,)]
    document = send(loaded, package(board()))
    assert document["counts"]["deleted"] == 0


def test_a_record_that_two_sources_send_stays_while_one_of_them_does(loaded: Settings) -> None:
    shared = {"orgs": board()["orgs"]}
    assert send(loaded, package(shared), source="library")["counts"]["unchanged"] == 2
    data = board()
    assert send(loaded, package(data))["counts"]["unchanged"] == 15
    one = {"orgs": board()["orgs"][:1]}
    assert send(loaded, package(one), source="library")["counts"]["deleted"] == 0


def test_a_single_file_merges_and_deletes_nothing(loaded: Settings) -> None:
    document = send(loaded, csv_file("users", [person("p3", "凛", "鈴木")]), "users")
    assert document["counts"] | {"created": 1, "deleted": 0} == document["counts"]
    assert rows(loaded, "SELECT count(*) FROM users WHERE status = 'active'") == [(4,)]


def test_a_single_file_in_bulk_mode_deletes(loaded: Settings) -> None:
    data = csv_file("demographics", [{"sourcedId": "p2", "sex": "male"}])
    document = send(loaded, data, "demographics", mode="bulk")
    assert (document["counts"]["created"], document["counts"]["deleted"]) == (1, 1)


def test_columns_that_a_file_does_not_have_are_kept(loaded: Settings) -> None:
    header = ["sourcedId", "enabledUser", "username", "givenName", "familyName"]
    people = [{k: v for k, v in person("p1", "陽葵", "佐藤").items() if k in header}]
    document = send(loaded, csv_file("users", people, header), "users")
    assert document["counts"]["updated"] == 1
    assert rows(
        loaded,
        "SELECT given_name, primary_org_sourced_id, grades, metadata FROM users"
        " WHERE sourced_id = 'p1'",
    ) == [("陽葵", "school", ["P1"], {"jp.homeClass": "class"})]


def test_a_blank_cell_blanks_the_field(loaded: Settings) -> None:
    people = [person("p1", "陽菜", "佐藤", primaryOrgSourcedId="")]
    send(loaded, csv_file("users", people), "users")
    assert rows(
        loaded, "SELECT primary_org_sourced_id, metadata FROM users WHERE sourced_id = 'p1'"
    ) == [(None, None)]


def test_delta_needs_status_and_time_in_every_row(loaded: Settings) -> None:
    files = {"users": [person("p1", "陽菜", "佐藤")]}
    document = send(loaded, package(files, modes={"users": "delta"}))
    assert document["state"] == "failed"
    assert places(document["errors"]) == [
        ("users.csv", 2, "status", "required_blank"),
        ("users.csv", 2, "dateLastModified", "required_blank"),
    ]


@pytest.mark.parametrize("level", ["tolerant", "strict"])
@pytest.mark.parametrize(
    "missing", [{"status"}, {"dateLastModified"}, {"status", "dateLastModified"}]
)
def test_delta_needs_the_columns_for_them(loaded: Settings, missing: set[str], level: str) -> None:
    changed = person("p1", "陽", "佐藤", status="active", dateLastModified=LATER)
    columns = [name for name in changed if name not in missing]
    row = {name: changed[name] for name in columns}
    users = csv_file("users", [row], ["sourcedId", *[n for n in columns if n != "sourcedId"]])
    wanted = [name for name in ("status", "dateLastModified") if name in missing]
    expected = [("users.csv", 1, name, "header_missing_column") for name in wanted]
    for data, entity, mode in (
        (package({"users": users}, modes={"users": "delta"}), None, None),
        (users, "users", "delta"),
    ):
        document = send(loaded, data, entity, mode=mode, level=level)
        assert document["state"] == "failed"
        assert [place for place in places(document["errors"]) if place in expected] == expected
    assert send(loaded, users, "users", mode="merge")["state"] == "completed"


def test_delta_deletes_what_it_says_and_nothing_else(loaded: Settings) -> None:
    gone = person("p2", "蓮", "渡邉", status="tobedeleted", dateLastModified=LATER)
    document = send(loaded, package({"users": [gone]}, modes={"users": "delta"}))
    assert document["counts"]["deleted"] == 1
    assert rows(
        loaded,
        "SELECT sourced_id, date_last_modified::text FROM users WHERE status = 'tobedeleted'",
    ) == [("p2", "2100-09-01 00:00:00+00")]


def test_a_leavers_username_can_be_given_again(loaded: Settings) -> None:
    data = board()
    data["users"][1] = person("p9", "新", "人", username="p2@mihon.example")
    data["roles"][1] = role("p9", "student")
    data["enrollments"][1] = enrollment("p9", "student")
    assert send(loaded, package(data))["state"] == "completed"


def test_two_people_may_swap_their_usernames_in_one_file(loaded: Settings) -> None:
    data = board()
    first, second = data["users"][:2]
    first["username"], second["username"] = second["username"], first["username"]
    document = send(loaded, package(data))
    assert document["state"] == "completed", document
    assert rows(loaded, "SELECT sourced_id, username FROM users ORDER BY 1 LIMIT 2") == [
        ("p1", "p2@mihon.example"),
        ("p2", "p1@mihon.example"),
    ]


def test_one_username_for_two_people_names_both(loaded: Settings) -> None:
    people = [person("a", "A", "A", username="x"), person("b", "B", "B", username="x")]
    document = send(loaded, csv_file("users", people), "users")
    (error,) = document["errors"]
    assert (error["line"], error["code"]) == (3, "username_taken")
    assert "given to a as well, on line 2" in error["message"]


def test_a_username_that_a_held_person_has_names_that_person(loaded: Settings) -> None:
    people = [person("new", "A", "A", username="p1@mihon.example")]
    document = send(loaded, csv_file("users", people), "users")
    (error,) = document["errors"]
    assert (error["line"], error["code"]) == (2, "username_held")
    assert "belongs to p1, who is registered" in error["message"]


def test_users_carry_the_orgs_of_their_roles(loaded: Settings) -> None:
    assert rows(loaded, "SELECT DISTINCT org_sourced_ids FROM users") == [(["school"],)]
    data = board()
    data["roles"].append(role("t1", "teacher", "district", roleType="secondary"))
    document = send(loaded, package(data))
    assert document["counts"]["created"] == 1
    assert rows(loaded, "SELECT org_sourced_ids FROM users WHERE sourced_id = 't1'") == [
        (["district", "school"],)
    ]


def test_a_changed_role_makes_its_user_changed_too(loaded: Settings) -> None:
    before = rows(loaded, "SELECT date_last_modified FROM users WHERE sourced_id = 't1'")
    data = [role("t1", "principal", roleType="secondary")]
    assert send(loaded, csv_file("roles", data), "roles")["counts"]["updated"] == 1
    after = rows(loaded, "SELECT date_last_modified FROM users WHERE sourced_id = 't1'")
    assert after > before


def test_users_of_oneroster_1_1_bring_their_roles(loaded: Settings) -> None:
    header = [
        "sourcedId",
        "enabledUser",
        "orgSourcedIds",
        "role",
        "username",
        "givenName",
        "familyName",
    ]
    people = [
        {
            "sourcedId": "t9",
            "enabledUser": "true",
            "orgSourcedIds": "school,district",
            "role": "teacher",
            "username": "t9",
            "givenName": "直子",
            "familyName": "山﨑",
        }
    ]
    document = send(loaded, csv_file("users", people, header), "users")
    assert document["counts"] | {"total": 3, "created": 3} == document["counts"]
    assert [(f["entity"], f["created"]) for f in document["files"]] == [("users", 1), ("roles", 2)]
    assert rows(
        loaded,
        "SELECT role_type, role, org_sourced_id FROM roles WHERE user_sourced_id = 't9' ORDER BY 1",
    ) == [("primary", "teacher", "school"), ("secondary", "teacher", "district")]
    people[0]["orgSourcedIds"] = "district"
    send(loaded, csv_file("users", people, header), "users")
    assert rows(
        loaded,
        "SELECT role_type, org_sourced_id FROM roles"
        " WHERE user_sourced_id = 't9' AND status = 'active'",
    ) == [("primary", "district")]


def test_a_dry_run_counts_and_changes_nothing(config: Settings) -> None:
    document = send(config, package(board()), dry_run=True)
    assert (document["state"], document["counts"]["created"]) == ("completed", 15)
    assert rows(config, "SELECT count(*) FROM users") == [(0,)]


def test_passwords_are_dropped_with_a_warning(loaded: Settings) -> None:
    people = [person("p1", "陽菜", "佐藤", password="himitsu-1")]
    document = send(loaded, csv_file("users", people), "users")
    assert "password_dropped" in {w["code"] for w in document["warnings"]}
    assert "himitsu" not in repr(rows(loaded, "SELECT users::text FROM users"))
    left = "SELECT count(*) FROM import_chunks WHERE import_id = %s"
    assert rows(loaded, left, document["jobId"]) == [(0,)]


def test_metadata_of_any_name_is_kept(loaded: Settings) -> None:
    people = [person("p1", "陽菜", "佐藤", **{"metadata.color": "赤", "metadata.a.b": "1"})]
    send(loaded, csv_file("users", people), "users")
    assert rows(loaded, "SELECT metadata FROM users WHERE sourced_id = 'p1'") == [
        ({"color": "赤", "a.b": "1"},)
    ]


@pytest.mark.parametrize("names", [("a", "a.b"), ("a.b", "a"), ("x.a.b.c", "x.a"), ("a", "a.b.c")])
def test_of_metadata_that_excludes_each_other_the_later_stays(
    config: Settings, names: tuple[str, str]
) -> None:
    first, second = (f"metadata.{name}" for name in names)
    files = {
        n: csv_file("users", [person("p1", "陽菜", "佐藤", primaryOrgSourcedId="", **more)])
        for n, more in enumerate(
            ({first: "1", "metadata.ab": "2", "metadata.x.b": "3"}, {second: "4"}, {second: ""})
        )
    }
    send(config, files[0], "users")
    rest: dict[str, str] = {"ab": "2", "x.b": "3"}
    found = "SELECT metadata FROM users"
    # Blank says nothing that excludes what is held.
    send(config, files[2], "users")
    assert rows(config, found) == [({names[0]: "1"} | rest,)]
    assert send(config, files[1], "users", dry_run=True)["counts"]["updated"] == 1
    assert send(config, files[1], "users")["counts"]["updated"] == 1
    assert rows(config, found) == [({names[1]: "4"} | rest,)]
    with connect(config.write_url) as connection:
        exported = b"".join(export_file(connection, ENTITIES["users"], choose([], 700)))
    document = send(config, exported, "users")
    assert (document["state"], document["counts"]["unchanged"]) == ("completed", 1), document


def test_values_that_copy_would_take_amiss_arrive_as_they_are(loaded: Settings) -> None:
    odd = 'a\tb\\c\nd "e", \\N \\.'
    send(loaded, csv_file("users", [person("p1", odd, "佐藤")]), "users")
    assert rows(loaded, "SELECT given_name FROM users WHERE sourced_id = 'p1'") == [(odd,)]


def test_nothing_is_left_in_staging(loaded: Settings) -> None:
    assert (
        rows(loaded, "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace")
        == []
    )


def test_statements_of_one_row_do_the_same(config: Settings) -> None:
    small = config.model_copy(update={"csv_batch_size": 1})
    assert send(small, package(board()))["counts"]["created"] == 15


def test_every_changed_entity_gets_a_new_version(loaded: Settings) -> None:
    query = "SELECT entity, version FROM data_versions ORDER BY 1"
    before = dict(rows(loaded, query))
    send(loaded, csv_file("roles", [role("t1", "aide")]), "roles")
    after = dict(rows(loaded, query))
    assert {name for name in after if after[name] != before[name]} == {"roles", "users"}


def test_a_metadata_column_may_have_any_name(config: Settings) -> None:
    """Names of columns go into SQL, with parameters and without."""
    name = "metadata.出席率%'\\s"
    people = [person("u1", "花", "山田", primaryOrgSourcedId="", **{name: "98%"})]
    for dry_run in (True, False):
        document = send(config, csv_file("users", people), "users", dry_run=dry_run)
        assert (document["state"], document["counts"]["created"]) == ("completed", 1)
    people[0][name] = "99%"
    document = send(config, csv_file("users", people), "users", dry_run=True)
    assert document["counts"]["updated"] == 1
    assert send(config, csv_file("users", people), "users")["counts"]["updated"] == 1
    held = name.removeprefix("metadata.")
    assert rows(config, "SELECT metadata FROM users") == [({held: "99%"},)]
    with connect(config.read_url) as connection:
        chosen = choose([], config.history_days)
        exported = b"".join(export_file(connection, ENTITIES["users"], chosen))
    assert send(config, exported, "users")["counts"]["unchanged"] == 1


def test_a_blank_row_below_a_hundred_columns_is_passed_over(config: Settings) -> None:
    more = {f"metadata.m{n}": "x" for n in range(100)}
    data = csv_file("users", [person("u1", "花", "山田", primaryOrgSourcedId="", **more)])
    blank = b"," * data.splitlines()[0].count(b",") + b"\r\n"
    document = send(config, data + blank, "users")
    assert (document["state"], document["counts"]["created"]) == ("completed", 1)
    assert [one["code"] for one in document["warnings"]] == ["row_blank"]
