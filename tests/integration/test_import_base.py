"""An import that builds on the one before it comes to what reading every row comes to."""

import copy
import csv
import io
import random
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from structlog.testing import capture_logs

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import difference, run, undo
from tests.integration.test_import_deletions import HEADER_11, person_11
from tests.rosters import (
    Board,
    Rows,
    board,
    csv_file,
    enrollment,
    package,
    person,
    role,
    rows,
    send,
)

PUPILS = 12


def school() -> Board:
    """The small board with a second class and more pupils."""
    data = board()
    data["classes"].append({**data["classes"][0], "sourcedId": "class2", "title": "1年2組"})
    for n in range(PUPILS):
        data["users"].append(person(f"q{n}", "花", "山田", grades="P1"))
        data["roles"].append(role(f"q{n}", "student"))
        data["enrollments"].append(
            enrollment(f"q{n}", "student", classSourcedId=f"class{'2' * (n % 2)}")
        )
        data["demographics"].append({"sourcedId": f"q{n}", "birthDate": "2019-05-12"})
    return data


def quoted(lines: Rows) -> bytes:
    """A CSV file as Japanese systems write it: every value in quotes."""
    header = sorted({name for row in lines for name in row})
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def seen(config: Settings, document: dict[str, Any]) -> dict[str, Any]:
    """All that an import says, but for its number and times."""
    told = {k: v for k, v in document.items() if k not in _OWN}
    with connect(config.write_url) as connection:
        found = connection.execute(
            difference.SELECT, [document["jobId"], 0, None, None, None, None]
        ).fetchall()
        health = connection.execute(
            "SELECT finding, sourced_id, others FROM import_health WHERE import_id = %s"
            " ORDER BY 1, 2",
            [document["jobId"]],
        ).fetchall()
    changes = [{k: v for k, v in c.items() if k != "id"} for c in difference.documents(found)]
    return {**told, "changes": sorted(changes, key=str), "health": health}


_OWN = {
    *("jobId", "createdAt", "startedAt", "finishedAt", "timings", "rowsPerSecond"),
    *("statusUrl", "errorsUrl"),
}


def without_base(config: Settings) -> None:
    with connect(config.write_url) as connection:
        connection.execute("UPDATE imports SET carried = NULL")


def built(logs: list[Any]) -> int | None:
    """How many rows an import did not stage again; None where it read them all."""
    if any(entry["event"] == "import reads all rows" for entry in logs):
        return None
    found = [e["the_same"] for e in logs if e["event"] == "import builds on another"]
    return found[-1] if found else None


@contextmanager
def watching() -> Generator[list[int | None]]:
    """Of the import in the block: how many rows it did not stage, once the block ends."""
    found: list[int | None] = []
    with capture_logs() as logs:
        yield found
    found.append(built(logs))


def total(data: Board) -> int:
    return sum(len(lines) for lines in data.values())


def test_only_what_is_new_is_read(config: Settings) -> None:
    data = school()
    first = send(config, package(data))
    data["users"][5]["givenName"] = "凛"
    gone = data["enrollments"].pop()
    data["users"].append(person("q99", "翔", "高橋"))
    with watching() as the_same:
        document = send(config, package(data))
    assert the_same == [total(data) - 2]
    counts = {k: document["counts"][k] for k in ("total", "created", "updated", "deleted")}
    assert counts == {"total": total(data), "created": 1, "updated": 1, "deleted": 1}
    assert document["counts"]["unchanged"] == total(data) - 2
    assert first["counts"]["created"] == first["counts"]["total"]
    deleted = rows(config, "SELECT sourced_id FROM enrollments WHERE status = 'tobedeleted'")
    assert deleted == [(gone["sourcedId"],)]


def test_the_same_file_again_needs_no_row(config: Settings) -> None:
    data = school()
    send(config, package(data))
    for _ in range(2):
        with watching() as the_same:
            document = send(config, package(data))
        assert the_same == [total(data)]
        assert document["counts"]["unchanged"] == total(data)


