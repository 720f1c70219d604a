"""What the monthly report counts, all of it in SQL. Days are those of the board's time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from rosterhub.store.connect import Connection

Row = tuple[Any, ...]

LAST_DAYS = 30
"""The manual's month, when none is named."""

_STATISTICS = """
SELECT DATE(created_at) AS date, endpoint, COUNT(*) AS request_count,
       AVG(response_time_ms) AS avg_response_time_ms
  FROM audit_logs WHERE created_at >= %(since)s AND created_at < %(until)s
 GROUP BY DATE(created_at), endpoint ORDER BY date DESC, request_count DESC, endpoint
"""

# A partitioned table is as large as its partitions together; by itself it is empty.
_SIZES = """
SELECT n.nspname AS schemaname, c.relname AS tablename, pg_size_pretty(s.bytes) AS size, s.bytes
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size(c.oid))::bigint
              AS bytes FROM pg_partition_tree(c.oid)
       ) s
 WHERE n.nspname IN ('public', 'history') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY s.bytes DESC, 1, 2
"""

_DAYS = """
SELECT DATE(created_at), count(*), count(*) FILTER (WHERE response_status BETWEEN 400 AND 499),
       count(*) FILTER (WHERE response_status >= 500)
  FROM audit_logs WHERE created_at >= %(since)s AND created_at < %(until)s GROUP BY 1 ORDER BY 1
"""

_SLOWEST = """
SELECT method || ' ' || endpoint, count(*),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY response_time_ms), avg(response_time_ms)
  FROM audit_logs WHERE created_at >= %(since)s AND created_at < %(until)s
 GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 10
"""

_ERRORS = """
SELECT response_status, method || ' ' || endpoint, count(*)
  FROM audit_logs
 WHERE created_at >= %(since)s AND created_at < %(until)s AND response_status >= 400
 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 10
"""

_IMPORTS = """
SELECT state, count(*), sum(created), sum(updated), sum(deleted) FROM imports
 WHERE created_at >= %(since)s AND created_at < %(until)s AND NOT dry_run GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Period:
    """`name` is YYYYMM; from `since` until before `until`, both in the board's time zone."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Table:
    """A table as psql would show it."""

    columns: tuple[str, ...]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Day:
    """Requests of one day; `refused` had a status of 400 to 499, `failed` one of 500 or more."""

    day: date
    requests: int
    refused: int
    failed: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that a monthly report shows of its month."""

    statistics: Table
    sizes: Table
    days: list[Day]
    slowest: list[Row]
    errors: list[Row]
    imports: list[Row]


def last_days(zone: ZoneInfo, now: datetime) -> Period:
    """The last 30 days, named after this month, as the manual has it."""
    here = now.astimezone(zone)
    return Period(f"{here:%Y%m}", here - timedelta(days=LAST_DAYS), here)


def month(name: str, zone: ZoneInfo) -> Period:
    """The month that YYYYMM names.

    Raises:
        ValueError: it names none.
    """
    if len(name) != 6:
        raise ValueError(name)
    since = datetime.strptime(name, "%Y%m").replace(tzinfo=zone)
    return Period(name, since, (since + timedelta(days=31)).replace(day=1))


def count(connection: Connection, period: Period, zone: ZoneInfo) -> Numbers:
    """Everything of `period`, as of one moment."""
    span = {"since": period.since, "until": period.until}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SELECT set_config('timezone', %s, true)", [zone.key])

        def rows(query: LiteralString) -> list[Row]:
            return connection.execute(query, span).fetchall()

        by_day = {day: Day(day, *counts) for day, *counts in rows(_DAYS)}
        return Numbers(
            Table(
                ("date", "endpoint", "request_count", "avg_response_time_ms"),
                [(*head, round(ms, 3)) for *head, ms in rows(_STATISTICS)],
            ),
            Table(("schemaname", "tablename", "size"), [row[:3] for row in rows(_SIZES)]),
            [by_day.get(day) or Day(day, 0, 0, 0) for day in _days(period)],
            rows(_SLOWEST),
            rows(_ERRORS),
            rows(_IMPORTS),
        )


def _days(period: Period) -> list[date]:
    """Every day of the period, also those on which nothing happened."""
    last = (period.until - timedelta(microseconds=1)).date()
    first = period.since.date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
