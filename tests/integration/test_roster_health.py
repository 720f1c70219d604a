"""What looks wrong with a roster as a whole: as it is, and as an import would make it."""

import csv
import io
import json
from copy import deepcopy
from typing import Any

from rosterhub.ops.sample import write_package
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import health, retention
from tests.integration.test_cli_transfer import rosterhub
from tests.rosters import (
    Board,
    board,
    contents,
    csv_file,
    enrollment,
    package,
    person,
    role,
    rows,
    send,
)
from tests.serving import add_key, serving

LIVE = "/api/v1.2/roster/health"


def ill() -> Board:
    """The small board with one of everything that can be wrong."""
    data = deepcopy(board())
    data["users"] += [
        person("p-none", "無", "所属", grades="P1"),
        person("p-grade", "学年", "無"),
        person("t-none", "担当", "無"),
        person("same-1", "同", "姓同名", **{"metadata.jp.kanaGivenName": "ドウ"}),
        person("same-2", "同", "姓同名", **{"metadata.jp.kanaGivenName": "ドウ"}),
        person("same-3", "同", "姓同名", **{"metadata.jp.kanaGivenName": "オナジ"}),
    ]
    data["roles"] += [role("p-none", "student"), role("p-grade", "student")]
    data["roles"] += [role("t-none", "teacher")]
    data["roles"] += [role(f"same-{n}", "guardian") for n in (1, 2, 3)]
    data["enrollments"].append(enrollment("p-grade", "student"))
    data["demographics"] += [
        {"sourcedId": f"same-{n}", "birthDate": "1980-01-01"} for n in (1, 2, 3)
    ]
    empty = {**data["classes"][0], "title": "=空"}
    data["classes"] += [
        {**empty, "sourcedId": "empty-homeroom"},
        {**empty, "sourcedId": "empty-class", "classType": "scheduled"},
    ]
    data["courses"].append({**data["courses"][0], "sourcedId": "empty-course"})
    return data


EXPECTED = {
    "pupilsWithoutEnrollments": ["p-none"],
    "pupilsWithoutGrade": ["p-grade"],
    "homeroomsWithoutTeacher": ["empty-homeroom"],
    "homeroomsWithoutPupils": ["empty-homeroom"],
    "classesWithoutTeacher": ["empty-class"],
    "classesWithoutPupils": ["empty-class"],
    "teachersWithoutClasses": ["t-none"],
    "coursesWithoutClasses": ["empty-course"],
    "samePerson": ["same-1", "same-2"],
}
NOTHING: dict[str, list[str]] = {name: [] for name in health.FINDINGS}


def ids(document: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [r["sourcedId"] for r in one["records"]] for name, one in document.items()}


def live(config: Settings) -> dict[str, list[str]]:
    with connect(config.read_url) as connection:
        return ids(health.document(connection))


def would_be(config: Settings, data: bytes, entity: str | None = None, **options: Any) -> Any:
    """What is found of the roster as an import would make it; nothing else may have changed."""
    before = contents(config)
    job = send(config, data, entity, dry_run=True, **options)
    assert job["state"] == "completed", job["errors"]
    assert contents(config) == before
    with connect(config.read_url) as connection:
        return ids(health.document(connection, int(job["jobId"])))


def test_everything_is_found_and_nothing_else(config: Settings) -> None:
    send(config, package(board()))
    assert live(config) == NOTHING
    send(config, package(ill()))
    assert live(config) == EXPECTED


def test_a_sample_board_is_well(config: Settings, tmp_path: Any) -> None:
    write_package(tmp_path / "a.zip", 500, "interop-6")
    send(config, (tmp_path / "a.zip").read_bytes())
    # Principals teach no class; everybody else is where they belong.
    assert {name for name, found in live(config).items() if found} <= {"teachersWithoutClasses"}


def test_a_dry_run_says_it_of_the_roster_that_would_be(config: Settings) -> None:
    """Also where files come alone, delete, or change a part of what is held."""
    assert would_be(config, package(ill())) == EXPECTED
    send(config, package(board()))
    assert would_be(config, package(ill())) == EXPECTED
    send(config, package(ill()))
    assert would_be(config, package(board())) == NOTHING
    assert would_be(config, package(ill())) == EXPECTED
    one = csv_file("users", [person("p-grade", "学年", "有", grades="P1")])
    assert would_be(config, one, "users") == EXPECTED | {"pupilsWithoutGrade": []}
    columns = ["sourcedId", "grades", "enabledUser", "username", "givenName", "familyName"]
    less = csv_file("users", [{"sourcedId": "p1", "grades": "", **_named("p1")}], columns)
    assert would_be(config, less, "users") == EXPECTED | {"pupilsWithoutGrade": ["p-grade", "p1"]}
    gone = csv_file(
        "enrollments",
        [
            {
                "sourcedId": "e-t1",
                "status": "tobedeleted",
                "dateLastModified": "2026-05-01T00:00:00Z",
            }
        ],
    )
    assert would_be(config, gone, "enrollments", mode="delta") == EXPECTED | {
        "homeroomsWithoutTeacher": ["class", "empty-homeroom"],
        "teachersWithoutClasses": ["t-none", "t1"],
    }
    assert live(config) == EXPECTED


