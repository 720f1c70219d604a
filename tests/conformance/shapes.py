"""What each OneRoster 1.2 object is made of, written down from spec/models.md and spec/csv.md.

Not derived from our entity table: these are what that table is tested against.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.conformance.model import Model

Row = dict[str, str]
Kind = Literal["text", "date", "time", "number", "flag"]
Array = Literal["", "list", "objects"]


@dataclass(frozen=True, slots=True)
class Path:
    """What a filter finds there: values of `kind`, at most one or, for an `array`, any number.

    A `list` is an array of values or references; within `objects` of an array are the values of
    all of them.
    """

    kind: Kind = "text"
    array: Array = ""


@dataclass(frozen=True, slots=True)
class Part:
    """How a member of an object is made; None where the row has nothing for it.

    `paths` are the names by which a filter reaches into it, relative to its own name.
    """

    make: Callable[["Model", Row], Any]
    paths: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: the word for one, the path of its service, its members by their names."""

    singular: str
    base: str
    parts: Mapping[str, Part] = field(default_factory=dict)


def _cell(column: str, kind: Kind = "text", make: Callable[[str], Any] = str) -> Part:
    return Part(lambda _, row: make(row[column]) if row.get(column) else None, {"": Path(kind)})


def text(column: str) -> Part:
    return _cell(column)


def urn(column: str) -> Part:
    """A sourcedId where the standard wants a URI."""
    return _cell(column, make=lambda i: f"urn:{'uuid' if _UUID.fullmatch(i) else 'sourcedid'}:{i}")


_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def date(column: str) -> Part:
    return _cell(column, "date")


def time(column: str) -> Part:
    return _cell(column, "time")


def flag(column: str) -> Part:
    return _cell(column, "flag")


def number(column: str) -> Part:
    return _cell(column, "number", Decimal)


def _items(cell: str | None) -> list[str]:
    return cell.split(",") if cell else []


def texts(column: str) -> Part:
    """A list of texts."""
    return Part(lambda _, row: _items(row.get(column)) or None, {"": Path(array="list")})


def ref(target: str, column: str) -> Part:
    """A reference."""
    return Part(
        lambda model, row: model.reference(target, row[column]) if row.get(column) else None,
        {"sourcedId": Path(), "type": Path()},
    )


def refs(target: str, found: Callable[["Model", Row], Iterable[str]]) -> Part:
    """A list of references to what `found` names."""
    return Part(
        lambda model, row: [model.reference(target, i) for i in found(model, row)] or None,
        {"sourcedId": Path(array="list"), "type": Path(array="list")},
    )


def listed_refs(target: str, column: str) -> Part:
    return refs(target, lambda _, row: _items(row.get(column)))


def children(entity: str) -> Part:
    """References to the live records whose parent the row is."""
    return refs(
        entity,
        lambda model, row: sorted(
            child["sourcedId"]
            for child in model.rows(entity)
            if child.get("parentSourcedId") == row["sourcedId"] and child["status"] == "active"
        ),
    )


def resources(link_file: str, column: str, own: str = "") -> Part:
    """References to the resources of a link file, and of a column of the row itself."""
    return refs(
        "resources",
        lambda model, row: sorted(
            {link["resourceSourcedId"] for link in model.links(link_file, column, row)}
            | set(_items(row.get(own)))
        ),
    )


def scale(link_file: str, column: str) -> Part:
    """The score scale that a link file gives: the first by its sourcedId."""

    def make(model: "Model", row: Row) -> Any:
        found = [link["scoreScaleSourcedId"] for link in model.links(link_file, column, row)]
        return model.reference("scoreScales", min(found)) if found else None

    return Part(make, {"sourcedId": Path(), "type": Path()})


def pairs(column: str, left: str, right: str) -> Part:
    """`{a:b},{c:d}` as objects; a pair with a blank text says nothing."""

    def make(_: "Model", row: Row) -> Any:
        cell = row.get(column)
        if not cell:
            return None
        split = [pair.partition(":") for pair in cell[1:-1].split("},{")]
        return [{left: a, right: b} for a, _, b in split if a.strip() and b.strip()] or None

    return Part(make, {left: Path(array="objects"), right: Path(array="objects")})


