"""What a check is, what it finds, and what has become of it: plain data.

Nothing here asks or judges. A finding describes values by their form; the value itself is kept
beside it, and only an option makes a report show it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rosterhub.model.operations import Operation
    from rosterhub.ops.conformance.walk import Walk

Level = Literal["error", "warning"]
Outcome = Literal["passed", "failed", "warning", "skipped"]
Reach = Literal["token", "service", "collection", "nested"]


class Skip(Exception):  # noqa: N818
    """A check cannot be made here; the text says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check is made on: the token endpoint, a service, or one of its operations."""

    service: str
    name: str
    operation: "Operation | None" = None

    @property
    def read(self) -> "Operation":
        """The operation of a subject that has one."""
        assert self.operation is not None
        return self.operation


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `came` says what came instead of what the check
    expects, at `url`; `value` is somebody's data.
    """

    came: str
    url: str = ""
    record: str = ""
    property: str = ""
    level: Level | None = None
    value: object = None


@dataclass(frozen=True, slots=True)
class Check:
    """A rule: `expects` is what is expected, in a sentence; `run` yields what is otherwise.

    `id` stays the same from release to release.
    """

    id: str
    reach: Reach
    expects: str
    run: Callable[["Walk", Subject], Iterator[Finding]]
    level: Level = "error"


MOST_FINDINGS = 10
"""How many findings of one check on one subject are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Result:
    """What has become of one check on one subject; `reason` says why it was skipped."""

    check: Check
    subject: Subject
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    more: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole walk over the server at `url`."""

    url: str
    version: str
    started: str
    requests: int
    results: tuple[Result, ...] = field(repr=False)

    def counts(self) -> dict[Outcome, int]:
        """How many checks had each outcome."""
        found: dict[Outcome, int] = {"passed": 0, "failed": 0, "warning": 0, "skipped": 0}
        for result in self.results:
            found[result.outcome] += 1
        return found
