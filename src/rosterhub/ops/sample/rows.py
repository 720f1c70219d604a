"""The rows of each file of a board, school by school, as cells by column name.

Cells that are blank are left out. No CSV is written here, and no row depends on another's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from rosterhub.ops.sample import people
from rosterhub.ops.sample.ids import Chance, Draw
from rosterhub.ops.sample.people import Homes, Household, Name
from rosterhub.ops.sample.plan import ELEMENTARY, Plan, School, plan
from rosterhub.ops.sample.schools import (
    Subject,
    district_code,
    school_code,
    school_name,
    subjects,
)

YEAR = 2026
"""The 年度 of every sample board."""
Row = dict[str, str]
_DATES = {"beginDate": f"{YEAR}-04-01", "endDate": f"{YEAR + 1}-03-31"}


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

    def username(self, letter: str, number: int) -> str:
        """A login name that no other person has, also in a board of another seed."""
        return f"{letter}{number + 1:07d}@mihon{self.chance.seed}.example"

    def school_id(self, number: int) -> str:
        """The sourcedId of a school."""
        return self.chance.id("school", number)


@dataclass(frozen=True, slots=True)
class Class:
    """A home room: its number in the board, place in the school, grade and pupils."""

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


def rows(name: str, board: Board) -> Iterator[Iterator[Row]]:
    """The rows of one file: those of the board's office, then those of each school in turn.

    Raises:
        KeyError: the board has no such file.
    """
    of_board, of_school = _FILES[name]
    if of_board:
        yield of_board(board)
    if of_school:
        for school in board.plan.schools():
            yield of_school(board, school)


def _sessions(board: Board) -> Iterator[Row]:
    yield {
        "sourcedId": board.session,
        "title": f"{YEAR}年度",
        "type": "schoolYear",
        "startDate": _DATES["beginDate"],
        "endDate": _DATES["endDate"],
        "schoolYear": str(YEAR),
    }


def _district(board: Board) -> Iterator[Row]:
    yield {
        "sourcedId": board.district,
        "name": "見本市教育委員会",
        "type": "district",
        "identifier": district_code(board.chance.seed),
    }


def _school(board: Board, school: School) -> Iterator[Row]:
    yield {
        "sourcedId": board.school_id(school.number),
        "name": school_name(school),
        "type": "school",
        "identifier": school_code(school),
        "parentSourcedId": board.district,
    }


def _courses(board: Board, school: School) -> Iterator[Row]:
    school_id = board.school_id(school.number)
    for year, grade in enumerate(school.kind.grades[: -(-len(school.classes) // school.rooms)], 1):
        for n, subject in enumerate((None, *subjects(grade))):
            title = subject.title if subject else "ホームルーム"
            yield {
                "sourcedId": _course_id(board, school, year, n),
                "schoolYearSourcedId": board.session,
                "title": f"{YEAR}年度{school.kind.title}第{year}学年{title}",
                "grades": grade,
                "orgSourcedId": school_id,
                **_subject(subject),
            }


def _course_id(board: Board, school: School, year: int, subject: int) -> str:
    return board.chance.id("course", school.number, year * 100 + subject)


def _subject(subject: Subject | None) -> Row:
    return {"subjects": subject.title, "subjectCodes": subject.code} if subject else {}


def _classes(board: Board, school: School) -> Iterator[Row]:
    school_id = board.school_id(school.number)
    for room in _rooms(board, school):
        for n, subject in enumerate((None, *subjects(room.grade))):
            yield {
                "sourcedId": board.chance.id("class", room.number, n),
                "title": room.title + (subject.title if subject else ""),
                "grades": room.grade,
                "courseSourcedId": _course_id(board, school, room.year, n),
                "classCode": room.code + (subject.code if subject else ""),
                "classType": "scheduled" if subject else "homeroom",
                "location": f"{room.title}教室",
                "schoolSourcedId": school_id,
                "termSourcedIds": board.session,
                **_subject(subject),
                "metadata.jp.specialNeeds": "false",
            }


def _rooms(board: Board, school: School) -> Iterator[Class]:
    for position, number in enumerate(school.classes):
        year, room = divmod(position, school.rooms)
        yield Class(
            number,
            position,
            school.kind.grades[year],
            year + 1,
            f"{year + 1}年{room + 1}組",
            f"{year + 1:02d}{room + 1:02d}",
            range(board.plan.first_pupil(number), board.plan.first_pupil(number + 1)),
        )


def _staff_users(board: Board) -> Iterator[Row]:
    for number in range(board.plan.staff):
        yield _teacher(board, number, "", "")


def _users(board: Board, school: School) -> Iterator[Row]:
    school_id = board.school_id(school.number)
    rooms = list(_rooms(board, school))
    home_classes: Row = {}
    for room in rooms:
        teacher = _room_teacher(school, room.position)
        if teacher is not None:
            home_classes.setdefault(str(teacher), board.chance.id("class", room.number))
    for number in school.teachers:
        yield _teacher(board, number, school_id, home_classes.get(str(number), ""))
    homes = people.homes(board.chance, school)
    guardian_ids = {g: board.chance.id("guardian", g) for g in school.guardians}
    for room in rooms:
        home_class = board.chance.id("class", room.number)
        for number in room.pupils:
            household = homes.of_pupil(number - school.pupils.start)
            yield {
                **_pupil(board, number, household),
                "agentSourcedIds": ",".join([guardian_ids[g] for g in household.guardians]),
                "grades": room.grade,
                "primaryOrgSourcedId": school_id,
                "metadata.jp.homeClass": home_class,
            }
    yield from _guardians(board, school, homes, school_id)


def _pupil(board: Board, number: int, household: Household) -> Row:
    draw = board.chance.draw("pupil", number)
    username = board.username("p", number)
    given = people.given_name(draw.bits, household.name, female=_female(draw), grown=False)
    return {
        "username": username,
        "userIds": f"{{Koumu:{number + 1}}},{{Google:{username}}}",
        **_person(draw, household.name, given),
    }


def _teacher(board: Board, number: int, school_id: str, home_class: str) -> Row:
    draw = board.chance.draw("teacher", number)
    username = board.username("t", number)
    family = people.family_name(draw.bits)
    given = people.given_name(draw.bits, family, female=_female(draw), grown=True)
    return {
        "username": username,
        "userIds": f"{{Koumu:9{number + 1:07d}}}",
        "email": username,
        **_person(draw, family, given),
        "primaryOrgSourcedId": school_id,
        "metadata.jp.homeClass": home_class,
    }


def _guardians(board: Board, school: School, homes: Homes, school_id: str) -> Iterator[Row]:
    for number, family in zip(school.guardians, homes.of_guardian, strict=True):
        household = homes.families[family]
        draw = board.chance.draw("guardian", number)
        first = household.guardians[0]
        female = board.chance.draw("guardian", first).bits >> 40 & 7 < 5
        given = people.given_name(
            draw.bits, household.name, female=female == (number == first), grown=True
        )
        yield {
            "username": board.username("g", number),
            **_person(draw, household.name, given),
            "primaryOrgSourcedId": school_id,
        }


def _female(draw: Draw) -> bool:
    return bool(draw.bits >> 40 & 1)


def _person(draw: Draw, family: Name, given: Name) -> Row:
    return {
        "sourcedId": draw.id,
        "enabledUser": "true",
        "givenName": given.text,
        "familyName": family.text,
        "userMasterIdentifier": draw.second_id,
        "preferredGivenName": given.shown,
        "preferredFamilyName": family.shown,
        "metadata.jp.kanaGivenName": given.kana,
        "metadata.jp.kanaFamilyName": family.kana,
        "metadata.jp.kanaPreferredFamilyName": family.shown_kana,
    }


def _managers(school: School) -> int:
    """How many of the school's first teachers have no class: none where all are needed."""
    return 2 if len(school.teachers) >= len(school.classes) + 2 else 0


