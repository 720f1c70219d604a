"""The part of a roster that belongs to an org: what is in it, and that it stands by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rosterhub.ops.sample import write_package
from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from tests.exported import begun_package, exported, exported_package, table, tables
from tests.gradebook import gradebook_board
from tests.rosters import Board, board, csv_file, enrollment, package, person, role, rows, send


@pytest.fixture
def second(
    fresh: Callable[[], AbstractContextManager[Settings]],
) -> Iterator[Settings]:
    """A hub without anything."""
    with fresh() as made:
        yield made


def two_schools() -> Board:
    """The small board with another school whose pupil visits a class of the first, a guardian who
    belongs there, and a teacher of both.
    """
    data = board()
    data["orgs"][0]["identifier"] = "011000"
    data["orgs"][1]["identifier"] = "B101210000011"
    data["orgs"].append(
        {"sourcedId": "other", "name": "他校", "type": "school", "parentSourcedId": "district"}
    )
    data["courses"].append({**data["courses"][0], "sourcedId": "course-2", "orgSourcedId": "other"})
    data["classes"].append(
        {
            **data["classes"][0],
            "sourcedId": "class-2",
            "courseSourcedId": "course-2",
            "schoolSourcedId": "other",
        }
    )
    data["users"][0]["agentSourcedIds"] = "g1,g2"
    data["users"] += [
        person("g1", "誠", "佐藤", primaryOrgSourcedId="other"),
        person("g2", "恵", "佐藤"),
        person("visitor", "客", "来", primaryOrgSourcedId="other"),
        person("p9", "他", "校", primaryOrgSourcedId="other", agentSourcedIds="g9"),
        person("g9", "他", "人", primaryOrgSourcedId="other"),
    ]
    data["roles"] += [role(one, "guardian", "other") for one in ("g1", "g9")]
    data["roles"] += [role(one, "student", "other") for one in ("visitor", "p9")]
    data["roles"].append(role("t1", "teacher", "other", roleType="secondary"))
    data["enrollments"] += [
        enrollment("visitor", "student"),
        enrollment("p9", "student", classSourcedId="class-2", schoolSourcedId="other"),
    ]
    data["demographics"] += [{"sourcedId": one, "sex": "other"} for one in ("p9", "visitor", "g1")]
    return data


def ids(found: dict[str, list[dict[str, str]]], name: str) -> set[str]:
    return {row["sourcedId"] for row in found.get(name, [])}


def test_a_school_has_its_own_and_what_they_need(config: Settings, second: Settings) -> None:
    assert send(config, package(two_schools()))["state"] == "completed"
    data, begun = begun_package(config, org="school")
    assert begun.name.endswith("_B101210000011.zip")
    found = tables(data)
    assert {name: ids(found, name) for name in found} == {
        "academicSessions": {"y2026"},
        "orgs": {"school", "district"},
        "courses": {"course"},
        "classes": {"class"},
        "users": {"p1", "p2", "t1", "visitor", "g1", "g2"},
        "roles": {"r-p1-school", "r-p2-school", "r-t1-school"},
        "enrollments": {"e-p1", "e-p2", "e-t1", "e-visitor"},
        "demographics": {"p1", "visitor", "g1"},
    }
    users = {row["sourcedId"]: row for row in found["users"]}
    assert users["p1"]["agentSourcedIds"] == "g1,g2"
    assert "primaryOrgSourcedId" not in users["visitor"]
    document = send(second, data)
    assert (document["state"], document["errors"], document["warnings"]) == ("completed", [], [])
    assert tables(exported_package(second)) == found


def test_the_whole_board_by_its_district(config: Settings) -> None:
    send(config, package(two_schools()))
    assert tables(exported_package(config, org="district")) == tables(exported_package(config))
    both = exported_package(config, org=["school", "other"])
    assert tables(both) == tables(exported_package(config))


def test_one_file_of_a_school(config: Settings) -> None:
    send(config, package(two_schools()))
    assert {r["sourcedId"] for r in table(exported(config, "enrollments", org="other"))} == {"e-p9"}


def test_a_school_with_its_gradebook(config: Settings, second: Settings) -> None:
    assert send(config, package(gradebook_board()))["state"] == "completed"
    whole = tables(exported_package(config))
    found = tables(exported_package(config, org="school"))
    assert set(found) == set(whole)
    document = send(second, exported_package(config, org="school"))
    assert (document["state"], document["errors"]) == ("completed", [])


def test_what_refers_to_something_deleted(config: Settings, second: Settings) -> None:
    """Blank where that may be, left out where it may not: it imports by itself all the same."""
    data = two_schools()
    send(config, package(data))
    for name, gone in (("users", {"g1", "p2"}), ("courses", {"course-2"}), ("orgs", {"district"})):
        less = [row for row in data[name] if row["sourcedId"] not in gone]
        assert send(config, csv_file(name, less), name, mode="bulk")["state"] == "completed"
    package_of_both = exported_package(config, org=["school", "other"])
    found = tables(package_of_both)
    assert ids(found, "orgs") == {"school", "other"}
    assert ids(found, "classes") == {"class"}
    assert ids(found, "enrollments") == {"e-p1", "e-t1", "e-visitor"}
    users = {row["sourcedId"]: row for row in found["users"]}
    assert users["p1"]["agentSourcedIds"] == "g2"
    document = send(second, package_of_both)
    assert (document["state"], document["errors"]) == ("completed", [])


@pytest.fixture(scope="module")
def sample(
    fresh: Callable[[], AbstractContextManager[Settings]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A hub with some schools of a sample board."""
    path: Path = tmp_path_factory.mktemp("sample") / "board.zip"
    write_package(path, 1_500, "interop-6")
    with fresh() as config:
        assert send(config, path.read_bytes())["state"] == "completed"
        yield config


def test_each_school_of_a_sample_board_imports_by_itself(
    sample: Settings, second: Settings
) -> None:
    schools = [one for (one,) in rows(sample, "SELECT sourced_id FROM orgs WHERE type = 'school'")]
    assert len(schools) > 1
    data = exported_package(sample, org=schools[0], profile="interop-6")
    document = send(second, data)
    assert (document["state"], document["errors"], document["warnings"]) == ("completed", [], [])
    ((own,),) = rows(
        sample, "SELECT count(*) FROM classes WHERE school_sourced_id = %s", schools[0]
    )
    assert rows(second, "SELECT count(*) FROM classes") == [(own,)]
    with connect(second.write_url) as connection:
        (alone,) = connection.execute(
            compiled(
                "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM roles r"
                " WHERE r.user_sourced_id = u.sourced_id)"
            )
        ).fetchone() or (None,)
    assert alone == 0
