"""Faults planted in the rows of a file, each told with its place to whoever keeps the list.

A row has one fault at most, and a fault no consequences: rows that others refer to keep their
sourcedId, and what would cost such a row its place is done to an extra row that nobody knows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rosterhub.model.entities import ENTITIES, Entity
from rosterhub.model.profiles import Profile
from rosterhub.ops.sample.fault_kinds import (
    COSTS_THE_ROW,
    Spot,
    bad_value,
    columns,
    is_referred_to,
    spots,
)
from rosterhub.ops.sample.ids import Chance

Line = tuple[float, list[str]]
"""The share of the file that is done, and the cells of a row."""
_RARE = "second_primary_role"


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault: its place, and the code of the message that must name it."""

    file: str
    line: int
    column: str | None
    code: str


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
        spot = file.choose(bits, cells, sound)
        if file.needs_extra_row(spot):
            sound = cells
            yield done, cells
            number += 1
            cells = file.stranger(cells, number, spot)
        yield done, file.damage(cells, spot, number, sound)
        report(Fault(file.entity.file, number, spot.column and spot.column.name, spot.code))


class _File:
    """What can go wrong in one file. `sound`: the cells of the last row in it without a fault."""

    def __init__(self, entity: Entity, profile: Profile, chance: Chance) -> None:
        def loses(name: str) -> bool:
            return bool(chance.draw(f"loses {name}", 0).bits & 1)

        self.entity = entity
        self.chance = chance
        self.columns = columns(entity, profile)
        self.at = {c.field.csv: c.position for c in self.columns}
        self.referred_to = is_referred_to(entity)
        self.spots: dict[str, list[Spot]] = {}
        for spot in spots(entity, profile, loses):
            self.spots.setdefault(spot.code, []).append(spot)

    def choose(self, bits: int, cells: list[str], sound: list[str] | None) -> Spot:
        """Something by chance that can be wrong in this row; every code is as likely, but for the
        one that few rows can have: that comes first.
        """
        codes = [code for code in self.spots if code != _RARE]
        first = (bits & 0xFFFF) * len(codes) >> 16
        for code in (_RARE, *codes[first:], *codes[:first]):
            possible = [s for s in self.spots.get(code, ()) if self._possible(s, cells, sound)]
            if possible:
                return possible[(bits >> 16 & 0xFFFF) * len(possible) >> 16]
        raise AssertionError(f"nothing can be wrong in {self.entity.file}")

    def _possible(self, spot: Spot, cells: list[str], sound: list[str] | None) -> bool:
        if spot.code == _RARE:
            same = [self.at["userSourcedId"], self.at["orgSourcedId"]]
            return sound is not None and [cells[p] for p in same] == [sound[p] for p in same]
        if spot.code == "duplicate_sourced_id":
            return self.referred_to or sound is not None
        if spot.code.endswith("_taken"):
            return sound is not None
        if spot.code in ("guid_invalid", "reference_unknown"):
            return not self._breaks_a_profile(spot, cells)
        return True

    def _breaks_a_profile(self, spot: Spot, cells: list[str]) -> bool:
        """Whether a role would come to name the profile of another user, a second error."""
        if spot.column is None or spot.column.field.csv != "userSourcedId":
            return False
        of_role = self.at.get("userProfileSourcedId")
        return self.entity.name == "userProfiles" or (of_role is not None and bool(cells[of_role]))

    def needs_extra_row(self, spot: Spot) -> bool:
        """Whether others would lose the row they refer to."""
        return self.referred_to and (spot.code in COSTS_THE_ROW or spot.of_id)

    def stranger(self, cells: list[str], line: int, spot: Spot) -> list[str]:
        """A copy of the row that is another record: nobody refers to it."""
        cells = list(cells)
        for part, column in enumerate(self.columns):
            is_id = column.field.csv == "sourcedId" and spot.code != "duplicate_sourced_id"
            if column.field.unique or is_id:
                kind = f"stranger {self.entity.name}"
                cells[column.position] = self.chance.id(kind, line, part)
        return cells

    def damage(self, cells: list[str], spot: Spot, line: int, sound: list[str] | None) -> list[str]:
        """The row with the fault in it."""
        if spot.column is None:
            return [*cells, "余り"] if line % 2 else cells[:-1]
        at = spot.column.position
        nothing = self.chance.id(f"nothing {self.entity.name}", line)
        value = bad_value(spot, cells[at], sound[at] if sound else "", nothing)
        return [*cells[:at], value, *cells[at + 1 :]]
