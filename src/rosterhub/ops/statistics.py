"""How the database is: sizes, vacuums, indexes and connections. What the manual's queries
on pg_stat_user_tables, pg_indexes and pg_stat_activity were after (インデックスの肥大化確認).
"""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.rows import dict_row

from rosterhub.store.connect import Connection

Row = dict[str, Any]

_DATABASE = """
SELECT current_database() AS name, pg_database_size(current_database()) AS bytes,
       current_setting('server_version') AS "serverVersion"
"""

_TABLES = """
SELECT schemaname, relname AS tablename, pg_total_relation_size(relid) AS bytes,
       n_live_tup AS rows, n_dead_tup AS "deadRows", last_vacuum AS "lastVacuum",
       last_autovacuum AS "lastAutovacuum", last_analyze AS "lastAnalyze",
       last_autoanalyze AS "lastAutoanalyze"
  FROM pg_stat_user_tables ORDER BY bytes DESC, 1, 2
"""

# An estimate from the planner's statistics: what a B-tree of so many entries of this width takes
# whose pages are 90% full, against what it has. It needs an ANALYZE, and says nothing of other
# indexes, of expressions, and of those of a few pages. Equal values are kept once, so an index may
# be smaller than it would have to be.
_INDEXES = """
SELECT n.nspname AS schemaname, t.relname AS tablename, i.relname AS indexname, s.bytes,
       st.idx_scan AS scans, x.indisvalid AND x.indisready AS valid,
       CASE WHEN s.bytes >= 16 * 8192 AND i.reltuples >= 0 AND w.known = x.indnatts THEN
         round(greatest(0, 1 - i.reltuples * (12 + ceil(w.width / 8.0) * 8) / (8152 * 0.9)
               * 8192 / s.bytes)::numeric, 2)::float8
       END AS "estimatedBloat"
  FROM pg_index x
  JOIN pg_class i ON i.oid = x.indexrelid
  JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_am am ON am.oid = i.relam
  JOIN pg_stat_user_indexes st ON st.indexrelid = x.indexrelid
 CROSS JOIN LATERAL (SELECT pg_relation_size(i.oid) AS bytes) s
  LEFT JOIN LATERAL (
       SELECT count(*) AS known, sum(p.avg_width * (1 - p.null_frac)) AS width
         FROM pg_attribute a
         JOIN pg_stats p ON p.schemaname = n.nspname AND p.tablename = t.relname
              AND p.attname = a.attname
        WHERE a.attrelid = t.oid AND a.attnum = ANY (x.indkey::int2[])
       ) w ON am.amname = 'btree'
 ORDER BY s.bytes DESC, 1, 2, 3
"""

_CONNECTIONS = """
SELECT application_name AS application, coalesce(state, 'background') AS state,
       count(*) AS count, max(extract(epoch FROM now() - state_change))::float8 AS "longestSeconds"
  FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""

_LIMITS = """
SELECT current_setting('max_connections')::integer AS max,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used
"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Rows with the names that `--json` prints; sizes in bytes, the largest first."""

    database: Row
    tables: list[Row]
    indexes: list[Row]
    connections: list[Row]
    limits: Row


def collect(connection: Connection) -> Statistics:
    """The statistics of the database that `connection` is to."""

    def rows(query: LiteralString) -> list[Row]:
        return connection.cursor(row_factory=dict_row).execute(query).fetchall()

    [database], [limits] = rows(_DATABASE), rows(_LIMITS)
    return Statistics(database, rows(_TABLES), rows(_INDEXES), rows(_CONNECTIONS), limits)
