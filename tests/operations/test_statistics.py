"""`rosterhub db stats`, and `rosterhub db migrate-data`."""

import json
from pathlib import Path
from typing import Any

import pytest

from rosterhub.ops import data_migrations
from rosterhub.settings import Settings
from rosterhub.store.connect import Connection, connect
from tests.operations.servers import Installation, installation, succeeded
from tests.rosters import board, package, send
from tests.serving import until


@pytest.fixture
def server(config: Settings, tmp_path: Path) -> Installation:
    return installation(tmp_path, config)


OTHERS = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
   AND backend_type = 'client backend'
"""


def stats(server: Installation) -> dict[str, Any]:
    return json.loads(succeeded(server.rosterhub("db", "stats", "--json")))


def test_it_shows_sizes_vacuums_indexes_and_connections(
    server: Installation, config: Settings
) -> None:
    send(config, package(board()))
    with connect(config.write_url, "a test") as connection:
        # What a session wrote is counted when it ends.
        until(lambda: connection.execute(OTHERS).fetchone() is None)
        connection.execute("VACUUM ANALYZE users")
        found = stats(server)
        tables = {(t["schemaname"], t["tablename"]): t for t in found["tables"]}
        users = tables["public", "users"]
        assert users["rows"] == 3
        assert users["lastVacuum"].startswith("20")
        assert users["lastAnalyze"].startswith("20")
        assert users["bytes"] > 0
        indexes = {i["indexname"]: i for i in found["indexes"]}
        assert indexes["users_pkey"]["valid"] is True
        assert indexes["users_pkey"]["tablename"] == "users"
        assert [c["count"] for c in found["connections"] if c["application"] == "a test"] == [1]
        assert found["limits"]["max"] == 200
        assert 1 <= found["limits"]["used"] <= 200
        shown = succeeded(server.rosterhub("db", "stats", "--all"))
        for column in ("lastAutovacuum", "estimatedBloat", "longestSeconds"):
            assert column in shown
        assert " users_username_key " in shown


def test_an_index_that_has_grown_holes_is_seen_and_rebuilding_it_helps(
    server: Installation, config: Settings
) -> None:
    """The estimate before and after the manual's REINDEX."""

    def bloat() -> float:
        indexes = {i["indexname"]: i for i in stats(server)["indexes"]}
        return indexes["users_pkey"]["estimatedBloat"]

    with connect(config.write_url) as connection:
        connection.execute(
            "INSERT INTO users (sourced_id) SELECT md5(n::text) FROM generate_series(1, 30000) n"
        )
        connection.execute("DELETE FROM users WHERE sourced_id > '1'")
        connection.execute("VACUUM ANALYZE users")
        few = "SELECT '0' || md5(n::text) FROM generate_series(1, 5000) n"
        connection.execute(f"INSERT INTO users (sourced_id) {few}".encode())
        connection.execute("VACUUM ANALYZE users")
        assert bloat() > 0.5
        connection.execute("REINDEX INDEX CONCURRENTLY users_pkey")
        assert bloat() < 0.2


def test_there_is_nothing_to_migrate_for_v2(server: Installation) -> None:
    for _ in range(2):
        said = succeeded(server.rosterhub("db", "migrate-data", "v2"))
        assert said == "There is nothing to do for v2: no data was changed.\n"
    assert "移行するデータはありません" in succeeded(
        server.rosterhub("db", "migrate-data", "v2", LANG="ja_JP.UTF-8")
    )
    assert json.loads(succeeded(server.rosterhub("db", "migrate-data", "v2", "--json"))) == {
        "version": "v2",
        "done": [],
    }


def test_an_unknown_version_is_wrong_usage(server: Installation) -> None:
    refused = server.rosterhub("db", "migrate-data", "v9")
    assert refused.returncode == 2
    assert "v9" in refused.stderr


def test_the_steps_of_a_version_are_carried_out_in_order_each_whole(
    server: Installation, config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(connection: Connection) -> str:
        row = "INSERT INTO data_versions (entity) VALUES ('first') ON CONFLICT DO NOTHING"
        connection.execute(row)
        return "First is done."

    def second(connection: Connection) -> str:
        connection.execute("INSERT INTO data_versions (entity) VALUES ('second')")
        raise RuntimeError("Second cannot be done.")

    monkeypatch.setitem(data_migrations.VERSIONS, "v3", (first, second))
    failed = server.rosterhub("db", "migrate-data", "v3")
    assert (failed.returncode, failed.stderr) == (1, "rosterhub: Second cannot be done.\n")
    with connect(config.write_url) as connection:
        kept = "SELECT entity FROM data_versions WHERE entity IN ('first', 'second')"
        assert connection.execute(kept).fetchall() == [("first",)]
    monkeypatch.setitem(data_migrations.VERSIONS, "v3", (first,))
    said = succeeded(server.rosterhub("db", "migrate-data", "v3"))
    assert said == "First is done.\n"
