"""Deltas and the past: what was exported at a moment and what changed since make what is there now,
whatever happened in between and however long it took to be committed.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from rosterhub.store import history, versions
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer.undo import undo
from tests.exported import begun_package, exported, exported_package, manifest, table, tables
from tests.gradebook import FULL, full, least
from tests.gradebook_hub import at, gradebook_hub
from tests.rosters import Board, board, csv_file, enrollment, package, person, role, rows, send

Fresh = Callable[[], AbstractContextManager[Settings]]


def begin(config: Settings, second: Settings, **options: object) -> str:
    """Give `second` all that `config` has; the moment from which a delta goes on."""
    data, begun = begun_package(config, **options)
    document = send(second, data)
    assert document["state"] == "completed", document["errors"]
    assert begun.next_since is not None
    return begun.next_since


def rows_in(data: bytes) -> dict[str, list[dict[str, str]]]:
    """The rows of a zip; whether a file without any is there says what there was once."""
    return {name: found for name, found in tables(data).items() if found}


def go_on(config: Settings, second: Settings, since: str, **options: object) -> str:
    """Give `second` what changed since, and see that both have the same then."""
    data, begun = begun_package(config, since=since, **options)
    document = send(second, data)
    assert document["state"] == "completed", document["errors"]
    assert rows_in(exported_package(second)) == rows_in(exported_package(config, **options))
    assert begun.next_since is not None
    return begun.next_since


@pytest.fixture
def second(fresh: Fresh) -> Iterator[Settings]:
    """Another hub, which only gets what the first one exports."""
    with fresh() as made:
        yield made


def test_a_delta_holds_what_changed_and_nothing_else(config: Settings) -> None:
    send(config, package(board()))
    _, begun = begun_package(config)
    data = board()
    data["users"][0]["givenName"] = "陽葵"
    data["users"].append(person("p3", "新", "入", grades="P1"))
    data["roles"].append(role("p3", "student"))
    data["demographics"] = []
    send(config, package(data))
    delta = exported_package(config, since=begun.next_since)
    said = manifest(delta)
    present = {"users", "roles", "demographics"}
    assert {name for name, mode in said.items() if mode == "delta"} == {
        f"file.{name}" for name in present
    }
    found = tables(delta)
    assert set(found) == present
    assert [(r["sourcedId"], r["status"], r["givenName"]) for r in found["users"]] == [
        ("p1", "active", "陽葵"),
        ("p3", "active", "新"),
    ]
    assert [(r["sourcedId"], r["status"]) for r in found["demographics"]] == [("p1", "tobedeleted")]
    ((changed,),) = rows(
        config,
        "SELECT to_char(date_last_modified AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        " FROM demographics",
    )
    assert found["demographics"][0]["dateLastModified"] == changed
    assert all(row["dateLastModified"] for part in found.values() for row in part)


def test_a_delta_without_changes_is_a_package_that_imports(
    config: Settings, second: Settings
) -> None:
    send(config, package(board()))
    since = begin(config, second)
    data, begun = begun_package(config, since=since)
    assert tables(data) == {"orgs": []}
    assert begun.next_since == since
    document = send(second, data)
    assert (document["state"], document["errors"]) == ("completed", [])
    assert document["counts"]["total"] == 0


def test_what_refers_to_what_is_deleted_goes_and_comes_back(
    config: Settings, second: Settings
) -> None:
    """A bulk package leaves it out, and so the deltas after it have to bring it."""
    less = [one for one in board()["users"] if one["sourcedId"] != "p1"]
    send(config, package(board()))
    since = begin(config, second)
    send(config, csv_file("users", less), "users", mode="bulk")
    since = go_on(config, second, since)
    send(config, csv_file("users", board()["users"]), "users")
    since = go_on(config, second, since)
    assert "p1" in repr(tables(exported_package(second))["enrollments"])
    send(config, csv_file("users", less), "users", mode="bulk")
    clear(second)
    since = begin(config, second)
    send(config, csv_file("users", board()["users"]), "users")
    go_on(config, second, since)


def test_one_file_as_a_delta(config: Settings) -> None:
    send(config, package(board()))
    _, begun = begun_package(config)
    send(config, csv_file("users", [person("p2", "廉", "渡邉", grades="P1")]), "users")
    (row,) = table(exported(config, "users", since=begun.next_since))
    assert (row["sourcedId"], row["status"], row["givenName"]) == ("p2", "active", "廉")


def test_what_was_taken_back_goes_again(config: Settings, second: Settings) -> None:
    """An undo removes records for good; whoever got them has to hear of it."""
    send(config, package(board()))
    more = board()
    more["users"].append(person("p3", "新", "入", grades="P1"))
    more["roles"].append(role("p3", "student"))
    done = send(config, package(more))
    since = begin(config, second)
    with connect(config.write_url) as connection:
        assert undo(connection, int(done["jobId"])).done
    go_on(config, second, since)


def test_the_gradebook_written_over_rest(config: Settings, second: Settings) -> None:
    """What a platform puts in place of a record, or takes away with it, is in history and delta."""
    with gradebook_hub(config) as hub:
        ((then,),) = rows(config, "SELECT clock_timestamp()")
        was = tables(exported_package(config))
        since = begin(config, second)
        for entity in FULL:
            assert hub.put(entity, least(entity)).is_success
        for entity in ("results", "lineItems"):
            place = at(entity, full(entity)["sourcedId"])
            assert hub.client.delete(place).is_success
        assert tables(exported_package(config)) != was
        since = go_on(config, second, since)
        assert tables(exported_package(config, since=since)) == {"orgs": []}
        assert tables(exported_package(config, asOf=then.isoformat())) == was


def test_what_is_committed_late_is_not_lost(config: Settings, second: Settings) -> None:
    """A change that began before an export and was committed after it is in the next delta."""
    send(config, package(board()))
    with connect(config.write_url) as slow:
        history.ensure_partitions(slow, ["users"])
        with slow.transaction():
            rename(slow, "p1", "遅")
            since = begin(config, second)
            send(config, csv_file("users", [person("p2", "早", "渡邉", grades="P1")]), "users")
            since = go_on(config, second, since)
            slow.execute(versions.RENEW, [["users"]])
    delta = tables(exported_package(config, since=since))["users"]
    assert [(r["sourcedId"], r["givenName"]) for r in delta] == [("p1", "遅")]
    go_on(config, second, since)


def rename(connection: Any, sourced_id: str, name: str) -> None:
    """Change a user as an import does it."""
    kept = history.keep(RECORDS["users"], " WHERE t.sourced_id = %s", "NULL")
    connection.execute(compiled(kept), [sourced_id])
    connection.execute(
        "UPDATE users SET given_name = %s, valid_from = now(), import_id = NULL"
        " WHERE sourced_id = %s",
        [name, sourced_id],
    )


def test_the_roster_as_it_was(config: Settings, second: Settings) -> None:
    send(config, package(board()))
    first = tables(exported_package(config))
    ((moment,),) = rows(config, "SELECT clock_timestamp()")
    changed = board()
    changed["users"][0]["givenName"] = "陽葵"
    changed["demographics"] = []
    send(config, package(changed))
    data, begun = begun_package(config, asOf=moment.isoformat())
    assert tables(data) == first
    assert begun.next_since is None
    assert begun.name.startswith(f"RO_{moment:%Y%m%d}")
    assert len(table(exported(config, "demographics", asOf=moment.isoformat()))) == 1
    assert table(exported(config, "demographics")) == []
    document = send(second, data)
    assert (document["state"], document["errors"]) == ("completed", [])


IDS = st.sampled_from(["p1", "p2", "p3", "p4"])
SCHOOLS = ("school", "other")


@st.composite
def changes(draw: st.DrawFn) -> Callable[[Board], None]:
    """Something that happens to a board between two exports."""
    kind = draw(st.sampled_from(["rename", "leave", "come", "move", "metadata", "guardian"]))
    who, text = draw(IDS), draw(st.sampled_from(["陽", "蓮", "葵"]))
    school = draw(st.sampled_from(SCHOOLS))

    def happen(data: Board) -> None:
        known = {row["sourcedId"]: row for row in data["users"]}
        if kind == "come" and who not in known:
            data["users"].append(person(who, text, "転", grades="P1"))
            known[who] = data["users"][-1]
            data["roles"].append(role(who, "student", school))
            data["enrollments"].append(placed(who, school))
        if who not in known:
            return
        match kind:
            case "rename":
                known[who]["givenName"] = text
            case "leave":
                leave(data, who)
            case "move":
                leave(data, who, users=False)
                data["roles"].append(role(who, "student", school))
                data["enrollments"].append(placed(who, school))
                known[who]["primaryOrgSourcedId"] = school
            case "metadata":
                known[who]["metadata.color"] = "" if known[who].get("metadata.color") else text
            case "guardian":
                had = known[who].get("agentSourcedIds")
                known[who]["agentSourcedIds"] = "" if had else "g1"
            case _:
                pass

    return happen


def placed(who: str, school: str) -> dict[str, str]:
    more = {"schoolSourcedId": school, "classSourcedId": f"class-{school}"}
    return {**enrollment(who, "student"), **more, "sourcedId": f"e-{who}-{school}"}


def leave(data: Board, who: str, *, users: bool = True) -> None:
    for name in ("roles", "enrollments"):
        data[name] = [row for row in data[name] if row["userSourcedId"] != who]
    if users:
        data["users"] = [row for row in data["users"] if row["sourcedId"] != who]
        data["demographics"] = [row for row in data["demographics"] if row["sourcedId"] != who]


def two_schools() -> Board:
    """The small board with a second school, and a guardian."""
    data = deepcopy(board())
    for school in SCHOOLS:
        if school != "school":
            data["orgs"].append({**data["orgs"][1], "sourcedId": school, "name": "あおば小学校"})
        one = {**board()["classes"][0], "sourcedId": f"class-{school}", "schoolSourcedId": school}
        data["classes"].append(one)
    data["users"].append(person("g1", "誠", "佐藤"))
    data["roles"].append(role("g1", "guardian", "other"))
    return data


@pytest.fixture(scope="module")
def pair(fresh: Fresh) -> Iterator[tuple[Settings, Settings]]:
    """Two hubs, the second fed by the first."""
    with fresh() as one, fresh() as other:
        yield one, other


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    periods=st.lists(st.lists(changes(), min_size=1, max_size=3), min_size=1, max_size=3),
    org=st.sampled_from([None, "school", "district"]),
    taken_back=st.booleans(),
)
def test_a_chain_of_deltas_makes_what_is_there_now(
    pair: tuple[Settings, Settings],
    periods: list[list[Callable[[Board], None]]],
    org: str | None,
    taken_back: bool,
) -> None:
    config, second = pair
    options: dict[str, object] = {"org": org} if org else {}
    data = two_schools()
    assert send(config, package(data))["state"] == "completed"
    clear(second)
    since = begin(config, second, **options)
    for period in periods:
        for change in period:
            change(data)
            document = send(config, package(data))
            assert document["state"] == "completed", document["errors"]
        if taken_back and any(document["counts"][n] for n in ("created", "updated", "deleted")):
            with connect(config.write_url) as connection:
                assert undo(connection, int(document["jobId"])).done
            data = from_tables(tables(exported_package(config)))
        since = go_on(config, second, since, **options)


def from_tables(found: dict[str, list[dict[str, str]]]) -> Board:
    return {name: found.get(name, []) for name in two_schools()}


def clear(config: Settings) -> None:
    """Empty a hub."""
    with connect(config.write_url) as connection:
        for entity in RECORDS.values():
            connection.execute(compiled(f"TRUNCATE {entity.table}, history.{entity.table}"))
