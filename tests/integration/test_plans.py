"""The plans of the reads' statements on a board of 20,000: what has an index uses it, also once
PostgreSQL has prepared the statement and may plan it for any value.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from rosterhub.model.filters import parse
from rosterhub.model.operations import OPERATIONS
from rosterhub.ops.sample import write_package
from rosterhub.settings import Settings
from rosterhub.store import collections
from rosterhub.store.collections import Cursor, Query, Statement
from rosterhub.store.connect import compiled, connect
from tests.rosters import rows, send
from tests.serving import KEY, add_key, serving

PEOPLE = 20_000
BY_ID = {operation.id: operation for operation in OPERATIONS}


@pytest.fixture(scope="module")
def config(
    fresh: Callable[[], AbstractContextManager[Settings]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A hub with the board, whose users changed one each minute until now."""
    path: Path = tmp_path_factory.mktemp("plans") / "board.zip"
    write_package(path, PEOPLE)
    with fresh() as made:
        assert send(made, path.read_bytes())["state"] == "completed"
        rows_changed = (
            "UPDATE users t SET date_last_modified = now() - n * interval '1 minute' FROM"
            " (SELECT sourced_id, row_number() OVER (ORDER BY md5(sourced_id)) AS n FROM users) o"
            " WHERE o.sourced_id = t.sourced_id"
        )
        with connect(made.write_url) as connection:
            connection.execute(compiled(rows_changed))
            connection.execute("VACUUM ANALYZE")
        yield made


@pytest.fixture(scope="module")
def connection(config: Settings) -> Iterator[psycopg.Connection]:
    with connect(config.read_url) as made:
        yield made


@dataclass(slots=True)
class Plan:
    """What a plan reads: indexes by name, whole tables, and how many rows it looked at."""

    indexes: set[str] = field(default_factory=set[str])
    whole: set[str] = field(default_factory=set[str])
    rows: float = 0
    text: str = ""


def plan(
    connection: psycopg.Connection, statement: Statement, ids: tuple[str, ...] = (), runs: int = 0
) -> Plan:
    """The plan of a statement, prepared and run `runs` times before, as in a pool's connection."""
    values = sql.SQL(", ").join(["http://hub.example", *ids, *statement.values])
    run = sql.SQL("EXECUTE it({})").format(values)
    connection.execute(b"PREPARE it AS " + statement.sql)
    try:
        for _ in range(runs):
            connection.execute(run)
        explained = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON, TIMING off, BUFFERS off) ") + run
        row = connection.execute(explained).fetchone()
    finally:
        connection.execute("DEALLOCATE it")
    assert row is not None
    found = Plan(text=json.dumps(row[0], indent=1))
    _read(row[0][0]["Plan"], found)
    return found


def _read(node: dict[str, Any], found: Plan) -> None:
    if "Index Name" in node:
        found.indexes.add(node["Index Name"])
    elif node["Node Type"] in ("Seq Scan", "Parallel Seq Scan"):
        found.whole.add(node["Relation Name"])
    if "Relation Name" in node:
        seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        found.rows += seen * node["Actual Loops"]
    for child in node.get("Plans", ()):
        _read(child, found)


SMALL = {
    *("orgs", "academic_sessions", "data_versions"),
    *("resources", "user_resources", "class_resources", "course_resources"),
}
"""Tables of this board that a plan may read whole: they have a few rows or none."""
RUNS = pytest.mark.parametrize("runs", [0, 12], ids=["fresh", "prepared"])


def filtered(text: str, **more: Any) -> Query:
    return Query(filter=parse(text), **more)


@RUNS
@pytest.mark.parametrize("query", [Query(), Query(descending=True), Query(limit=1_000)])
def test_a_page_is_read_by_the_key(connection: psycopg.Connection, query: Query, runs: int) -> None:
    found = plan(connection, collections.page(BY_ID["getAllUsers"], query), runs=runs)
    assert "users_pkey" in found.indexes, found.text
    assert found.whole <= SMALL, found.text


@RUNS
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_a_page_further_on_is_as_quick(
    connection: psycopg.Connection, descending: bool, backward: bool, runs: int
) -> None:
    [first] = connection.execute("SELECT min(sourced_id) FROM users").fetchall()[0]
    [middle] = connection.execute(
        "SELECT sourced_id FROM users ORDER BY 1 OFFSET 10000 LIMIT 1"
    ).fetchall()[0]
    operation = BY_ID["getAllUsers"]
    query = Query(descending=descending, cursor=Cursor(middle, backward=backward))
    found = plan(connection, collections.page(operation, query), runs=runs)
    assert "users_pkey" in found.indexes, found.text
    assert found.whole <= SMALL, found.text
    begun = plan(connection, collections.page(operation, Query(cursor=Cursor(first))))
    assert found.rows < begun.rows * 1.5


