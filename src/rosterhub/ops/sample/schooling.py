"""The rows of what a board is made of: the year, orgs, courses, classes. No people here."""

from collections.abc import Iterator

from rosterhub.ops.sample.board import FIRST_DAY, LAST_DAY, YEAR, Board, Row, rooms
from rosterhub.ops.sample.plan import School
from rosterhub.ops.sample.schools import Subject, district_code, school_code, school_name, subjects


def sessions(board: Board) -> Iterator[Row]:
    """The 年度 (spec/japan-profiles.md, academicSessions)."""
    yield {
        "sourcedId": board.session,
        "title": f"{YEAR}年度",
        "type": "schoolYear",
        "startDate": FIRST_DAY,
        "endDate": LAST_DAY,
        "schoolYear": str(YEAR),
    }


def district(board: Board) -> Iterator[Row]:
    """The 教育委員会."""
    yield {
        "sourcedId": board.district,
        "name": "見本市教育委員会",
        "type": "district",
        "identifier": district_code(board.chance.seed),
    }


def schools(board: Board, school: School) -> Iterator[Row]:
    """The school itself."""
    yield {
        "sourcedId": board.school(school.number),
        "name": school_name(school),
        "type": "school",
        "identifier": school_code(school),
        "parentSourcedId": board.district,
    }


def courses(board: Board, school: School) -> Iterator[Row]:
    """One course a year for the home rooms, and one for each subject."""
    school_id = board.school(school.number)
    years = -(-len(school.classes) // school.rooms)
    for year, grade in enumerate(school.kind.grades[:years], 1):
        for n, subject in enumerate((None, *subjects(grade))):
            title = subject.title if subject else "ホームルーム"
            yield {
                "sourcedId": board.course(school.number, year, n),
                "schoolYearSourcedId": board.session,
                "title": f"{YEAR}年度{school.kind.title}第{year}学年{title}",
                "grades": grade,
                "orgSourcedId": school_id,
                **_of_subject(subject),
            }


def classes(board: Board, school: School) -> Iterator[Row]:
    """Each home room, and its class in each subject."""
    school_id = board.school(school.number)
    for room in rooms(board, school):
        for n, subject in enumerate((None, *subjects(room.grade))):
            yield {
                "sourcedId": board.class_(room.number, n),
                "title": room.title + (subject.title if subject else ""),
                "grades": room.grade,
                "courseSourcedId": board.course(school.number, room.year, n),
                "classCode": room.code + (subject.code if subject else ""),
                "classType": "scheduled" if subject else "homeroom",
                "location": f"{room.title}教室",
                "schoolSourcedId": school_id,
                "termSourcedIds": board.session,
                **_of_subject(subject),
                "metadata.jp.specialNeeds": "false",
            }


def _of_subject(subject: Subject | None) -> Row:
    return {"subjects": subject.title, "subjectCodes": subject.code} if subject else {}
