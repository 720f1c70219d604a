"""The SQL that the operations manual prints about keys and the audit log runs as printed."""

from typing import Any

import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.operations.manual import under
from tests.serving import serving, within_a_second

ISSUE = under("APIキー発行")
DISABLE = under("APIキー無効化", "UPDATE")
CONFIRM = under("APIキー無効化", "SELECT")
USAGE = under("APIキー使用状況確認")
WEEKLY = under("セキュリティログ確認")
MONTHLY = under("パフォーマンスレポート作成", "SELECT\n    DATE")
SUSPICIOUS = under("定期的なセキュリティチェック / 毎週実行", "SELECT\n    api_key")
INCIDENT = under("レベル1: 不正アクセス検知", "UPDATE")
INVESTIGATE = under("レベル1: 不正アクセス検知", "SELECT")
OLD = under("古い監査ログ削除 (90日以上前)", "SELECT")
DELETE_OLD = under("古い監査ログ削除 (90日以上前)", "DELETE")
VACUUM = under("古い監査ログ削除 (90日以上前)", "VACUUM")

JOBS = "/api/v1.2/csv/import/jobs"


def run(config: Settings, sql: str) -> list[tuple[Any, ...]]:
    with connect(config.write_url) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def key(config: Settings) -> str:
    """A key issued as the manual says."""
    [(key, name)] = run(config, ISSUE)
    assert name == "School C LMS"
    return key


def call(config: Settings, key: str, *paths: str) -> None:
    with serving(config) as client:
        for path in paths:
            client.get(path, headers={"X-API-Key": key})


def test_an_issued_key_works_at_once(config: Settings, key: str) -> None:
    with serving(config) as client:
        assert client.get(JOBS, headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize(
    ("name", "statement"), [("api-key-to-disable", DISABLE), ("suspected-key", INCIDENT)]
)
def test_a_disabled_key_is_refused_within_a_second(
    config: Settings, key: str, name: str, statement: str
) -> None:
    run(config, f"UPDATE api_keys SET key = '{name}'")
    with serving(config) as client:
        client.headers["X-API-Key"] = name
        assert client.get(JOBS).status_code == 200
        run(config, statement)
        within_a_second(lambda: client.get(JOBS).status_code, 401)
    confirmed = run(config, CONFIRM.replace("api-key-to-disable", name))
    assert confirmed == [(name, "School C LMS", False)]


def test_the_statistics_of_keys_count_their_requests(config: Settings, key: str) -> None:
    call(config, key, JOBS, JOBS, f"{JOBS}/1")
    [row] = run(config, USAGE)
    assert row[:5] == ("School C LMS", key, 3, 2, 1)
    assert row[5] is not None


def test_the_weekly_and_monthly_checks_count_by_endpoint(config: Settings, key: str) -> None:
    call(config, key, JOBS, JOBS, f"{JOBS}/1", f"{JOBS}/2", f"{JOBS}/3")
    assert [row[:3] for row in run(config, WEEKLY)] == [
        (key, f"{JOBS}/{{job_id}}", 3),
        (key, JOBS, 2),
    ]
    assert [row[1:3] for row in run(config, MONTHLY)] == [(f"{JOBS}/{{job_id}}", 3), (JOBS, 2)]
    assert all(row[3] > 0 for row in run(config, MONTHLY))


def test_refused_requests_stand_out(config: Settings, key: str) -> None:
    call(config, key, JOBS, f"{JOBS}/1")
    call(config, "guessed", JOBS, JOBS, JOBS)
    assert [row[:2] for row in run(config, SUSPICIOUS)] == [(None, 3), (key, 1)]


def test_a_suspected_key_can_be_investigated(config: Settings, key: str) -> None:
    run(config, "UPDATE api_keys SET key = 'suspected-key'")
    call(config, "suspected-key", JOBS)
    [row] = run(config, INVESTIGATE)
    assert "127.0.0.1" in row


def test_old_entries_are_deleted_batch_by_batch(config: Settings) -> None:
    run(
        config,
        "INSERT INTO audit_logs (endpoint, created_at, response_time_ms, response_status, method, "
        "path) SELECT '/x', now() - make_interval(days => 85 + n % 10), 1, 200, 'GET', '/x' "
        "FROM generate_series(1, 24000) n",
    )
    assert run(config, OLD) == [(12_000,)]
    run(config, DELETE_OLD)
    assert run(config, OLD) == [(2_000,)]
    run(config, DELETE_OLD)
    assert run(config, OLD) == [(0,)]
    assert run(config, "SELECT count(*) FROM audit_logs") == [(12_000,)]
    run(config, VACUUM)


def test_the_indexes_of_the_manual_are_there(config: Settings) -> None:
    wanted = {"idx_audit_logs_created_at", "idx_audit_logs_api_key"}
    found = run(config, "SELECT indexname FROM pg_indexes WHERE tablename = 'audit_logs'")
    assert wanted <= {name for (name,) in found}
