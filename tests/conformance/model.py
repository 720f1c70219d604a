"""OneRoster in memory: what every read of a board has to answer, by spec/rest.md and models.md.

Ordinary Python over the rows of the board's files, as slow and as plain as it gets; it shares
nothing with the code that it is there to judge.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from tests.conformance.shapes import GRADEBOOK, SHAPES, Row, made


@dataclass(frozen=True)
class Model:
    """The board `files` (rows by entity), served at the URL `root`."""

    files: Mapping[str, list[Row]]
    root: str

    def rows(self, entity: str) -> list[Row]:
        """The rows of an entity."""
        return self.files.get(entity, [])

    @cached_property
    def objects(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The object of each record, by entity and sourcedId."""
        return {
            entity: {row["sourcedId"]: made(self, row, shape.parts) for row in self.rows(entity)}
            for entity, shape in SHAPES.items()
        }

    def reference(self, entity: str, sourced_id: str) -> dict[str, str]:
        """The reference to a record."""
        shape = SHAPES[entity]
        href = f"{self.root}{shape.base}/{entity}/{quote(sourced_id, safe='@')}"
        return {"href": href, "sourcedId": sourced_id, "type": shape.singular}

    def links(self, link_file: str, column: str, row: Row) -> list[Row]:
        """The live rows of a link file that belong to `row`."""
        found = (r for r in self.rows(link_file) if r[column] == row["sourcedId"])
        return [r for r in found if r["status"] == "active"]

    def belonging(self, entity: str, column: str, row: Row) -> list[Row]:
        """The rows that are shown within the object of `row`, in order."""
        found = (r for r in self.rows(entity) if r[column] == row["sourcedId"])
        gone = row["status"] == "tobedeleted"
        live = (r for r in found if gone or r["status"] == "active")
        return sorted(live, key=lambda r: r["sourcedId"])

    def collection(self, name: str) -> set[str]:
        """The sourcedIds of a collection."""
        entity, belongs = COLLECTIONS[name]
        return {i for i, found in self.objects[entity].items() if belongs(found)}

    def members(self, path: str, ids: Sequence[str], *, asked: bool = False) -> set[str] | None:
        """The sourcedIds that a nested path holds, None where one of its parents is unknown.

        `path` has `{}` where the sourcedIds stand. In the gradebook deleted ones are there only if
        they are `asked` for.
        """
        segments = path.split("/")
        parents = [name for name, after in pairwise(segments) if after == "{}"]
        for parent, sourced_id in zip(parents, ids, strict=True):
            # A class's terms may be of any type; in Japan they are mostly school years.
            if sourced_id not in self.collection(
                "academicSessions" if parent == "terms" else parent
            ):
                return None
        name = path.rpartition("/")[2]
        found = NESTED[path](self, *ids) & self.of_entity(name)
        objects = self.objects[COLLECTIONS[name][0]]
        hidden = not asked and SHAPES[COLLECTIONS[name][0]].base == GRADEBOOK
        return {i for i in found if not hidden or objects[i]["status"] == "active"}

    def of_entity(self, collection: str) -> set[str]:
        """What can be in a nested collection of this name at all."""
        # Who is enrolled as a student is one there, whatever roles they have.
        if collection in ("students", "teachers"):
            return set(self.objects["users"])
        return self.collection(collection)

    def where(self, entity: str, **cells: str) -> Iterator[Row]:
        """The rows with these cells."""
        for row in self.rows(entity):
            if all(row.get(column) == value for column, value in cells.items()):
                yield row

    def ids(self, entity: str, **cells: str) -> set[str]:
        """The sourcedIds of the rows with these cells."""
        return {row["sourcedId"] for row in self.where(entity, **cells)}

    def enrolled(self, wanted: str, **cells: str) -> set[str]:
        """What the column `wanted` says in the live enrollments with these cells."""
        return {row[wanted] for row in self.where("enrollments", status="active", **cells)}

    def at_school(self, school: str, role: str) -> set[str]:
        """Who is enrolled at a school in that role, or has the role there without a class yet."""
        of_role = self.where("roles", status="active", role=role, orgSourcedId=school)
        return self.enrolled("userSourcedId", role=role, schoolSourcedId=school) | {
            row["userSourcedId"] for row in of_role
        }

    def in_class(self, class_: str, role: str) -> set[str]:
        """Who is enrolled in a class in that role."""
        return self.enrolled("userSourcedId", role=role, classSourcedId=class_)

    def classes_of(self, user: str, **cells: str) -> set[str]:
        """The classes that a user is enrolled in."""
        return self.enrolled("classSourcedId", userSourcedId=user, **cells)

    def results_of(self, class_: str) -> set[str]:
        """The results of a class's line items."""
        items = self.ids("lineItems", classSourcedId=class_)
        return {r["sourcedId"] for r in self.rows("results") if r["lineItemSourcedId"] in items}

    def linked(self, link_file: str, **cells: str) -> set[str]:
        """The resources that the live rows of a link file with these cells give."""
        found = self.where(link_file, status="active", **cells)
        return {row["resourceSourcedId"] for row in found}


