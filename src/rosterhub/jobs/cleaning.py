"""What every worker does once an hour: make room for what comes, and let go of what is too old.

Each part can be done again at any time and by anybody, so nothing is lost when a worker dies; a
lock lets one at a time. A part that fails is logged, and tried again an hour later.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import structlog

from rosterhub.access import audit_log
from rosterhub.settings import Settings
from rosterhub.store import history, indexes
from rosterhub.store.connect import Connection, connect
from rosterhub.transfer import retention

_log = structlog.get_logger("rosterhub.cleaning")
_LOCK = "SELECT pg_try_advisory_lock(hashtext('rosterhub cleaning'))"


def clean(config: Settings) -> None:
    """Make the audit log's partitions of the next months; prune what is older than its setting."""
    try:
        with connect(config.write_url, "rosterhub cleaning") as connection:
            row = connection.execute(_LOCK).fetchone()
            if row and row[0]:
                for name, part in _parts(config).items():
                    _try(name, part, connection)
    except psycopg.Error as error:
        _log.warning("nothing was cleaned", error=type(error).__name__)


def _parts(config: Settings) -> dict[str, Callable[[Connection], int]]:
    """What is to be done, by its name; each says how many rows or partitions it was about."""
    begin_of_history = datetime.now(UTC) - timedelta(days=config.history_days)
    return {
        "audit partitions made": _make_audit_partitions,
        "missing indexes made": indexes.complete,
        "import rows deleted": lambda c: retention.prune(c, config.import_retention_days),
        "history partitions dropped": lambda c: len(history.prune(c, begin_of_history)),
        "audit entries deleted": lambda c: sum(
            step.rows for step in audit_log.prune(c, config.audit_retention_days)
        ),
    }


def _make_audit_partitions(connection: Connection) -> int:
    row = connection.execute(audit_log.MAKE_PARTITIONS).fetchone()
    return row[0] if row else 0


def _try(name: str, part: Callable[[Connection], int], connection: Connection) -> None:
    try:
        count = part(connection)
    except psycopg.Error as error:
        _log.warning("not cleaned", part=name, error=type(error).__name__)
        if connection.broken:
            raise
    else:
        if count:
            _log.info(name, count=count)
