"""What the database says of itself: version, schema, clock, indexes, replication, room."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg.errors

from rosterhub.model.entities import RECORDS
from rosterhub.ops.doctor.findings import Finding, fail, ok, warn
from rosterhub.settings import Settings
from rosterhub.store import revision
from rosterhub.store.connect import Connection, compiled, connect, most_connections
from rosterhub.store.replica import LAG
from rosterhub.store.schema import indexes

_LONGEST_NAME = 63
"""PostgreSQL cuts names there."""
_VERSIONS = range(15, 19)
_CLOCK_WARN, _CLOCK_FAIL = 2.0, 30.0
_LAG_SECONDS = 60.0
_FEW = 20
"""Connections for workers and people."""

_ARCHIVER = """
SELECT failed_count > 0 AND last_failed_time > coalesce(last_archived_time, '-infinity'),
       last_failed_wal FROM pg_stat_archiver
"""
_SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE NOT active ORDER BY 1"
_INVALID = """
SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1
"""
_NAMES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
_STANDBY = (
    f"SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_wal_receiver), ({LAG})::float8,"
    " CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' END"
)
_LIMITS = """
SELECT name, setting::integer FROM pg_settings
 WHERE name IN ('max_connections', 'max_locks_per_transaction', 'max_prepared_transactions',
                'max_wal_senders', 'max_worker_processes') ORDER BY name
"""
"""What a standby must have as much of as its primary."""
_ROOM = """
SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)
"""
_SPILLS = "SELECT count(*) FROM generate_series(1, 50000)"
"""Takes a megabyte of the disk for a moment where little memory is allowed; changes nothing."""


def version(connection: Connection, config: Settings) -> Iterator[Finding]:
    """The server's version."""
    major = connection.info.server_version // 10_000
    if major in _VERSIONS:
        yield ok(
            "postgresql", f"PostgreSQL {major} answers.", f"PostgreSQL {major} に接続できます。"
        )
    else:
        yield fail(
            "postgresql",
            f"PostgreSQL {major} is not supported. Use 15 to 18.",
            f"PostgreSQL {major} には対応していません。15〜18 を使ってください。",
        )


