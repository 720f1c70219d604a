"""The migrated schema is the one that derives from the entity table, by the manual's names."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from rosterhub.model.entities import ENTITIES, RECORDS
from rosterhub.settings import Settings
from rosterhub.store import migrate, revision
from rosterhub.store.connect import compiled, connect
from rosterhub.store.history import create_all_history
from rosterhub.store.schema import create_all
from tests.rosters import board, package, rows, send
from tests.serving import until

_COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE n.nspname IN ('public', 'history', 'past') AND c.relname = ANY(%s) ORDER BY 1, 2, a.attnum
"""
_INDEXES = """
SELECT schemaname, indexname, indexdef FROM pg_indexes
 WHERE schemaname IN ('public', 'history') AND tablename = ANY(%s) ORDER BY 1, 2
"""
_CONSTRAINTS = """
SELECT n.nspname, conrelid::regclass::text, conname, pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'history') AND c.relname = ANY(%s) AND contype <> 'n'
 ORDER BY 1, 2, 3
"""
_VIEWS = """
SELECT viewname, definition FROM pg_views WHERE schemaname = 'past' AND viewname = ANY(%s)
 ORDER BY 1
"""
_COLUMNS_OF_IMPORTS = """
SELECT attname FROM pg_attribute WHERE attrelid = 'imports'::regclass AND NOT attisdropped
"""
_WAITING = """
SELECT FROM pg_locks WHERE relation = 'imports'::regclass AND NOT granted
"""
TABLES = [e.table for e in RECORDS.values()]

MANUAL = {
    "users": {
        *("users_pkey", "users_username_key", "idx_users_status", "idx_users_org_sourced_ids"),
        "idx_users_date_last_modified",
    },
    "classes": {"idx_classes_course_sourced_id", "idx_classes_school_sourced_id"},
    "enrollments": {
        *("idx_enrollments_class_sourced_id", "idx_enrollments_user_sourced_id"),
        "idx_enrollments_role",
    },
    "audit_logs": {"idx_audit_logs_created_at", "idx_audit_logs_api_key"},
}


@pytest.mark.parametrize("query", [_COLUMNS, _INDEXES, _CONSTRAINTS, _VIEWS])
def test_migrations_and_entity_table_say_the_same(
    config: Settings, empty_url: str, query: str
) -> None:
    with connect(empty_url) as derived, connect(config.write_url) as migrated:
        for statement in (*create_all(), "CREATE SCHEMA history", "CREATE SCHEMA past"):
            derived.execute(compiled(statement))
        for statement in create_all_history():
            derived.execute(compiled(statement))
        expected = derived.execute(compiled(query), [TABLES]).fetchall()
        assert expected
        assert migrated.execute(compiled(query), [TABLES]).fetchall() == expected


def test_every_index_of_the_manual_is_there(config: Settings) -> None:
    with connect(config.write_url) as connection:
        for table, names in MANUAL.items():
            found = connection.execute(
                "SELECT indexname FROM pg_indexes WHERE tablename = %s", [table]
            ).fetchall()
            assert names <= {name for (name,) in found}, table


def test_every_entity_has_a_version(config: Settings) -> None:
    with connect(config.write_url) as connection:
        found = connection.execute("SELECT entity FROM data_versions").fetchall()
    assert {name for (name,) in found} == set(RECORDS)
    assert len(ENTITIES) == 21


def test_down_and_up_again(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, "base")
    with connect(empty_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
            " AND relname NOT LIKE 'alembic%'"
        ).fetchall()
    assert left == []
    migrate.upgrade(empty_url)
    assert revision.current(empty_url) == revision.head()


def test_each_migration_goes_down_and_up_with_data_in_place(config: Settings) -> None:
    """Back to the schema of the last release and to this one: the rows stay."""
    send(config, package(board()))

    def everything() -> list[object]:
        kept = [rows(config, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]
        return [*kept, rows(config, "SELECT id, state, total, created FROM imports")]

    before = everything()
    migrate.downgrade(config.write_url, "0001")
    assert ("carried",) not in rows(config, _COLUMNS_OF_IMPORTS)
    assert everything() == before
    migrate.upgrade(config.write_url)
    assert ("carried",) in rows(config, _COLUMNS_OF_IMPORTS)
    assert everything() == before


def test_a_migration_makes_nobody_wait_for_long(config: Settings) -> None:
    """An import that is being applied holds the table; who reads it goes on meanwhile."""
    migrate.downgrade(config.write_url, "0001")
    with (
        ThreadPoolExecutor(1) as threads,
        connect(config.write_url) as holder,
        connect(config.write_url) as reader,
    ):
        holder.execute("BEGIN")
        holder.execute("SELECT FROM imports")
        upgrade = threads.submit(migrate.upgrade, config.write_url, patience=60)
        until(lambda: reader.execute(_WAITING).rowcount > 0)
        reader.execute("SET statement_timeout = '5s'")
        reader.execute("SELECT FROM imports")
        assert not upgrade.done()
        holder.execute("COMMIT")
        upgrade.result(30)
    assert revision.current(config.write_url) == revision.head()


def test_a_table_that_stays_in_use_is_said_and_nothing_changed(config: Settings) -> None:
    migrate.downgrade(config.write_url, "0001")
    with connect(config.write_url) as holder, holder.transaction():
        holder.execute("SELECT FROM imports")
        with pytest.raises(migrate.MigrationError, match="in use"):
            migrate.upgrade(config.write_url, patience=0)
    assert revision.current(config.write_url) == "0001"
    migrate.upgrade(config.write_url)