def objects(entity: str, column: str, parts: Mapping[str, Part]) -> Part:
    """An object for each row of another file that belongs to this one.

    A deleted record keeps what was deleted along with it.
    """
    return Part(
        lambda model, row: (
            [made(model, r, parts) for r in model.belonging(entity, column, row)] or None
        ),
        _within("", parts),
    )


def objectives(entity: str, column: str, parts: Mapping[str, Part] | None) -> Part:
    """A learningObjectiveSet: an object for each source, in it an id or an object for each row."""
    name = "learningObjectiveResults" if parts else "learningObjectiveIds"

    def make(model: "Model", row: Row) -> Any:
        rows = model.belonging(entity, column, row)
        sets = []
        for source in sorted({r["source"] for r in rows}):
            of_source = [r for r in rows if r["source"] == source]
            items = [
                made(model, r, parts) if parts else r["learningObjectiveId"] for r in of_source
            ]
            sets.append({"source": source, name: items})
        return sets or None

    inner = _within(name, parts) if parts else {name: Path(array="objects")}
    return Part(make, {"source": Path(array="objects"), **inner})


def one_of(parts: Mapping[str, Part]) -> Part:
    """A list of the one object that the row itself holds."""
    return Part(lambda model, row: [made(model, row, parts)], _within("", parts))


def _within(name: str, parts: Mapping[str, Part]) -> dict[str, Path]:
    return {
        ".".join(n for n in (name, part, inner) if n): Path(path.kind, "objects")
        for part, value in parts.items()
        for inner, path in value.paths.items()
    }


def made(model: "Model", row: Row, parts: Mapping[str, Part]) -> dict[str, Any]:
    """The object of a row: the members that it has a value for."""
    values = {name: part.make(model, row) for name, part in parts.items()}
    return {name: value for name, value in values.items() if value is not None}


def metadata(**typed: Kind) -> Part:
    """The `metadata.*` columns nested by their dots; the profile's numbers are numbers."""
    numbers = {f"metadata.jp.{name}" for name, kind in typed.items() if kind == "number"}

    def make(_: "Model", row: Row) -> Any:
        found: dict[str, Any] = {}
        for column, value in row.items():
            if column.startswith("metadata.") and value:
                *outer, last = column.split(".")[1:]
                inner = found
                for name in outer:
                    inner = inner.setdefault(name, {})
                inner[last] = Decimal(value) if column in numbers else value
        return found or None

    named = {f"jp.{name}": Path(kind) for name, kind in typed.items()}
    return Part(make, {**named, "colour": Path(), "vendor.plan.level": Path(), "none": Path()})


ROSTERING = "/ims/oneroster/rostering/v1p2"
GRADEBOOK = "/ims/oneroster/gradebook/v1p2"
RESOURCES = "/ims/oneroster/resources/v1p2"


def _shape(singular: str, base: str, /, _metadata: Part | None = None, **parts: Part) -> Shape:
    every = {
        "sourcedId": text("sourcedId"),
        "status": text("status"),
        "dateLastModified": time("dateLastModified"),
        # `class` is a word of Python's.
        **{name.rstrip("_"): part for name, part in parts.items()},
        "metadata": _metadata or metadata(),
    }
    return Shape(singular, base, every)


_SUBJECTS = {"subjects": texts("subjects"), "subjectCodes": texts("subjectCodes")}
_STATES = {n: flag(n) for n in ("inProgress", "incomplete", "late", "missing")}
_SCORED = {
    "learningObjectiveId": text("learningObjectiveId"),
    "score": number("score"),
    "textScore": text("textScore"),
}
_CLASS = ref("classes", "classSourcedId")
_SCHOOL = ref("orgs", "schoolSourcedId")

