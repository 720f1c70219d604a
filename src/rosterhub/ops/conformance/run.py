"""A whole check: find the server's services, get in, make every check on all that it is for.

Order: the token endpoint, then for each service what it does as a whole, its collections, and what
is nested in them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from rosterhub.model.objects import Version
from rosterhub.model.operations import Operation
from rosterhub.ops.conformance import target as places
from rosterhub.ops.conformance.checks import CHECKS
from rosterhub.ops.conformance.credentials import (
    Client,
    Key,
    KeyPass,
    Pass,
    Refused,
    TokenPass,
    scopes,
)
from rosterhub.ops.conformance.findings import (
    MOST_FINDINGS,
    Check,
    Finding,
    Report,
    Result,
    Skip,
    Subject,
)
from rosterhub.ops.conformance.target import BadUrl, Target
from rosterhub.ops.conformance.walk import Walk
from rosterhub.ops.conformance.wire import NoAnswer, Stopped, Wire, query

DEFAULT_SAMPLE = 200
DEFAULT_TIMEOUT = 30.0

Progress = Callable[[str, int, int], None]
"""Told of each subject's name, how many are done, and how many there are."""


class Unreachable(Exception):  # noqa: N818
    """There is nothing to check, or no way in; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is checked: `services` empty means all that the URL is of, `version` None whichever the
    server has; `sample` is how many objects of a collection are looked at.
    """

    url: str
    credentials: Key | Client
    version: Version | None = None
    services: tuple[str, ...] = ()
    sample: int = DEFAULT_SAMPLE
    timeout: float = DEFAULT_TIMEOUT
    token_url: str | None = None
    insecure: bool = False


def _quiet(name: str, done: int, total: int) -> None:
    """Tell nobody."""


def check(options: Options, progress: Progress = _quiet) -> Report:
    """Walk over a server and say what is not as OneRoster has it.

    Raises:
        Unreachable: the server cannot be reached, or lets these credentials in nowhere.
        BadUrl: the URL is none to begin at.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    wire = Wire(options.timeout)
    try:
        try:
            target, entry = _reach(options, wire)
        except (NoAnswer, Stopped) as error:
            raise Unreachable(f"{options.url}: {error}") from error
        walk = Walk(target, wire, entry, options.sample)
        results = tuple(_results(walk, progress))
    finally:
        wire.close()
    if all(r.outcome == "skipped" for r in results if r.check.reach == "collection"):
        reasons = {r.reason for r in results if r.check.reach == "collection"}
        raise Unreachable(f"{options.url}: no collection can be read; {'; '.join(sorted(reasons))}")
    return Report(options.url, target.version, started, wire.sent, results)


def _reach(options: Options, wire: Wire) -> tuple[Target, Pass]:
    """The services of the version that the server has, and what opens them."""
    tried = list[str]()
    for target in places.targets(
        options.url, options.services, options.version, wire, insecure=options.insecure
    ):
        try:
            entry = _entry(options, target, wire)
        except Refused as refused:
            tried.append(str(refused))
            continue
        for operation in _telling(target):
            url = query(target.url(operation), {"limit": "1"})
            status = wire.get(url, entry.headers()).status
            if status not in (401, 404, 405, 410):
                return target, entry
            tried.append(f"{url} answered {status}")
    raise Unreachable("; ".join(dict.fromkeys(tried)))


def _telling(target: Target) -> Iterator[Operation]:
    """Two collections of each service, which tell whether it is there."""
    for service in target.bases:
        mine = (o for o in target.operations if o.service == service)
        yield from islice((o for o in mine if not o.single and not o.parents), 2)


def _entry(options: Options, target: Target, wire: Wire) -> Pass:
    if isinstance(options.credentials, Key):
        return KeyPass(options.credentials)
    if options.token_url:
        url = places.checked(options.token_url, options.insecure)
    else:
        url = places.token_url(target, wire, insecure=options.insecure)
    wanted = scopes(target.operations, target.version)
    return TokenPass(wire, url, options.credentials, wanted)


def subjects(target: Target, entry: Pass) -> list[Subject]:
    """All that checks are made on, in order."""
    found = [Subject("token", "token")] if isinstance(entry, TokenPass) else []
    for service in target.bases:
        read = [o for o in target.operations if o.service == service]
        lists = [o for o in read if not o.single]
        found.append(Subject(service, "service"))
        found += (Subject(service, o.path, o) for o in lists if not o.parents)
        found += (Subject(service, o.path, o) for o in lists if o.parents)
    return found


def _results(walk: Walk, progress: Progress) -> Iterator[Result]:
    every = subjects(walk.target, walk.entry)
    for number, subject in enumerate(every):
        progress(f"{subject.service} {subject.name}", number, len(every))
        for one in checks_of(subject):
            yield judge(one, subject, walk)


def checks_of(subject: Subject) -> Sequence[Check]:
    """The checks that are made on a subject."""
    if subject.operation is None:
        reach = subject.name
    else:
        reach = "nested" if subject.operation.parents else "collection"
    return [c for c in CHECKS if c.reach == reach]


def judge(one: Check, subject: Subject, walk: Walk) -> Result:
    """Make a check and say how it ended."""
    findings: list[Finding] = []
    try:
        findings.extend(one.run(walk, subject))
    except (Skip, Stopped) as reason:
        return Result(one, subject, "skipped", reason=str(reason))
    except NoAnswer as error:
        findings.append(Finding(str(error), error.url, level="error"))
    except RecursionError:
        findings.append(Finding("what came is nested too deep to be looked at", level="error"))
    except Refused as error:
        findings.append(Finding(f"no new token: {error}", level="error"))
    if not findings:
        return Result(one, subject, "passed")
    levels = {f.level or one.level for f in findings}
    shown, more = tuple(findings[:MOST_FINDINGS]), max(len(findings) - MOST_FINDINGS, 0)
    return Result(one, subject, "failed" if "error" in levels else "warning", shown, more)


__all__ = ["BadUrl", "Options", "Report", "Unreachable", "check"]
