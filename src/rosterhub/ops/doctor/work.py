"""What is under way: the queue, the workers, the audit log's partitions, Redis."""

from collections.abc import Iterator

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from rosterhub.jobs.worker import heard_of
from rosterhub.ops.doctor.findings import Finding, fail, ok, warn
from rosterhub.settings import Settings
from rosterhub.store.connect import Connection
from rosterhub.transfer import records

_QUEUE = """
SELECT count(*) FILTER (WHERE state <> 'waiting'),
       count(*) FILTER (WHERE state = 'queued' AND created_at < now() - interval '1 hour'),
       count(*) FILTER (WHERE state = 'waiting'),
       count(*) FILTER (WHERE state = 'waiting' AND created_at < now() - interval '1 day')
  FROM imports WHERE state <> ALL (%s)
"""
_FAILED_JOBS = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'failed'"
_PARTITION = """
SELECT to_regclass('audit_logs_' || to_char(
       now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYYMM')) IS NOT NULL
"""


def queue(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether somebody works, and whether something waits."""
    under_way, old, waiting, old_waiting = connection.execute(
        _QUEUE, [sorted(records.FINAL)]
    ).fetchone() or (0, 0, 0, 0)
    if not heard_of(config):
        level = fail if under_way else warn
        yield level(
            "workers",
            f"No worker has been heard of for a minute, and {under_way} imports wait for one. "
            "Run: docker compose up -d worker",
            f"ワーカーが 1 分以上応答していません（待っているインポート {under_way} 件）。"
            "docker compose up -d worker を実行してください。",
        )
    else:
        yield ok("workers", "A worker is at work.", "ワーカーは動いています。")
        if old:
            yield warn(
                "queue",
                f"{old} imports have been queued for over an hour. See: rosterhub imports list",
                f"1 時間以上待っているインポートが {old} 件あります。rosterhub imports list で"
                "確認してください。",
            )
    if old_waiting:
        yield warn(
            "queue",
            f"{old_waiting} imports wait for a decision for more than a day. "
            "See: rosterhub imports list, then imports approve or reject",
            f"1 日以上承認待ちのインポートが {old_waiting} 件あります。rosterhub imports list で"
            "確認し、approve または reject してください。",
        )
    failed = connection.execute(_FAILED_JOBS).fetchone()
    if failed and failed[0]:
        yield warn(
            "queue",
            f"{failed[0]} jobs failed. See the worker's log: docker compose logs worker",
            f"失敗したジョブが {failed[0]} 件あります。docker compose logs worker を"
            "確認してください。",
        )
    elif not old and not old_waiting:
        yield ok(
            "queue",
            f"{under_way} imports under way, {waiting} wait for a decision.",
            f"処理中のインポート {under_way} 件、承認待ち {waiting} 件。",
        )


def partitions(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether the audit log has room of its own for the next month."""
    row = connection.execute(_PARTITION).fetchone()
    if row and row[0]:
        yield ok(
            "audit log", "The next month has its partition.", "翌月のパーティションがあります。"
        )
    else:
        yield warn(
            "audit log",
            "The audit log has no partition for the next month. Workers make it; or run: "
            "SELECT ensure_audit_partitions(2);",
            "監査ログに翌月のパーティションがありません。ワーカーが作成しますが、"
            "SELECT ensure_audit_partitions(2); でも作成できます。",
        )


def redis(config: Settings) -> Iterator[Finding]:
    """Whether Redis answers; without it the hub is slower."""
    if not config.redis_url:
        yield ok("redis", "None is configured.", "Redis は設定されていません。")
        return
    client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        config.redis_url,
        password=config.redis_password.get_secret_value() or None,
        socket_connect_timeout=3,
        socket_timeout=3,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()  # pyright: ignore[reportUnknownMemberType]
        yield ok("redis", "Redis answers.", "Redis に接続できます。")
    except RedisError as error:
        yield fail(
            "redis",
            f"Redis does not answer ({type(error).__name__}), so the hub is slower. "
            "See REDIS_URL and REDIS_PASSWORD, and: docker compose logs redis",
            f"Redis に接続できません（{type(error).__name__}）。REDIS_URL と REDIS_PASSWORD、"
            "docker compose logs redis を確認してください。",
        )
    finally:
        client.close()