def test_a_single_file_builds_on_the_one_before(config: Settings) -> None:
    data = school()
    send(config, package(data))
    users = quoted(data["users"])
    send(config, users, "users", mode="bulk")
    with watching() as the_same:
        send(config, users, "users", mode="bulk")
    assert the_same == [len(data["users"])]
    for mode in ("merge", "delta"):
        with watching() as the_same:
            send(config, users, "users", mode=mode)
        assert the_same == [None]


def _by_rest(config: Settings) -> None:
    with connect(config.write_url) as connection, connection.transaction():
        connection.execute("UPDATE users SET given_name = '別' WHERE sourced_id = 'q1'")
        connection.execute("SELECT renew_versions(ARRAY['users'])")


def _upload_pruned(config: Settings) -> None:
    with connect(config.write_url) as connection:
        connection.execute("DELETE FROM import_chunks")


def _undone(config: Settings) -> None:
    [(last,)] = rows(config, "SELECT max(id) FROM imports")
    with connect(config.write_url) as connection:
        undo.undo(connection, last, force=False)
        connection.execute("UPDATE imports SET state = 'undone' WHERE id = %s", [last])


def _by_another_version(config: Settings) -> None:
    with connect(config.write_url) as connection:
        connection.execute("""UPDATE imports SET carried = carried || '{"program": "0.0"}'""")


@pytest.mark.parametrize("meanwhile", [_by_rest, _upload_pruned, _undone, _by_another_version])
def test_what_else_happened_makes_it_read_all(
    config: Settings, meanwhile: Callable[[Settings], None]
) -> None:
    data = school()
    send(config, package(data))
    data["users"][3]["givenName"] = "凛"
    send(config, package(data))
    meanwhile(config)
    with watching() as the_same:
        document = send(config, package(data))
    users = len(data["users"])
    # What a change of the users does not concern is still built on.
    assert the_same in ([None], [0], [total(data) - users - _of_users(data)])
    assert document["state"] == "completed"
    [(name,)] = rows(config, "SELECT given_name FROM users WHERE sourced_id = 'q1'")
    assert name == "花"


def _of_users(data: Board) -> int:
    return sum(len(data[name]) for name in ("roles", "enrollments", "demographics"))


