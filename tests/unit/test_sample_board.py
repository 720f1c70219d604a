"""A sample board as one: everyone counted, every reference led somewhere, every rule kept."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.model.entities import ENTITIES
from rosterhub.ops.sample import FILES, write_package
from rosterhub.ops.sample.plan import LARGEST_BOARD, plan
from rosterhub.ops.sample.schools import check_digit

Rows = list[dict[str, str]]
Files = dict[str, Rows]

KANA = re.compile("[ァ-ヶー]+")
UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
GRADE = re.compile("P[1-6]|J[1-3]|H[1-3]")


def read(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode())))
            for name in FILES
            if f"{name}.csv" in archive.namelist()
        }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A board of 12,000 people, with every kind of school in it."""
    path = tmp_path_factory.mktemp("sample") / "board.zip"
    write_package(path, 12_000)
    return read(path)


@pytest.mark.parametrize("people", [1, 2, 3, 4, 5, 7, 10, 28, 50, 99, 700, 3_001])
def test_a_board_of_any_size_is_coherent(tmp_path: Path, people: int) -> None:
    write_package(tmp_path / "board.zip", people, seed=people)
    board = read(tmp_path / "board.zip")
    assert len(board["users"]) == people
    assert_coherent(board)


def test_a_whole_board_is_coherent(whole: Files) -> None:
    assert len(whole["users"]) == 12_000
    assert_coherent(whole)


def assert_coherent(board: Files) -> None:
    ids = {name: [r["sourcedId"] for r in rows] for name, rows in board.items()}
    for name, rows in board.items():
        assert len(set(ids[name])) == len(rows), name
        assert all(UUID4.fullmatch(i) for i in ids[name]), name
        for field in ENTITIES[name].fields:
            cells = [r[field.csv] for r in rows if field.csv in r]
            if field.required:
                assert all(cells), (name, field.csv)
            if field.unique:
                assert len({c for c in cells if c}) == len([c for c in cells if c]), field.csv
            if field.reference:
                targets = set(ids.get(field.reference, ()))
                for cell in filter(None, cells):
                    assert targets.issuperset(cell.split(",")), (name, field.csv)
    assert set(ids.get("demographics", ())) <= set(ids["users"])


