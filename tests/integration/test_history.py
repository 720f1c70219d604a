"""What records were before: kept by each import, shown by the views of the past."""

from datetime import UTC, datetime, timedelta

import pytest

from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from rosterhub.store import history
from rosterhub.store.connect import compiled, connect
from tests.rosters import board, csv_file, package, person, rows, send
from tests.serving import add_key, serving


def past(config: Settings, moment: datetime, query: str) -> list[tuple[object, ...]]:
    """What `query` finds at a moment in the past."""
    with connect(config.write_url) as connection, connection.transaction():
        connection.execute(history.LOOK_BACK, [moment.isoformat()])
        return connection.execute(compiled(query)).fetchall()


def now(config: Settings) -> datetime:
    """The database's time, between two transactions."""
    (moment,) = rows(config, "SELECT clock_timestamp()")[0]
    return moment


def test_every_moment_can_be_read_again(config: Settings) -> None:
    names = "SELECT sourced_id, given_name, status FROM users ORDER BY 1"
    moments = [now(config)]
    send(config, package(board()))
    moments.append(now(config))
    send(config, csv_file("users", [person("p1", "陽葵", "佐藤", grades="P1")]), "users")
    moments.append(now(config))
    smaller = board()
    for name, key in (("users", "p2"), ("roles", "r-p2-school"), ("enrollments", "e-p2")):
        smaller[name] = [r for r in smaller[name] if r["sourcedId"] != key]
    send(config, package(smaller))
    moments.append(now(config))
    seen = [past(config, moment, names) for moment in moments]
    first = [("p1", "陽菜", "active"), ("p2", "蓮", "active"), ("t1", "健一", "active")]
    assert seen[0] == []
    assert seen[1] == first
    assert seen[2] == [("p1", "陽葵", "active"), *first[1:]]
    assert seen[3] == [("p1", "陽菜", "active"), ("p2", "蓮", "tobedeleted"), first[2]]
    assert seen[3] == rows(config, names)


def test_an_import_that_changes_nothing_keeps_nothing(config: Settings) -> None:
    send(config, package(board()))
    send(config, package(board()))
    union = " UNION ALL ".join(f"SELECT 1 FROM history.{e.table}" for e in RECORDS.values())
    assert rows(config, f"SELECT count(*) FROM ({union}) h") == [(0,)]


def test_old_months_are_dropped_whole(config: Settings) -> None:
    send(config, package(board()))
    send(config, csv_file("users", [person("p1", "陽葵", "佐藤", grades="P1")]), "users")
    with connect(config.write_url) as connection:
        assert history.begins(connection) is not None
        assert history.prune(connection, datetime.now(UTC)) == []
        dropped = history.prune(connection, datetime(2999, 1, 1, tzinfo=UTC))
        assert any(name.startswith("users_") for name in dropped)
        assert history.begins(connection) is None
        assert connection.execute("SELECT count(*) FROM data_commits").fetchone() == (1,)
    # The next change makes room again.
    again = send(config, csv_file("users", [person("p1", "陽太", "佐藤", grades="P1")]), "users")
    assert again["counts"]["updated"] == 1
    assert rows(config, "SELECT given_name FROM history.users") == [("陽葵",)]


ROSTERING = "/ims/oneroster/rostering/v1p2"


def test_platforms_read_the_past(config: Settings) -> None:
    send(config, package(board()))
    then = now(config).isoformat()
    smaller = board()
    smaller["users"][0]["givenName"] = "陽葵"
    for name, key in (("users", "p2"), ("roles", "r-p2-school"), ("enrollments", "e-p2")):
        smaller[name] = [r for r in smaller[name] if r["sourcedId"] != key]
    send(config, package(smaller))
    with serving(config) as client:
        client.headers["X-API-Key"] = add_key(config)
        students = f"{ROSTERING}/classes/class/students"
        assert client.get(students).headers["x-total-count"] == "1"
        before = client.get(students, params={"asOf": then, "limit": 1})
        assert before.headers["x-total-count"] == "2"
        assert "asOf=" in before.links["next"]["url"]
        following = client.get(before.links["next"]["url"])
        names = [a.json()["users"][0]["givenName"] for a in (before, following)]
        assert names == ["陽菜", "蓮"]
        one = f"{ROSTERING}/users/p1"
        assert client.get(one).json()["user"]["givenName"] == "陽葵"
        assert client.get(one, params={"asOf": then}).json()["user"]["givenName"] == "陽菜"
        # The same connections go on with the present.
        assert client.get(one).json()["user"]["givenName"] == "陽葵"


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("yesterday", "is a time such as"),
        ((datetime.now(UTC) + timedelta(days=1)).isoformat(), "future"),
        ((datetime.now(UTC) - timedelta(days=800)).isoformat(), "HISTORY_DAYS"),
    ],
)
def test_a_moment_that_cannot_be_read_is_said_so(config: Settings, as_of: str, words: str) -> None:
    with serving(config) as client:
        client.headers["X-API-Key"] = add_key(config)
        for path in ("users", "users/p1"):
            answer = client.get(f"{ROSTERING}/{path}", params={"asOf": as_of})
            assert answer.status_code == 400
            assert words in answer.json()["imsx_description"]
        gradebook = client.get("/ims/oneroster/gradebook/v1p2/results", params={"asOf": as_of})
        assert gradebook.status_code == 400
        assert "Unknown parameter 'asOf'" in gradebook.json()["imsx_description"]
