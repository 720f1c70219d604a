"""Faults planted in the rows of a file, and what an import must say of each.

A row has one fault at most, and a fault one consequence: rows that others refer to keep their
sourcedId, and what would cost such a row its place is done to an extra row that nobody knows.
The kinds follow from the entity table; the codes are those of `transfer/issues.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS, Entity, Field, Kind
from rosterhub.model.profiles import Profile
from rosterhub.ops.sample.ids import Chance

Line = tuple[float, list[str]]
"""The share of the file that is done, and the cells of a row."""

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
_COSTS_THE_ROW = frozenset({"row_length", "encoding_invalid", "nul_byte"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault: its place, and the code of the message that must name it."""

    file: str
    line: int
    column: str | None
    code: str


@dataclass(frozen=True, slots=True)
class _Column:
    field: Field
    name: str
    position: int


def damaged(
    lines: Iterator[Line],
    name: str,
    profile: Profile,
    chance: Chance,
    share: float,
    report: Callable[[Fault], None],
) -> Iterator[Line]:
    """The lines of a file with faults in a `share` of them, each told to `report`."""
    file = _File(ENTITIES[name], profile, chance)
    threshold, number = int(share * (1 << 64)), 1
    sound: list[str] | None = None
    for done, cells in lines:
        number += 1
        bits = chance.draw(f"fault {name}", number).bits
        if bits >> 64 >= threshold:
            sound = cells
            yield done, cells
            continue
        code, column = file.choose(bits, cells, sound)
        if file.needs_extra_row(code, column):
            sound = cells
            yield done, cells
            number += 1
            cells = file.stranger(cells, number, keep_id=code == "duplicate_sourced_id")
        yield done, file.damage(cells, code, column, number, sound)
        report(Fault(file.entity.file, number, column.name if column else None, code))


class _File:
    """What can go wrong in one file."""

    def __init__(self, entity: Entity, profile: Profile, chance: Chance) -> None:
        self.entity = entity
        self.chance = chance
        named = [(f, f.name_in(profile.id)) for f in (*SYSTEM_FIELDS, *entity.fields)]
        self.columns = [
            _Column(field, name, position)
            for position, (field, name) in enumerate((f, n) for f, n in named if n)
        ]
        self.at = {c.field.csv: c.position for c in self.columns}
        self.referred_to = any(
            f.reference == entity.name for e in ENTITIES.values() for f in e.fields
        )
        self.kinds = self._kinds()

    def _kinds(self) -> dict[str, list[_Column | None]]:
        """Every code that the file can be made to deserve, with the columns where."""
        kinds: dict[str, list[_Column | None]] = {"row_length": [None]}
        for column in self.columns:
            for code in _codes(column.field, self.entity):
                kinds.setdefault(code, []).append(column)
        if self.entity.name == "roles":
            kinds["second_primary_role"] = [self.columns[self.at["roleType"]]]
        return kinds

    def choose(
        self, bits: int, cells: list[str], sound: list[str] | None
    ) -> tuple[str, _Column | None]:
        """A code and a column by chance, of those that can be in this row."""
        codes = [c for c in self.kinds if self._possible(c, cells, sound)]
        code = codes[(bits & 0xFFFF) * len(codes) >> 16]
        columns = self.kinds[code]
        return code, columns[(bits >> 16 & 0xFFFF) * len(columns) >> 16]

    def _possible(self, code: str, cells: list[str], sound: list[str] | None) -> bool:
        if code == "duplicate_sourced_id":
            return self.referred_to or sound is not None
        if code.endswith("_taken"):
            return sound is not None
        if code == "second_primary_role":
            same = [self.at["userSourcedId"], self.at["orgSourcedId"]]
            return sound is not None and [cells[p] for p in same] == [sound[p] for p in same]
        return True

    def needs_extra_row(self, code: str, column: _Column | None) -> bool:
        """Whether others would lose the row they refer to."""
        of_id = column is not None and column.field.csv == "sourcedId"
        return self.referred_to and (code in _COSTS_THE_ROW or of_id)

    def stranger(self, cells: list[str], line: int, *, keep_id: bool) -> list[str]:
        """A copy of the row that is another record: nobody refers to it."""
        cells = list(cells)
        for part, column in enumerate(self.columns):
            is_id = column.field.csv == "sourcedId"
            if column.field.unique or (is_id and not keep_id):
                kind = f"stranger {self.entity.name}"
                cells[column.position] = self.chance.id(kind, line, part)
        return cells

    def damage(
        self,
        cells: list[str],
        code: str,
        column: _Column | None,
        line: int,
        sound: list[str] | None,
    ) -> list[str]:
        """The row with the fault in it; `sound` is the last row without one."""
        if column is None:
            return [*cells, "余り"] if line % 2 else cells[:-1]
        cells, at = list(cells), column.position
        if code in ("duplicate_sourced_id", "username_taken", "user_master_identifier_taken"):
            assert sound is not None
            cells[at] = sound[at]
        elif code == "encoding_invalid":
            cells[at] += HALF_A_CHARACTER
        elif code == "nul_byte":
            cells[at] += "\0"
        else:
            cells[at] = self._bad_value(code, column, line)
        return cells

    def _bad_value(self, code: str, column: _Column, line: int) -> str:
        match code:
            case "required_blank":
                return ""
            case "enumeration_unknown":
                return "不明"
            case "guid_invalid":
                return f"#REF!{line}"
            case "reference_unknown":
                return self.chance.id(f"nothing {self.entity.name}", line)
            case "second_primary_role":
                return "primary"
            case _:
                return _BAD_VALUES[column.field.kind][1]


def _codes(field: Field, entity: Entity) -> Iterator[str]:
    """What can be wrong with a cell of this field."""
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
    # A home class that leads nowhere is only a warning.
    if field.kind is Kind.GUID and field.metadata_key is None:
        yield "guid_invalid"
    if (field.reference and not field.metadata_key) or (
        field.csv == "sourcedId" and entity.identity_of
    ):
        yield "reference_unknown"
    if field.unique:
        yield f"{field.column}_taken"
