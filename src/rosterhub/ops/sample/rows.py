"""Which files a board has, and the rows of each: those of its office, then school by school."""

from collections.abc import Callable, Iterator

from rosterhub.ops.sample import memberships, schooling, users
from rosterhub.ops.sample.board import Board, Row
from rosterhub.ops.sample.plan import School

_OfBoard = Callable[[Board], Iterator[Row]]
_OfSchool = Callable[[Board, School], Iterator[Row]]
_FILES: dict[str, tuple[_OfBoard | None, _OfSchool | None]] = {
    "academicSessions": (schooling.sessions, None),
    "orgs": (schooling.district, schooling.schools),
    "courses": (None, schooling.courses),
    "classes": (None, schooling.classes),
    "users": (users.staff, users.users),
    "roles": (memberships.staff_roles, memberships.roles),
    "userProfiles": (None, memberships.profiles),
    "enrollments": (None, memberships.enrollments),
    "demographics": (None, users.demographics),
}
FILES = tuple(_FILES)
"""The files of a board by the name of their entity."""


def rows(name: str, board: Board) -> Iterator[tuple[float, Row]]:
    """The rows of one file, each with the share (0 to 1) of the file that is done by then.

    Raises:
        KeyError: the board has no such file.
    """
    of_board, of_school = _FILES[name]
    count = board.plan.school_count
    if of_board:
        for row in of_board(board):
            yield 0.0 if of_school else 1.0, row
    if of_school:
        for school in board.plan.schools():
            done = (school.number + 1) / count
            for row in of_school(board, school):
                yield done, row
