"""Every SQL statement of the operations manual, run by psql as printed; its few mistakes corrected.

What the statements about keys and the audit log find is in tests/integration/test_manual_keys_sql.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event, Thread

import psycopg
import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.deploy.clusters import Cluster, binaries, initialised
from tests.deploy.test_tuning import show
from tests.operations.manual import STATEMENTS, done, every, psql, under
from tests.rosters import board, package, person, send
from tests.serving import add_key, serving, until

Fresh = Callable[[], AbstractContextManager[Settings]]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A statement that cannot be run as printed, what PostgreSQL says of it, and what to run."""

    printed: str
    refusal: str
    corrected: str


REBUILD = "毎月実行: インデックス再構築"
INDEXES = every("インデックス最適化")

MISTAKES = [
    # The view calls a table relname, as all of PostgreSQL's statistics do.
    Mistake(
        vacuums := under("毎週実行: VACUUM ANALYZE", "SELECT"),
        'column "tablename" does not exist',
        vacuums.replace("tablename,", "relname AS tablename,"),
    ),
    # What the join is over has another name on each side, and schemaname stands on both.
    Mistake(
        sizes := under(REBUILD, "SELECT"),
        'column "indexrelname" specified in USING clause does not exist in left table',
        sizes.replace("tablename,", "relname AS tablename,")
        .replace("indexname,", "indexrelname AS indexname,")
        .replace("FROM pg_indexes\nJOIN ", "FROM ")
        .replace(" USING (indexrelname)", ""),
    ),
    # The schema brings the indexes along.
    *(
        Mistake(s, "already exists", s.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"))
        for s in INDEXES
        if "audit_logs" not in s
    ),
    # audit_logs is partitioned; without CONCURRENTLY it is one statement for all partitions.
    *(
        Mistake(s, "partitioned table", s.replace("CONCURRENTLY", "IF NOT EXISTS"))
        for s in INDEXES
        if "audit_logs" in s
    ),
]

OF_THE_SERVER = (
    "ALTER SYSTEM",
    "SELECT pg_reload_conf",
    "CREATE ROLE",
    "SELECT pg_terminate_backend",
)
"""What changes the whole server, and is run on one of its own."""
SMALL = ("-c", "shared_buffers=64MB")
"""For a machine that has not the manual's 4 GB to spare."""
AS_PRINTED = [
    s
    for s in dict.fromkeys(STATEMENTS)
    if not s.startswith((*OF_THE_SERVER, "DROP INDEX", "CREATE INDEX"))
    and s not in {m.printed for m in MISTAKES}
]


@pytest.fixture(scope="module")
def hub(fresh: Fresh) -> Iterator[Settings]:
    """A hub with a roster, a key, and entries in its audit log."""
    with fresh() as config:
        send(config, package(board()))
        add_key(config, "suspected-key")
        with connect(config.write_url) as connection:
            connection.execute(
                "INSERT INTO audit_logs (api_key, endpoint, created_at, response_time_ms,"
                " response_status, method, path) SELECT 'suspected-key', '/x',"
                " now() - make_interval(days => n), 12, 200, 'GET', '/x'"
                " FROM generate_series(1, 120) n"
            )
        yield config


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A PostgreSQL of our own."""
    return initialised(binaries()["18"], tmp_path_factory.mktemp("pg"))


def columns(printed: str) -> list[str]:
    """The names in the head of psql's table."""
    return [name.strip() for name in printed.splitlines()[0].split("|")]


@pytest.mark.parametrize("statement", AS_PRINTED)
def test_it_runs_as_printed(hub: Settings, statement: str) -> None:
    done(hub.write_url, statement)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.printed[:60])
def test_a_mistake_is_one_and_its_correction_runs(hub: Settings, mistake: Mistake) -> None:
    refused = psql(hub.write_url, mistake.printed)
    assert refused.returncode == 1
    assert mistake.refusal in refused.stderr
    done(hub.write_url, mistake.corrected)


def test_the_corrected_queries_show_what_the_manual_looks_for(hub: Settings) -> None:
    vacuums, sizes = (done(hub.write_url, mistake.corrected) for mistake in MISTAKES[:2])
    assert columns(vacuums) == [
        *("schemaname", "tablename"),
        *("last_vacuum", "last_autovacuum", "last_analyze", "last_autoanalyze"),
    ]
    assert columns(sizes) == ["tablename", "indexname", "index_size"]
    assert " idx_users_status " in sizes


