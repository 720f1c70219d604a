"""The rows that tie people to orgs and classes: roles, userProfiles, enrollments."""

from collections.abc import Iterator

from rosterhub.ops.sample.board import (
    FIRST_DAY,
    LAST_DAY,
    Board,
    Room,
    Row,
    female,
    has_profile,
    managers,
    room_teacher,
    rooms,
    subject_teacher,
)
from rosterhub.ops.sample.people import Homes, given_name, homes, order
from rosterhub.ops.sample.plan import School
from rosterhub.ops.sample.schools import subjects

_DATES = {"beginDate": FIRST_DAY, "endDate": LAST_DAY}


def staff_roles(board: Board) -> Iterator[Row]:
    """The roles at the 教育委員会; every fourth of its people is a manager."""
    for number in range(board.plan.staff):
        user = board.chance.id("teacher", number)
        yield _role(board, "teaches", number, 0, user, "teacher", board.district)
        if number % 4 == 0:
            role = "districtAdministrator"
            yield _role(board, "teaches", number, 1, user, role, board.district)


def roles(board: Board, school: School) -> Iterator[Row]:
    """The roles at a school: a primary one for each of its people, then secondary ones."""
    school_id = board.school(school.number)
    for position, number in enumerate(school.teachers):
        user = board.chance.id("teacher", number)
        yield _role(board, "teaches", number, 0, user, "teacher", school_id)
        if position == 0 or (position == 1 and managers(school)):
            role = "siteAdministrator" if position else "principal"
            yield _role(board, "teaches", number, 1, user, role, school_id)
    if _lends_a_teacher(board, school):
        number, other = school.teachers[-1], board.school(school.number + 1)
        user = board.chance.id("teacher", number)
        yield _role(board, "teaches", number, 2, user, "teacher", other)
    for number in school.pupils:
        draw = board.chance.draw("pupil", number)
        row = _role(board, "learns", number, 0, draw.id, "student", school_id)
        if has_profile(draw):
            row["userProfileSourcedId"] = board.chance.id("profile", number)
        yield row
    for number in school.guardians:
        user = board.chance.id("guardian", number)
        yield _role(board, "guards", number, 0, user, "guardian", school_id)


def _lends_a_teacher(board: Board, school: School) -> bool:
    """Whether the last teacher works at the next school as well (兼務)."""
    last = school.number == board.plan.school_count - 1
    return not last and school.number % 4 == 0 and len(school.teachers) > 4


def _role(board: Board, kind: str, number: int, part: int, user: str, role: str, org: str) -> Row:
    """A person's role; the first one (part 0) is primary."""
    return {
        "sourcedId": board.chance.id(kind, number, part),
        "userSourcedId": user,
        "roleType": "secondary" if part else "primary",
        "role": role,
        **_DATES,
        "orgSourcedId": org,
    }


def profiles(board: Board, school: School) -> Iterator[Row]:
    """The portal accounts of some of the pupils."""
    for number in school.pupils:
        draw = board.chance.draw("pupil", number)
        if has_profile(draw):
            yield {
                "sourcedId": board.chance.id("profile", number),
                "userSourcedId": draw.id,
                "profileType": "LearningPortal",
                "vendorId": "mihon-eportal.example",
                "applicationId": "eportal",
                "description": "学習eポータルのアカウント",
                "credentialType": "SSO",
                "username": board.username("p", number),
            }


def enrollments(board: Board, school: School) -> Iterator[Row]:
    """Every home room and subject class: its teacher, then its pupils by 出席番号."""
    school_id = board.school(school.number)
    households = homes(board.chance, school)
    for room in rooms(board, school):
        pupils = _by_attendance_number(board, school, households, room)
        for n in range(1 + len(subjects(room.grade))):
            common = {
                "classSourcedId": board.class_(room.number, n),
                "schoolSourcedId": school_id,
                **_DATES,
                "metadata.jp.PublicFlg": "true",
            }
            teacher = _teacher(school, room, n)
            if teacher is not None:
                yield {
                    **common,
                    "sourcedId": board.chance.id("teaching", room.number, n),
                    "userSourcedId": board.chance.id("teacher", teacher),
                    "role": "teacher",
                    "primary": "false" if n else "true",
                }
            for attendance, (number, pupil) in enumerate(pupils, 1):
                yield {
                    **common,
                    "sourcedId": board.chance.id("enrollment", number, n),
                    "userSourcedId": pupil,
                    "role": "student",
                    "primary": "false",
                    "metadata.jp.ShussekiNo": "" if n else str(attendance),
                }


def _teacher(school: School, room: Room, subject: int) -> int | None:
    if subject:
        return subject_teacher(school, room.position, subject)
    return room_teacher(school, room.position)


def _by_attendance_number(
    board: Board, school: School, households: Homes, room: Room
) -> list[tuple[int, str]]:
    """The pupils of a home room (number, sourcedId) in the order of their readings."""
    listed: list[tuple[tuple[str, str, str], int, str]] = []
    for number in room.pupils:
        draw = board.chance.draw("pupil", number)
        family = households.of_pupil(number - school.pupils.start).name
        given = given_name(draw.bits, family, female=female(draw), grown=False)
        listed.append((order(family, given), number, draw.id))
    return [(number, pupil) for _, number, pupil in sorted(listed)]