def _has_role(role: str) -> Callable[[dict[str, Any]], bool]:
    return lambda user: any(r["role"] == role for r in user.get("roles", ()))


def _of_type(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found["type"] == kind


COLLECTIONS: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    **{entity: (entity, lambda _: True) for entity in SHAPES},
    "terms": ("academicSessions", _of_type("term")),
    "gradingPeriods": ("academicSessions", _of_type("gradingPeriod")),
    "schools": ("orgs", _of_type("school")),
    "students": ("users", _has_role("student")),
    "teachers": ("users", _has_role("teacher")),
}
"""Of which entity each collection holds which objects."""


def _terms_of_school(model: Model, school: str) -> set[str]:
    classes = model.where("classes", status="active", schoolSourcedId=school)
    return {term for row in classes for term in row["termSourcedIds"].split(",")}


def _classes_of_term(model: Model, term: str) -> set[str]:
    return {r["sourcedId"] for r in model.rows("classes") if term in r["termSourcedIds"].split(",")}


def _resources_of_user(model: Model, user: str) -> set[str]:
    [row] = model.where("users", sourcedId=user)
    own = {i for i in row.get("resourceSourcedIds", "").split(",") if i}
    return own | model.linked("userResources", userSourcedId=user)


def _categories_of_class(model: Model, class_: str) -> set[str]:
    items = [*model.where("lineItems", status="active", classSourcedId=class_)]
    # Where there is none yet, one may be made in any of them.
    return {i["categorySourcedId"] for i in items} or model.ids("categories", status="active")


NESTED: dict[str, Callable[..., set[str]]] = {
    "/classes/{}/students": lambda m, c: m.in_class(c, "student"),
    "/classes/{}/teachers": lambda m, c: m.in_class(c, "teacher"),
    "/courses/{}/classes": lambda m, c: m.ids("classes", courseSourcedId=c),
    "/schools/{}/classes": lambda m, s: m.ids("classes", schoolSourcedId=s),
    "/schools/{}/classes/{}/enrollments": lambda m, s, c: m.ids(
        "enrollments", schoolSourcedId=s, classSourcedId=c
    ),
    "/schools/{}/classes/{}/students": lambda m, s, c: (
        m.at_school(s, "student") & m.in_class(c, "student")
    ),
    "/schools/{}/classes/{}/teachers": lambda m, s, c: (
        m.at_school(s, "teacher") & m.in_class(c, "teacher")
    ),
    "/schools/{}/courses": lambda m, s: m.ids("courses", orgSourcedId=s),
    "/schools/{}/enrollments": lambda m, s: m.ids("enrollments", schoolSourcedId=s),
    "/schools/{}/students": lambda m, s: m.at_school(s, "student"),
    "/schools/{}/teachers": lambda m, s: m.at_school(s, "teacher"),
    "/schools/{}/terms": _terms_of_school,
    "/students/{}/classes": lambda m, u: m.classes_of(u, role="student"),
    "/teachers/{}/classes": lambda m, u: m.classes_of(u, role="teacher"),
    "/terms/{}/classes": _classes_of_term,
    "/terms/{}/gradingPeriods": lambda m, t: m.ids("academicSessions", parentSourcedId=t),
    "/users/{}/classes": lambda m, u: m.classes_of(u),
    "/classes/{}/categories": _categories_of_class,
    "/classes/{}/lineItems": lambda m, c: m.ids("lineItems", classSourcedId=c),
    "/classes/{}/lineItems/{}/results": lambda m, c, i: (
        m.results_of(c) & m.ids("results", lineItemSourcedId=i)
    ),
    "/classes/{}/results": lambda m, c: m.results_of(c),
    "/classes/{}/scoreScales": lambda m, c: m.ids("scoreScales", classSourcedId=c),
    "/classes/{}/students/{}/results": lambda m, c, u: (
        m.results_of(c) & m.ids("results", studentSourcedId=u)
    ),
    "/schools/{}/scoreScales": lambda m, s: m.ids("scoreScales", orgSourcedId=s),
    "/classes/{}/resources": lambda m, c: m.linked("classResources", classSourcedId=c),
    "/courses/{}/resources": lambda m, c: m.linked("courseResources", courseSourcedId=c),
    "/users/{}/resources": _resources_of_user,
}
"""What each nested path means; a deleted enrollment or link leads nowhere."""