@given(st.integers(1, LARGEST_BOARD))
def test_the_parts_of_a_plan_make_up_the_whole(people: int) -> None:
    whole = plan(people)
    assert whole.pupils + whole.teachers + whole.guardians == people
    last = whole.school(whole.school_count - 1)
    ends = [last.classes.stop, last.pupils.stop, last.teachers.stop, last.guardians.stop]
    assert ends == [whole.classes, whole.pupils, whole.teachers, whole.guardians]
    for number in {0, whole.school_count // 2, max(0, whole.school_count - 2)}:
        here = whole.school(number)
        assert here.classes
        assert here.pupils
        if number + 1 < whole.school_count:
            there = whole.school(number + 1)
            for part in ("classes", "pupils", "teachers", "guardians"):
                assert getattr(here, part).stop == getattr(there, part).start


@given(st.integers(2_000, LARGEST_BOARD), st.integers(0, 1 << 40))
def test_home_rooms_have_25_to_35_pupils(people: int, any_number: int) -> None:
    whole = plan(people)
    number = any_number % whole.classes
    assert 25 <= whole.first_pupil(number + 1) - whole.first_pupil(number) <= 35


@given(st.integers(1, 2_000))
def test_no_home_room_is_empty_or_too_large(people: int) -> None:
    whole = plan(people)
    starts = [whole.first_pupil(n) for n in range(whole.classes + 1)]
    assert (starts[0], starts[-1]) == (0, whole.pupils)
    assert all(0 < end - start <= 35 for start, end in pairwise(starts))


def test_a_board_has_a_district_and_schools_of_every_kind(whole: Files) -> None:
    district, *schools = whole["orgs"]
    assert (district["type"], district["identifier"], district["parentSourcedId"]) == (
        "district",
        "139901",
        "",
    )
    assert {s["parentSourcedId"] for s in schools} == {district["sourcedId"]}
    assert len({s["name"] for s in schools}) == len(schools)
    kinds = Counter(s["identifier"][:2] for s in schools)
    assert kinds["B1"] > kinds["C1"] > kinds["C2"] == kinds["D1"] == 1
    titles = {"B1": "小学校", "C1": "中学校", "C2": "義務教育学校", "D1": "高等学校"}
    for school in schools:
        assert school["name"].endswith(titles[school["identifier"][:2]])


def test_school_codes_have_their_check_digit(whole: Files) -> None:
    assert check_digit("F11231010234") == "2"  # the published F112310102342
    codes = [o["identifier"] for o in whole["orgs"] if o["type"] == "school"]
    for code in codes:
        assert re.fullmatch("[A-H][12][0-4][0-9][123][0-9]{8}", code)
        assert check_digit(code[:12]) == code[12]
    assert len(set(codes)) == len(codes)


def test_the_school_year_is_that_of_the_japan_profile(whole: Files) -> None:
    (session,) = whole["academicSessions"]
    assert (session["title"], session["type"], session["schoolYear"]) == (
        "2026年度",
        "schoolYear",
        "2026",
    )
    assert (session["startDate"], session["endDate"]) == ("2026-04-01", "2027-03-31")
    assert session["parentSourcedId"] == ""


def test_courses_are_of_the_year_and_their_subjects_have_codes(whole: Files) -> None:
    for course in whole["courses"]:
        assert course["title"].startswith("2026年度")
        assert course["courseCode"] == ""
        assert GRADE.fullmatch(course["grades"])
    codes = {c["subjectCodes"] for c in whole["courses"]} - {""}
    assert all(re.fullmatch("P0[1-9]0|P100|J0[1-9]0", code) for code in codes)
    assert {"P010", "J030"} < codes


def test_classes_are_home_rooms_with_their_subject_classes(whole: Files) -> None:
    assert {c["classType"] for c in whole["classes"]} == {"homeroom", "scheduled"}
    for class_ in whole["classes"]:
        assert GRADE.fullmatch(class_["grades"])
        assert (class_["classType"] == "scheduled") == bool(class_["subjects"])
    homerooms = Counter(
        (c["schoolSourcedId"], c["title"]) for c in whole["classes"] if not c["subjects"]
    )
    assert set(homerooms.values()) == {1}


def test_names_have_full_width_readings_and_a_common_form(whole: Files) -> None:
    unusual = 0
    for user in whole["users"]:
        for part in ("Given", "Family"):
            assert KANA.fullmatch(user[f"metadata.jp.kana{part}Name"])
            assert user[f"preferred{part}Name"]
            # What a Shift_JIS system can hold, so that boards can be sent in that encoding, too.
            user[f"{part.lower()}Name"].encode("cp932")
        unusual += user["familyName"] != user["preferredFamilyName"]
    assert 0.005 < unusual / len(whole["users"]) < 0.1
    shown = {u["familyName"]: u["preferredFamilyName"] for u in whole["users"]}
    assert (shown["髙橋"], shown["渡邉"], shown["齋藤"]) == ("高橋", "渡辺", "斎藤")
    assert len(shown) > 250


def test_users_are_pupils_teachers_and_guardians(whole: Files) -> None:
    users = {u["sourcedId"]: u for u in whole["users"]}
    primary = Counter(r["userSourcedId"] for r in whole["roles"] if r["roleType"] == "primary")
    assert primary.keys() == users.keys()
    assert set(primary.values()) == {1}
    for role in whole["roles"]:
        user = users[role["userSourcedId"]]
        assert bool(user["grades"]) == (role["role"] == "student")
        manager = role["role"] in ("principal", "siteAdministrator", "districtAdministrator")
        assert role["roleType"] == "secondary" or not manager
    kinds = Counter(r["role"] for r in whole["roles"])
    assert kinds["student"] > kinds["guardian"] > kinds["teacher"] > kinds["principal"] > 0
    assert kinds["siteAdministrator"] > 0
    assert kinds["districtAdministrator"] > 0
    lent = Counter(r["userSourcedId"] for r in whole["roles"] if r["role"] == "teacher")
    assert max(lent.values()) == 2


def test_guardians_share_the_name_and_school_of_their_children(whole: Files) -> None:
    users = {u["sourcedId"]: u for u in whole["users"]}
    guardians = {r["userSourcedId"] for r in whole["roles"] if r["role"] == "guardian"}
    children: Counter[str] = Counter()
    for user in whole["users"]:
        for agent in filter(None, user["agentSourcedIds"].split(",")):
            children[agent] += 1
            for column in ("familyName", "primaryOrgSourcedId"):
                assert users[agent][column] == user[column]
    assert children.keys() == guardians
    assert max(children.values()) == 2


def test_each_home_room_has_a_teacher_and_pupils_by_their_readings(whole: Files) -> None:
    users = {u["sourcedId"]: u for u in whole["users"]}
    by_class: dict[str, Rows] = {}
    for enrollment in whole["enrollments"]:
        by_class.setdefault(enrollment["classSourcedId"], []).append(enrollment)
    for class_ in whole["classes"]:
        teacher, *pupils = by_class.pop(class_["sourcedId"])
        homeroom = class_["classType"] == "homeroom"
        assert (teacher["role"], teacher["primary"]) == ("teacher", str(homeroom).lower())
        assert {(p["role"], p["primary"]) for p in pupils} == {("student", "false")}
        assert {e["schoolSourcedId"] for e in (teacher, *pupils)} == {class_["schoolSourcedId"]}
        assert {users[p["userSourcedId"]]["grades"] for p in pupils} == {class_["grades"]}
        numbers = [p["metadata.jp.ShussekiNo"] for p in pupils]
        if homeroom:
            assert numbers == [str(n) for n in range(1, len(pupils) + 1)]
            assert {users[p["userSourcedId"]]["metadata.jp.homeClass"] for p in pupils} == {
                class_["sourcedId"]
            }
            readings = [unvoiced(users[p["userSourcedId"]]) for p in pupils]
            assert readings == sorted(readings)
        else:
            assert set(numbers) == {""}
    assert not by_class


def unvoiced(user: dict[str, str]) -> tuple[str, ...]:
    """The reading without the marks that a list in the order of the syllabary passes over."""
    table = str.maketrans(
        "ガギグゲゴザジズゼゾダヂヅデドバビブベボパピプペポ",
        "カキクケコサシスセソタチツテトハヒフヘホハヒフヘホ",
    )
    small = str.maketrans("ァィゥェォッャュョ", "アイウエオツヤユヨ", "ー")
    kana = (user["metadata.jp.kanaFamilyName"], user["metadata.jp.kanaGivenName"])
    return tuple(k.translate(table).translate(small) for k in kana)


def test_pupils_were_born_in_the_year_of_their_grade(whole: Files) -> None:
    users = {u["sourcedId"]: u for u in whole["users"]}
    ages = dict(zip(grades(), range(6, 18), strict=True))
    assert len(whole["demographics"]) == sum(bool(u["grades"]) for u in whole["users"])
    for row in whole["demographics"]:
        age = ages[users[row["sourcedId"]]["grades"]]
        born = date.fromisoformat(row["birthDate"])
        assert date(2025 - age, 4, 2) <= born <= date(2026 - age, 4, 1)
    sexes = Counter(r["sex"] for r in whole["demographics"])
    assert sexes.keys() == {"female", "male", "unspecified"}
    assert sexes["unspecified"] < sexes["female"] / 20


def grades() -> Iterator[str]:
    for letter, years in (("P", 6), ("J", 3), ("H", 3)):
        yield from (f"{letter}{year}" for year in range(1, years + 1))


def test_some_roles_name_the_profile_of_their_user(whole: Files) -> None:
    owners = {p["sourcedId"]: p["userSourcedId"] for p in whole["userProfiles"]}
    named = {
        r["userProfileSourcedId"]: r["userSourcedId"]
        for r in whole["roles"]
        if r["userProfileSourcedId"]
    }
    assert named == owners
