"""A first load sets indexes aside and builds them anew: nobody waits, and none is ever lost."""

import threading
import time
from typing import Any

import psycopg
import pytest

from rosterhub.jobs.cleaning import clean
from rosterhub.settings import Settings
from rosterhub.store import indexes, schema
from rosterhub.store.connect import Connection, connect
from rosterhub.transfer import run
from tests.rosters import board, package, rows, send

DEFINITIONS = (
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
    " JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace"
    " AND indisvalid ORDER BY 1"
)


@pytest.fixture(autouse=True)
def every_load_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_FIRST_LOAD", 1)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, config: Settings) -> list[set[str]]:
    """Which indexes were there while an import applied its rows."""
    found: list[set[str]] = []
    apply = run.apply

    def watched(*args: Any) -> Any:
        found.append({name for name, _ in rows(config, DEFINITIONS)})
        return apply(*args)

    monkeypatch.setattr(run, "apply", watched)
    return found


def test_a_first_load_does_without_and_all_are_there_afterwards(
    config: Settings, seen: list[set[str]]
) -> None:
    before = rows(config, DEFINITIONS)
    send(config, package(board()))
    names = {name for name, _ in before}
    assert {"idx_users_status", "idx_enrollments_role", "idx_roles_org_sourced_id"} <= (
        names - seen[0]
    )
    # What keeps the rows right and what an import looks up by stays.
    assert {"users_pkey", "users_username_key", "idx_roles_user_sourced_id"} <= seen[0]
    assert rows(config, DEFINITIONS) == before


def test_a_table_with_rows_keeps_its_indexes(config: Settings, seen: list[set[str]]) -> None:
    before = {name for name, _ in rows(config, DEFINITIONS)}
    send(config, package(board()))
    data = board()
    data["users"][0]["givenName"] = "凛"
    data["users"].append(dict(data["users"][1], sourcedId="p9", username="p9@mihon.example"))
    send(config, package(data))
    assert seen[1] == before


def test_small_loads_keep_them(
    config: Settings, seen: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_FIRST_LOAD", 50_000)
    before = {name for name, _ in rows(config, DEFINITIONS)}
    send(config, package(board()))
    assert seen == [before]


@pytest.mark.parametrize("when", ["applying", "building"])
def test_what_a_dead_worker_left_is_made_by_the_next(
    config: Settings, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(config, DEFINITIONS)

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(indexes, "complete", die)
        if when == "applying":
            patch.setattr(run, "apply", die)
        with pytest.raises(SystemExit):
            send(config, package(board()))
    assert len(rows(config, DEFINITIONS)) < len(before)
    clean(config)
    assert rows(config, DEFINITIONS) == before


def test_an_import_that_is_run_again_makes_them_as_well(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(config, DEFINITIONS)

    def away(*_: Any) -> None:
        raise psycopg.OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(indexes, "complete", away)
        with pytest.raises(psycopg.OperationalError):
            send(config, package(board()))
    [(last,)] = rows(config, "SELECT max(id) FROM imports")
    run.run_import(last, config)
    assert rows(config, DEFINITIONS) == before


@pytest.mark.parametrize("held", ["users", "users, enrollments"])
def test_who_reads_all_the_while_holds_up_nothing(
    config: Settings, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(config, DEFINITIONS)
    waiting = indexes._waiting  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(indexes, "_waiting", lambda connection, most: waiting(connection, "300ms"))
    with connect(config.write_url) as reader, reader.transaction():
        for table in held.split(", "):
            reader.execute(f"SELECT FROM {table}".encode())
        assert send(config, package(board()))["state"] == "completed"
    assert len(rows(config, DEFINITIONS)) < len(before)
    clean(config)
    assert rows(config, DEFINITIONS) == before


def test_a_disk_that_fills_before_they_are_made_leaves_the_import_completed(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(config, DEFINITIONS)

    def full(*_: Any) -> None:
        raise psycopg.errors.DiskFull

    with monkeypatch.context() as patch:
        patch.setattr(indexes, "complete", full)
        assert send(config, package(board()))["state"] == "completed"
    clean(config)
    assert rows(config, DEFINITIONS) == before


def test_two_who_make_indexes_do_not_stop_each_other(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(config.write_url) as connection:
        connection.execute("DROP INDEX idx_users_status")
    missing, begun = indexes._missing, threading.Event()

    def slowly(connection: Connection) -> list[tuple[str, schema.Index]]:
        begun.set()
        time.sleep(1.5)  # longer than a deadlock takes to be found
        return missing(connection)

    def complete() -> None:
        with connect(config.write_url) as connection:
            made.append(indexes.complete(connection))

    made: list[int] = []
    monkeypatch.setattr(indexes, "_missing", slowly)
    both = [threading.Thread(target=complete) for _ in range(2)]
    both[0].start()
    assert begun.wait(60)
    both[1].start()
    for one in both:
        one.join(60)
    assert sorted(made) == [0, 1]
