"""The references in sampled objects: where they lead, and whether that can be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rosterhub.model.operations import object_of
from rosterhub.ops.conformance import answers
from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.walk import NOT_SERVED, Read, Walk

_OF_EACH_PROPERTY = 2
"""How many references of each property are followed."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """A reference in the object `record` at the dotted name `place`, to an object `type`."""

    record: str
    place: str
    href: str
    sourced_id: str
    type: str


def _href(walk: Walk, subject: Subject) -> Iterator[Finding]:
    url = walk.some(subject.read).first.url
    there = _by_place(walk, subject)
    if not there:
        raise Skip("the sampled objects have no references")
    for place, found in there.items():
        wrong = [r for r in found if not answers.absolute(r.href)]
        if wrong:
            came = f"{place}.href is no absolute URL, in {len(wrong)} of {len(found)} references"
            yield Finding(came, url, wrong[0].record, f"{place}.href", value=wrong[0].href)


def _readable(walk: Walk, subject: Subject) -> Iterator[Finding]:
    for reference, read in _followed(walk, subject):
        if read.answer.status in (401, 403):
            continue
        if read.problem:
            came = f"what {reference.place} refers to cannot be read: {read.problem}"
            yield Finding(came, read.url, reference.record, reference.place)


def _right(walk: Walk, subject: Subject) -> Iterator[Finding]:
    for reference, read in _followed(walk, subject):
        if not read.problem and read.value.get("sourcedId") != reference.sourced_id:
            came = f"{reference.place} leads to an object with another sourcedId"
            yield Finding(came, read.url, reference.record, reference.place)


def _host(walk: Walk, subject: Subject) -> Iterator[Finding]:
    """Links and references name the host that was asked; one finding says enough."""
    page = walk.some(subject.read).first
    hrefs = [r.href for found in _by_place(walk, subject).values() for r in found]
    links = [link.url for link in answers.links(page.answer).values()]
    for url in (*links, *hrefs):
        if answers.absolute(url) and urlsplit(url)[:2] != walk.target.origin:
            came = f"a link leads to {'://'.join(urlsplit(url)[:2])[:200]}"
            yield Finding(came, page.url)
            return


def _followed(walk: Walk, subject: Subject) -> Iterator[tuple[_Reference, Read]]:
    """Some references and what they lead to."""
    some = False
    for found in _by_place(walk, subject).values():
        distinct = {r.href: r for r in found if answers.absolute(r.href)}
        for reference in list(distinct.values())[:_OF_EACH_PROPERTY]:
            read = walk.reference(reference.href, reference.type)
            if read.answer.status in NOT_SERVED and _elsewhere(walk, reference.type):
                continue
            some = True
            yield reference, read
    if not some:
        raise Skip("there are no references to follow")


def _elsewhere(walk: Walk, kind: str) -> bool:
    """Whether objects of this type belong to a service that is not walked."""
    return all(o.wrapper != kind for o in walk.target.operations if o.single)


def _by_place(walk: Walk, subject: Subject) -> dict[str, list[_Reference]]:
    """The well-formed references of the sample by where they stand."""
    found: dict[str, list[_Reference]] = {}
    for record, item in walk.some(subject.read).objects.items():
        for name, value in item.items():
            if name != "metadata":
                for reference in _within(record, name, value):
                    found.setdefault(reference.place, []).append(reference)
    return found


def _within(record: str, place: str, value: Any) -> Iterator[_Reference]:
    if isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _within(record, place, item)
    elif isinstance(value, dict):
        members: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        match members:
            case {"href": str(href), "sourcedId": str(sourced_id), "type": str(kind)}:
                yield _Reference(record, place, href, sourced_id, object_of(kind))
            case _:
                for name, inner in members.items():
                    yield from _within(record, f"{place}.{name}", inner)


CHECKS = (
    Check("references.href", "collection", "The href of a reference is an absolute URL.", _href),
    Check(
        "references.readable",
        "collection",
        "What a reference refers to can be read at its href, as an object of its type.",
        _readable,
    ),
    Check(
        "references.right",
        "collection",
        "The object at the href of a reference has the sourcedId of the reference.",
        _right,
    ),
    Check(
        "links.host",
        "collection",
        "Links and references lead to the host that was asked.",
        _host,
        "warning",
    ),
)
