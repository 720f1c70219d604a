"""The shape of a board of N people by arithmetic: how many schools, classes, pupils, and which.

Every question about one school or class is answered from N and its number alone, so that memory
does not grow with N. No ids, names or rows here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

LARGEST_BOARD = 20_000_000
"""The most people of a board: all pupils of Japan, with room to spare."""
CLASS_SIZE = 31
"""Pupils a home room has on average in a board of some size; the law's limit is 35."""


@dataclass(frozen=True, slots=True)
class SchoolKind:
    """A kind of school: its two letters in the MEXT school code, its name's end, its grades."""

    code: str
    title: str
    grades: tuple[str, ...]


_P = tuple(f"P{n}" for n in range(1, 7))
_J = tuple(f"J{n}" for n in range(1, 4))
_H = tuple(f"H{n}" for n in range(1, 4))
ELEMENTARY = SchoolKind("B1", "小学校", _P)
JUNIOR_HIGH = SchoolKind("C1", "中学校", _J)
COMPULSORY = SchoolKind("C2", "義務教育学校", _P + _J)
HIGH = SchoolKind("D1", "高等学校", _H)

_LETTERS = {"e": ELEMENTARY, "j": JUNIOR_HIGH, "c": COMPULSORY, "h": HIGH}
_SCHOOLS = (
    "e2 j4 e3 e1 j5 e2 e4 c1 e3 j6 h6 e2 e3 j4 e1 e4 e2 j5 e3 e2 e1 j3 e3 e2 j6 e4 e2 e3 j4 e1"
)
_ROUND = tuple((_LETTERS[letter], int(rooms)) for letter, rooms in _SCHOOLS.split())
"""Schools come in rounds of thirty: kind, and home rooms a grade."""


@dataclass(frozen=True, slots=True)
class School:
    """One school: its number, and its classes and people as ranges of the board's numbers."""

    number: int
    kind: SchoolKind
    rooms: int
    classes: range
    pupils: range
    teachers: range
    guardians: range


@dataclass(frozen=True, slots=True)
class Plan:
    """How many of each a board has. `staff` are the teachers (numbers from 0) at its office."""

    people: int
    pupils: int
    teachers: int
    guardians: int
    staff: int
    classes: int
    school_count: int
    last_rooms: int

    def schools(self) -> Iterator[School]:
        """Every school, one after the other."""
        return map(self.school, range(self.school_count))

    def school(self, number: int) -> School:
        """The school with this number."""
        kind, rooms = _ROUND[number % len(_ROUND)]
        if number == self.school_count - 1:
            rooms = self.last_rooms
        first = _classes_before(number)
        last = min(first + rooms * len(kind.grades), self.classes)
        return School(
            number,
            kind,
            rooms,
            range(first, last),
            range(self.first_pupil(first), self.first_pupil(last)),
            range(
                self.staff + self._share(first, self.teachers - self.staff),
                self.staff + self._share(last, self.teachers - self.staff),
            ),
            range(self._share(first, self.guardians), self._share(last, self.guardians)),
        )

    def first_pupil(self, class_number: int) -> int:
        """The number of the first pupil of a class; classes differ in size by a few pupils."""
        even = self._share(class_number, self.pupils)
        if not 0 < class_number < self.classes:
            return even
        span = self.pupils // self.classes // 15
        return even + (class_number * 2_654_435_761 >> 7) % (2 * span + 1) - span

    def _share(self, classes: int, of: int) -> int:
        """The part of `of` that the first `classes` of all classes take."""
        return classes * of // self.classes


def plan(people: int) -> Plan:
    """The plan of a board with exactly this many users.

    Of a hundred, some 60 are pupils, 4 work in schools, 36 are guardians with an account.

    Raises:
        ValueError: there are no people, or more than a country has.
    """
    if not 1 <= people <= LARGEST_BOARD:
        raise ValueError(f"A board has 1 to {LARGEST_BOARD:,} people, not {people:,}.")
    teachers = max(1, people // 25) if people > 1 else 0
    guardians = people * 36 // 100
    pupils = people - teachers - guardians
    schools, last_rooms, classes = _fit(-(-pupils // CLASS_SIZE))
    return Plan(
        people,
        pupils,
        teachers,
        guardians,
        min(people // 5_000, 40),
        min(classes, pupils),
        schools,
        last_rooms,
    )


def _fit(wanted: int) -> tuple[int, int, int]:
    """Schools, home rooms a grade in the last of them, and all classes: at least `wanted`."""
    rounds, rest = divmod(wanted - 1, _BEFORE[-1])
    position = next(n for n in range(len(_ROUND)) if rest < _BEFORE[n + 1])
    number = rounds * len(_ROUND) + position
    grades = len(_ROUND[position][0].grades)
    rooms = -(-(rest + 1 - _BEFORE[position]) // grades)
    return number + 1, rooms, _classes_before(number) + rooms * grades


_BEFORE = (0, *accumulate(rooms * len(kind.grades) for kind, rooms in _ROUND))


def _classes_before(school: int) -> int:
    rounds, position = divmod(school, len(_ROUND))
    return rounds * _BEFORE[-1] + _BEFORE[position]
