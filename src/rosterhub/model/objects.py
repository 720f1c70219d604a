"""The JSON object of each entity: its properties, where each comes from, what each holds.

Derived from `model/entities.py` (spec/models.md). Rendering, filters and OpenAPI walk this tree;
nothing here knows SQL.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from rosterhub.model.entities import (
    ONEROSTER_11_USER_COLUMNS,
    PAIRS,
    RECORDS,
    SYSTEM_FIELDS,
    Entity,
    Field,
)

Version = Literal["1.2", "1.1"]
"""The OneRoster version that an object is shown in."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value, or a list of values, of one field; `uri`: a sourcedId that is shown as a URN."""

    name: str
    field: Field
    required: bool = False
    uri: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference, or a list of them, that a field of the entity itself holds; a single one may
    come from the field `otherwise` when that is blank. A body may leave out one that is `supplied`
    by the hub, though it is required.
    """

    name: str
    field: Field
    target: str
    required: bool = False
    otherwise: Field | None = None
    supplied: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """References read off the rows of `entity` whose field `via` names the object.

    Each row counts itself, or what its field `target` names. `single` takes the first only; `own`
    is a field of the object that holds more of the same references.
    """

    name: str
    entity: str
    via: str
    target: str | None = None
    single: bool = False
    own: Field | None = None

    @property
    def refers_to(self) -> str:
        """The entity of the records that are referred to."""
        if self.target is None:
            return self.entity
        target = RECORDS[self.entity].by_name[self.target].reference
        assert target is not None
        return target


@dataclass(frozen=True, slots=True)
class Rows:
    """Objects made of the rows of `entity` whose field `via` names the object.

    With `group`, rows with the same value there are one object: that value and, under the name
    `grouped`, what the others hold (a list of plain values where `parts` is a single scalar).
    """

    name: str
    entity: str
    via: str
    parts: "tuple[Property, ...]"
    required: bool = False
    group: Scalar | None = None
    grouped: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Objects of two texts each, from a field that holds `left:right` texts."""

    name: str
    field: Field
    left: str
    right: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Nested:
    """A list of one object with `parts` of the row round it (`credentials` of a user profile)."""

    name: str
    parts: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The `metadata.*` columns, nested by their dots; `fields` are those with a type."""

    fields: tuple[Field, ...]
    name: str = "metadata"


@dataclass(frozen=True, slots=True)
class First:
    """The value that the first of the rows of `entity` has in `field`, under another name where
    `names` has one; primary roles come first.
    """

    name: str
    entity: str
    via: str
    field: Field
    order: Field
    names: tuple[tuple[str, str], ...] = ()
    required: bool = False


Property = Scalar | Reference | Linked | Rows | Pairs | Nested | First | Metadata


def demanded(prop: Scalar | Reference | Rows | Pairs) -> bool:
    """Whether a body has to have it: the hub supplies some of what is required itself."""
    supplied = isinstance(prop, Reference) and prop.supplied
    return prop.required and not supplied and prop.name not in ("status", "dateLastModified")


@cache
def properties(entity: str, version: Version = "1.2") -> tuple[Property, ...]:
    """What the object of `entity` may hold, in the order in which it is shown."""
    found = RECORDS[entity]
    fields = (*SYSTEM_FIELDS, *(f for f in found.stored_fields if f.served))
    linked = {i.json: i for i in found.inverses}
    shown = [_of(f) for f in fields if f.json not in linked]
    shown += (
        Linked(i.json, i.entity, i.via, i.target, i.single, _own(found, i.json))
        for i in found.inverses
    )
    shown += _EMBEDDED.get(entity, ())
    if version == "1.1":
        hidden = _NOT_IN_11.get(entity, frozenset())
        shown = [p for p in shown if p.name not in hidden] + list(_ONLY_IN_11.get(entity, ()))
        supplied = _SUPPLIED_IN_11.get(entity, frozenset())
        shown = [
            replace(p, supplied=True) if isinstance(p, Reference) and p.name in supplied else p
            for p in shown
        ]
    return (*shown, Metadata(found.metadata_fields))


@cache
def by_name(entity: str, version: Version = "1.2") -> dict[str, Property]:
    """The properties by their names."""
    return {p.name: p for p in properties(entity, version)}


def _of(field: Field) -> Property:
    required = (field.required and not field.optional) or field in SYSTEM_FIELDS
    if field.kind in PAIRS:
        return Pairs(field.json, field, *PAIRS[field.kind], required=required)
    if field.reference:
        return Reference(field.json, field, field.reference, required)
    return Scalar(field.json, field, required)


def _own(entity: Entity, name: str) -> Field | None:
    """The field of the entity itself that holds references under the same name."""
    return next((f for f in entity.stored_fields if f.reference and f.json == name), None)


def _parts(entity: str, *names: str) -> tuple[Property, ...]:
    """Some properties of an entity, by their CSV names."""
    fields = RECORDS[entity].by_name
    return tuple(_of(fields[name]) for name in names)


def _scalars(entity: str, *names: str) -> tuple[Scalar, ...]:
    fields = RECORDS[entity].by_name
    return tuple(Scalar(name, fields[name], fields[name].required) for name in names)


_ROLE = Rows(
    "roles",
    "roles",
    "userSourcedId",
    (
        *_parts("roles", "roleType", "role", "orgSourcedId"),
        Scalar("userProfile", RECORDS["roles"].by_name["userProfileSourcedId"], uri=True),
        *_parts("roles", "beginDate", "endDate"),
    ),
    required=True,
)
_PROFILE = Rows(
    "userProfiles",
    "userProfiles",
    "userSourcedId",
    (
        Scalar("profileId", SYSTEM_FIELDS[0], required=True, uri=True),
        *_parts("userProfiles", "profileType", "vendorId", "applicationId", "description"),
        Nested(
            "credentials",
            (
                Scalar("type", RECORDS["userProfiles"].by_name["credentialType"], required=True),
                *_scalars("userProfiles", "username"),
            ),
        ),
    ),
)


def _objectives(entity: str, via: str) -> Rows:
    """The learning objectives of a line item, or with their scores those of a result."""
    scored = "score" in RECORDS[entity].by_name
    parts = ("learningObjectiveId", "score", "textScore") if scored else ("learningObjectiveId",)
    return Rows(
        "learningObjectiveSet",
        entity,
        via,
        _scalars(entity, *parts),
        group=_scalars(entity, "source")[0],
        grouped="learningObjectiveResults" if scored else "learningObjectiveIds",
    )


_EMBEDDED: dict[str, tuple[Property, ...]] = {
    "users": (_ROLE, _PROFILE),
    "lineItems": (_objectives("lineItemLearningObjectiveIds", "lineItemSourcedId"),),
    "results": (_objectives("resultLearningObjectiveIds", "resultSourcedId"),),
    "assessmentLineItems": (
        _objectives("assessmentLineItemLearningObjectiveIds", "assessmentLineItemSourcedId"),
    ),
    "assessmentResults": (
        _objectives("assessmentResultLearningObjectiveIds", "assessmentResultSourcedId"),
    ),
}
"""Objects within objects that are made of other files' rows (spec/models.md)."""

