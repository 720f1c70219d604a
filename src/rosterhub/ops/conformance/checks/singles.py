"""Single objects, against what their collection shows of them."""

from collections.abc import Iterator
from typing import cast

from rosterhub.ops.conformance.checks.refusals import refused
from rosterhub.ops.conformance.findings import Check, Finding, Subject
from rosterhub.ops.conformance.walk import Walk


def _single_found(walk: Walk, subject: Subject) -> Iterator[Finding]:
    single = walk.single(subject.read)
    for sourced_id in _two(walk, subject):
        found = walk.reference(walk.target.url(single, sourced_id), single.wrapper)
        if found.problem:
            yield Finding(found.problem, found.url, sourced_id)
        elif found.value.get("sourcedId") != sourced_id:
            yield Finding("it has another sourcedId", found.url, sourced_id)


def _single_same(walk: Walk, subject: Subject) -> Iterator[Finding]:
    single = walk.single(subject.read)
    for sourced_id in _two(walk, subject):
        found = walk.reference(walk.target.url(single, sourced_id), single.wrapper)
        if not found.problem:
            listed = walk.some(subject.read).objects[sourced_id]
            yield from differences(listed, found.value, sourced_id, found.url)


def _two(walk: Walk, subject: Subject) -> list[str]:
    """The first and the last sourcedId of the sample."""
    ids = list(walk.some(subject.read).objects)
    return list(dict.fromkeys((ids[0], ids[-1])))


def differences(
    listed: dict[str, object], found: dict[str, object], record: str, url: str
) -> Iterator[Finding]:
    """Where an object is another than its collection shows it; arrays are in any order."""
    for name in dict.fromkeys((*listed, *found)):
        if name not in found:
            yield Finding(f"{name} is missing, which the collection shows", url, record, name)
        elif name not in listed:
            yield Finding(f"{name} is there, which the collection lacks", url, record, name)
        elif _sorted(listed[name]) != _sorted(found[name]):
            yield Finding(f"{name} is another than in the collection", url, record, name)


def _sorted(value: object) -> object:
    match value:
        case list():
            return sorted(map(_sorted, cast("list[object]", value)), key=repr)
        case dict():
            members = cast("dict[str, object]", value)
            return {name: _sorted(members[name]) for name in sorted(members)}
        case _:
            return value


def _single_unknown(walk: Walk, subject: Subject) -> Iterator[Finding]:
    walk.sample(subject.read)
    url = walk.target.url(walk.single(subject.read), walk.unknown)
    yield from refused(walk.error(url), 404, "unknownobject")


CHECKS = (
    Check(
        "single.found",
        "collection",
        "What a collection lists can be read by its sourcedId.",
        _single_found,
    ),
    Check(
        "single.same",
        "collection",
        "An object by itself is the one that its collection shows.",
        _single_same,
    ),
    Check(
        "single.unknown",
        "collection",
        "A sourcedId that there is not brings 404 unknownobject.",
        _single_unknown,
    ),
)
