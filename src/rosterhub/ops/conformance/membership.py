"""What nested paths mean, by what the same server shows elsewhere: who belongs to which parent.

The counterpart, in objects, of what `store/membership.py` is in SQL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

from rosterhub.model.filters import Clause, text_of
from rosterhub.model.operations import Operation, Parent
from rosterhub.ops.conformance.answers import Object
from rosterhub.ops.conformance.comparing import held
from rosterhub.ops.conformance.walk import PAGE, Walk


@dataclass(frozen=True, slots=True)
class Own:
    """A child names its parent in the property `name`; with `more` there are other children."""

    name: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class Via:
    """An active record of `entity` names the parent in `parent` and the child in `child`.

    Where the path is of students or teachers, its `role` is that; with `roles` a user who has the
    role at the parent is a child as well. With `more` there are other children.
    """

    entity: str
    parent: str
    child: str
    roles: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class Through:
    """A child names a record of `entity` in the property `name`, and that its parent in
    `parent`.
    """

    name: str
    entity: str
    parent: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The parent names its children in the property `name`."""

    name: str


Way = Own | Via | Through | Listed

WAYS: dict[tuple[str, str], Way] = {
    ("classes", "users"): Via("enrollments", "class", "user"),
    ("users", "classes"): Via("enrollments", "user", "class"),
    ("orgs", "users"): Via("enrollments", "school", "user", roles=True),
    ("orgs", "academicSessions"): Via("classes", "school", "terms", more=True),
    ("courses", "classes"): Own("course"),
    ("orgs", "classes"): Own("school"),
    ("academicSessions", "classes"): Own("terms"),
    ("academicSessions", "academicSessions"): Own("parent"),
    # A school may teach what is a course of its district.
    ("orgs", "courses"): Own("org", more=True),
    ("orgs", "enrollments"): Own("school"),
    ("classes", "enrollments"): Own("class"),
    ("classes", "categories"): Via("lineItems", "class", "category", more=True),
    ("classes", "lineItems"): Own("class"),
    ("classes", "results"): Through("lineItem", "lineItems", "class"),
    ("lineItems", "results"): Own("lineItem"),
    ("users", "results"): Own("student"),
    ("classes", "scoreScales"): Own("class"),
    ("classes", "resources"): Listed("resources"),
    ("courses", "resources"): Listed("resources"),
    ("users", "resources"): Listed("resources"),
}
"""How a child of a nested path is told from its parent, by their entities. That of a score scale
to a school is shown nowhere.
"""

_CHAINS = 6
_TRIES = 10
"""How many parents are looked at before some are chosen."""


def chains(walk: Walk, operation: Operation) -> list[tuple[str, ...]]:
    """Parents, one for each in the path, that the sample shows; those with children come first."""
    *outer, last = operation.parents
    found: dict[tuple[str, ...], None] = {}
    for inner in _parents(walk, operation, last):
        if outer:
            above = islice(_parents_of(walk, outer[0], last, inner), _CHAINS)
            found |= dict.fromkeys((first, inner) for first in above)
        else:
            found[(inner,)] = None
        if len(found) >= _CHAINS:
            break
    return sorted(found, key=lambda ids: not certain(walk, operation, ids))


def certain(walk: Walk, operation: Operation, ids: tuple[str, ...]) -> set[str]:
    """The sourcedIds that have to be in a nested collection, as far as the sample tells."""
    sets = [
        _children(walk, operation, parent, sourced_id)
        for parent, sourced_id in zip(operation.parents, ids, strict=True)
    ]
    known = [found for found in sets if found is not None]
    return set[str].intersection(*known) if known else set()


def foreign(
    walk: Walk, operation: Operation, ids: tuple[str, ...], sourced_id: str, child: Object
) -> bool:
    """Whether an object surely does not belong in a nested collection."""
    return any(
        _is_child(walk, operation, parent, parent_id, sourced_id, child) is False
        for parent, parent_id in zip(operation.parents, ids, strict=True)
    )


def _way(operation: Operation, parent: Parent) -> Way | None:
    return WAYS.get((parent.kind.entity, operation.kind.entity))


def _role(operation: Operation, parent: Parent) -> str:
    """The role that the path is of, empty if of none."""
    kind = operation.kind if operation.kind.entity == "users" else parent.kind
    return kind.value if kind.entity == "users" else ""


def _objects(walk: Walk, name: str) -> dict[str, Object]:
    sample = walk.sampled(name)
    return sample.objects if sample else {}


def _named(item: Object, name: str) -> list[str]:
    """The sourcedIds in a reference, or a list of them."""
    return [i for i in held(item, f"{name}.sourcedId") if isinstance(i, str)]


def _live(rows: dict[str, Object], role: str) -> Iterator[Object]:
    for row in rows.values():
        if row.get("status") == "active" and role in ("", row.get("role")):
            yield row


def _object(walk: Walk, collection: str, sourced_id: str) -> Object | None:
    """An object of a collection, by the sample or else by itself; None where there is none."""
    found = _objects(walk, collection).get(sourced_id)
    operation = walk.collection(collection)
    sample = walk.sampled(collection)
    if found is not None or operation is None or sample is None or sample.complete:
        return found
    single = walk.single(operation)
    read = walk.reference(walk.target.url(single, sourced_id), single.wrapper)
    return None if read.problem else cast("Object", read.value)


