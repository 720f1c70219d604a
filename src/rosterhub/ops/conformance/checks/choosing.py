"""What clients choose: the order of a collection, and the fields of its objects."""

from collections.abc import Iterator

from rosterhub.model.entities import Kind
from rosterhub.ops.conformance.checks.refusals import bad_query
from rosterhub.ops.conformance.comparing import Path, disorder, held, paths, shown
from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.walk import PAGE, Read, Walk

_NO_FIELD = "rosterhubCheck"
_MODIFIED = Path("dateLastModified", "dateTime", Kind.DATETIME)


def _ascending(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from _sorted(walk, subject, "asc")


def _descending(walk: Walk, subject: Subject) -> Iterator[Finding]:
    yield from _sorted(walk, subject, "desc")


def _sorted(walk: Walk, subject: Subject, order: str) -> Iterator[Finding]:
    for path in _sortable(walk, subject):
        page = _page(walk, subject, path, order)
        if page.problem:
            yield Finding(page.problem, page.url, property=path.name)
            continue
        items = [item for item in page.items if held(item, path.name)]
        values = [held(item, path.name)[0] for item in items]
        place = disorder(path.kind, values, descending=order == "desc")
        if place is not None:
            came = f"object {place + 1} should stand before the one that is before it"
            record = str(items[place].get("sourcedId"))
            yield Finding(came, page.url, record, path.name, value=values[place - 1 : place + 1])
        elif order == "desc" and len({shown(v) for v in values}) > 1:
            other = _page(walk, subject, path, "asc")
            if [i.get("sourcedId") for i in other.items] == [
                i.get("sourcedId") for i in page.items
            ]:
                yield Finding("the order is that of orderBy=asc", page.url, property=path.name)


def _page(walk: Walk, subject: Subject, path: Path, order: str) -> Read:
    return walk.kept(
        f"sorted {subject.read.id} {path.name} {order}",
        lambda: walk.ask(subject.read, sort=path.name, orderBy=order, limit=str(PAGE)),
    )


def _sortable(walk: Walk, subject: Subject) -> list[Path]:
    """dateLastModified, and the first field besides whose values differ."""
    objects = walk.some(subject.read).objects.values()
    if len(objects) < 2:
        raise Skip("one object has no order")
    for path in paths(subject.read.kind.entity, subject.read.version):
        named = path.name in ("sourcedId", "status", "dateLastModified")
        if named or path.group in ("list", "reference", "within") or path.first:
            continue
        if len({shown(v) for item in objects for v in held(item, path.name)}) > 1:
            return [_MODIFIED, path]
    return [_MODIFIED]


def _sort_unknown(walk: Walk, subject: Subject) -> Iterator[Finding]:
    walk.sample(subject.read)
    yield from bad_query(walk, subject.read, "invalid_sort_field", sort=_NO_FIELD)


def _fields(walk: Walk, subject: Subject) -> Iterator[Finding]:
    walk.some(subject.read)
    page = walk.ask(subject.read, fields="sourcedId,status", limit="10")
    if page.problem:
        yield Finding(page.problem, page.url)
    for item in page.items:
        for name in item.keys() ^ {"sourcedId", "status"}:
            came = f"{name[:60]} is {'shown' if name in item else 'missing'}"
            yield Finding(came, page.url, str(item.get("sourcedId", "")), name[:60])


def _fields_single(walk: Walk, subject: Subject) -> Iterator[Finding]:
    sourced_id = next(iter(walk.some(subject.read).objects))
    found = walk.ask(walk.single(subject.read), sourced_id, fields="sourcedId,status")
    if found.problem:
        yield Finding(found.problem, found.url, sourced_id)
        return
    for name in found.value.keys() ^ {"sourcedId", "status"}:
        came = f"{name[:60]} is {'shown' if name in found.value else 'missing'}"
        yield Finding(came, found.url, sourced_id, name[:60])


def _fields_empty(walk: Walk, subject: Subject) -> Iterator[Finding]:
    objects = walk.some(subject.read).objects
    page = walk.ask(subject.read, fields="", limit="1")
    if page.problem:
        yield Finding(page.problem, page.url)
    for item in page.items:
        listed = objects.get(str(item.get("sourcedId")))
        if listed is not None and listed.keys() != item.keys():
            yield Finding("other properties came", page.url, str(item.get("sourcedId")))


def _fields_unknown(walk: Walk, subject: Subject) -> Iterator[Finding]:
    walk.sample(subject.read)
    yield from bad_query(walk, subject.read, "invalid_selection_field", fields=_NO_FIELD)


CHECKS = (
    Check(
        "sort.ascending",
        "collection",
        "sort with orderBy=asc brings objects in ascending order.",
        _ascending,
    ),
    Check(
        "sort.descending",
        "collection",
        "sort with orderBy=desc brings objects in descending order.",
        _descending,
    ),
    Check(
        "sort.unknown-field",
        "collection",
        "An unknown field in sort brings 400 invalid_sort_field.",
        _sort_unknown,
    ),
    Check(
        "fields.selection",
        "collection",
        "fields brings the properties that it names and no others.",
        _fields,
    ),
    Check(
        "fields.single",
        "collection",
        "fields selects from a single object too.",
        _fields_single,
    ),
    Check(
        "fields.empty",
        "collection",
        "fields without a value brings all properties.",
        _fields_empty,
        "warning",
    ),
    Check(
        "fields.unknown-field",
        "collection",
        "An unknown name in fields brings 400 invalid_selection_field.",
        _fields_unknown,
    ),
)