@RUNS
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_a_page_by_time_further_on_uses_the_times_index(
    connection: psycopg.Connection, descending: bool, backward: bool, runs: int
) -> None:
    time, middle = connection.execute(
        'SELECT to_char(date_last_modified, \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\'), sourced_id'
        " FROM users ORDER BY 1 OFFSET 10000 LIMIT 1"
    ).fetchall()[0]
    query = Query(
        sort="dateLastModified", descending=descending, cursor=Cursor(middle, time, backward)
    )
    found = plan(connection, collections.page(BY_ID["getAllUsers"], query), runs=runs)
    assert "idx_users_date_last_modified" in found.indexes, found.text
    assert found.whole <= SMALL, found.text
    assert found.rows < 2_000, found.text


@RUNS
@pytest.mark.parametrize(
    ("operation", "text", "index"),
    [
        ("getAllUsers", "sourcedId='{user}'", "users_pkey"),
        ("getAllUsers", "username='{username}'", "users_username_key"),
        ("getAllTeachers", "username='{username}'", "users_username_key"),
        ("getAllUsers", "dateLastModified>'{recently}'", "idx_users_date_last_modified"),
        ("getAllStudents", "dateLastModified>='{recently}'", "idx_users_date_last_modified"),
        ("getAllClasses", "course.sourcedId='{course}'", "idx_classes_course_sourced_id"),
        ("getAllClasses", "school.sourcedId='{school}'", "idx_classes_school_sourced_id"),
        ("getAllEnrollments", "class.sourcedId='{class}'", "idx_enrollments_class_sourced_id"),
        ("getAllEnrollments", "user.sourcedId='{user}'", "idx_enrollments_user_sourced_id"),
        ("getAllEnrollments", "school.sourcedId='{school}'", "idx_enrollments_school_sourced_id"),
        (
            "getAllEnrollments",
            "class.sourcedId='{class}' AND role='student'",
            "idx_enrollments_class_sourced_id",
        ),
    ],
)
def test_a_filter_uses_its_index(
    connection: psycopg.Connection, operation: str, text: str, index: str, runs: int
) -> None:
    query = filtered(text.format_map(_some(connection)))
    for statement in (
        collections.page(BY_ID[operation], query),
        collections.count(BY_ID[operation], query),
    ):
        found = plan(connection, statement, runs=runs)
        assert index in found.indexes, found.text
        assert found.whole <= SMALL, found.text


@RUNS
@pytest.mark.parametrize(
    ("operation", "parents", "index"),
    [
        ("getStudentsForClass", ["class"], "idx_enrollments_class_sourced_id"),
        ("getClassesForUser", ["user"], "idx_enrollments_user_sourced_id"),
        ("getClassesForSchool", ["school"], "idx_classes_school_sourced_id"),
        ("getClassesForCourse", ["course"], "idx_classes_course_sourced_id"),
        ("getStudentsForClassInSchool", ["school", "class"], "idx_enrollments_class_sourced_id"),
        ("getUser", ["user"], "users_pkey"),
    ],
)
def test_a_path_uses_the_indexes_that_it_goes_through(
    connection: psycopg.Connection, operation: str, parents: list[str], index: str, runs: int
) -> None:
    known = _some(connection)
    ids = tuple(known[name] for name in parents)
    if operation == "getUser":
        statement = collections.single(BY_ID[operation], None)
    else:
        statement = collections.page(BY_ID[operation], Query())
    found = plan(connection, statement, ids, runs)
    assert index in found.indexes, found.text
    assert found.whole <= SMALL, found.text


def _some(connection: psycopg.Connection) -> dict[str, str]:
    """A record of each kind, one with the rest of the board like it."""
    names = ("user", "username", "class", "course", "school", "recently")
    row = connection.execute(
        "SELECT u.sourced_id, u.username, c.sourced_id, c.course_sourced_id, c.school_sourced_id,"
        " to_char(now() - interval '30 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        " FROM users u JOIN enrollments e ON e.user_sourced_id = u.sourced_id"
        " JOIN classes c ON c.sourced_id = e.class_sourced_id"
        " WHERE e.role = 'student' AND u.status = 'active' ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def test_what_is_skipped_by_an_offset_is_read_from_the_index(
    connection: psycopg.Connection,
) -> None:
    found = plan(connection, collections.page(BY_ID["getAllUsers"], Query(offset=15_000)))
    assert '"Index Only Scan"' in found.text
    assert found.whole <= SMALL


@pytest.fixture(scope="module")
def client(config: Settings) -> Iterator[httpx.Client]:
    add_key(config)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def test_a_limit_over_the_most_brings_the_most(client: httpx.Client, config: Settings) -> None:
    path = "/ims/oneroster/rostering/v1p2/users"
    answer = client.get(path, params={"limit": "50000", "fields": "sourcedId"})
    found = [user["sourcedId"] for user in answer.json()["users"]]
    assert answer.headers["X-Total-Count"] == str(PEOPLE)
    more = client.get(answer.links["next"]["url"])
    found += [user["sourcedId"] for user in more.json()["users"]]
    assert "next" not in more.links
    assert [(i,) for i in found] == rows(config, "SELECT sourced_id FROM users ORDER BY 1")
