"""What records were before: kept by each import, shown by the views of the past."""

from datetime import UTC, datetime

from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from rosterhub.store import history
from rosterhub.store.connect import compiled, connect
from tests.rosters import board, csv_file, package, person, rows, send


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
    # The next change makes room again.
    again = send(config, csv_file("users", [person("p1", "陽太", "佐藤", grades="P1")]), "users")
    assert again["counts"]["updated"] == 1
    assert rows(config, "SELECT given_name FROM history.users") == [("陽葵",)]
