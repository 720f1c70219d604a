"""The rows about people themselves: users, and the demographics of pupils."""

from collections.abc import Iterator
from datetime import date, timedelta

from rosterhub.ops.sample.board import YEAR, Board, Row, female, room_teacher, rooms
from rosterhub.ops.sample.ids import Draw
from rosterhub.ops.sample.people import Homes, Name, family_name, given_name, homes
from rosterhub.ops.sample.plan import School

_AGE = {"P": 6, "J": 12, "H": 15}
"""How old a first grader is on the first day of school."""


def staff(board: Board) -> Iterator[Row]:
    """Those who work at the 教育委員会."""
    for number in range(board.plan.staff):
        yield _teacher(board, number)


def users(board: Board, school: School) -> Iterator[Row]:
    """The teachers, pupils and guardians of a school."""
    school_id = board.school(school.number)
    taught: dict[int | None, str] = {}
    for room in rooms(board, school):
        taught.setdefault(room_teacher(school, room.position), board.class_(room.number))
    for number in school.teachers:
        row = _teacher(board, number)
        row["primaryOrgSourcedId"] = school_id
        row["metadata.jp.homeClass"] = taught.get(number, "")
        yield row
    households = homes(board.chance, school)
    yield from _pupils(board, school, households, school_id)
    yield from _guardians(board, school, households, school_id)


def _pupils(board: Board, school: School, households: Homes, school_id: str) -> Iterator[Row]:
    guardians = {number: board.chance.id("guardian", number) for number in school.guardians}
    for room in rooms(board, school):
        home_class = board.class_(room.number)
        for number in room.pupils:
            household = households.of_pupil(number - school.pupils.start)
            draw = board.chance.draw("pupil", number)
            given = given_name(draw.bits, household.name, female=female(draw), grown=False)
            username = board.username("p", number)
            yield {
                **_person(draw, household.name, given),
                "username": username,
                "userIds": f"{{Koumu:{number + 1}}},{{Google:{username}}}",
                "agentSourcedIds": ",".join([guardians[g] for g in household.guardians]),
                "grades": room.grade,
                "primaryOrgSourcedId": school_id,
                "metadata.jp.homeClass": home_class,
            }


def _teacher(board: Board, number: int) -> Row:
    draw = board.chance.draw("teacher", number)
    username = board.username("t", number)
    family = family_name(draw.bits)
    given = given_name(draw.bits, family, female=female(draw), grown=True)
    return {
        **_person(draw, family, given),
        "username": username,
        "userIds": f"{{Koumu:9{number + 1:07d}}}",
        "email": username,
    }


def _guardians(board: Board, school: School, households: Homes, school_id: str) -> Iterator[Row]:
    for number, family in zip(school.guardians, households.of_guardian, strict=True):
        household = households.families[family]
        draw = board.chance.draw("guardian", number)
        first = household.guardians[0]
        # Five of eight first guardians are women; the second one is a man then, and the reverse.
        woman = (board.chance.draw("guardian", first).bits >> 40 & 7 < 5) == (number == first)
        yield {
            **_person(
                draw,
                household.name,
                given_name(draw.bits, household.name, female=woman, grown=True),
            ),
            "username": board.username("g", number),
            "primaryOrgSourcedId": school_id,
        }


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


def demographics(board: Board, school: School) -> Iterator[Row]:
    """Birth date and sex of each pupil."""
    for room in rooms(board, school):
        days = birthdays(room.grade)
        for number in room.pupils:
            draw = board.chance.draw("pupil", number)
            unsaid = draw.bits >> 48 & 127 == 0
            yield {
                "sourcedId": draw.id,
                "birthDate": days[(draw.bits >> 56 & 0xFFFF) * len(days) >> 16],
                "sex": "unspecified" if unsaid else "female" if female(draw) else "male",
            }


def birthdays(grade: str) -> list[str]:
    """The days on which pupils of a grade were born: from April 2 to the next April 1."""
    age = _AGE[grade[0]] + int(grade[1]) - 1
    first, end = (date(YEAR - age - n, 4, 2) for n in (1, 0))
    return [(first + timedelta(days=n)).isoformat() for n in range((end - first).days)]
