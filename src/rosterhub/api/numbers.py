"""What `/metrics` says of the whole hub (docs/watching.md): each number, and the SQL that finds it.

A query gives rows of a label's value and a number; without a label, a number alone. They are asked
of the primary, all at once; those of REPLICA of the database that reads go to.
"""

from dataclasses import dataclass

from rosterhub.jobs.app import HEARD_OF
from rosterhub.store.replica import LAG
from rosterhub.transfer.records import FINAL, UNENDED


@dataclass(frozen=True, slots=True)
class Number:
    """A gauge; `name` ends in its unit, as Prometheus has it."""

    name: str
    help: str
    query: str
    label: str | None = None


_OPEN = "(VALUES ('queued'), ('running'), ('waiting')) AS s (state)"
_ENDED = "(VALUES {}) AS s (state)".format(", ".join(f"('{state}')" for state in sorted(FINAL)))
_UNFINISHED = f"""
(SELECT CASE WHEN state IN ('queued', 'waiting') THEN state ELSE 'running' END AS state,
        extract(epoch FROM now() - CASE WHEN state = 'queued' THEN created_at
                                        ELSE coalesce(started_at, created_at) END) AS age
   FROM imports WHERE {UNENDED}) AS i
"""
_DAY = "finished_at > now() - interval '1 day'"

PRIMARY = (
    Number(
        "rosterhub_imports",
        "Imports that are queued, run, or wait for a decision.",
        f"SELECT s.state, count(i.state) FROM {_OPEN} LEFT JOIN {_UNFINISHED} USING (state)"
        " GROUP BY 1",
        "state",
    ),
    Number(
        "rosterhub_import_oldest_seconds",
        "How long the oldest of these has been queued, or has run or waited since it began.",
        f"SELECT s.state, coalesce(max(i.age), 0) FROM {_OPEN} LEFT JOIN {_UNFINISHED}"
        " USING (state) GROUP BY 1",
        "state",
    ),
    Number(
        "rosterhub_imports_finished_last_day",
        "Imports that ended within 24 hours, by how.",
        f"SELECT s.state, count(i.id) FROM {_ENDED}"
        f" LEFT JOIN imports i ON i.state = s.state AND i.{_DAY} GROUP BY 1",
        "outcome",
    ),
    Number(
        "rosterhub_import_rows_last_day",
        "Rows of the imports that were completed within 24 hours, by what they did.",
        f"SELECT r.action, r.number FROM (SELECT coalesce(sum(created), 0) AS c,"
        " coalesce(sum(updated), 0) AS u, coalesce(sum(unchanged), 0) AS s,"
        " coalesce(sum(deleted), 0) AS d, coalesce(sum(failed), 0) AS f FROM imports"
        f" WHERE state = 'completed' AND NOT dry_run AND {_DAY}) AS i CROSS JOIN LATERAL"
        " (VALUES ('created', c), ('updated', u), ('unchanged', s), ('deleted', d),"
        " ('left out', f)) AS r (action, number)",
        "action",
    ),
    Number(
        "rosterhub_import_completed_timestamp_seconds",
        "When the newest import of each source was completed (the 100 newest).",
        "SELECT source_system, extract(epoch FROM max(finished_at)) FROM imports"
        " WHERE state = 'completed' AND NOT dry_run GROUP BY 1 ORDER BY 2 DESC LIMIT 100",
        "source",
    ),
    Number(
        "rosterhub_import_failed_timestamp_seconds",
        "When the newest import of each source failed (the 100 newest).",
        "SELECT source_system, extract(epoch FROM max(finished_at)) FROM imports"
        " WHERE state = 'failed' GROUP BY 1 ORDER BY 2 DESC LIMIT 100",
        "source",
    ),
    Number(
        "rosterhub_workers",
        "Workers that were heard of within a minute.",
        HEARD_OF,
    ),
    Number(
        "rosterhub_jobs",
        "Jobs of the workers; those that succeed are removed.",
        "SELECT s.status, count(j.id) FROM (VALUES ('todo'), ('doing'), ('failed')) AS s (status)"
        " LEFT JOIN procrastinate.procrastinate_jobs j ON j.status::text = s.status GROUP BY 1",
        "status",
    ),
    Number(
        "rosterhub_audit_months_ahead",
        "Months after this one for which the audit log has a partition.",
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'audit_logs'::regclass AND c.relname ~ '^audit_logs_[0-9]{6}$'"
        " AND c.relname > 'audit_logs_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')",
    ),
    Number(
        "rosterhub_database_size_bytes",
        "Size of the database.",
        "SELECT pg_database_size(current_database())",
    ),
    Number(
        "rosterhub_database_connections",
        "Connections of clients to the primary server.",
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'",
    ),
    Number(
        "rosterhub_database_connections_max",
        "How many it takes (max_connections).",
        "SELECT current_setting('max_connections')::integer",
    ),
    Number(
        "rosterhub_replication_slot_kept_bytes",
        "WAL that the primary keeps because a standby has not read it yet.",
        "SELECT slot_name::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)"
        " FROM pg_replication_slots WHERE restart_lsn IS NOT NULL",
        "slot",
    ),
)

REPLICA = (
    Number(
        "rosterhub_replication_lag_seconds",
        "How far the database that reads go to is behind the primary.",
        f"SELECT {LAG}",
    ),
    Number(
        "rosterhub_replication_following",
        "1 if it is a primary itself, or receives from one now.",
        "SELECT (NOT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_stat_wal_receiver))::integer",
    ),
)

UP = (
    Number("rosterhub_database_up", "1 if the database answered.", "", "database"),
    Number("rosterhub_redis_up", "1 if Redis answered; none is configured, none is here.", ""),
)

FILES = (
    Number("rosterhub_disk_free_bytes", "Free room on the disk of a folder.", "", "folder"),
    Number("rosterhub_disk_size_bytes", "Size of that disk.", "", "folder"),
    Number("rosterhub_backup_timestamp_seconds", "When the newest backup was written.", ""),
)


def query(numbers: tuple[Number, ...]) -> bytes:
    """One statement for all: rows of name, label and value."""
    parts = (
        f"SELECT '{n.name}', q.* FROM (SELECT {'' if n.label else 'NULL::text, '}x.* FROM"
        f" ({n.query}) AS x) AS q (label, value)"
        for n in numbers
    )
    casted = (f"SELECT a, b::text, c::float8 FROM ({part}) AS p (a, b, c)" for part in parts)
    return " UNION ALL ".join(casted).encode()