SHAPES: dict[str, Shape] = {
    "academicSessions": _shape(
        "academicSession",
        ROSTERING,
        title=text("title"),
        startDate=date("startDate"),
        endDate=date("endDate"),
        type=text("type"),
        schoolYear=text("schoolYear"),
        parent=ref("academicSessions", "parentSourcedId"),
        children=children("academicSessions"),
    ),
    "orgs": _shape(
        "org",
        ROSTERING,
        name=text("name"),
        type=text("type"),
        identifier=text("identifier"),
        parent=ref("orgs", "parentSourcedId"),
        children=children("orgs"),
    ),
    "courses": _shape(
        "course",
        ROSTERING,
        title=text("title"),
        courseCode=text("courseCode"),
        schoolYear=ref("academicSessions", "schoolYearSourcedId"),
        grades=texts("grades"),
        **_SUBJECTS,
        org=ref("orgs", "orgSourcedId"),
        resources=resources("courseResources", "courseSourcedId"),
    ),
    "classes": _shape(
        "class",
        ROSTERING,
        metadata(specialNeeds="flag"),
        title=text("title"),
        classCode=text("classCode"),
        classType=text("classType"),
        location=text("location"),
        grades=texts("grades"),
        **_SUBJECTS,
        periods=texts("periods"),
        course=ref("courses", "courseSourcedId"),
        school=_SCHOOL,
        terms=listed_refs("academicSessions", "termSourcedIds"),
        resources=resources("classResources", "classSourcedId"),
    ),
    "users": _shape(
        "user",
        ROSTERING,
        metadata(
            kanaGivenName="text",
            kanaFamilyName="text",
            kanaMiddleName="text",
            homeClass="text",
            kanaPreferredFamilyName="text",
            kanaPreferredGivenName="text",
            kanaPreferredMiddleName="text",
        ),
        enabledUser=flag("enabledUser"),
        username=text("username"),
        userIds=pairs("userIds", "type", "identifier"),
        givenName=text("givenName"),
        familyName=text("familyName"),
        middleName=text("middleName"),
        preferredFirstName=text("preferredGivenName"),
        preferredMiddleName=text("preferredMiddleName"),
        preferredLastName=text("preferredFamilyName"),
        pronouns=text("pronouns"),
        roles=objects(
            "roles",
            "userSourcedId",
            {
                "roleType": text("roleType"),
                "role": text("role"),
                "org": ref("orgs", "orgSourcedId"),
                "userProfile": urn("userProfileSourcedId"),
                "beginDate": date("beginDate"),
                "endDate": date("endDate"),
            },
        ),
        userProfiles=objects(
            "userProfiles",
            "userSourcedId",
            {
                "profileId": urn("sourcedId"),
                "profileType": text("profileType"),
                "vendorId": text("vendorId"),
                "applicationId": text("applicationId"),
                "description": text("description"),
                "credentials": one_of(
                    {"type": text("credentialType"), "username": text("username")}
                ),
            },
        ),
        primaryOrg=ref("orgs", "primaryOrgSourcedId"),
        identifier=text("identifier"),
        email=text("email"),
        sms=text("sms"),
        phone=text("phone"),
        agents=listed_refs("users", "agentSourcedIds"),
        grades=texts("grades"),
        userMasterIdentifier=text("userMasterIdentifier"),
        resources=resources("userResources", "userSourcedId", "resourceSourcedIds"),
    ),
    "enrollments": _shape(
        "enrollment",
        ROSTERING,
        metadata(ShussekiNo="number", PublicFlg="flag"),
        user=ref("users", "userSourcedId"),
        class_=_CLASS,
        school=_SCHOOL,
        role=text("role"),
        primary=flag("primary"),
        beginDate=date("beginDate"),
        endDate=date("endDate"),
    ),
    "demographics": _shape(
        "demographics",
        ROSTERING,
        birthDate=date("birthDate"),
        sex=text("sex"),
        **{
            name: flag(name)
            for name in (
                "americanIndianOrAlaskaNative",
                "asian",
                "blackOrAfricanAmerican",
                "nativeHawaiianOrOtherPacificIslander",
                "white",
                "demographicRaceTwoOrMoreRaces",
                "hispanicOrLatinoEthnicity",
            )
        },
        countryOfBirthCode=text("countryOfBirthCode"),
        stateOfBirthAbbreviation=text("stateOfBirthAbbreviation"),
        cityOfBirth=text("cityOfBirth"),
        publicSchoolResidenceStatus=text("publicSchoolResidenceStatus"),
    ),
    "categories": _shape("category", GRADEBOOK, title=text("title"), weight=number("weight")),
    "lineItems": _shape(
        "lineItem",
        GRADEBOOK,
        title=text("title"),
        description=text("description"),
        assignDate=time("assignDate"),
        dueDate=time("dueDate"),
        class_=_CLASS,
        school=_SCHOOL,
        category=ref("categories", "categorySourcedId"),
        gradingPeriod=ref("academicSessions", "gradingPeriodSourcedId"),
        academicSession=ref("academicSessions", "academicSessionSourcedId"),
        scoreScale=scale("lineItemScoreScales", "lineItemSourcedId"),
        resultValueMin=number("resultValueMin"),
        resultValueMax=number("resultValueMax"),
        learningObjectiveSet=objectives("lineItemLearningObjectiveIds", "lineItemSourcedId", None),
    ),
    "results": _shape(
        "result",
        GRADEBOOK,
        lineItem=ref("lineItems", "lineItemSourcedId"),
        student=ref("users", "studentSourcedId"),
        class_=_CLASS,
        scoreScale=scale("resultScoreScales", "resultSourcedId"),
        scoreStatus=text("scoreStatus"),
        score=number("score"),
        textScore=text("textScore"),
        scoreDate=date("scoreDate"),
        comment=text("comment"),
        learningObjectiveSet=objectives("resultLearningObjectiveIds", "resultSourcedId", _SCORED),
        **_STATES,
    ),
    "scoreScales": _shape(
        "scoreScale",
        GRADEBOOK,
        title=text("title"),
        type=text("type"),
        class_=_CLASS,
        course=ref("courses", "courseSourcedId"),
        scoreScaleValue=pairs("scoreScaleValue", "itemValueLHS", "itemValueRHS"),
    ),
    "assessmentLineItems": _shape(
        "assessmentLineItem",
        GRADEBOOK,
        title=text("title"),
        description=text("description"),
        class_=_CLASS,
        parentAssessmentLineItem=ref("assessmentLineItems", "parentAssessmentLineItemSourcedId"),
        scoreScale=ref("scoreScales", "scoreScaleSourcedId"),
        resultValueMin=number("resultValueMin"),
        resultValueMax=number("resultValueMax"),
        learningObjectiveSet=objectives(
            "assessmentLineItemLearningObjectiveIds", "assessmentLineItemSourcedId", None
        ),
    ),
    "assessmentResults": _shape(
        "assessmentResult",
        GRADEBOOK,
        assessmentLineItem=ref("assessmentLineItems", "assessmentLineItemSourcedId"),
        student=ref("users", "studentSourcedId"),
        score=number("score"),
        textScore=text("textScore"),
        scoreDate=date("scoreDate"),
        scoreScale=ref("scoreScales", "scoreScaleSourcedId"),
        scorePercentile=number("scorePercentile"),
        scoreStatus=text("scoreStatus"),
        comment=text("comment"),
        learningObjectiveSet=objectives(
            "assessmentResultLearningObjectiveIds", "assessmentResultSourcedId", _SCORED
        ),
        **_STATES,
    ),
    "resources": _shape(
        "resource",
        RESOURCES,
        vendorResourceId=text("vendorResourceId"),
        title=text("title"),
        roles=texts("roles"),
        importance=text("importance"),
        vendorId=text("vendorId"),
        applicationId=text("applicationId"),
    ),
}


def paths(entity: str) -> dict[str, Path]:
    """Every name by which a filter can reach a value of the object of `entity`."""
    return {
        ".".join(n for n in (name, inner) if n): path
        for name, part in SHAPES[entity].parts.items()
        for inner, path in part.paths.items()
    }
