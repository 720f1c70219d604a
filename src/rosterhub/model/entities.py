"""The one table of every OneRoster entity and field (spec/csv.md, models.md, japan-profiles.md).

Tables, CSV headers, parsing, checks, JSON, filters, OpenAPI and the reference pages all derive
from `ENTITIES`. A new field is one row here and a migration. Nothing here reads or writes data.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import MappingProxyType

from rosterhub.model.profiles import (
    JAPANESE,
    LOWER_CASE_ENROLLMENT,
    WITH_PREFERRED_KANA,
    WITH_RESOURCE_IDS,
)


class Kind(Enum):
    """What a value is. The forms are those of spec/csv.md, "Bulk and delta"."""

    GUID = "guid"
    TEXT = "text"
    DATE = "date"
    DATETIME = "dateTime"
    YEAR = "year"
    BOOLEAN = "boolean"
    FLOAT = "float"
    INTEGER = "integer"
    USER_IDS = "userIds"
    SCALE_VALUES = "scaleValues"
    PASSWORD = "password"


SQL_TYPES = MappingProxyType(
    {
        Kind.GUID: "text",
        Kind.TEXT: "text",
        Kind.DATE: "date",
        # Milliseconds, as JSON and CSV show them: what is asked for by its shown value is found.
        Kind.DATETIME: "timestamptz(3)",
        Kind.YEAR: "text",
        Kind.BOOLEAN: "boolean",
        Kind.FLOAT: "numeric",
        Kind.INTEGER: "integer",
        Kind.USER_IDS: "text[]",
        Kind.SCALE_VALUES: "text[]",
    }
)


PAIRS = MappingProxyType(
    {
        Kind.USER_IDS: ("type", "identifier"),
        Kind.SCALE_VALUES: ("itemValueLHS", "itemValueRHS"),
    }
)
"""The JSON names of the two texts in a value `left:right`."""


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A closed list of values; `extensible` ones also take what `values.EXTENSION` does."""

    values: tuple[str, ...]
    extensible: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entity.

    `csv` is its column, `json` its name in the REST object (for a reference: of the reference),
    `column` its SQL column (unused for metadata, which live in the jsonb column `metadata` under
    the flat key `metadata_key`). `reference` names the entity it points to, `many` says that the
    cell is a comma-separated list, `unique` that no two live records share it, `target_type` the
    `type` that the record it points to should have. `profiles` limits the field to those profile
    ids (None: all), `spellings` gives another column name in some.
    A field that is not `served` is in the CSV file and not in the JSON object, one that is not
    `filed` the other way round; `optional` ones are required in the file and not in the object.
    """

    csv: str
    kind: Kind = Kind.TEXT
    required: bool = False
    json: str = ""
    enumeration: Enumeration | None = None
    reference: str | None = None
    many: bool = False
    unique: bool = False
    target_type: str | None = None
    profiles: frozenset[str] | None = None
    spellings: tuple[tuple[frozenset[str], str], ...] = ()
    served: bool = True
    filed: bool = True
    optional: bool = False

    def __post_init__(self) -> None:
        if not self.json:
            name = self.csv
            if self.reference:
                name = re.sub(r"SourcedId(s?)$", r"\1", name)
            object.__setattr__(self, "json", name)

    @property
    def metadata_key(self) -> str | None:
        """`jp.homeClass` for the column `metadata.jp.homeClass`; None for a standard column."""
        return self.csv.removeprefix("metadata.") if self.csv.startswith("metadata.") else None

    @property
    def column(self) -> str:
        """The SQL column: the CSV name in snake_case."""
        return snake_case(self.csv)

    @property
    def sql_type(self) -> str:
        """The PostgreSQL type of the column, an array for a list."""
        return SQL_TYPES[self.kind] + ("[]" if self.many else "")

    @property
    def stored(self) -> bool:
        """Whether the field has a column of its own: not passwords, not metadata."""
        return self.kind is not Kind.PASSWORD and self.metadata_key is None

    @property
    def names(self) -> tuple[str, ...]:
        """Every column name under which the field is read, the usual one first."""
        return (self.csv, *(spelling for _, spelling in self.spellings))

    def name_in(self, profile: str) -> str | None:
        """The column name that `profile` writes, None where the profile has no such column."""
        if not self.filed:
            return None
        if self.profiles is not None and profile not in self.profiles:
            return None
        return next((name for ids, name in self.spellings if profile in ids), self.csv)


@dataclass(frozen=True, slots=True)
class Inverse:
    """A JSON field that is read off the other end of a reference (`org.children`).

    `entity.via` points at the owner; the value is a list of references to the rows found, or,
    with `target`, to what their field `target` points to (through a link file). `single` is
    one reference instead, the first.
    """

    json: str
    entity: str
    via: str
    target: str | None = None
    single: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """One CSV file, one table and, but for the link files, one JSON object.

    `name` is the file's base name and the REST collection; `singular` its JSON wrapper and the
    `type` in references. `fields` are the columns after `sourcedId, status, dateLastModified`,
    in the order of the binding. `embedded_in` names the entity whose JSON object carries these
    rows (roles and userProfiles in a user), `identity_of` the one whose sourcedId it shares.
    """

    name: str
    singular: str
    service: str
    fields: tuple[Field, ...]
    inverses: tuple[Inverse, ...] = ()
    embedded_in: str | None = None
    identity_of: str | None = None
    since: str = "1.1"
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        filed = (f for f in (*SYSTEM_FIELDS, *self.fields) if f.filed)
        names = {name: f for f in filed for name in f.names}
        object.__setattr__(self, "by_name", names)

    @property
    def table(self) -> str:
        """The SQL table: the name in snake_case."""
        return snake_case(self.name)

    @property
    def file(self) -> str:
        """The file's name in a package."""
        return f"{self.name}.csv"

    @property
    def stored_fields(self) -> tuple[Field, ...]:
        """The fields that have an SQL column of their own, system fields left out."""
        return tuple(f for f in self.fields if f.stored)

    @property
    def metadata_fields(self) -> tuple[Field, ...]:
        """The profile columns (`metadata.jp.…`) that have a type and a place."""
        return tuple(f for f in self.fields if f.metadata_key)

    @property
    def to_owner(self) -> Field:
        """The field that names the record whose JSON object carries this one (`embedded_in`)."""
        return next(f for f in self.fields if f.reference == self.embedded_in and f.required)

    def header(self, profile: str) -> list[str]:
        """The CSV header that `profile` writes, in its order."""
        named = (f.name_in(profile) for f in (*SYSTEM_FIELDS, *self.fields))
        return [name for name in named if name]


