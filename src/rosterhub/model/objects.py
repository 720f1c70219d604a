"""The JSON object of each entity: its properties, where each comes from, what each holds.

Derived from `model/entities.py` (spec/models.md). Rendering, filters and OpenAPI walk this tree;
nothing here knows SQL.
"""

from dataclasses import dataclass
from functools import cache

from rosterhub.model.entities import ENTITIES, PAIRS, SYSTEM_FIELDS, Entity, Field


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value, or a list of values, of one field."""

    name: str
    field: Field
    required: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference, or a list of them, that a field of the entity itself holds."""

    name: str
    field: Field
    target: str
    required: bool = False


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
        target = ENTITIES[self.entity].by_name[self.target].reference
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


Property = Scalar | Reference | Linked | Rows | Pairs | Nested | Metadata


@cache
def properties(entity: str) -> tuple[Property, ...]:
    """What the object of `entity` may hold, in the order in which it is shown."""
    found = ENTITIES[entity]
    shown: list[Property] = [
        Scalar(f.json, f, required=True) for f in SYSTEM_FIELDS if f.csv != "sourcedId"
    ]
    shown.insert(0, Scalar("sourcedId", SYSTEM_FIELDS[0], required=True))
    for field in found.stored_fields:
        if field.served:
            shown.append(_of(field))
    shown += (
        Linked(i.json, i.entity, i.via, i.target, i.single, _own(found, i.json))
        for i in found.inverses
    )
    names = {i.json for i in found.inverses}
    shown = [p for p in shown if not (isinstance(p, Reference) and p.name in names)]
    shown += _EMBEDDED.get(entity, ())
    return (*shown, Metadata(found.metadata_fields))


def by_name(entity: str) -> dict[str, Property]:
    """The properties by their names."""
    return {p.name: p for p in properties(entity)}


def _of(field: Field) -> Property:
    if field.kind in PAIRS:
        return Pairs(field.json, field, *PAIRS[field.kind], required=field.required)
    if field.reference:
        return Reference(field.json, field, field.reference, field.required)
    return Scalar(field.json, field, field.required)


def _own(entity: Entity, name: str) -> Field | None:
    """The field of the entity itself that holds references under the same name."""
    return next((f for f in entity.stored_fields if f.reference and f.json == name), None)


def _parts(entity: str, *names: str) -> tuple[Property, ...]:
    """Some properties of an entity, by their CSV names."""
    fields = ENTITIES[entity].by_name
    return tuple(_of(fields[name]) for name in names)


def _scalars(entity: str, *names: str) -> tuple[Scalar, ...]:
    fields = ENTITIES[entity].by_name
    return tuple(Scalar(name, fields[name], fields[name].required) for name in names)


_ROLE = Rows(
    "roles",
    "roles",
    "userSourcedId",
    (
        *_parts("roles", "roleType", "role", "orgSourcedId"),
        Scalar("userProfile", ENTITIES["roles"].by_name["userProfileSourcedId"]),
        *_parts("roles", "beginDate", "endDate"),
    ),
    required=True,
)
_PROFILE = Rows(
    "userProfiles",
    "userProfiles",
    "userSourcedId",
    (
        Scalar("profileId", SYSTEM_FIELDS[0], required=True),
        *_parts("userProfiles", "profileType", "vendorId", "applicationId", "description"),
        Nested(
            "credentials",
            (
                Scalar("type", ENTITIES["userProfiles"].by_name["credentialType"], required=True),
                *_scalars("userProfiles", "username"),
            ),
        ),
    ),
)
_EMBEDDED: dict[str, tuple[Property, ...]] = {
    "users": (_ROLE, _PROFILE),
    "lineItems": (
        Rows(
            "learningObjectiveSet",
            "lineItemLearningObjectiveIds",
            "lineItemSourcedId",
            _scalars("lineItemLearningObjectiveIds", "learningObjectiveId"),
            group=_scalars("lineItemLearningObjectiveIds", "source")[0],
            grouped="learningObjectiveIds",
        ),
    ),
    "results": (
        Rows(
            "learningObjectiveSet",
            "resultLearningObjectiveIds",
            "resultSourcedId",
            _scalars("resultLearningObjectiveIds", "learningObjectiveId", "score", "textScore"),
            group=_scalars("resultLearningObjectiveIds", "source")[0],
            grouped="learningObjectiveResults",
        ),
    ),
}
"""Objects within objects that are made of other files' rows (spec/models.md)."""