def test_a_change_between_comparing_and_applying_is_not_built_on(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = school()
    apply = run.apply

    def late(*args: Any) -> Any:
        _by_rest(config)
        return apply(*args)

    send(config, package(data))
    with monkeypatch.context() as patch:
        patch.setattr(run, "apply", late)
        data["courses"][0]["title"] = "2026年度算数"
        send(config, package(data))
    send(config, package(data))
    [(name,)] = rows(config, "SELECT given_name FROM users WHERE sourced_id = 'q1'")
    assert name == "花"


@pytest.mark.parametrize(
    "options", [{"level": "strict"}, {"source": "other"}, {"placeholders": True}]
)
def test_who_asks_for_something_else_gets_it(config: Settings, options: dict[str, Any]) -> None:
    send(config, package(school()))
    with watching() as the_same:
        send(config, package(school()), dry_run=True, **options)
    assert the_same == [None]


def test_findings_in_the_base_are_found_again(config: Settings) -> None:
    data = school()
    data["users"][2]["givenName"] = " 健一 "
    first = send(config, package(data))
    with watching() as the_same:
        second = send(config, package(data))
    assert the_same == [total(data) - len(data["users"])]
    assert second["warnings"] == first["warnings"]
    assert second["warnings"]


def _twice(data: Board) -> None:
    data["users"].append(dict(data["users"][4], givenName="別"))


def _type_of_a_school(data: Board) -> None:
    data["orgs"][1]["type"] = "district"


def _class_away(data: Board) -> None:
    data["classes"].pop()


def _username_of_another(data: Board) -> None:
    data["users"][4]["username"] = data["users"][5]["username"]


def _swapped_usernames(data: Board) -> None:
    one, other = data["users"][4], data["users"][5]
    one["username"], other["username"] = other["username"], one["username"]


def _username_passed_on(data: Board) -> None:
    gone = data["users"].pop()
    for name in ("roles", "enrollments", "demographics"):
        data[name].pop()
    data["users"][4]["username"] = gone["username"]


def _nobody_there(data: Board) -> None:
    data["enrollments"][4]["userSourcedId"] = "nobody"


def _second_primary_role(data: Board) -> None:
    data["roles"].append(dict(data["roles"][4], sourcedId="r-second"))


def _another_year(data: Board) -> None:
    data["academicSessions"].append(
        dict(data["academicSessions"][0], sourcedId="y2027", schoolYear="2027", title="2027年度")
    )


def _a_manager_who_teaches_no_more(data: Board) -> None:
    data["roles"] = [row for row in data["roles"] if row["userSourcedId"] != "t1"]
    data["roles"].append(role("t1", "principal", roleType="secondary"))


def _line_in_a_cell(data: Board) -> None:
    data["users"][4]["givenName"] = "二行\nの名"


def _file_away(data: Board) -> None:
    del data["demographics"]


WAYS = [
    *(_twice, _type_of_a_school, _class_away, _username_of_another, _swapped_usernames),
    *(_username_passed_on, _nobody_there, _second_primary_role, _another_year),
    *(_a_manager_who_teaches_no_more, _line_in_a_cell, _file_away),
]


def both_ways(config: Settings, data: bytes, **options: Any) -> dict[str, Any]:
    """What an import says, which it must say with its base and without."""
    with_base = seen(config, send(config, data, dry_run=True, **options))
    kept = rows(config, "SELECT id, carried FROM imports WHERE carried IS NOT NULL")
    without_base(config)
    without = seen(config, send(config, data, dry_run=True, **options))
    with connect(config.write_url) as connection:
        for import_id, carried in kept:
            connection.execute(
                "UPDATE imports SET carried = %s WHERE id = %s",
                [Jsonb(carried), import_id],
            )
    assert with_base == without
    return without


@pytest.mark.parametrize(
    ("change", "on_error"),
    [*((change, "reject") for change in WAYS), (_twice, "skip"), (_nobody_there, "skip")],
)
def test_what_concerns_other_rows_is_said_of_them(
    config: Settings, change: Callable[[Board], None], on_error: str
) -> None:
    data = school()
    send(config, package(data))
    change(data)
    both_ways(config, package(data), on_error=on_error)


@pytest.mark.parametrize("seed", range(5))
def test_days_of_any_changes(config: Settings, seed: int) -> None:
    chance = random.Random(seed)
    data = school()
    write = quoted if seed % 2 else None
    built_on = 0
    for _ in range(4):
        sent = package({n: write(r) if write and r else r for n, r in data.items()})
        told = both_ways(config, sent)
        with watching() as the_same:
            done = send(config, sent)
        built_on += bool(the_same[0])
        if done["state"] == "completed":
            applied = {k: v for k, v in seen(config, done).items() if k in ("counts", "files")}
            assert applied == {k: told[k] for k in applied}
            without_base_once = both_ways(config, sent)
            counts = without_base_once["counts"]
            assert counts["unchanged"] == counts["total"], counts
        before = copy.deepcopy(data)
        for _ in range(chance.randint(1, 3)):
            _any_change(data, chance)
        if chance.random() < 0.3:
            data = before
        if done["state"] == "failed":
            data = school()
    assert built_on


def _any_change(data: Board, chance: random.Random) -> None:
    name = chance.choice([n for n in data if data[n]])
    lines = data[name]
    row = chance.choice(lines)
    match chance.randint(0, 5):
        case 0:
            lines.remove(row)
        case 1:
            lines.append(dict(row, sourcedId=f"new{chance.randint(1, 9)}"))
        case 2:
            chance.shuffle(lines)
        case 3:
            other = chance.choice(lines)
            column = chance.choice(sorted(row))
            row[column] = other.get(column, "")
        case 4:
            column = chance.choice([c for c in sorted(row) if "SourcedId" in c] or ["sourcedId"])
            row[column] = chance.choice(["class2", "school", "district", "y2026", "nobody", "q3"])
        case _:
            column = chance.choice(
                [c for c in ("title", "givenName", "name") if c in row] or ["sourcedId"]
            )
            if column != "sourcedId":
                row[column] = f"{row[column]}{chance.randint(0, 99)}"


def test_people_of_oneroster_11_keep_their_roles(config: Settings) -> None:
    """Roles are made of the rows of users.csv, of those as well that are the same as before."""
    people = [person_11(f"u{n}", "school") for n in range(3)]
    for _ in range(3):
        files = {"orgs": board()["orgs"], "users": csv_file("users", people, HEADER_11)}
        assert send(config, package(files, version="1.1"))["state"] == "completed"
        held = rows(config, "SELECT user_sourced_id FROM roles WHERE status = 'active' ORDER BY 1")
        assert held == [(row["sourcedId"],) for row in people]
        people.append(person_11(f"u{len(people)}", "school"))


def another_profile(data: Board) -> None:
    """The profile that a role names becomes somebody else's."""
    data["userProfiles"][0]["userSourcedId"] = "p2"


def another_type(data: Board) -> None:
    """The school where everybody is becomes a district."""
    data["orgs"][1] |= {"type": "district", "parentSourcedId": ""}


def another_year(data: Board) -> None:
    """A school year is new."""
    year = {"startDate": "2027-04-01", "endDate": "2028-03-31", "schoolYear": "2027"}
    data["academicSessions"].append({**data["academicSessions"][0], "sourcedId": "y2027", **year})


@pytest.mark.parametrize("change", [another_profile, another_type, another_year])
def test_what_others_depend_on_counts_in_a_file_that_is_read_whole(
    config: Settings, change: Callable[[Board], None]
) -> None:
    data = school()
    profile = {"profileType": "x", "vendorId": "v", "credentialType": "c", "username": "n"}
    data["userProfiles"] = [{"sourcedId": "up1", "userSourcedId": "p1", **profile}]
    data["roles"][0]["userProfileSourcedId"] = "up1"
    # A finding in each of the files that change, which therefore nobody builds on.
    data["userProfiles"][0]["description"] = "〓"
    data["orgs"][1]["name"] = "みどり〓小学校"
    data["academicSessions"][0]["title"] = "令和〓年度"
    assert send(config, package(data))["state"] == "completed"
    change(data)
    with watching() as the_same:
        built_on = seen(config, send(config, package(data), dry_run=True))
    assert the_same == [None]
    without_base(config)
    assert built_on == seen(config, send(config, package(data), dry_run=True))


def test_what_is_remembered_is_what_was_compared(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody changes the roster between the look at its versions and the end of the import."""
    data = school()
    send(config, package(data))
    remember, changed = run.remember, threading.Event()

    def change() -> None:
        with connect(config.write_url) as connection, connection.transaction():
            connection.execute("UPDATE users SET given_name = '別' WHERE sourced_id = 'q1'")
            connection.execute("SELECT renew_versions(ARRAY['users'])")
        changed.set()

    def with_another_beside(*args: Any) -> None:
        another.start()
        changed.wait(0.5)
        remember(*args)

    another = threading.Thread(target=change)
    with monkeypatch.context() as patch:
        patch.setattr(run, "remember", with_another_beside)
        send(config, package(data))
    another.join(60)
    send(config, package(data))
    assert rows(config, "SELECT given_name FROM users WHERE sourced_id = 'q1'") == [("花",)]
