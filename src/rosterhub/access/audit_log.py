"""The audit log for its readers: list it, and drop what is old (manual: 古い監査ログ削除)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import TupleRow, dict_row

from rosterhub.access.keys import masked
from rosterhub.store.connect import compiled

Connection = psycopg.Connection[TupleRow]

BATCH = 10_000
"""Rows one statement deletes, as the manual has it."""

_LIST = """
SELECT al.created_at, al.api_key,
       ak.secret_hash IS NOT NULL OR oc.client_id IS NOT NULL AS public, al.method, al.endpoint,
       al.path, al.response_status, al.response_time_ms, al.client_address, al.request_id,
       al.records
  FROM audit_logs al
  LEFT JOIN api_keys ak ON ak.key = al.api_key
  LEFT JOIN oauth_clients oc ON oc.client_id = al.api_key
 WHERE (%(key)s::text IS NULL OR al.api_key = %(key)s)
   AND (%(since)s::timestamptz IS NULL OR al.created_at >= %(since)s)
   AND (%(status)s::integer IS NULL OR al.response_status = %(status)s)
 ORDER BY al.created_at DESC, al.id DESC LIMIT %(limit)s
"""

_PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'audit_logs'::regclass ORDER BY c.relname
"""

MAKE_PARTITIONS = "SELECT ensure_audit_partitions(2) FROM set_config('lock_timeout', '2s', true)"
"""The partitions of this month and the next two; how many are new. A backup may hold the table for
long, and who waits for it is waited for by its readers.

Raises:
    psycopg.errors.LockNotAvailable: somebody holds the table for longer than two seconds.
"""

_DELETE = """
DELETE FROM audit_logs WHERE (id, created_at) IN (
    SELECT id, created_at FROM audit_logs WHERE created_at < %(before)s LIMIT %(batch)s
) AND created_at < %(before)s
"""

_MONTH = re.compile(r"audit_logs_(\d{4})(\d{2})")


@dataclass(frozen=True, slots=True)
class Pruned:
    """One step of pruning: a whole partition dropped, or a batch of rows deleted."""

    rows: int
    partition: str | None = None


def entries(
    connection: Connection,
    *,
    key: str | None = None,
    since: datetime | None = None,
    status: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The newest entries that fit, newest first; a key that is itself the secret is masked."""
    asked = {"key": key, "since": since, "status": status, "limit": limit}
    rows = connection.cursor(row_factory=dict_row).execute(_LIST, asked).fetchall()
    for row in rows:
        if not row.pop("public") and row["api_key"] is not None:
            row["api_key"] = masked(row["api_key"])
    return rows


def prune(connection: Connection, days: int, now: datetime | None = None) -> Iterator[Pruned]:
    """Delete what is older than `days` days: whole months at once, the rest in batches."""
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    for (name,) in connection.execute(_PARTITIONS).fetchall():
        month = _MONTH.fullmatch(name)
        if month and _end(int(month[1]), int(month[2])) <= before:
            rows = _drop(connection, name)
            if rows is not None:
                yield Pruned(rows, name)
    while rows := connection.execute(_DELETE, {"before": before, "batch": BATCH}).rowcount:
        yield Pruned(rows)


def _end(year: int, month: int) -> datetime:
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _drop(connection: Connection, partition: str) -> int | None:
    """Drop a partition; returns its rows, or None when somebody reads the log for too long.

    Its rows are deleted in batches then, so that the requests' entries never queue behind us.
    """
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '2s'")
            row = connection.execute(compiled(f"SELECT count(*) FROM {partition}")).fetchone()
            connection.execute(compiled(f"DROP TABLE {partition}"))
    except psycopg.errors.LockNotAvailable:
        return None
    return row[0] if row else 0
