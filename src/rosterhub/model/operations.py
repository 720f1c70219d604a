"""Every operation of OneRoster 1.2 and 1.1 (spec/rest.md, "Operations"): a row each.

What an operation returns, what it is restricted to and what it goes through follow from its path.
Routes, scopes and OpenAPI are made from this table.
"""

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from rosterhub.model.entities import RECORDS
from rosterhub.model.objects import Reference, Version, by_name
from rosterhub.model.services import ALIAS, BASES, V1P1

Method = Literal["GET", "PUT", "POST", "DELETE"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A collection: the records of `entity`, only those whose `field` (or one of whose roles) is
    `value` when it has a restriction.
    """

    entity: str
    field: str = ""
    value: str = ""


COLLECTIONS: MappingProxyType[str, Kind] = MappingProxyType(
    {
        **{e.name: Kind(e.name) for e in RECORDS.values() if not e.embedded_in},
        "terms": Kind("academicSessions", "type", "term"),
        "gradingPeriods": Kind("academicSessions", "type", "gradingPeriod"),
        "schools": Kind("orgs", "type", "school"),
        "students": Kind("users", "roles.role", "student"),
        "teachers": Kind("users", "roles.role", "teacher"),
    }
)
"""What each collection's name in a path stands for."""


@dataclass(frozen=True, slots=True)
class Parent:
    """An object that a nested path goes through; `parameter` holds its sourcedId."""

    collection: str
    parameter: str

    @property
    def kind(self) -> Kind:
        """What may stand there: what a class calls its terms may be sessions of any type."""
        return COLLECTIONS["academicSessions" if self.collection == "terms" else self.collection]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation: `path` is below the bases of its service, any of `scopes` lets a caller in.

    Each is there once, and what is made of it is kept by which one it is.
    """

    id: str
    service: str
    path: str
    scopes: tuple[str, ...]
    method: Method = "GET"
    version: Version = "1.2"

    @property
    def bases(self) -> tuple[str, ...]:
        """Where it is served: the standard's base first, then ours."""
        if self.version == "1.1":
            return (V1P1,)
        base = BASES[self.service]
        return (base, ALIAS) if self.service == "rostering" else (base,)

    @property
    def collection(self) -> str:
        """The name of the collection that it reads or reads from."""
        return next(s for s in reversed(self.path.split("/")) if not s.startswith("{"))

    @property
    def kind(self) -> Kind:
        """What it returns."""
        return COLLECTIONS[self.collection]

    @property
    def single(self) -> bool:
        """Whether it returns one object."""
        return self.path.endswith("}")

    @property
    def parents(self) -> tuple[Parent, ...]:
        """What its path goes through, from left to right."""
        inner = self.path.removesuffix("/{sourcedId}") if self.single else self.path
        return tuple(Parent(*found) for found in re.findall(r"/(\w+)/\{(\w+)\}", inner))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of its path, from left to right."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def stated(self) -> tuple[tuple[str, str], ...]:
        """The references that its path gives each object of a set, each with its parameter."""
        known = by_name(self.kind.entity, self.version)
        given = ((_word_for(p.kind.entity), p.parameter) for p in self.parents)
        return tuple(
            (n, parameter) for n, parameter in given if isinstance(known.get(n), Reference)
        )

    @property
    def wrapper(self) -> str:
        """The one member of its answer: `users` or `user`."""
        entity = RECORDS[self.kind.entity]
        return entity.singular if self.single else entity.name


def _word_for(entity: str) -> str:
    """How objects call what they refer to: an org is their school."""
    return "school" if entity == "orgs" else RECORDS[entity].singular


def _collections(service: str, scopes: tuple[str, ...], *names: str) -> list[Operation]:
    """The two operations of each collection: all of it, and one object."""
    made: list[Operation] = []
    for name in names:
        plural = name[:1].upper() + name[1:]
        made.append(Operation(f"getAll{plural}", service, f"/{name}", scopes))
        made.append(Operation(f"get{_one(name)}", service, f"/{name}/{{sourcedId}}", scopes))
    return made


def _written(scope: str, *names: str) -> list[Operation]:
    """The operations that put and delete one object of each collection."""
    made: list[Operation] = []
    for name in names:
        path = f"/{name}/{{sourcedId}}"
        put, delete = (f"{scope}.createput",), (f"{scope}.delete",)
        made.append(Operation(f"put{_one(name)}", "gradebook", path, put, "PUT"))
        made.append(Operation(f"delete{_one(name)}", "gradebook", path, delete, "DELETE"))
    return made


def _one(name: str) -> str:
    singular = _SINGULAR.get(name) or RECORDS[name].singular
    return singular[:1].upper() + singular[1:]


_SINGULAR = {
    "terms": "term",
    "gradingPeriods": "gradingPeriod",
    "schools": "school",
    "students": "student",
    "teachers": "teacher",
}


def called(entity: str) -> tuple[str, ...]:
    """What the type of a reference may call a record of `entity`: first what it is, then what paths
    and OneRoster 1.1 call some of them (a user who is a student).
    """
    kinds = (one for name, one in _SINGULAR.items() if COLLECTIONS[name].entity == entity)
    return (RECORDS[entity].singular, *kinds)


def object_of(kind: str) -> str:
    """The object that a reference of the type `kind` leads to: a user for a student."""
    return next((RECORDS[e].singular for e in RECORDS if kind in called(e)), kind)


_NESTED = {
    "rostering": (
        ("roster.readonly",),
        {
            "getStudentsForClass": "/classes/{classSourcedId}/students",
            "getTeachersForClass": "/classes/{classSourcedId}/teachers",
            "getClassesForCourse": "/courses/{courseSourcedId}/classes",
            "getClassesForSchool": "/schools/{schoolSourcedId}/classes",
            "getEnrollmentsForClassInSchool": (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/enrollments"
            ),
            "getStudentsForClassInSchool": (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/students"
            ),
            "getTeachersForClassInSchool": (
                "/schools/{schoolSourcedId}/classes/{classSourcedId}/teachers"
            ),
            "getCoursesForSchool": "/schools/{schoolSourcedId}/courses",
            "getEnrollmentsForSchool": "/schools/{schoolSourcedId}/enrollments",
            "getStudentsForSchool": "/schools/{schoolSourcedId}/students",
            "getTeachersForSchool": "/schools/{schoolSourcedId}/teachers",
            "getTermsForSchool": "/schools/{schoolSourcedId}/terms",
            "getClassesForStudent": "/students/{studentSourcedId}/classes",
            "getClassesForTeacher": "/teachers/{teacherSourcedId}/classes",
            "getClassesForTerm": "/terms/{termSourcedId}/classes",
            "getGradingPeriodsForTerm": "/terms/{termSourcedId}/gradingPeriods",
            "getClassesForUser": "/users/{userSourcedId}/classes",
        },
    ),
    "gradebook": (
        ("gradebook.readonly",),
        {
            "getCategoriesForClass": "/classes/{classSourcedId}/categories",
            "getLineItemsForClass": "/classes/{classSourcedId}/lineItems",
            "getResultsForLineItemForClass": (
                "/classes/{classSourcedId}/lineItems/{lineItemSourcedId}/results"
            ),
            "getResultsForClass": "/classes/{classSourcedId}/results",
            "getScoreScalesForClass": "/classes/{classSourcedId}/scoreScales",
            "getResultsForStudentForClass": (
                "/classes/{classSourcedId}/students/{studentSourcedId}/results"
            ),
            "getScoreScalesForSchool": "/schools/{schoolSourcedId}/scoreScales",
        },
    ),
    "resources": (
        ("resource.readonly",),
        {
            "getResourcesForClass": "/classes/{classSourcedId}/resources",
            "getResourcesForCourse": "/courses/{courseSourcedId}/resources",
            "getResourcesForUser": "/users/{userSourcedId}/resources",
        },
    ),
}

_POSTED = {
    "postResultsForAcademicSessionForClass": (
        "/classes/{classSourcedId}/academicSessions/{academicSessionSourcedId}/results"
    ),
    "postLineItemsForClass": "/classes/{classSourcedId}/lineItems",
    "postResultsForLineItem": "/lineItems/{lineItemSourcedId}/results",
    "postLineItemsForSchool": "/schools/{schoolSourcedId}/lineItems",
}

_ROSTER = ("roster-core.readonly", "roster.readonly")

OPERATIONS: tuple[Operation, ...] = (
    *_collections(
        "rostering",
        _ROSTER,
        *("academicSessions", "classes", "courses", "enrollments", "gradingPeriods", "orgs"),
        *("schools", "students", "teachers", "terms", "users"),
    ),
    *_collections("rostering", ("roster-demographics.readonly",), "demographics"),
    *_collections(
        "gradebook",
        ("gradebook-core.readonly", "gradebook.readonly"),
        *("categories", "lineItems", "results", "scoreScales"),
    ),
    *_collections(
        "gradebook", ("assessment.readonly",), "assessmentLineItems", "assessmentResults"
    ),
    *_written("gradebook", "categories", "lineItems", "results", "scoreScales"),
    *_written("assessment", "assessmentLineItems", "assessmentResults"),
    *(
        Operation(name, "gradebook", path, ("gradebook.createpost",), "POST")
        for name, path in _POSTED.items()
    ),
    *_collections("resources", ("resource-core.readonly", "resource.readonly"), "resources"),
    *(
        Operation(name, service, path, scopes)
        for service, (scopes, paths) in _NESTED.items()
        for name, path in paths.items()
    ),
)
"""Those of OneRoster 1.2."""

_OTHERS_IN_11 = frozenset(
    {
        *("getAllResources", "getResource", "getResourcesForCourse", "getResourcesForClass"),
        *("getAllCategories", "getCategory", "putCategory", "deleteCategory"),
        *("getAllLineItems", "getLineItem", "putLineItem", "deleteLineItem"),
        *("getAllResults", "getResult", "putResult", "deleteResult"),
        *("getResultsForClass", "getLineItemsForClass", "getResultsForLineItemForClass"),
        "getResultsForStudentForClass",
        # Not of 1.1, but asked for by platforms that sync with it.
        "getCategoriesForClass",
    }
)

OPERATIONS_11: tuple[Operation, ...] = tuple(
    replace(operation, version="1.1")
    for operation in OPERATIONS
    if operation.service == "rostering" or operation.id in _OTHERS_IN_11
)
"""Those of OneRoster 1.1, all under one base."""
