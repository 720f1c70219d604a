"""A sample board to make rows from: its ids and login names, its home rooms and who teaches them.

Everything is worked out from numbers when asked for; nothing of one school is kept for another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rosterhub.ops.sample.ids import Chance, Draw
from rosterhub.ops.sample.plan import ELEMENTARY, Plan, School, plan

YEAR = 2026
"""The 年度 of every sample board."""
FIRST_DAY, LAST_DAY = f"{YEAR}-04-01", f"{YEAR + 1}-03-31"
Row = dict[str, str]
"""The cells of a row by the name of their field; blank ones may be left out."""


@dataclass(frozen=True)
class Board:
    """A board of education: its plan, and its chance."""

    plan: Plan
    chance: Chance

    @cached_property
    def district(self) -> str:
        """The sourcedId of the 教育委員会."""
        return self.chance.id("district", 0)

    @cached_property
    def session(self) -> str:
        """The sourcedId of the 年度."""
        return self.chance.id("session", YEAR)

    def school(self, number: int) -> str:
        """The sourcedId of a school."""
        return self.chance.id("school", number)

    def course(self, school: int, year: int, subject: int) -> str:
        """The sourcedId of a course of a school's year; subject 0 is the home room's."""
        return self.chance.id("course", school, year * 100 + subject)

    def class_(self, room: int, subject: int = 0) -> str:
        """The sourcedId of a home room, or of its class in a subject (1 and up)."""
        return self.chance.id("class", room, subject)

    def username(self, letter: str, number: int) -> str:
        """A login name that no other person has, also in a board of another seed."""
        return f"{letter}{number + 1:07d}@mihon{self.chance.seed}.example"


@dataclass(frozen=True, slots=True)
class Room:
    """A home room: its number in the board, place in the school, grade, year, title and pupils."""

    number: int
    position: int
    grade: str
    year: int
    title: str
    code: str
    pupils: range


def board(people: int, seed: int) -> Board:
    """The board with this many users.

    Raises:
        ValueError: the number is out of bounds.
    """
    return Board(plan(people), Chance(seed))


def rooms(board: Board, school: School) -> Iterator[Room]:
    """The home rooms of a school, grade by grade."""
    for position, number in enumerate(school.classes):
        year, room = divmod(position, school.rooms)
        yield Room(
            number,
            position,
            school.kind.grades[year],
            year + 1,
            f"{year + 1}年{room + 1}組",
            f"{year + 1:02d}{room + 1:02d}",
            range(board.plan.first_pupil(number), board.plan.first_pupil(number + 1)),
        )


def managers(school: School) -> int:
    """How many of the school's first teachers have no class: none where all are needed."""
    return 2 if len(school.teachers) >= len(school.classes) + 2 else 0


def room_teacher(school: School, position: int) -> int | None:
    """The 担任 of the home room at `position`; None in a school without teachers."""
    pool = school.teachers[managers(school) :]
    return pool[position % len(pool)] if pool else None


def subject_teacher(school: School, position: int, subject: int) -> int | None:
    """Who teaches a subject there: in elementary schools the 担任, elsewhere all take turns."""
    pool = school.teachers[managers(school) :]
    if school.kind is ELEMENTARY or not pool:
        return room_teacher(school, position)
    return pool[(len(school.classes) + position + subject * 7) % len(pool)]


def female(draw: Draw) -> bool:
    """Whether a pupil or teacher is a girl or woman."""
    return bool(draw.bits >> 40 & 1)


def has_profile(draw: Draw) -> bool:
    """Whether a pupil's account at the portal is stated: for a quarter of them."""
    return draw.bits >> 44 & 3 == 0
