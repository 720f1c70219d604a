"""Nested paths, against the enrollments, roles and references that the same server shows."""

from collections.abc import Iterator
from dataclasses import dataclass

from rosterhub.model.operations import Operation
from rosterhub.ops.conformance import membership
from rosterhub.ops.conformance.checks.refusals import refused
from rosterhub.ops.conformance.checks.singles import differences
from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.walk import NOT_SERVED, PAGE, Read, Walk

_PARENTS = 2
"""How many parents of each path are asked for."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The nested collection of these parents."""

    ids: tuple[str, ...]
    page: Read


def _places(walk: Walk, operation: Operation) -> list[_Place]:
    """Some nested collections.

    Raises:
        Skip: the server does not have them, or the sample shows no parent.
    """

    def asked() -> list[_Place]:
        some = membership.some(walk, operation, _PARENTS)
        return [_Place(ids, walk.ask(operation, *ids, limit=str(PAGE))) for ids in some]

    found = walk.kept(f"nested {operation.id}", asked)
    if not found:
        raise Skip("the sample shows no parent that has any of these")
    status = found[0].page.answer.status
    if status in NOT_SERVED:
        raise Skip(f"the server answers {status} to this path")
    return found


def _found(walk: Walk, subject: Subject) -> Iterator[Finding]:
    for place in _places(walk, subject.read):
        if place.page.problem:
            yield Finding(place.page.problem, place.page.url)


def _same(walk: Walk, subject: Subject) -> Iterator[Finding]:
    sample = walk.sampled(subject.read.collection)
    for place in _readable(walk, subject):
        for item in place.page.items:
            sourced_id = str(item.get("sourcedId"))
            listed = sample.objects.get(sourced_id) if sample else None
            if listed is not None:
                yield from differences(listed, item, sourced_id, place.page.url)


def _complete(walk: Walk, subject: Subject) -> Iterator[Finding]:
    for place in _readable(walk, subject):
        whole = len(place.page.value) < PAGE and (place.page.total or 0) <= len(place.page.value)
        missing = membership.certain(walk, subject.read, place.ids) - set(place.page.ids)
        if whole and missing:
            came = f"{len(missing)} objects that belong here are missing"
            yield Finding(came, place.page.url, min(missing))


def _own(walk: Walk, subject: Subject) -> Iterator[Finding]:
    for place in _readable(walk, subject):
        wrong = [
            sourced_id
            for item in place.page.items
            if isinstance(sourced_id := item.get("sourcedId"), str)
            and membership.foreign(walk, subject.read, place.ids, sourced_id, item)
        ]
        if wrong:
            came = f"{len(wrong)} of {len(place.page.items)} objects belong elsewhere"
            yield Finding(came, place.page.url, wrong[0])


def _readable(walk: Walk, subject: Subject) -> list[_Place]:
    found = [place for place in _places(walk, subject.read) if not place.page.problem]
    if not found:
        raise Skip("none of these could be read")
    return found


def _unknown(walk: Walk, subject: Subject) -> Iterator[Finding]:
    _places(walk, subject.read)
    strangers = (walk.unknown,) * len(subject.read.parents)
    answer = walk.error(walk.target.url(subject.read, *strangers))
    yield from refused(answer, 404, "unknownobject")


CHECKS = (
    Check(
        "nested.found",
        "nested",
        "A nested path of an object that is there is answered with a collection.",
        _found,
    ),
    Check(
        "nested.same",
        "nested",
        "Objects of a nested path are those that their collection shows.",
        _same,
    ),
    Check(
        "nested.complete",
        "nested",
        "A nested path holds all that its parent has by enrollments and references.",
        _complete,
    ),
    Check(
        "nested.own",
        "nested",
        "A nested path holds nothing that belongs to other parents.",
        _own,
    ),
    Check(
        "nested.unknown-parent",
        "nested",
        "A nested path of an object that there is not brings 404 unknownobject.",
        _unknown,
    ),
)
