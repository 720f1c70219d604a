"""What the Japanese profiles ask of values (spec/japan-profiles.md, "Japan rules").

All of it is a warning for tolerant: a hub can serve what breaks it. Rules for the scan of `check`,
and one that looks at other rows.
"""

from rosterhub.model.profiles import Profile
from rosterhub.transfer.characters import NAMES
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.findings import Scene, live, warning
from rosterhub.transfer.profile import REQUIRED_BY_STRICTER
from rosterhub.transfer.rules import Rule
from rosterhub.transfer.staged import StagedFile

_GRADES = (*(f"P{n}" for n in range(1, 7)), *(f"{stage}{n}" for stage in "JHE" for n in (1, 2, 3)))
_GRADE = "[PJHE][1-3]|P[4-6]"
_SUBJECT = "[PJ]0[1-9]0|P100"
_ROLES = (
    *("student", "teacher", "guardian", "principal", "proctor"),
    *("districtAdministrator", "siteAdministrator", "systemAdministrator"),
)
_MANAGERS = "('districtAdministrator', 'siteAdministrator', 'principal')"
_UUID_4 = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$"
_WORDING = NAMES | {"title", "location", "description"}
"""The columns in which half-width katakana are not allowed, besides those of readings."""

_CELLS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "academicSessions": (
        ("jp_session_type", "type", "{} <> 'schoolYear'"),
        ("jp_session_title", "title", "{} !~ '^[0-9]{{4}}年度$'"),
        ("jp_session_day", "startDate", "right({}, 6) <> '-04-01'"),
        ("jp_session_day", "endDate", "right({}, 6) <> '-03-31'"),
        (
            "jp_session_year",
            "schoolYear",
            "({0} <> left(s.start_date, 4) OR CASE WHEN s.title ~ '^[0-9]{{4}}年度$'"
            " THEN {0} <> left(s.title, 4) END)",
        ),
    ),
    "orgs": (
        ("jp_org_type", "type", "{} NOT IN ('district', 'school')"),
        ("jp_district_parent", "parentSourcedId", "{} IS NOT NULL AND s.type = 'district'"),
        (
            "jp_org_code",
            "identifier",
            "{} !~ CASE s.type WHEN 'school' THEN '^[A-H][12][0-4][0-9][123][0-9]{{8}}$'"
            " WHEN 'district' THEN '^[0-9]{{6}}$' END",
        ),
    ),
    "courses": (
        ("jp_course_code", "courseCode", "{} IS NOT NULL"),
        ("jp_course_title", "title", "{} !~ '^[0-9]{{4}}年度'"),
    ),
    "classes": (("jp_class_type", "classType", "left({}, 4) = 'ext:'"),),
    "users": (("jp_user_disabled", "enabledUser", "{} = 'false'"),),
    "roles": (
        ("jp_role", "role", f"{{}} NOT IN {_ROLES}"),
        ("jp_manager_primary", "role", f"{{}} IN {_MANAGERS} AND s.role_type = 'primary'"),
    ),
    "enrollments": (
        ("jp_enrollment_role", "role", "left({}, 4) = 'ext:'"),
        ("jp_student_primary", "primary", "{} = 'true' AND s.role = 'student'"),
    ),
    "demographics": (("jp_sex", "sex", "left({}, 4) = 'ext:'"),),
}
"""Code, column and predicate of what each file's cells should not be."""


def rules(file: StagedFile, profile: Profile) -> list[Rule]:
    """The rules for one file; none for a profile that is not Japanese."""
    if not profile.japanese:
        return []
    found = [
        _rule(code, column, predicate.format(column.cell), file)
        for code, csv, predicate in _CELLS.get(file.entity.name, ())
        if (column := file.columns.get(csv))
    ]
    for column in file.columns.staged:
        found += _of_any_file(column, file)
        if profile.stricter:
            found += _stricter(column, file)
    return found


def _rule(code: str, column: StagedColumn, predicate: str, file: StagedFile) -> Rule:
    alive = f" AND {live(file)}" if file.has("status") and "tobedeleted" in file.odd else ""
    return Rule(code, "warning", column, f"({predicate}){alive}")


def _of_any_file(column: StagedColumn, file: StagedFile) -> list[Rule]:
    cell = column.cell
    if column.field.csv == "grades":
        # Nearly all are one grade, which is told without an expression.
        one = ", ".join(f"'{grade}'" for grade in _GRADES)
        odd = f"{cell} NOT IN ({one}) AND {cell} !~ '^({_GRADE})(,({_GRADE}))*$'"
        return [_rule("jp_grade", column, odd, file)]
    if column.field.csv == "subjectCodes":
        odd = f"{cell} !~ '^({_SUBJECT})(,({_SUBJECT}))*$'"
        return [_rule("jp_subject_code", column, odd, file)]
    return []


def _stricter(column: StagedColumn, file: StagedFile) -> list[Rule]:
    """What the models of the 学習eポータル and of interoperability ask beyond that."""
    cell, csv, found = column.cell, column.field.csv, list[Rule]()
    if csv in REQUIRED_BY_STRICTER.get(file.entity.name, ()):
        found.append(_rule("jp_value_missing", column, f"{cell} IS NULL", file))
    if csv in _WORDING:
        found.append(_rule("jp_half_width", column, f"{cell} ~ '[\uff61-\uff9f]'", file))
    elif csv.startswith("metadata.jp.kana"):
        found.append(_rule("jp_kana", column, f"{cell} !~ '^[ァ-ヶー・\u3000 ]+$'", file))
    elif csv == "userMasterIdentifier":
        found.append(_rule("jp_master_identifier", column, f"{cell} !~ '{_UUID_4}'", file))
    return found


TEACHER = "t.role_type = 'primary' AND t.role = 'teacher'"
"""The role that every manager should have as well."""


def seen_by_others(entity: str, profile: Profile) -> tuple[str, ...]:
    """The columns of an entity by which other rows are judged in `check`."""
    roles = profile.japanese and entity == "roles"
    return ("userSourcedId", "roleType", "role") if roles else ()


def check(scene: Scene) -> None:
    """A manager is a teacher in the first place: the user has a primary role of that kind."""
    file = scene.file
    if not scene.profile.japanese or file.entity.name != "roles":
        return
    teacher = f"t.user_sourced_id = s.user_sourced_id AND {TEACHER}"
    rows = (
        f"SELECT s.line, s.user_sourced_id AS value, s.role AS other FROM {file.table} s"
        f" WHERE s.role_type = 'secondary' AND s.role IN {_MANAGERS} AND {live(file)}"
        f" AND NOT EXISTS (SELECT FROM {file.table} t WHERE {teacher} AND {live(file, 't')})"
        f" AND NOT EXISTS (SELECT FROM roles t WHERE {teacher} AND t.status = 'active')"
    )
    details = "jsonb_build_object('value', left(value, 100), 'other', other)"
    warning(scene, "jp_manager_alone", "userSourcedId", rows, details)