def _room_teacher(school: School, position: int) -> int | None:
    """The 担任 of the home room at `position`."""
    pool = school.teachers[_managers(school) :]
    return pool[position % len(pool)] if pool else None


def _subject_teacher(school: School, position: int, subject: int) -> int | None:
    """In elementary schools the 担任, elsewhere the subjects go round all teachers."""
    pool = school.teachers[_managers(school) :]
    if school.kind is ELEMENTARY or not pool:
        return _room_teacher(school, position)
    return pool[(len(school.classes) + position + subject * 7) % len(pool)]


def _staff_roles(board: Board) -> Iterator[Row]:
    for number in range(board.plan.staff):
        user = board.chance.id("teacher", number)
        yield _role(board, "teaches", number, 0, user, "teacher", board.district)
        if number % 4 == 0:
            role = "districtAdministrator"
            yield _role(board, "teaches", number, 1, user, role, board.district)


def _roles(board: Board, school: School) -> Iterator[Row]:
    school_id = board.school_id(school.number)
    for position, number in enumerate(school.teachers):
        user = board.chance.id("teacher", number)
        yield _role(board, "teaches", number, 0, user, "teacher", school_id)
        if position == 0 or (position == 1 and _managers(school)):
            role = "siteAdministrator" if position else "principal"
            yield _role(board, "teaches", number, 1, user, role, school_id)
    next_school = school.number + 1
    if (
        len(school.teachers) > 4
        and school.number % 4 == 0
        and next_school < board.plan.school_count
    ):
        number = school.teachers[-1]
        user = board.chance.id("teacher", number)
        yield _role(board, "teaches", number, 2, user, "teacher", board.school_id(next_school))
    for number in school.pupils:
        draw = board.chance.draw("pupil", number)
        row = _role(board, "learns", number, 0, draw.id, "student", school_id)
        if _has_profile(draw):
            row["userProfileSourcedId"] = board.chance.id("profile", number)
        yield row
    for number in school.guardians:
        user = board.chance.id("guardian", number)
        yield _role(board, "guards", number, 0, user, "guardian", school_id)