def _parents(walk: Walk, operation: Operation, parent: Parent) -> Iterator[str]:
    """Those of which the sample shows a child, each once."""
    there = _objects(walk, parent.collection)
    match _way(operation, parent):
        case Own(name):
            children = _objects(walk, operation.collection).values()
            found = (i for child in children for i in _named(child, name))
        case Via(entity, named):
            rows = _live(_objects(walk, entity), _role(operation, parent))
            found = (i for row in rows for i in _named(row, named))
        case Through(name, entity, named):
            children = _objects(walk, operation.collection).values()
            between = _objects(walk, entity)
            found = (
                i
                for child in children
                for one in _named(child, name)
                for i in _named(between.get(one, {}), named)
            )
        case Listed(name):
            found = (i for i, one in there.items() if _named(one, name))
        case None:
            found = iter(there)
    # What the sample has comes first: it needs no request.
    distinct = sorted(dict.fromkeys(found), key=lambda i: i not in there)
    yield from (i for i in distinct[:_TRIES] if _object(walk, parent.collection, i) is not None)


def _parents_of(walk: Walk, outer: Parent, inner: Parent, sourced_id: str) -> Iterator[str]:
    """The parents that the parent `sourced_id` itself has, in a path of two."""
    match WAYS.get((outer.kind.entity, inner.kind.entity)):
        case Own(name):
            found = _named(_object(walk, inner.collection, sourced_id) or {}, name)
        case Via(entity, named, child):
            rows = _live(_objects(walk, entity), inner.kind.value)
            found = [i for r in rows if sourced_id in _named(r, child) for i in _named(r, named)]
        case _:
            found = list[str]()
    for i in dict.fromkeys(found):
        if _object(walk, outer.collection, i) is not None:
            yield i


def _children(walk: Walk, operation: Operation, parent: Parent, parent_id: str) -> set[str] | None:
    """Those that a parent surely has; None where nothing tells."""
    there = _objects(walk, operation.collection)
    live = {i: one for i, one in there.items() if one.get("status") == "active"}
    match _way(operation, parent):
        case Own(name):
            return {i for i, one in live.items() if parent_id in _named(one, name)}
        case Via(entity, named, child):
            rows = _live(_objects(walk, entity), _role(operation, parent))
            found = {i for r in rows if parent_id in _named(r, named) for i in _named(r, child)}
            # Who is enrolled is there whatever their roles; a session only if it is a term, and a
            # category only if it is not deleted.
            restricted = operation.kind.field or operation.service == "gradebook"
            is_user = operation.kind.entity == "users"
            return found & live.keys() if restricted and not is_user else found
        case Through(name, entity, named):
            between = {
                i for i, one in _objects(walk, entity).items() if parent_id in _named(one, named)
            }
            return {i for i, one in live.items() if not between.isdisjoint(_named(one, name))}
        case Listed(name):
            return set(_named(_objects(walk, parent.collection).get(parent_id, {}), name))
        case None:
            return None


def _is_child(
    walk: Walk, operation: Operation, parent: Parent, parent_id: str, sourced_id: str, child: Object
) -> bool | None:
    """Whether an object belongs to a parent; None where nothing tells."""
    role = _role(operation, parent)
    match _way(operation, parent):
        case Own(name, more):
            named = _named(child, name)
            return None if not named or (more and parent_id not in named) else parent_id in named
        case Via(entity, named, inner, roles, more):
            if roles and _has_role(child, role, parent_id):
                return True
            rows, whole = _rows(walk, entity, named, parent_id)
            fitting = (r for r in rows if role in ("", r.get("role")))
            if any(sourced_id in _named(row, inner) for row in fitting):
                return True
            return None if more or not whole else False
        case Through(name, entity, named):
            between = _objects(walk, entity)
            known = [between[i] for i in _named(child, name) if i in between]
            return any(parent_id in _named(one, named) for one in known) if known else None
        case Listed(name):
            one = _objects(walk, parent.collection).get(parent_id)
            return None if one is None else sourced_id in _named(one, name)
        case None:
            return None


def _has_role(user: Object, role: str, org: str) -> bool:
    """Whether a user has a role at an org, in either version's way to say it."""
    roles: object = user.get("roles")
    if isinstance(roles, list):
        each = cast("list[object]", roles)
        return any(role in held(r, "role") and org in held(r, "org.sourcedId") for r in each)
    return user.get("role") == role and org in _named(user, "orgs")


def _rows(walk: Walk, entity: str, named: str, parent_id: str) -> tuple[list[Object], bool]:
    """The records of `entity` that name a parent, and whether these are all."""
    sample, operation = walk.sampled(entity), walk.collection(entity)
    if sample is None or operation is None:
        return [], False
    known = [row for row in sample.objects.values() if parent_id in _named(row, named)]
    if sample.complete:
        return known, True

    def asked() -> tuple[list[Object], bool]:
        text = text_of(Clause(f"{named}.sourcedId", "=", parent_id))
        page = walk.ask(operation, filter=text, limit=str(PAGE))
        # A server that does not filter shows others too, and then nothing is sure.
        right = not page.problem and all(parent_id in _named(i, named) for i in page.items)
        whole = len(page.items) < PAGE and (page.total or 0) <= len(page.items)
        return (page.items, whole) if right else (known, False)

    return walk.kept(f"rows {entity} {named} {parent_id}", asked)


def some(walk: Walk, operation: Operation, number: int) -> list[tuple[str, ...]]:
    """A few parents of a nested path."""
    return list(islice(chains(walk, operation), number))
