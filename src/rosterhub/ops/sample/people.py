"""Who the people of a board are: names and readings, sex, who is whose child.

A family shares its name; names come from the lists here, by chance. No rows, no files.
"""

from dataclasses import dataclass
from math import gcd

from rosterhub.ops.sample import family_names, given_names
from rosterhub.ops.sample.ids import Chance
from rosterhub.ops.sample.plan import School

_PLAIN = str.maketrans(
    "ァィゥェォッャュョガギグゲゴザジズゼゾダヂヅデドバビブベボパピプペポヴ",
    "アイウエオツヤユヨカキクケコサシスセソタチツテトハヒフヘホハヒフヘホウ",
    "ー",
)


@dataclass(frozen=True, slots=True)
class Name:
    """A family or given name as written and read, and as shown where that differs.

    `order` sorts as Japanese lists do: voiced and small kana beside their plain ones.
    """

    text: str
    kana: str
    shown: str
    shown_kana: str
    order: str

    @property
    def abroad(self) -> bool:
        """Whether it is written in katakana."""
        return self.text == self.kana


@dataclass(frozen=True, slots=True)
class Household:
    """A family at a school: its name, and the numbers of the guardians who have an account."""

    name: Name
    guardians: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Homes:
    """The households of a school; pupils and guardians find theirs by their place in it."""

    families: tuple[Household, ...]
    of_guardian: tuple[int, ...]

    def of_pupil(self, position: int) -> Household:
        """The household of the school's pupil at `position`; siblings are some grades apart."""
        return self.families[position % len(self.families)]


def homes(chance: Chance, school: School) -> Homes:
    """The households of `school`: 17 for each 20 pupils, a guardian or two in most of them."""
    count = max(1, len(school.pupils) * 17 // 20)
    accounts = max(1, min(count, len(school.guardians) * 7 // 8))
    step = max(1, count * 618 // 1000)
    while gcd(step, count) > 1:
        step += 1
    of_guardian = tuple((g % accounts) * step % count for g in range(len(school.guardians)))
    members: list[list[int]] = [[] for _ in range(count)]
    for guardian, family in zip(school.guardians, of_guardian, strict=True):
        members[family].append(guardian)
    families = tuple(
        Household(family_name(chance.draw(f"family {school.number}", n).bits), tuple(m))
        for n, m in enumerate(members)
    )
    return Homes(families, of_guardian)


def family_name(bits: int) -> Name:
    """A family name by chance, common ones more often."""
    return _common(_FAMILY, bits & 0xFFFF)


def given_name(bits: int, family: Name, *, female: bool, grown: bool) -> Name:
    """A given name that goes with the family name."""
    names = (_GIVEN_ABROAD if family.abroad else _GROWN if grown else _YOUNG)[female]
    return names[(bits >> 16 & 0xFFFF) * len(names) >> 16]


def _common(names: list[Name], chance: int) -> Name:
    """One of `names`, the first ones more often; a few of them much more often."""
    square = chance * chance >> 16
    return names[(square if chance & 1 else chance) * len(names) >> 16]


def order(family: Name, given: Name) -> tuple[str, str, str]:
    """The key by which 出席番号 are given: the readings, then how they are written."""
    return family.order, given.order, family.kana + given.kana + family.text + given.text


def _names(entries: str) -> list[Name]:
    names: list[Name] = []
    for entry in entries.split():
        text, kana, *more = entry.split(":")
        shown, shown_kana = (*more, "", "")[:2]
        names.append(Name(text, kana, shown or text, shown_kana, kana.translate(_PLAIN)))
    return names


_FAMILY = _names(family_names.ENTRIES)
_YOUNG = {True: _names(given_names.GIRLS), False: _names(given_names.BOYS)}
_GROWN = {True: _names(given_names.WOMEN), False: _names(given_names.MEN)}
_GIVEN_ABROAD = {
    True: _names(given_names.GIRLS_ABROAD),
    False: _names(given_names.BOYS_ABROAD),
}
