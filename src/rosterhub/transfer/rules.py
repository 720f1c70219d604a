"""A rule: which cells of a staging table get an issue, and how they are mended. Runs nothing."""

from dataclasses import dataclass

from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.issues import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows for which `predicate` holds get an issue with `code`; with `fix` the cell is mended.

    `value` is SQL for what the message quotes. `details` are constants of the message. A warning is
    given once for all of its rows, or for `each` of them.
    """

    code: str
    severity: Severity
    column: StagedColumn
    predicate: str
    fix: str | None = None
    value: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    each: bool = False
