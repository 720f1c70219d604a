"""Every sampled object against the properties that it should have."""

from collections.abc import Callable, Iterator

from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.shapes import Problem, Rule
from rosterhub.ops.conformance.walk import Walk


def _of(*rules: Rule) -> Callable[[Walk, Subject], Iterator[Finding]]:
    """A check that no sampled object breaks one of `rules`: a finding for each way it is broken."""

    def run(walk: Walk, subject: Subject) -> Iterator[Finding]:
        sample = walk.sample(subject.read)
        if not sample.raw:
            raise Skip("the collection is empty")
        broken: dict[tuple[str, str], list[tuple[str, Problem]]] = {}
        for record, problem in walk.problems(subject.read):
            if problem.rule in rules:
                broken.setdefault((problem.place, problem.what), []).append((record, problem))
        for (place, what), found in broken.items():
            record, problem = found[0]
            number = len({record for record, _ in found})
            came = f"{place} {what}, in {number} of {len(sample.raw)} objects"
            yield Finding(came, sample.first.url, record, place, value=problem.value)

    return run


CHECKS = (
    Check("object.required", "collection", "Required properties are there.", _of("required")),
    Check(
        "object.null",
        "collection",
        "No property is null: what is absent is left out.",
        _of("null"),
    ),
    Check(
        "object.empty",
        "collection",
        "No property is an empty array or object: what is absent is left out.",
        _of("empty"),
    ),
    Check("object.type", "collection", "Properties have their JSON types.", _of("type")),
    Check(
        "object.boolean",
        "collection",
        'Booleans are the texts "true" and "false".',
        _of("boolean"),
    ),
    Check(
        "object.enumeration",
        "collection",
        "Enumerations have one of their values, or one that starts ext: where that is allowed.",
        _of("enumeration"),
    ),
    Check(
        "object.date",
        "collection",
        "Dates, years and times are such, and exist.",
        _of("date"),
    ),
    Check(
        "object.date-form",
        "collection",
        "Times are written in UTC with milliseconds: YYYY-MM-DDThh:mm:ss.sssZ.",
        _of("date-form"),
        "warning",
    ),
    Check(
        "object.sourced-id",
        "collection",
        "A sourcedId is 1 to 255 of 0-9 A-Z a-z . / @ _ -",
        _of("sourced-id"),
    ),
    Check(
        "object.reference",
        "collection",
        "A reference has href, sourcedId and the type of what it refers to.",
        _of("reference"),
    ),
    Check(
        "object.uri",
        "collection",
        "A profileId, and the userProfile of a role, is an absolute URI.",
        _of("uri"),
        "warning",
    ),
    Check("object.password", "collection", "No password is shown.", _of("password"), "warning"),
    Check(
        "object.unknown",
        "collection",
        "There are no properties that the standard does not know.",
        _of("unknown"),
        "warning",
    ),
)