def test_a_dry_run_with_placeholders(config: Settings) -> None:
    """Of one entity, some records are sent and others are made."""
    data = ill()
    data["classes"][1]["courseSourcedId"] = "made-course"
    found = would_be(config, package(data), placeholders=True)
    assert found == EXPECTED
    data["courses"] = []
    found = would_be(config, package(data), placeholders=True)
    assert found == EXPECTED | {"coursesWithoutClasses": []}


def _named(sourced_id: str) -> dict[str, str]:
    row = person(sourced_id, "陽菜", "佐藤")
    return {name: row[name] for name in ("enabledUser", "username", "givenName", "familyName")}


def test_what_a_dry_run_found_goes_with_its_age(config: Settings) -> None:
    send(config, package(ill()), dry_run=True)
    kept = "SELECT count(*) FROM import_health"
    assert rows(config, kept) == [(sum(map(len, EXPECTED.values())),)]
    with connect(config.write_url) as connection:
        retention.prune(connection, 30)
        assert rows(config, kept) != [(0,)]
        retention.prune(connection, 0)
    assert rows(config, kept) == [(0,)]


def test_a_dry_run_that_is_applied_then_has_said_the_truth(config: Settings) -> None:
    send(config, package(ill()))
    mended = ill()
    mended["enrollments"].append(enrollment("p-none", "student"))
    mended["classes"] = mended["classes"][:1]
    foretold = would_be(config, package(mended))
    send(config, package(mended))
    assert foretold == live(config) != EXPECTED


def test_over_http(config: Settings) -> None:
    send(config, package(ill()))
    job = send(config, package(board()), dry_run=True)
    applied = send(config, package(ill()))
    no_export = add_key(config, "no-export", scopes=("import",))
    with serving(config) as client:
        assert client.get(LIVE, headers={"X-API-Key": no_export}).status_code == 403
        assert client.get(LIVE).status_code == 401
        client.headers["X-API-Key"] = add_key(config)
        document = client.get(LIVE).json()
        assert ids(document["health"]) == EXPECTED
        (homeroom,) = document["health"]["homeroomsWithoutPupils"]["records"]
        assert homeroom == {
            "sourcedId": "empty-homeroom",
            "orgSourcedId": "school",
            "name": "=空",
        }
        assert document["health"]["samePerson"]["records"][0]["others"] == ["same-2"]
        answer = client.get(f"{LIVE}.csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="roster-health.csv"'
        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
        found: dict[str, list[str]] = {}
        for line in lines:
            found.setdefault(line["finding"], []).append(line["sourcedId"])
        assert found == EXPECTED
        assert {line["name"] for line in lines if line["sourcedId"] == "empty-class"} == {"'=空"}
        of_import = f"/api/v1.2/csv/import/jobs/{job['jobId']}/health"
        assert ids(client.get(of_import).json()["health"]) == NOTHING
        assert client.get(f"{of_import}.csv").text.count("\n") == 1
        other = client.get(f"/api/v1.2/csv/import/jobs/{applied['jobId']}/health")
        assert (other.status_code, "no dry run" in other.text) == (404, True)
        assert client.get(f"{LIVE}?x=1").status_code == 400


def test_on_the_command_line(config: Settings) -> None:
    send(config, package(ill()))
    job = send(config, package(board()), dry_run=True)
    said = rosterhub(config, "roster", "health")
    assert (said.returncode, said.stderr) == (0, "")
    assert "1  Pupils without a grade" in said.stdout
    assert ids(json.loads(rosterhub(config, "roster", "health", "--json").stdout)["health"]) == (
        EXPECTED
    )
    table = rosterhub(config, "roster", "health", "--csv", LANG="ja_JP.UTF-8").stdout
    assert table.startswith("\ufefffinding,sourcedId,orgSourcedId,name,others")
    of_import = rosterhub(config, "imports", "health", job["jobId"], "--json")
    assert ids(json.loads(of_import.stdout)["health"]) == NOTHING
    assert rosterhub(config, "imports", "health", "999").returncode == 1


def test_a_list_is_bounded_and_its_count_is_not(config: Settings) -> None:
    data = board()
    many = [f"p{n:03}" for n in range(100, 100 + health.SHOWN + 5)]
    data["users"] += [person(one, "無", "所属", grades="P1") for one in many]
    data["roles"] += [role(one, "student") for one in many]
    send(config, package(data))
    with connect(config.read_url) as connection:
        found = health.document(connection)["pupilsWithoutEnrollments"]
    assert (found["count"], len(found["records"])) == (len(many), health.SHOWN)