_NOT_IN_11: dict[str, frozenset[str]] = {
    "users": frozenset(
        {
            *("roles", "userProfiles", "primaryOrg", "preferredFirstName", "preferredMiddleName"),
            *("preferredLastName", "pronouns", "userMasterIdentifier", "resources"),
        }
    ),
    "categories": frozenset({"weight"}),
    "lineItems": frozenset(
        {"academicSession", "gradingPeriod", "school", "scoreScale", "learningObjectiveSet"}
    ),
    "results": frozenset(
        {
            *("class", "scoreScale", "textScore", "learningObjectiveSet"),
            *("inProgress", "incomplete", "late", "missing"),
        }
    ),
}
_SUPPLIED_IN_11 = {"lineItems": frozenset({"category", "gradingPeriod"})}
"""What clients of 1.1 leave out although 1.1 requires it."""

_ADMINISTRATORS = ("districtAdministrator", "principal", "siteAdministrator", "systemAdministrator")
_ONLY_IN_11: dict[str, tuple[Property, ...]] = {
    "users": (
        First(
            "role",
            "roles",
            "userSourcedId",
            RECORDS["roles"].by_name["role"],
            RECORDS["roles"].by_name["roleType"],
            (*((role, "administrator") for role in _ADMINISTRATORS), ("counselor", "aide")),
            required=True,
        ),
        Reference("orgs", ONEROSTER_11_USER_COLUMNS[0], "orgs", required=True),
    ),
    "lineItems": (
        Reference(
            "gradingPeriod",
            next(f for f in RECORDS["lineItems"].fields if f.csv == "gradingPeriodSourcedId"),
            "academicSessions",
            required=True,
            otherwise=RECORDS["lineItems"].by_name["academicSessionSourcedId"],
        ),
    ),
}
"""What differs for a client of OneRoster 1.1 (spec/rest.md, end)."""
