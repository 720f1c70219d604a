"""What can be wrong with a row, and what an import must call it: derived from the entity table.

The codes are those of `transfer/issues.py`, for the level tolerant. Only that is listed which an
import says once: a fault with consequences elsewhere is none of these.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS, Entity, Field, Kind
from rosterhub.model.profiles import Profile

COSTS_THE_ROW = frozenset({"row_length", "encoding_invalid", "nul_byte"})
"""An import cannot keep a row in which one of these is found."""

HALF_A_CHARACTER = "\udce3\udc81"
"""The first two of the three bytes of あ, as surrogates."""

_BAD_VALUES = {
    Kind.DATE: ("date_invalid", "2026-02-30"),
    Kind.DATETIME: ("datetime_invalid", "2026-04-31T00:00:00.000Z"),
    Kind.YEAR: ("year_invalid", "R8"),
    Kind.BOOLEAN: ("boolean_invalid", "はい"),
    Kind.FLOAT: ("number_invalid", "三割"),
    Kind.INTEGER: ("integer_invalid", "3番"),
    Kind.USER_IDS: ("user_ids_invalid", "Koumu:1"),
    Kind.SCALE_VALUES: ("scale_values_invalid", "A=5"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: its field, its name in the profile, its place in a row."""

    field: Field
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Something that can be wrong: a code, and the column where; None when it is the whole row."""

    code: str
    column: Column | None

    @property
    def of_id(self) -> bool:
        """Whether it is the row's sourcedId that is wrong."""
        return self.column is not None and self.column.field.csv == "sourcedId"


def columns(entity: Entity, profile: Profile) -> list[Column]:
    """The columns that `profile` writes."""
    named = [(f, f.name_in(profile.id)) for f in (*SYSTEM_FIELDS, *entity.fields)]
    written = [(field, name) for field, name in named if name]
    return [Column(field, name, position) for position, (field, name) in enumerate(written)]


def is_referred_to(entity: Entity) -> bool:
    """Whether rows of another file, or of this one, refer to rows of `entity`."""
    return any(f.reference == entity.name for e in ENTITIES.values() for f in e.fields)


def spots(entity: Entity, profile: Profile, loses: Callable[[str], bool]) -> list[Spot]:
    """Everything that can be wrong in a file.

    `loses` says of which entities rows are lost: only of those, and then no reference to them is
    broken, because an import says nothing of a reference into a file that it could not read whole.
    """
    loses_rows = not is_referred_to(entity) or loses(entity.name)
    found = [Spot("row_length", None)] if loses_rows else []
    for column in columns(entity, profile):
        target = column.field.reference
        if column.field.csv == "sourcedId" and entity.identity_of:
            target = entity.identity_of
        for code in _codes(column.field, target):
            if code in COSTS_THE_ROW and not loses_rows:
                continue
            if target and code in ("guid_invalid", "reference_unknown") and loses(target):
                continue
            found.append(Spot(code, column))
        if entity.name == "roles" and column.field.csv == "roleType":
            found.append(Spot("second_primary_role", column))
    return found


def _codes(field: Field, target: str | None) -> Iterator[str]:
    """What can be wrong with a cell of this field, which refers to `target`."""
    if field.kind is Kind.PASSWORD:
        return
    yield "encoding_invalid"
    yield "nul_byte"
    if field.required:
        yield "required_blank"
    if field.enumeration:
        yield "enumeration_unknown"
    elif field.kind in _BAD_VALUES:
        yield _BAD_VALUES[field.kind][0]
    if field.csv == "sourcedId":
        yield "duplicate_sourced_id"
    if field.unique:
        yield f"{field.column}_taken"
    # A home class that leads nowhere is only a warning.
    if field.kind is Kind.GUID and field.metadata_key is None:
        yield "guid_invalid"
        if target:
            yield "reference_unknown"


def bad_value(spot: Spot, cell: str, same_above: str, nothing: str) -> str:
    """What to write in the place of `cell`.

    `same_above` is the cell of this column in a sound row above, `nothing` an id that nobody has.
    """
    assert spot.column is not None
    match spot.code:
        case "required_blank":
            return ""
        case "enumeration_unknown":
            return "不明"
        case "guid_invalid":
            return f"#REF!{nothing}"
        case "reference_unknown":
            return nothing
        case "second_primary_role":
            return "primary"
        case "encoding_invalid":
            return cell + HALF_A_CHARACTER
        case "nul_byte":
            return cell + "\0"
        case "duplicate_sourced_id" | "username_taken" | "user_master_identifier_taken":
            return same_above
        case _:
            return _BAD_VALUES[spot.column.field.kind][1]
