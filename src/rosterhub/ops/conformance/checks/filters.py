"""Filters: every operator on a field of each type, with values that the sample has."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from rosterhub.model.entities import Kind
from rosterhub.model.filters import And, Clause, Node, Or, text_of
from rosterhub.model.operations import Operation
from rosterhub.ops.conformance.answers import Object
from rosterhub.ops.conformance.checks.refusals import bad_query
from rosterhub.ops.conformance.comparing import (
    Group,
    Path,
    certainly,
    held,
    paths,
    possibly,
    shown,
    typed,
)
from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.walk import PAGE, Sample, Walk

_NO_FIELD = "rosterhubCheck"
_EQUAL = ("=", "!=")
_ORDERED = ("=", "!=", ">", ">=", "<", "<=")
_UNUSABLE = frozenset("'\"(),\\%_*")
"""What other servers may take for more than itself."""
_LONGEST = 60
_STATUS = Path("status", "enumeration")
_ID = Path("sourcedId", "text", Kind.GUID)
_MODIFIED = Path("dateLastModified", "dateTime", Kind.DATETIME)


def _asked(
    walk: Walk, operation: Operation, node: Node, known: Sequence[Path]
) -> Iterator[Finding]:
    """What is wrong with what a filter brings, by the objects themselves and by the sample."""
    sample = walk.some(operation)
    page = walk.ask(operation, filter=text_of(node), limit=str(PAGE))
    names = ", ".join(dict.fromkeys(path.name for path in known))
    if page.problem:
        yield Finding(f"{page.problem}, for {_shape(node)}", page.url, property=names)
        return
    by_name = {path.name: path for path in known}
    wrong = [item for item in page.items if not _meets(possibly, node, by_name, item)]
    if wrong:
        came = f"{_shape(node)} brought {len(wrong)} of {len(page.items)} objects that do not fit"
        yield Finding(came, page.url, str(wrong[0].get("sourcedId", "")), names)
    wanted = [i for i, item in sample.objects.items() if _meets(certainly, node, by_name, item)]
    if len(page.value) < PAGE and (page.total or 0) <= len(page.value):
        missing = [i for i in wanted if i not in set(page.ids)]
        if missing:
            came = f"{_shape(node)} left out {len(missing)} of {len(wanted)} objects that fit"
            yield Finding(came, page.url, missing[0], names)
    elif page.total is not None and page.total < len(wanted):
        came = f"{_shape(node)} counts {page.total} objects, and {len(wanted)} of the sample fit"
        yield Finding(came, page.url, property=names)


_Meets = Callable[[Path, str, str, Object], bool]


def _meets(by: _Meets, node: Node, known: dict[str, Path], item: Object) -> bool:
    match node:
        case Clause():
            return by(known[node.field], node.operator, node.value, item)
        case And():
            return all(_meets(by, part, known, item) for part in node.parts)
        case Or():
            return any(_meets(by, part, known, item) for part in node.parts)


def _shape(node: Node) -> str:
    """A filter without its values."""
    match node:
        case Clause():
            return f"{node.field}{node.operator}'…'"
        case And():
            return " AND ".join(map(_shape, node.parts))
        case Or():
            return " OR ".join(map(_shape, node.parts))


def _each(
    walk: Walk, operation: Operation, path: Path, value: str, signs: Sequence[str]
) -> Iterator[Finding]:
    for sign in signs:
        text = _inside(value) if sign == "~" and path.group == "text" else value
        yield from _asked(walk, operation, Clause(path.name, sign, text), [path])


def _inside(value: str) -> str:
    """A part of a text."""
    part = value[1:4]
    return part if part.strip() == part and part else value


def _of(group: Group, signs: Sequence[str]) -> Callable[[Walk, Subject], Iterator[Finding]]:
    """A check of these operators on a field of a group."""

    def run(walk: Walk, subject: Subject) -> Iterator[Finding]:
        path, value = _worth_asking(walk, subject.read, group)
        yield from _each(walk, subject.read, path, value, signs)

    return run


def _worth_asking(walk: Walk, operation: Operation, group: Group) -> tuple[Path, str]:
    """A path of the group, and one of its values; better one whose values differ."""
    sample = walk.some(operation)
    system = (_ID.name, _STATUS.name, _MODIFIED.name)
    found = [
        (path, values)
        for path in paths(operation.kind.entity, operation.version)
        if path.group == group and path.name not in system
        if (values := _values(sample, path))
    ]
    if not found:
        raise Skip("the sample has no value of this type to filter by")
    path, values = next((f for f in found if len(f[1]) > 1), found[0])
    return path, values[len(values) // 2]


def _values(sample: Sample, path: Path) -> list[str]:
    """The values of a path that can be filtered by without a doubt, in order."""
    there = chain.from_iterable(held(item, path.name) for item in sample.objects.values())
    texts = {shown(v): v for v in there if isinstance(v, str | int) or path.group == "number"}
    usable = [t for t, v in texts.items() if _usable(t) and typed(path.kind, v) is not None]
    return sorted(usable, key=lambda text: typed(path.kind, text))


def _usable(text: str) -> bool:
    plain = text == text.strip() and text.isprintable() and _UNUSABLE.isdisjoint(text)
    return plain and 0 < len(text) <= _LONGEST


def _status(walk: Walk, subject: Subject) -> Iterator[Finding]:
    for value in ("active", "tobedeleted"):
        yield from _asked(walk, subject.read, Clause(_STATUS.name, "=", value), [_STATUS])


def _modified(walk: Walk, subject: Subject) -> Iterator[Finding]:
    values = _values(walk.some(subject.read), _MODIFIED)
    if not values:
        raise Skip("the sample has no time to filter by")
    yield from _each(walk, subject.read, _MODIFIED, values[len(values) // 2], _ORDERED)


def _sourced_id(walk: Walk, subject: Subject) -> Iterator[Finding]:
    value = next(iter(walk.some(subject.read).objects))
    yield from _asked(walk, subject.read, Clause(_ID.name, "=", value), [_ID])


def _and(walk: Walk, subject: Subject) -> Iterator[Finding]:
    """An object by its id and its status, and by its id and another status."""
    value, item = next(iter(walk.some(subject.read).objects.items()))
    status = str(item.get("status"))
    other = "active" if status == "tobedeleted" else "tobedeleted"
    one = Clause(_ID.name, "=", value)
    for parts in ((Clause(_STATUS.name, "=", status), one), (one, Clause("status", "=", other))):
        yield from _asked(walk, subject.read, And(parts), _BOTH)


_BOTH = (_STATUS, _ID)


def _or(walk: Walk, subject: Subject) -> Iterator[Finding]:
    ids = list(walk.some(subject.read).objects)
    parts = tuple(Clause(_ID.name, "=", i) for i in (ids[0], ids[-1]))
    yield from _asked(walk, subject.read, Or(parts), [_ID])


def _unknown(walk: Walk, subject: Subject) -> Iterator[Finding]:
    walk.sample(subject.read)
    yield from bad_query(walk, subject.read, "invalid_filter_field", filter=f"{_NO_FIELD}='x'")


CHECKS = (
    Check(
        "filter.sourced-id",
        "collection",
        "A filter on sourcedId brings that object.",
        _sourced_id,
    ),
    Check("filter.status", "collection", "A filter on status brings those alone.", _status),
    Check(
        "filter.modified",
        "collection",
        "dateLastModified is compared as a time by = != > >= < <=.",
        _modified,
    ),
    Check(
        "filter.text",
        "collection",
        "A text is compared by = and !=, and ~ finds what contains it.",
        _of("text", ("=", "!=", "~")),
    ),
    Check(
        "filter.enumeration",
        "collection",
        "An enumeration is compared by = and !=.",
        _of("enumeration", _EQUAL),
    ),
    Check(
        "filter.boolean",
        "collection",
        "A boolean is compared by = and !=.",
        _of("boolean", _EQUAL),
    ),
    Check(
        "filter.date",
        "collection",
        "A date is compared as a date by = != > >= < <=.",
        _of("date", _ORDERED),
    ),
    Check(
        "filter.time",
        "collection",
        "A time is compared as a time by = != > >= < <=.",
        _of("dateTime", _ORDERED),
    ),
    Check(
        "filter.number",
        "collection",
        "A number is compared as a number by = != > >= < <=.",
        _of("number", _ORDERED),
    ),
    Check(
        "filter.reference",
        "collection",
        "A dotted name reaches the sourcedId of a reference.",
        _of("reference", ("=",)),
    ),
    Check(
        "filter.list",
        "collection",
        "= and ~ find the objects whose array holds a value.",
        _of("list", ("=", "~")),
    ),
    Check(
        "filter.within",
        "collection",
        "A dotted name reaches into an array of objects (roles.role).",
        _of("within", ("=",)),
    ),
    Check("filter.and", "collection", "AND brings what both clauses bring.", _and),
    Check("filter.or", "collection", "OR brings what either clause brings.", _or),
    Check(
        "filter.unknown-field",
        "collection",
        "An unknown field in a filter brings 400 invalid_filter_field.",
        _unknown,
    ),
)