@cache
def snake_case(name: str) -> str:
    """`academicSessions` -> `academic_sessions`; dots become underscores."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace(".", "_").lower()


def _enum(*values: str, ext: bool = True) -> Enumeration:
    return Enumeration(values, ext)


STATUS = _enum("active", "tobedeleted", ext=False)
SYSTEM_FIELDS = (
    Field("sourcedId", Kind.GUID, required=True),
    Field("status", enumeration=STATUS),
    Field("dateLastModified", Kind.DATETIME),
)
"""What every file begins with."""

ROLES = _enum(
    "aide",
    "counselor",
    "districtAdministrator",
    "guardian",
    "parent",
    "principal",
    "proctor",
    "relative",
    "siteAdministrator",
    "student",
    "systemAdministrator",
    "teacher",
)
RESOURCE_ROLES = _enum(
    "administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"
)
# spec/japan-profiles.md: two lists are in use for enrollments, the union is taken.
ENROLLMENT_ROLES = _enum("administrator", "guardian", "proctor", "student", "teacher")
SCORE_STATUS = _enum("exempt", "fully graded", "not submitted", "partially graded", "submitted")
LEARNING_OBJECTIVE_SOURCES = _enum("case", "unknown")


def _r(csv: str, kind: Kind = Kind.TEXT, **more: object) -> Field:
    return Field(csv, kind, required=True, **more)  # type: ignore[arg-type]


def _ref(csv: str, target: str, *, required: bool = False, many: bool = False) -> Field:
    return Field(csv, Kind.GUID, required=required, reference=target, many=many)


def _school() -> Field:
    return _r("schoolSourcedId", Kind.GUID, reference="orgs", target_type="school")


def _list(csv: str) -> Field:
    return Field(csv, many=True)


def _bool(csv: str) -> Field:
    return Field(csv, Kind.BOOLEAN)


def _jp(csv: str, kind: Kind = Kind.TEXT, **more: object) -> Field:
    more.setdefault("profiles", JAPANESE)
    return Field(f"metadata.jp.{csv}", kind, **more)  # type: ignore[arg-type]


_ALL: tuple[Entity, ...] = (
    Entity(
        "academicSessions",
        "academicSession",
        "rostering",
        (
            _r("title"),
            _r("type", enumeration=_enum("gradingPeriod", "semester", "schoolYear", "term")),
            _r("startDate", Kind.DATE),
            _r("endDate", Kind.DATE),
            _ref("parentSourcedId", "academicSessions"),
            _r("schoolYear", Kind.YEAR),
        ),
        inverses=(Inverse("children", "academicSessions", "parentSourcedId"),),
    ),
    Entity(
        "orgs",
        "org",
        "rostering",
        (
            _r("name"),
            _r(
                "type",
                enumeration=_enum("department", "school", "district", "local", "state", "national"),
            ),
            Field("identifier"),
            _ref("parentSourcedId", "orgs"),
        ),
        inverses=(Inverse("children", "orgs", "parentSourcedId"),),
    ),
    Entity(
        "courses",
        "course",
        "rostering",
        (
            Field(
                "schoolYearSourcedId",
                Kind.GUID,
                reference="academicSessions",
                target_type="schoolYear",
            ),
            _r("title"),
            Field("courseCode"),
            _list("grades"),
            _r("orgSourcedId", Kind.GUID, reference="orgs", optional=True),
            _list("subjects"),
            _list("subjectCodes"),
        ),
        inverses=(Inverse("resources", "courseResources", "courseSourcedId", "resourceSourcedId"),),
    ),
    Entity(
        "classes",
        "class",
        "rostering",
        (
            _r("title"),
            _list("grades"),
            _ref("courseSourcedId", "courses", required=True),
            Field("classCode"),
            _r("classType", enumeration=_enum("homeroom", "scheduled"), optional=True),
            Field("location"),
            _school(),
            _ref("termSourcedIds", "academicSessions", required=True, many=True),
            _list("subjects"),
            _list("subjectCodes"),
            _list("periods"),
            _jp("specialNeeds", Kind.BOOLEAN),
        ),
        inverses=(Inverse("resources", "classResources", "classSourcedId", "resourceSourcedId"),),
    ),
    Entity(
        "users",
        "user",
        "rostering",
        (
            _r("enabledUser", Kind.BOOLEAN),
            _r("username", unique=True, optional=True),
            Field("userIds", Kind.USER_IDS),
            _r("givenName"),
            _r("familyName"),
            Field("middleName"),
            Field("identifier"),
            Field("email"),
            Field("sms"),
            Field("phone"),
            _ref("agentSourcedIds", "users", many=True),
            _list("grades"),
            Field("password", Kind.PASSWORD),
            Field("userMasterIdentifier", unique=True),
            Field(
                "resourceSourcedIds",
                Kind.GUID,
                reference="resources",
                many=True,
                profiles=WITH_RESOURCE_IDS,
            ),
            Field("preferredGivenName", json="preferredFirstName"),
            Field("preferredMiddleName"),
            Field("preferredFamilyName", json="preferredLastName"),
            _ref("primaryOrgSourcedId", "orgs"),
            Field("pronouns"),
            _jp("kanaGivenName"),
            _jp("kanaFamilyName"),
            _jp("kanaMiddleName"),
            _jp("homeClass", Kind.GUID, reference="classes", json="homeClass"),
            _jp("kanaPreferredFamilyName", profiles=WITH_PREFERRED_KANA),
            _jp("kanaPreferredGivenName", profiles=WITH_PREFERRED_KANA),
            _jp("kanaPreferredMiddleName", profiles=WITH_PREFERRED_KANA),
        ),
        inverses=(Inverse("resources", "userResources", "userSourcedId", "resourceSourcedId"),),
    ),
    Entity(
        "roles",
        "role",
        "rostering",
        (
            _ref("userSourcedId", "users", required=True),
            _r("roleType", enumeration=_enum("primary", "secondary", ext=False)),
            _r("role", enumeration=ROLES),
            Field("beginDate", Kind.DATE),
            Field("endDate", Kind.DATE),
            _ref("orgSourcedId", "orgs", required=True),
            _ref("userProfileSourcedId", "userProfiles"),
        ),
        embedded_in="users",
        since="1.2",
    ),
    Entity(
        "userProfiles",
        "userProfile",
        "rostering",
        (
            _ref("userSourcedId", "users", required=True),
            _r("profileType"),
            _r("vendorId"),
            Field("applicationId"),
            Field("description"),
            _r("credentialType"),
            _r("username"),
            Field("password", Kind.PASSWORD),
        ),
        embedded_in="users",
        since="1.2",
    ),
    Entity(
        "enrollments",
        "enrollment",
        "rostering",
        (
            _ref("classSourcedId", "classes", required=True),
            _school(),
            _ref("userSourcedId", "users", required=True),
            _r("role", enumeration=ENROLLMENT_ROLES),
            _bool("primary"),
            Field("beginDate", Kind.DATE),
            Field("endDate", Kind.DATE),
            _jp(
                "ShussekiNo",
                Kind.INTEGER,
                spellings=((LOWER_CASE_ENROLLMENT, "metadata.jp.shussekiNo"),),
            ),
            _jp(
                "PublicFlg",
                Kind.BOOLEAN,
                spellings=((LOWER_CASE_ENROLLMENT, "metadata.jp.publicFlg"),),
            ),
        ),
    ),
    Entity(
        "demographics",
        "demographics",
        "rostering",
        (
            Field("birthDate", Kind.DATE),
            Field("sex", enumeration=_enum("male", "female", "unspecified", "other")),
            _bool("americanIndianOrAlaskaNative"),
            _bool("asian"),
            _bool("blackOrAfricanAmerican"),
            _bool("nativeHawaiianOrOtherPacificIslander"),
            _bool("white"),
            _bool("demographicRaceTwoOrMoreRaces"),
            _bool("hispanicOrLatinoEthnicity"),
            Field("countryOfBirthCode"),
            Field("stateOfBirthAbbreviation"),
            Field("cityOfBirth"),
            Field("publicSchoolResidenceStatus"),
        ),
        identity_of="users",
    ),
    Entity(
        "categories",
        "category",
        "gradebook",
        (_r("title"), Field("weight", Kind.FLOAT)),
    ),
    Entity(
        "lineItems",
        "lineItem",
        "gradebook",
        (
            _r("title"),
            Field("description"),
            _r("assignDate", Kind.DATETIME),
            _r("dueDate", Kind.DATETIME),
            _ref("classSourcedId", "classes", required=True),
            _ref("categorySourcedId", "categories", required=True),
            _r(
                "academicSessionSourcedId",
                Kind.GUID,
                reference="academicSessions",
                optional=True,
            ),
            Field("resultValueMin", Kind.FLOAT),
            Field("resultValueMax", Kind.FLOAT),
            _ref("schoolSourcedId", "orgs", required=True),
            Field("gradingPeriodSourcedId", Kind.GUID, reference="academicSessions", filed=False),
        ),
        inverses=(
            Inverse(
                "scoreScale",
                "lineItemScoreScales",
                "lineItemSourcedId",
                "scoreScaleSourcedId",
                single=True,
            ),
        ),
    ),
    Entity(
        "results",
        "result",
        "gradebook",
        (
            _ref("lineItemSourcedId", "lineItems", required=True),
            _ref("studentSourcedId", "users", required=True),
            _r("scoreStatus", enumeration=SCORE_STATUS),
            Field("score", Kind.FLOAT),
            _r("scoreDate", Kind.DATE),
            Field("comment"),
            Field("textScore"),
            _ref("classSourcedId", "classes"),
            _bool("inProgress"),
            _bool("incomplete"),
            _bool("late"),
            _bool("missing"),
        ),
        inverses=(
            Inverse(
                "scoreScale",
                "resultScoreScales",
                "resultSourcedId",
                "scoreScaleSourcedId",
                single=True,
            ),
        ),
    ),
    Entity(
        "scoreScales",
        "scoreScale",
        "gradebook",
        (
            _r("title"),
            _r("type"),
            _r("orgSourcedId", Kind.GUID, reference="orgs", served=False),
            _r("courseSourcedId", Kind.GUID, reference="courses", optional=True),
            _ref("classSourcedId", "classes", required=True),
            _r("scoreScaleValue", Kind.SCALE_VALUES),
        ),
        since="1.2",
    ),
    Entity(
        "lineItemLearningObjectiveIds",
        "lineItemLearningObjectiveId",
        "gradebook",
        (
            _ref("lineItemSourcedId", "lineItems", required=True),
            _r("source", enumeration=LEARNING_OBJECTIVE_SOURCES),
            _r("learningObjectiveId"),
        ),
        embedded_in="lineItems",
        since="1.2",
    ),
    Entity(
        "lineItemScoreScales",
        "lineItemScoreScale",
        "gradebook",
        (
            Field("title"),
            _ref("lineItemSourcedId", "lineItems", required=True),
            _ref("scoreScaleSourcedId", "scoreScales", required=True),
        ),
        embedded_in="lineItems",
        since="1.2",
    ),
    Entity(
        "resultLearningObjectiveIds",
        "resultLearningObjectiveId",
        "gradebook",
        (
            _ref("resultSourcedId", "results", required=True),
            _r("source", enumeration=LEARNING_OBJECTIVE_SOURCES),
            _r("learningObjectiveId"),
            Field("score", Kind.FLOAT),
            Field("textScore"),
        ),
        embedded_in="results",
        since="1.2",
    ),
    Entity(
        "resultScoreScales",
        "resultScoreScale",
        "gradebook",
        (
            Field("title"),
            _ref("resultSourcedId", "results", required=True),
            _ref("scoreScaleSourcedId", "scoreScales", required=True),
        ),
        embedded_in="results",
        since="1.2",
    ),
    Entity(
        "resources",
        "resource",
        "resources",
        (
            _r("vendorResourceId"),
            Field("title"),
            Field("roles", enumeration=RESOURCE_ROLES, many=True),
            Field("importance", enumeration=_enum("primary", "secondary", ext=False)),
            Field("vendorId"),
            Field("applicationId"),
        ),
    ),
    Entity(
        "classResources",
        "classResource",
        "resources",
        (
            Field("title"),
            _ref("classSourcedId", "classes", required=True),
            _ref("resourceSourcedId", "resources", required=True),
        ),
        embedded_in="classes",
    ),
    Entity(
        "courseResources",
        "courseResource",
        "resources",
        (
            Field("title"),
            _ref("courseSourcedId", "courses", required=True),
            _ref("resourceSourcedId", "resources", required=True),
        ),
        embedded_in="courses",
    ),
    Entity(
        "userResources",
        "userResource",
        "resources",
        (
            _ref("userSourcedId", "users", required=True),
            _ref("orgSourcedId", "orgs"),
            _ref("classSourcedId", "classes"),
            _ref("resourceSourcedId", "resources", required=True),
        ),
        embedded_in="users",
        since="1.2",
    ),
)

_ONLY_OVER_REST: tuple[Entity, ...] = (
    Entity(
        "assessmentLineItems",
        "assessmentLineItem",
        "gradebook",
        (
            _r("title"),
            Field("description"),
            _ref("classSourcedId", "classes"),
            _ref("parentAssessmentLineItemSourcedId", "assessmentLineItems"),
            _ref("scoreScaleSourcedId", "scoreScales"),
            Field("resultValueMin", Kind.FLOAT),
            Field("resultValueMax", Kind.FLOAT),
        ),
        since="1.2",
    ),
    Entity(
        "assessmentResults",
        "assessmentResult",
        "gradebook",
        (
            _ref("assessmentLineItemSourcedId", "assessmentLineItems", required=True),
            _ref("studentSourcedId", "users", required=True),
            Field("score", Kind.FLOAT),
            Field("textScore"),
            _r("scoreDate", Kind.DATE),
            _ref("scoreScaleSourcedId", "scoreScales"),
            Field("scorePercentile", Kind.FLOAT),
            _r("scoreStatus", enumeration=SCORE_STATUS),
            Field("comment"),
            _bool("inProgress"),
            _bool("incomplete"),
            _bool("late"),
            _bool("missing"),
        ),
        since="1.2",
    ),
    Entity(
        "assessmentLineItemLearningObjectiveIds",
        "assessmentLineItemLearningObjectiveId",
        "gradebook",
        (
            _ref("assessmentLineItemSourcedId", "assessmentLineItems", required=True),
            _r("source", enumeration=LEARNING_OBJECTIVE_SOURCES),
            _r("learningObjectiveId"),
        ),
        embedded_in="assessmentLineItems",
        since="1.2",
    ),
    Entity(
        "assessmentResultLearningObjectiveIds",
        "assessmentResultLearningObjectiveId",
        "gradebook",
        (
            _ref("assessmentResultSourcedId", "assessmentResults", required=True),
            _r("source", enumeration=LEARNING_OBJECTIVE_SOURCES),
            _r("learningObjectiveId"),
            Field("score", Kind.FLOAT),
            Field("textScore"),
        ),
        embedded_in="assessmentResults",
        since="1.2",
    ),
)
"""What OneRoster has no file for (spec/models.md, assessmentLineItem and assessmentResult)."""

ENTITIES: MappingProxyType[str, Entity] = MappingProxyType({e.name: e for e in _ALL})
"""Every entity by name, in an order in which a referenced entity mostly comes first."""

RECORDS: MappingProxyType[str, Entity] = MappingProxyType(
    {e.name: e for e in (*_ALL, *_ONLY_OVER_REST)}
)
"""Every entity that has a table: those of the files and those that only REST knows."""

ONEROSTER_11_USER_COLUMNS = (
    _ref("orgSourcedIds", "orgs", required=True, many=True),
    _r(
        "role",
        enumeration=Enumeration(
            (
                "administrator",
                "aide",
                "guardian",
                "parent",
                "proctor",
                "relative",
                "student",
                "teacher",
            ),
            extensible=False,
        ),
    ),
)
"""users.csv of OneRoster 1.1 says each user's role and orgs itself (spec/csv.md, end)."""


def entity(name: str) -> Entity:
    """The entity called `name`.

    Raises:
        KeyError: there is no such entity.
    """
    return ENTITIES[name]
