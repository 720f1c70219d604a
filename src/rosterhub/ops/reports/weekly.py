"""The weekly look at security (manual: セキュリティログ確認, 異常なAPIキー使用確認).

Who was refused, who failed or waited long, who came at night, who asked for very much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg import sql

from rosterhub.access.keys import masked
from rosterhub.ops.reports import tables
from rosterhub.ops.reports.numbers import Row, Table
from rosterhub.store.connect import Connection
from rosterhub.transfer.issues import Language

DAYS = 7
A_DAY = 10_000
"""Requests a day that the manual calls unusually many."""
SLOW_MS = 5_000
NIGHT = (22, 6)
"""From 22:00 until before 6:00, in the board's time zone."""
SHOWN = 20

_WHO = """
    al.api_key, ak.secret_hash IS NOT NULL OR oc.client_id IS NOT NULL AS public,
    coalesce(ak.name, oc.name) AS name
"""
_WATCHED = "('/health', '/health/live', '/health/ready', '/metrics')"
_LOG = f"""
  FROM audit_logs al
  LEFT JOIN api_keys ak ON ak.key = al.api_key
  LEFT JOIN oauth_clients oc ON oc.client_id = al.api_key
 WHERE al.created_at > %(since)s AND al.created_at <= %(until)s
   AND NOT (al.api_key IS NULL AND response_status < 400 AND endpoint IN {_WATCHED})
"""
"""Without what machines ask all day to see whether the hub is well."""
_HOUR = "extract(hour FROM al.created_at AT TIME ZONE %(zone)s)"


@dataclass(frozen=True, slots=True)
class _Look:
    """One table of the report. A query for `who` begins with the three columns of a caller."""

    name: str
    en: str
    ja: str
    columns: tuple[str, ...]
    query: str
    who: bool = True


_LOOKS = (
    _Look(
        "refused",
        "Refused: no key or a wrong one, too little scope, too many requests (401, 403, 429)",
        "拒否されたリクエスト（キー不正・権限不足・回数超過: 401, 403, 429）",
        ("client_address", "response_status", "endpoint", "request_count", "last_access"),
        "SELECT client_address, response_status, endpoint, count(*), max(al.created_at)"
        + _LOG
        + "AND response_status IN (401, 403, 429) GROUP BY 1, 2, 3 ORDER BY 4 DESC, 5 DESC",
        who=False,
    ),
    _Look(
        "failing or slow",
        f"Failed (400 and more) or took longer than {SLOW_MS / 1000:.0f} seconds",
        f"失敗した（400 以上）、または {SLOW_MS / 1000:.0f} 秒を超えたリクエスト",
        ("api_key", "name", "failed", "slow", "last_access"),
        f"SELECT {_WHO}, count(*) FILTER (WHERE response_status >= 400),"
        f" count(*) FILTER (WHERE response_time_ms > {SLOW_MS}), max(al.created_at)"
        + _LOG
        + f"AND (response_status >= 400 OR response_time_ms > {SLOW_MS})"
        " GROUP BY 1, 2, 3 ORDER BY count(*) DESC, 6 DESC",
    ),
    _Look(
        "at night",
        f"At night ({NIGHT[0]}:00 to {NIGHT[1]}:00)",
        f"深夜帯のアクセス（{NIGHT[0]} 時〜{NIGHT[1]} 時）",
        ("api_key", "name", "client_address", "request_count", "last_access"),
        f"SELECT {_WHO}, client_address, count(*), max(al.created_at)"
        + _LOG
        + f"AND ({_HOUR} >= {NIGHT[0]} OR {_HOUR} < {NIGHT[1]})"
        " GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 6 DESC",
    ),
    _Look(
        "very much",
        f"More than {A_DAY:,} requests in a day",
        f"1 日に {A_DAY:,} 件を超えたリクエスト",
        ("api_key", "name", "date", "request_count"),
        f"SELECT {_WHO}, (al.created_at AT TIME ZONE %(zone)s)::date, count(*)"
        + _LOG
        + f"GROUP BY 1, 2, 3, 4 HAVING count(*) > {A_DAY} ORDER BY 5 DESC",
    ),
    _Look(
        "unknown",
        "Keys that there are no more",
        "登録のない API キー",
        ("api_key", "name", "request_count", "last_access"),
        f"SELECT {_WHO}, count(*), max(al.created_at)"
        + _LOG
        + "AND al.api_key IS NOT NULL AND ak.key IS NULL AND oc.client_id IS NULL"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC",
    ),
    _Look(
        "most",
        "Who asked most, by endpoint",
        "リクエスト数の多いキーとエンドポイント",
        ("api_key", "name", "endpoint", "request_count", "last_access"),
        f"SELECT {_WHO}, endpoint, count(*), max(al.created_at)"
        + _LOG
        + "GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 6 DESC",
    ),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One look at the week: `name` stays the same in every language."""

    name: str
    titles: dict[Language, str]
    table: Table


def look(connection: Connection, zone: ZoneInfo, now: datetime) -> list[Part]:
    """What the last seven days hold, the most first; never more than 20 rows of each."""
    values = {"since": now - timedelta(days=DAYS), "until": now, "zone": zone.key}
    parts: list[Part] = []
    for one in _LOOKS:
        query = sql.SQL(one.query + f" LIMIT {SHOWN}")  # type: ignore[arg-type]
        found = connection.execute(query, values).fetchall()
        rows = [_readable(row[3:] if one.who else row, zone) for row in found]
        if one.who:
            rows = [(*_caller(*row[:3]), *rest) for row, rest in zip(found, rows, strict=True)]
        titles: dict[Language, str] = {"en": one.en, "ja": one.ja}
        parts.append(Part(one.name, titles, Table(one.columns, rows)))
    return parts


def text(parts: Sequence[Part], language: Language) -> str:
    """The report for people."""
    none = "ありません。\n" if language == "ja" else "None.\n"
    return "\n".join(
        f"# {part.titles[language]}\n\n{tables.text(part.table) if part.table.rows else none}"
        for part in parts
    )


def _caller(key: str | None, public: bool, name: str | None) -> tuple[str | None, str | None]:
    """Whom people see; a key that is itself the secret is masked."""
    return (key if public or key is None else masked(key)), name


def _readable(row: Row, zone: ZoneInfo) -> Row:
    return tuple(
        f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value
        for value in row
    )