def _role(board: Board, kind: str, number: int, part: int, user: str, role: str, org: str) -> Row:
    """The first role (part 0) of a person is the primary one."""
    return {
        "sourcedId": board.chance.id(kind, number, part),
        "userSourcedId": user,
        "roleType": "secondary" if part else "primary",
        "role": role,
        **_DATES,
        "orgSourcedId": org,
    }


def _has_profile(draw: Draw) -> bool:
    """A quarter of the pupils have an account at the portal stated."""
    return draw.bits >> 44 & 3 == 0


def _profiles(board: Board, school: School) -> Iterator[Row]:
    for number in school.pupils:
        draw = board.chance.draw("pupil", number)
        if _has_profile(draw):
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


def _enrollments(board: Board, school: School) -> Iterator[Row]:
    school_id = board.school_id(school.number)
    homes = people.homes(board.chance, school)
    for room in _rooms(board, school):
        pupils = _by_number(board, school, homes, room)
        for n in range(1 + len(subjects(room.grade))):
            class_id = board.chance.id("class", room.number, n)
            common = {"classSourcedId": class_id, "schoolSourcedId": school_id, **_DATES}
            common["metadata.jp.PublicFlg"] = "true"
            teacher = (
                _subject_teacher(school, room.position, n)
                if n
                else _room_teacher(school, room.position)
            )
            if teacher is not None:
                yield {
                    **common,
                    "sourcedId": board.chance.id("teaching", room.number, n),
                    "userSourcedId": board.chance.id("teacher", teacher),
                    "role": "teacher",
                    "primary": "false" if n else "true",
                }
            for attendance, (number, pupil_id) in enumerate(pupils, 1):
                yield {
                    **common,
                    "sourcedId": board.chance.id("enrollment", number, n),
                    "userSourcedId": pupil_id,
                    "role": "student",
                    "primary": "false",
                    "metadata.jp.ShussekiNo": "" if n else str(attendance),
                }


def _by_number(board: Board, school: School, homes: Homes, room: Class) -> list[tuple[int, str]]:
    """The pupils of a home room (number, sourcedId) by 出席番号, the order of their readings."""
    listed: list[tuple[tuple[str, str, str], int, str]] = []
    for number in room.pupils:
        draw = board.chance.draw("pupil", number)
        family = homes.of_pupil(number - school.pupils.start).name
        given = people.given_name(draw.bits, family, female=_female(draw), grown=False)
        listed.append((people.order(family, given), number, draw.id))
    return [(number, pupil_id) for _, number, pupil_id in sorted(listed)]


def _demographics(board: Board, school: School) -> Iterator[Row]:
    for room in _rooms(board, school):
        # School begins on April 1 after the sixth birthday; who is born on April 1 counts as older.
        age = {"P": 6, "J": 12, "H": 15}[room.grade[0]] + int(room.grade[1]) - 1
        first_day = date(YEAR - age - 1, 4, 2)
        days = [(first_day + timedelta(days=n)).isoformat() for n in range(365)]
        for number in room.pupils:
            draw = board.chance.draw("pupil", number)
            unsaid = draw.bits >> 48 & 127 == 0
            yield {
                "sourcedId": draw.id,
                "birthDate": days[(draw.bits >> 56 & 0xFFFF) * 365 >> 16],
                "sex": "unspecified" if unsaid else "female" if _female(draw) else "male",
            }


_OfBoard = Callable[[Board], Iterator[Row]]
_OfSchool = Callable[[Board, School], Iterator[Row]]
_FILES: dict[str, tuple[_OfBoard | None, _OfSchool | None]] = {
    "academicSessions": (_sessions, None),
    "orgs": (_district, _school),
    "courses": (None, _courses),
    "classes": (None, _classes),
    "users": (_staff_users, _users),
    "roles": (_staff_roles, _roles),
    "userProfiles": (None, _profiles),
    "enrollments": (None, _enrollments),
    "demographics": (None, _demographics),
}
FILES = tuple(_FILES)
"""The files of a board by the name of their entity."""
