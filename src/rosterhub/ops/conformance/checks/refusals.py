"""What has to be refused: strangers, unknown paths, parameters out of range; and in what form."""

from collections.abc import Iterator

from rosterhub.model.operations import Operation
from rosterhub.ops.conformance.answers import error_problem, minor
from rosterhub.ops.conformance.credentials import TokenPass
from rosterhub.ops.conformance.findings import Check, Finding, Subject
from rosterhub.ops.conformance.walk import Walk
from rosterhub.ops.conformance.wire import Answer, query

BROKEN_FILTERS = ("none", "status=active", "status='active", "status='active' AND")
"""What is no filter; the names and words in it are of the standard."""


def refused(answer: Answer, status: int, code: str) -> Iterator[Finding]:
    """What is wrong with a refusal that should be `status` with the codeMinor `code`.

    A body that has no codeMinor at all is left to the check of the form.
    """
    if answer.status != status:
        yield Finding(f"the status is {answer.status}, not {status}", answer.url)
    elif (came := minor(answer)) not in (None, code):
        yield Finding(f"the codeMinor is not {code}", answer.url, value=came)


def bad_query(walk: Walk, operation: Operation, code: str, **parameters: str) -> Iterator[Finding]:
    """What is wrong with the refusal of these parameters."""
    answer = walk.error(query(walk.target.url(operation), parameters))
    yield from refused(answer, 400, code)


def _without(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from refused(_anonymous(walk, subject), 401, "unauthorisedrequest")


def _anonymous(walk: Walk, subject: Subject) -> Answer:
    url = query(walk.target.url(walk.served(subject.service)), {"limit": "1"})
    return walk.error(url, anonymous=True)


def _wrong(walk: Walk, subject: Subject) -> Iterator[Finding]:
    url = query(walk.target.url(walk.served(subject.service)), {"limit": "1"})
    made_up = walk.unknown
    if isinstance(walk.entry, TokenPass):
        headers = {"Authorization": f"Bearer {made_up}"}
    else:
        headers = {"X-API-Key": made_up}
    yield from refused(walk.wire.get(url, headers), 401, "unauthorisedrequest")


def _form(walk: Walk, subject: Subject) -> Iterator[Finding]:
    operation = walk.served(subject.service)
    url = walk.target.url(operation)
    answers = (
        _anonymous(walk, subject),
        walk.error(walk.target.url(walk.single(operation), walk.unknown)),
        walk.error(query(url, {"limit": "none"})),
        walk.error(query(url, {"filter": "none"})),
    )
    for answer in answers:
        if answer.status >= 400:
            problem = error_problem(answer, operation.version)
            if problem:
                yield Finding(f"in the error {answer.status} {problem}", answer.url)


def _unknown_path(walk: Walk, subject: Subject) -> Iterator[Finding]:
    walk.served(subject.service)
    answer = walk.error(f"{walk.target.bases[subject.service]}/{walk.unknown}")
    yield from refused(answer, 404, "unknownobject")


def _limit_zero(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from bad_query(walk, walk.served(subject.service), "invaliddata", limit="0")


def _limit_negative(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from bad_query(walk, walk.served(subject.service), "invaliddata", limit="-1")


def _limit_text(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from bad_query(walk, walk.served(subject.service), "invaliddata", limit="none")


def _offset_negative(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from bad_query(walk, walk.served(subject.service), "invaliddata", offset="-1")


def _syntax(walk: Walk, subject: Subject) -> Iterator[Finding]:
    operation = walk.served(subject.service)
    for text in BROKEN_FILTERS:
        yield from bad_query(walk, operation, "invaliddata", filter=text)


CHECKS = (
    Check(
        "access.without-credentials",
        "service",
        "A request without credentials brings 401 unauthorisedrequest.",
        _without,
    ),
    Check(
        "access.wrong-credentials",
        "service",
        "A made-up key or token brings 401 unauthorisedrequest.",
        _wrong,
    ),
    Check(
        "errors.form",
        "service",
        "Errors have the body of the standard: imsx_… in 1.2, a statusInfoSet in 1.1.",
        _form,
    ),
    Check(
        "errors.unknown-path",
        "service",
        "A path below the base that there is not brings 404 unknownobject.",
        _unknown_path,
        "warning",
    ),
    Check("limit.zero", "service", "limit=0 brings 400 invaliddata.", _limit_zero),
    Check("limit.negative", "service", "limit=-1 brings 400 invaliddata.", _limit_negative),
    Check("limit.no-number", "service", "limit=none brings 400 invaliddata.", _limit_text),
    Check("offset.negative", "service", "offset=-1 brings 400 invaliddata.", _offset_negative),
    Check(
        "filter.syntax",
        "service",
        "A filter that breaks the grammar brings 400 invaliddata.",
        _syntax,
    ),
)