def test_indexes_are_dropped_before_an_import_and_made_again_after_it(fresh: Fresh) -> None:
    with fresh() as config:
        for statement in every("Q1: CSV インポートが遅い。どうすれば高速化できますか？"):
            done(config.write_url, statement)


def test_indexes_that_are_missing_are_made_as_printed(fresh: Fresh) -> None:
    with fresh() as config:
        for mistake in MISTAKES:
            if mistake.refusal == "already exists":
                name = mistake.printed.split()[3]
                done(config.write_url, f"DROP INDEX {name};")
                done(config.write_url, mistake.printed)


def test_what_changes_the_server_runs_as_printed(server: Cluster) -> None:
    statements = [s for s in STATEMENTS if s.startswith(OF_THE_SERVER)]
    with server.running(*server.command("8gb"), *SMALL) as connection:
        for statement in statements:
            done(server.socket, statement)
        # A reload is enough for some, and the rest waits for the restart that the manual asks for.
        until(lambda: show(connection, "work_mem") == "40MB")
        wait = "SELECT pending_restart FROM pg_settings WHERE name = 'shared_buffers'"
        until(lambda: connection.execute(wait).fetchone() == (True,))
        roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolreplication ORDER BY 1")
        assert roles.fetchall() == [("replicator",), ("rosterhub",)]
    with server.running(*server.command("8gb"), *SMALL) as connection:
        assert show(connection, "max_connections") == "200"
        assert show(connection, "effective_cache_size") == "12GB"


def test_idle_sessions_are_ended_and_those_at_work_are_not(server: Cluster) -> None:
    """The manual's statement with its ten minutes made none."""
    statement = under("障害1: データベース接続タイムアウト", "SELECT pg_terminate")
    now = statement.replace("'10 minutes'", "'0 minutes'")
    with server.running(*server.command("8gb"), *SMALL) as idle:
        done(server.socket, statement)
        assert idle.execute("SELECT 1").fetchone() == (1,)
        # The session of that psql is gone a moment after it.
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        until(lambda: idle.execute(sessions).fetchone() == (1,))
        assert done(server.socket, now, "-At") == "t\n"
        with pytest.raises(psycopg.errors.AdminShutdown):
            idle.execute("SELECT 1")


def test_indexes_are_rebuilt_while_the_hub_is_read_and_written(fresh: Fresh) -> None:
    """REINDEX … CONCURRENTLY as printed: nobody is refused, nothing is lost, indexes are valid."""
    sent = {"status": "active", "dateLastModified": "2026-04-01T00:00:00.000Z"}
    crowd = [person(f"u{n}", "陽菜", "佐藤", **sent) for n in range(2_000)]
    with fresh() as config:
        send(config, package(board()))
        send(config, package({"users": crowd}, modes={"users": "delta"}))
        key = add_key(config)
        stop, answers, jobs = Event(), list[int](), list[str]()

        def read() -> None:
            with serving(config) as client:
                client.headers["X-API-Key"] = key
                while not stop.is_set():
                    for path in ("users?limit=100&filter=status='active'", "users/p1"):
                        url = f"/ims/oneroster/rostering/v1p2/{path}"
                        answers.append(client.get(url).status_code)

        def write() -> None:
            while not stop.is_set():
                changed = [row | {"givenName": f"陽菜{len(jobs)}"} for row in crowd[:500]]
                files = package({"users": changed}, modes={"users": "delta"})
                jobs.append(send(config, files)["state"])

        threads = [Thread(target=read), Thread(target=write)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: bool(answers and jobs))
            for statement in [s for s in STATEMENTS if s.startswith("REINDEX")]:
                done(config.write_url, statement)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert set(answers) == {200}
        assert set(jobs) == {"completed"}
        with connect(config.write_url) as connection:
            broken = "SELECT count(*) FROM pg_index WHERE NOT indisvalid OR NOT indisready"
            assert connection.execute(broken).fetchone() == (0,)
            newest = f"陽菜{len(jobs) - 1}"
            count = "SELECT count(*) FROM users WHERE given_name = %s AND status = 'active'"
            assert connection.execute(count, [newest]).fetchone() == (500,)
