"""Imports beside readers and beside each other: nobody who reads waits, sources go in order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rosterhub.jobs.decide import decide
from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from rosterhub.store import history
from rosterhub.store.connect import compiled, connect
from rosterhub.transfer import apply
from rosterhub.transfer.run import run_import
from tests.integration.test_guard import many
from tests.integration.test_jobs import ended, held_up, queue, state, waiting_writers, worker
from tests.rosters import board, csv_file, job, package, person, rows, send
from tests.serving import until

READ = [f"{schema}.{e.table}" for schema in ("public", "history") for e in RECORDS.values()]


@pytest.fixture
def loaded(config: Settings) -> Settings:
    """A hub that holds the small board."""
    assert send(config, package(board()))["state"] == "completed"
    return config


def everything_changed() -> bytes:
    """The small board with a change in each file, and somebody gone and somebody new."""
    data = board()
    data["orgs"][1]["name"] = "あおば小学校"
    data["courses"][0]["title"] = "2026年度小学校第1学年学級活動"
    data["classes"][0]["title"] = "1年2組"
    data["academicSessions"][0]["title"] = "令和8年度"
    data["users"][0]["givenName"] = "結衣"
    data["users"][1] |= {"sourcedId": "p3", "username": "p3@mihon.example"}
    data["roles"][1] |= {"sourcedId": "r-p3-school", "userSourcedId": "p3"}
    data["roles"][2]["role"] = "aide"
    data["enrollments"][1] |= {"sourcedId": "e-p3", "userSourcedId": "p3"}
    data["demographics"][0]["sex"] = "male"
    return package(data)


@contextmanager
def read_all_along(config: Settings) -> Iterator[None]:
    """A reader of every table, now and in the past, who does not finish until the block ends."""
    with connect(config.read_url) as connection, connection.transaction():
        for table in READ:
            connection.execute(compiled(f"SELECT FROM {table} LIMIT 1"))
        yield


def test_nothing_that_an_import_does_waits_for_readers(loaded: Settings) -> None:
    one = queue(loaded, everything_changed(), None)
    with read_all_along(loaded):
        running = threading.Thread(target=run_import, args=(one, loaded), daemon=True)
        running.start()
        running.join(60)
        assert not running.is_alive()
        assert job(loaded, one)["counts"] == {
            "total": 15,
            "created": 3,
            "updated": 7,
            "unchanged": 5,
            "deleted": 3,
            "failed": 0,
        }
        with connect(loaded.write_url) as connection:
            decide(connection, one, "undo")
        running = threading.Thread(target=run_import, args=(one, loaded), daemon=True)
        running.start()
        running.join(60)
        assert not running.is_alive()
    assert state(loaded, one) == "undone"


_STRONG_LOCKS = (
    "SELECT l.relation::regclass::text, l.mode"
    " FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
    " JOIN pg_stat_activity a USING (pid) WHERE a.application_name ~ '^rosterhub import'"
    " AND a.datname = current_database() AND c.relnamespace::regnamespace::text <> 'staging'"
    " AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')"
)


def test_an_import_holds_row_locks_only(loaded: Settings) -> None:
    one = queue(loaded, everything_changed(), None)
    with held_up(loaded, "data_versions"):  # the last table that applying writes to
        running = threading.Thread(target=run_import, args=(one, loaded))
        running.start()
        until(lambda: waiting_writers(loaded) == 1)
        assert rows(loaded, _STRONG_LOCKS) == []
        with connect(loaded.read_url) as reader:
            reader.execute("SET lock_timeout = '100ms'")
            for table in READ:
                reader.execute(compiled(f"SELECT count(*) FROM {table}"))
            assert reader.execute("SELECT name FROM orgs WHERE type = 'school'").fetchall() == [
                ("みどり小学校",)
            ]
    running.join(60)
    assert state(loaded, one) == "completed"


def test_several_workers_keep_the_order_of_each_source(config: Settings, tmp_path: Path) -> None:
    first = queue(config, package(many(100)), None)
    waits = queue(config, package(many(79)), None)
    last = queue(config, package(many(99)), None)
    others = [
        queue(
            config, csv_file("orgs", [{"sourcedId": "o", "name": name, "type": "school"}]), "orgs"
        )
        for name in "ABC"
    ]
    library = [
        queue(
            config, csv_file("orgs", [{"sourcedId": "l", "name": n, "type": "school"}]), "orgs", "l"
        )
        for n in "AB"
    ]
    with (
        worker(config.write_url, tmp_path / "a"),
        worker(config.write_url, tmp_path / "b"),
    ):
        ended(config, first, last, *others, *library)
    assert [state(config, i) for i in (first, waits, last)] == ["completed", "waiting", "completed"]
    overlapping = (
        "SELECT a.id, b.id FROM imports a JOIN imports b ON a.source_system = b.source_system"
        " AND a.id < b.id AND (a.finished_at > b.started_at OR a.started_at > b.started_at)"
    )
    assert rows(config, overlapping) == []
    assert rows(config, "SELECT name FROM orgs WHERE sourced_id IN ('l', 'o') ORDER BY 1") == [
        ("B",),
        ("C",),
    ]
    assert rows(config, "SELECT count(*) FROM users WHERE status = 'active'") == [(102,)]


@pytest.mark.parametrize("before", ["history.keep", "apply._update"])
def test_two_sources_that_change_a_record_at_once_change_it_one_after_the_other(
    loaded: Settings, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Each version of it is in the history once, and holds at a time of its own."""
    module, name = {"history": history, "apply": apply}[before.split(".")[0]], before.split(".")[1]
    original, others = getattr(module, name), []

    def named(given: str) -> bytes:
        return csv_file("users", [person("p1", given, "佐藤", grades="P1")])

    def with_another_beside(*args: Any) -> str:
        if not others:
            one = threading.Thread(target=send, args=(loaded, named("乙"), "users"), kwargs=OTHER)
            others.append(one)
            one.start()
            one.join(0.7)  # it waits for us, where we have the record already
        return original(*args)

    monkeypatch.setattr(module, name, with_another_beside)
    document = send(loaded, named("甲"), "users", source="one")
    [other] = others
    other.join(60)
    assert document["state"] == "completed"
    assert rows(loaded, "SELECT state FROM imports") == [("completed",)] * 3
    versions = rows(
        loaded,
        "SELECT given_name, valid_from, valid_to FROM history.users WHERE sourced_id = 'p1'"
        " UNION ALL SELECT given_name, valid_from, '9999-12-31Z' FROM users WHERE sourced_id = 'p1'"
        " ORDER BY valid_from",
    )
    assert sorted(name for name, *_ in versions) == sorted(["陽菜", "甲", "乙"])
    # What came and went amid another's change was never there to be seen.
    times = [(begin, end) for _, begin, end in versions if begin < end]
    assert [begin for begin, _ in times[1:]] == [end for _, end in times[:-1]]


OTHER = {"source": "other"}
