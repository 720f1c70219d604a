"""The guard: an import that would delete or change too much waits for a person.

Shares are those of the records that its source holds, by entity (docs/imports.md, "Guard"). A year
rollover (年次更新) is recognised and said, so that a person knows an April from a broken export.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rosterhub.settings import Settings
from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer.compare import CREATE, UPDATE, Plan
from rosterhub.transfer.issues import Issue


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why an import waits: `count` of `held` records of `entity` would be deleted or changed."""

    entity: str
    what: str
    count: int
    held: int

    @property
    def share(self) -> int:
        """The share in percent, rounded down."""
        return self.count * 100 // self.held


def alarms(
    connection: Connection, plans: Iterable[Plan], source: str, config: Settings
) -> list[Alarm]:
    """What of `plans` goes beyond the settings' shares."""
    found: list[Alarm] = []
    for plan in plans:
        limits = (
            ("deleted", plan.deleted + plan.gone.count, config.guard_deleted_percent),
            ("changed", plan.updated, config.guard_changed_percent),
        )
        counted = [limit for limit in limits if limit[1] >= config.guard_least_records]
        if not counted or plan.file.owner:
            continue
        # More than these are enough for there being no alarm, whatever else is held.
        enough = [count * 100 // percent + 1 for _, count, percent in counted if percent]
        most = max(enough) if len(enough) == len(counted) else None
        held: int = _value(
            connection,
            f"SELECT count(*) FROM (SELECT FROM {plan.file.entity.table}"
            " WHERE source_system = %s AND status <> 'tobedeleted' LIMIT %s) h",
            [source, most],
        )
        for what, count, percent in counted:
            if count * 100 > held * percent:
                found.append(Alarm(plan.file.entity.name, what, count, max(held, count)))
    return found


def issues(found: Iterable[Alarm], *, dry_run: bool = False) -> list[Issue]:
    """The alarms as an import's warnings."""
    return [
        Issue(
            f"guard_{alarm.what}{'_dry_run' if dry_run else ''}",
            "warning",
            details={
                "value": alarm.count,
                "held": alarm.held,
                "percent": alarm.share,
                "entity": alarm.entity,
            },
        )
        for alarm in found
    ]


def rollover(connection: Connection, plans: Iterable[Plan]) -> Issue | None:
    """What says that this is a new school year: a year that is new, most grades up by one, people
    kept. None when it is not.
    """
    by_entity = {plan.file.entity.name: plan for plan in plans}
    sessions, users = by_entity.get("academicSessions"), by_entity.get("users")
    if not sessions or not sessions.created or not users:
        return None
    year = _value(
        connection,
        f"SELECT max(s.school_year) FROM {sessions.file.table} s JOIN {sessions.table} p"
        f" USING (line) WHERE p.action = '{CREATE}' AND s.type = 'schoolYear'"
        " AND s.school_year > ALL (SELECT school_year FROM academic_sessions"
        " WHERE type = 'schoolYear' AND status = 'active' AND school_year IS NOT NULL)",
    )
    if year is None or not users.file.has("grades"):
        return None
    moved = _value(
        connection,
        f"SELECT count(*) FROM {users.file.table} s JOIN {users.table} p USING (line)"
        f" JOIN users t USING (sourced_id) WHERE p.action = '{UPDATE}'"
        f" AND {_next_grade('t.grades[1]')} = split_part(s.grades, ',', 1)",
    )
    graded = _value(
        connection,
        f"SELECT count(*) FROM {users.file.table} s JOIN users t USING (sourced_id)"
        " WHERE t.grades IS NOT NULL AND s.grades IS NOT NULL",
    )
    if not graded or moved * 2 < graded:
        return None
    details = {"value": year, "moved": moved, "graded": graded}
    return Issue("year_rollover", "warning", details=details)


def _next_grade(grade: str) -> str:
    """SQL for the grade after one: P1 to P2, P6 to J1, J3 to H1; NULL after the last."""
    ladder = [
        f"{stage}{n}"
        for stage, last in (("E", 3), ("P", 6), ("J", 3), ("H", 3))
        for n in range(1, last + 1)
    ]
    steps = " ".join(f"WHEN '{a}' THEN '{b}'" for a, b in pairwise(ladder))
    return f"CASE {grade} {steps} END"


def _value(connection: Connection, query: str, values: Sequence[Any] | None = None) -> Any:
    row = connection.execute(compiled(query), values).fetchone()
    return row[0] if row else None
