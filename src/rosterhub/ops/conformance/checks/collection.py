"""A collection's first page: status, headers, wrapper, and that it holds what it is for."""

from collections.abc import Iterator

from rosterhub.ops.conformance import answers
from rosterhub.ops.conformance.answers import Malformed, header
from rosterhub.ops.conformance.comparing import held
from rosterhub.ops.conformance.findings import Check, Finding, Level, Skip, Subject
from rosterhub.ops.conformance.walk import Walk


def _status(walk: Walk, subject: Subject) -> Iterator[Finding]:
    page = walk.first(subject.read)
    if page.answer.status != 200:
        yield Finding(page.problem, page.url)


def _content_type(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = walk.first(subject.read).answer
    if answer.status != 200:
        raise Skip("the status is not 200")
    if not answers.is_json(answer):
        yield Finding(f"the Content-Type is {header(answer, 'Content-Type')}", answer.url)


def _json(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = walk.first(subject.read).answer
    if answer.status != 200:
        raise Skip("the status is not 200")
    try:
        answers.parsed(answer)
    except Malformed as error:
        yield Finding(str(error), answer.url)


def _wrapper(walk: Walk, subject: Subject) -> Iterator[Finding]:
    page = walk.first(subject.read)
    if page.answer.status != 200:
        raise Skip("the status is not 200")
    try:
        answers.parsed(page.answer)
    except Malformed:
        raise Skip("the body is not JSON") from None
    if page.problem:
        wanted = f"not {subject.read.wrapper} alone, an array"
        yield Finding(f"{page.problem}, {wanted}", page.url)


def _kind(walk: Walk, subject: Subject) -> Iterator[Finding]:
    kind = subject.read.kind
    if not kind.field:
        raise Skip("any object may be in this collection")
    # A user of OneRoster 1.1 shows one role of those that they may have.
    old_user = kind.entity == "users" and subject.read.version == "1.1"
    name = "role" if old_user else kind.field
    level: Level = "warning" if old_user else "error"
    sample = walk.some(subject.read)
    for sourced_id, item in sample.objects.items():
        if kind.value not in held(item, name):
            came = f"{name} is not {kind.value}"
            yield Finding(came, sample.first.url, sourced_id, name, level, held(item, name))


def _twice(walk: Walk, subject: Subject) -> Iterator[Finding]:
    page = walk.first(subject.read)
    if page.problem:
        raise Skip("its first page could not be read")
    if not page.value:
        raise Skip("the collection is empty")
    for sourced_id in dict.fromkeys(i for i in page.ids if page.ids.count(i) > 1):
        yield Finding("it stands twice on one page", page.url, sourced_id)


CHECKS = (
    Check("collection.status", "collection", "A collection is answered with 200.", _status),
    Check(
        "collection.content-type",
        "collection",
        "The Content-Type is application/json, in UTF-8.",
        _content_type,
    ),
    Check("collection.json", "collection", "The body is JSON without ambiguities.", _json),
    Check(
        "collection.wrapper",
        "collection",
        "The body has one member, named after what it holds, an array.",
        _wrapper,
    ),
    Check(
        "collection.kind",
        "collection",
        "A collection that is restricted (terms, gradingPeriods, schools, students, teachers) "
        "holds nothing else.",
        _kind,
    ),
    Check("collection.once", "collection", "No sourcedId stands twice on a page.", _twice),
)