def migrations(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether the schema is the one of this version."""
    has = revision.current(config.write_url)
    if found := revision.difference(has):
        yield fail("migrations", found.en, found.ja)
    else:
        yield ok("migrations", f"The schema is at revision {has}.", f"スキーマは {has} です。")


def clock(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether this machine and the database agree on the time."""
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    after = time.time()
    assert row
    apart = abs(row[0] - (before + after) / 2) - (after - before) / 2
    if apart < _CLOCK_WARN:
        yield ok("clock", "The clocks agree.", "時計は合っています。")
    else:
        level = fail if apart >= _CLOCK_FAIL else warn
        yield level(
            "clock",
            f"The clocks of this machine and of the database are {apart:.0f} s apart. Set them by "
            "NTP (timedatectl set-ntp true).",
            f"このサーバーとデータベースの時計が {apart:.0f} 秒ずれています。NTP で合わせてください"
            "（timedatectl set-ntp true）。",
        )


def index_state(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Indexes that are broken, and those that somebody dropped and did not make again."""
    for (name,) in connection.execute(_INVALID).fetchall():
        yield warn(
            "indexes",
            f"The index {name} is not valid: building it was broken off. "
            f"Run: REINDEX INDEX CONCURRENTLY {name}; or, if it ends in _ccnew, DROP INDEX {name};",
            f"インデックス {name} は無効です。REINDEX INDEX CONCURRENTLY {name};"
            f"（名前が _ccnew で終わる場合は DROP INDEX {name};）を実行してください。",
        )
    there = {name for (name,) in connection.execute(_NAMES)}
    missing = [
        f"CREATE {'UNIQUE ' if i.unique else ''}INDEX CONCURRENTLY {i.name}"
        f" ON {e.table} {i.definition};"
        for e in RECORDS.values()
        for i in indexes(e)
        if i.name[:_LONGEST_NAME] not in there
    ]
    for statement in missing:
        yield warn(
            "indexes",
            f"An index is missing, so reads may be slow. Run: {statement}",
            f"インデックスがないため、読み取りが遅くなることがあります。実行: {statement}",
        )
    if not missing:
        yield ok("indexes", "All indexes are there.", "インデックスはそろっています。")


def connections(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether the API servers may open more connections than the database takes."""
    row = connection.execute("SELECT current_setting('max_connections')::integer").fetchone()
    assert row
    # As nginx/start reads it.
    servers = max(1, len(config.api_servers.replace(",", " ").split()))
    each, most = config.web_concurrency, most_connections(config)
    wanted = servers * each * most + _FEW
    if wanted <= row[0]:
        yield ok(
            "connections",
            f"{wanted} of {row[0]} connections may be used.",
            f"最大接続数 {row[0]} のうち {wanted} まで使います。",
        )
    else:
        yield warn(
            "connections",
            f"API_SERVERS ({servers}) times WEB_CONCURRENCY ({each}) times {most} (by "
            f"DATABASE_POOL_SIZE) and {_FEW} more are {wanted} connections, and the database takes "
            f"{row[0]}. Lower one of the last two on every server, or raise max_connections.",
            f"API_SERVERS ({servers}) × WEB_CONCURRENCY ({each}) × {most} (DATABASE_POOL_SIZE "
            f"による) + {_FEW} は {wanted} で、max_connections の {row[0]} を超えます。各サーバーの"
            "設定を小さくするか、max_connections を増やしてください。",
        )


def replication(connection: Connection, config: Settings) -> Iterator[Finding]:
    """On the primary its slots and its archive; and the replica, where reads go to one."""
    for (name,) in connection.execute(_SLOTS).fetchall():
        yield warn(
            "replication",
            f"Nobody follows the slot {name}; what it keeps fills the disk. Start the standby, or: "
            f"SELECT pg_drop_replication_slot('{name}');",
            f"レプリケーションスロット {name} が使われておらず、ディスクを圧迫します。スタンバイを"
            f"起動するか、SELECT pg_drop_replication_slot('{name}'); を実行してください。",
        )
    failing, wal = connection.execute(_ARCHIVER).fetchone() or (False, None)
    if failing:
        yield fail(
            "replication",
            f"Archiving of {wal} fails, so the disk fills. See the log of PostgreSQL.",
            f"WAL {wal} のアーカイブに失敗しています。PostgreSQL のログを確認してください。",
        )
    if config.read_url == config.write_url:
        return
    with connect(config.read_url) as replica:
        row = replica.execute(compiled(_STANDBY)).fetchone()
        limits = dict(replica.execute(_LIMITS).fetchall())
    standby, receiving, lag, paused = row or (False, 0, None, False)
    if not standby:
        yield ok("replication", "Reads go to another primary.", "読み取り先もプライマリです。")
    elif paused:
        yield _standstill(dict(connection.execute(_LIMITS).fetchall()), limits)
    elif not receiving:
        yield fail(
            "replication",
            "The replica of DATABASE_URL does not follow the primary. See its log.",
            "DATABASE_URL のレプリカがプライマリに追随していません。ログを確認してください。",
        )
    elif lag is not None and lag > _LAG_SECONDS:
        yield warn(
            "replication",
            f"The replica is {lag:.0f} s behind. Look at its load and at the network.",
            f"レプリカが {lag:.0f} 秒遅れています。負荷とネットワークを確認してください。",
        )
    else:
        yield ok("replication", "The replica follows.", "レプリカは追随しています。")


def _standstill(primary: dict[str, int], replica: dict[str, int]) -> Finding:
    """Why a replica is paused, by the limits of both."""
    if lower := [name for name, value in replica.items() if value < primary[name]]:
        statements = " ".join(f"ALTER SYSTEM SET {name} = {primary[name]};" for name in lower)
        return fail(
            "replication",
            "The replica of DATABASE_URL does not follow: it is set to less than the primary. "
            f"Run there: {statements} Then restart it (docker compose restart postgres).",
            "DATABASE_URL のレプリカの設定値がプライマリより小さいため、追随が止まっています。"
            f"レプリカで {statements} を実行し、再起動してください"
            "（docker compose restart postgres）。",
        )
    return warn(
        "replication",
        "Somebody paused the replica of DATABASE_URL, so the primary serves the reads. "
        "Run there: SELECT pg_wal_replay_resume();",
        "DATABASE_URL のレプリカの追随が一時停止されており、読み取りはプライマリが担っています。"
        "レプリカで SELECT pg_wal_replay_resume(); を実行してください。",
    )


def full() -> Finding:
    """That the disk of the database takes nothing more."""
    return fail(
        "disk",
        "The disk of the database is full, so nothing can be written. Make room there "
        "(docs/operations.md).",
        "データベースのディスクに空きがなく、書き込みができません。空きを増やしてください"
        "（docs/operations.ja.md）。",
    )


def disk(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether the disk of the database, wherever it is, takes anything at all."""
    try:
        with connection.transaction():
            connection.execute("SET LOCAL work_mem = '64kB'")
            connection.execute(_SPILLS)
    except psycopg.errors.DiskFull:
        yield full()


def room(connection: Connection, config: Settings) -> Iterator[Finding]:
    """Whether an import of the whole roster would find room, if the database lies on this disk."""
    tables = [e.table for e in RECORDS.values()]
    row = connection.execute(_ROOM, [tables]).fetchone()
    # The staged file, the history of every row and its new version, and WAL.
    needed = 3 * (row[0] if row and row[0] else 0) + (1 << 30)
    places = (config.rosterhub_data, config.rosterhub_home, Path("/"))
    folder = next(place for place in places if place.exists())
    free = shutil.disk_usage(folder).free
    en = f"The next import may take {needed >> 20:,} MB; {free >> 20:,} MB are free at {folder}"
    ja = f"次のインポートに最大 {needed >> 20:,} MB が必要です（{folder} の空き {free >> 20:,} MB）"
    if free >= needed:
        yield ok("room", f"{en}.", f"{ja}。")
    else:
        yield warn(
            "room",
            f"{en}. Unless the database is on another disk, make room first.",
            f"{ja}。データベースが別のディスクにない場合は、空きを増やしてください。",
        )
