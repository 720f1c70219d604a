"""What looks wrong with a roster as a whole though every row of it is right: pupils without
classes, classes without pupils, and the like (docs/roster-health.md). Only told, never refused.

One SQL definition of each finding, over the tables by their plain names: what these are, the roster
as it is or as an import would make it (`as_it_would_be`), is for the caller to say.
"""

from dataclasses import dataclass
from typing import Any

from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer.issues import Language
from rosterhub.transfer.spreadsheet import harmless_sql

SHOWN = 100
"""Records of each finding that a document lists; all are counted, and the CSV has them all."""
COLUMNS = ("finding", "sourcedId", "orgSourcedId", "name", "others")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to find: SQL for id, org, name and others, and what to call it."""

    query: str
    en: str
    ja: str


def _enrolled(one: str, table: str, other: str) -> str:
    """Who, or what, is enrolled with an active row of `table`, by the role that the pupil or the
    teacher has in it.
    """
    return f"""
        SELECT e.{one} AS id, e.role FROM enrollments e
          JOIN {table} o ON o.sourced_id = e.{other} AND o.status = 'active'
         WHERE e.status = 'active' AND e.role IN ('student', 'teacher') GROUP BY 1, 2"""


_SHARED = {
    "pupil": """
        SELECT r.user_sourced_id AS id, min(r.org_sourced_id) AS org FROM roles r
         WHERE r.status = 'active' AND r.role = 'student' GROUP BY 1""",
    "teacher": """
        SELECT r.user_sourced_id AS id, min(r.org_sourced_id) AS org FROM roles r
         WHERE r.status = 'active' AND r.role = 'teacher' GROUP BY 1""",
    "person": """
        SELECT u.sourced_id AS id, u.family_name || ' ' || u.given_name AS name, u.grades
          FROM users u WHERE u.status = 'active'""",
    "class": """
        SELECT c.sourced_id AS id, c.school_sourced_id AS org, c.title AS name,
               c.course_sourced_id, c.class_type = 'homeroom' AS homeroom
          FROM classes c WHERE c.status = 'active'""",
    "placed": _enrolled("user_sourced_id", "classes", "class_sourced_id"),
    "peopled": _enrolled("class_sourced_id", "users", "user_sourced_id"),
    "same": """
        SELECT array_agg(u.sourced_id ORDER BY u.sourced_id) AS ids,
               u.family_name || ' ' || u.given_name AS name
          FROM users u JOIN demographics d ON d.sourced_id = u.sourced_id AND d.status = 'active'
         WHERE u.status = 'active' AND d.birth_date IS NOT NULL
         GROUP BY d.birth_date, u.family_name, u.given_name,
                  coalesce(u.metadata ->> 'jp.kanaFamilyName', ''),
                  coalesce(u.metadata ->> 'jp.kanaGivenName', '')
        HAVING count(*) > 1""",
}
"""What the findings look at, by its name in their queries. None looks at another: temporary tables
keep parallel workers out, and these are what takes time.
"""


def _people(role: str, without: str) -> str:
    return (
        f"SELECT u.id, r.org, u.name, NULL FROM {role} r JOIN person u USING (id) WHERE {without}"
    )


def _in_no_class(role: str) -> str:
    return f"NOT EXISTS (SELECT FROM placed p WHERE p.id = u.id AND p.role = '{role}')"


def _classes(which: str, without: str) -> str:
    return (
        f"SELECT c.id, c.org, c.name, NULL FROM class c WHERE {which}"
        f" AND NOT EXISTS (SELECT FROM peopled p WHERE p.id = c.id AND p.role = '{without}')"
    )


FINDINGS = {
    "pupilsWithoutEnrollments": Finding(
        _people("pupil", _in_no_class("student")),
        "Pupils who are enrolled in no class",
        "どのクラスにも在籍していない児童生徒",
    ),
    "pupilsWithoutGrade": Finding(
        _people("pupil", "coalesce(cardinality(u.grades), 0) = 0"),
        "Pupils without a grade",
        "学年のない児童生徒",
    ),
    "homeroomsWithoutTeacher": Finding(
        _classes("c.homeroom", "teacher"), "Homerooms without a teacher", "教員のいない学級"
    ),
    "homeroomsWithoutPupils": Finding(
        _classes("c.homeroom", "student"), "Homerooms without pupils", "児童生徒のいない学級"
    ),
    "classesWithoutTeacher": Finding(
        _classes("NOT c.homeroom", "teacher"),
        "Other classes without a teacher",
        "教員のいない授業クラス",
    ),
    "classesWithoutPupils": Finding(
        _classes("NOT c.homeroom", "student"),
        "Other classes without pupils",
        "児童生徒のいない授業クラス",
    ),
    "teachersWithoutClasses": Finding(
        _people("teacher", _in_no_class("teacher")),
        "Teachers who teach no class",
        "どのクラスも担当していない教員",
    ),
    "coursesWithoutClasses": Finding(
        "SELECT k.sourced_id, k.org_sourced_id, k.title, NULL FROM courses k"
        " WHERE k.status = 'active'"
        " AND NOT EXISTS (SELECT FROM class c WHERE c.course_sourced_id = k.sourced_id)",
        "Courses without classes",
        "クラスのないコース",
    ),
    "samePerson": Finding(
        "SELECT id, NULL, name, array_to_string(array_remove(ids, id), ' ')"
        " FROM same, unnest(ids) AS id",
        "People with the same name, reading and birth date",
        "氏名・ふりがな・生年月日が同じ人",
    ),
}
"""By the names of documents and CSV. A record may be in more than one."""

_EVERY = "found(finding, id, org, name, others) AS (" + " UNION ALL ".join(
    f"SELECT '{name}'::text, q.* FROM ({finding.query}) AS q(id, org, name, others)"
    for name, finding in FINDINGS.items()
)
FOUND = f"WITH {', '.join(f'{name} AS ({query})' for name, query in _SHARED.items())}, {_EVERY}"
"""All that is found, as `found`, once the parenthesis is closed."""

_FIRST = (
    "SELECT finding, id, org, name, others, total FROM (SELECT f.*,"
    " count(*) OVER (PARTITION BY finding) AS total,"
    " row_number() OVER (PARTITION BY finding ORDER BY org NULLS LAST, id) AS n FROM {} f) f"
    f" WHERE n <= {SHOWN} ORDER BY finding, n"
)
_KEPT = (
    "(SELECT finding, sourced_id AS id, org_sourced_id AS org, name, others"
    " FROM import_health WHERE import_id = {})"
)


def document(connection: Connection, import_id: int | None = None) -> dict[str, Any]:
    """Each finding with its `count` and its first `SHOWN` records: of the roster, or what was kept
    of it as the import with this id would make it.
    """
    if import_id is None:
        query = f"{FOUND}) {_FIRST.format('found')}"
    else:
        query = _FIRST.format(_KEPT.format(import_id))
    made: dict[str, Any] = {name: {"count": 0, "records": []} for name in FINDINGS}
    for finding, sourced_id, org, name, others, total in connection.execute(compiled(query)):
        made[finding]["count"] = total
        record = {"sourcedId": sourced_id, "orgSourcedId": org, "name": name}
        if others is not None:
            record["others"] = others.split(" ")
        made[finding]["records"].append(record)
    return made


def copy_csv(import_id: int | None = None) -> bytes:
    """The COPY of everything found as CSV for a spreadsheet, header and all."""
    cells = ("finding", "id", "org", "name", "others")
    shown = ", ".join(
        f'{harmless_sql(cell)} AS "{column}"' for cell, column in zip(cells, COLUMNS, strict=True)
    )
    what = f"SELECT {shown} FROM {{}} f ORDER BY finding, org NULLS LAST, id"
    if import_id is None:
        query = f"{FOUND}) {what.format('found')}"
    else:
        query = what.format(_KEPT.format(import_id))
    return compiled(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)")


def write(connection: Connection, import_id: int) -> None:
    """Keep all that is found with the import, in place of what was kept before; in a transaction.

    What is shared is laid out first: of views over views nobody can tell how large they are.
    """
    connection.execute("DELETE FROM import_health WHERE import_id = %s", [import_id])
    for name, query in _SHARED.items():
        connection.execute(compiled(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS {query}"))
        connection.execute(compiled(f"ANALYZE {name}"))
    connection.execute(
        compiled(
            f"WITH {_EVERY}) INSERT INTO import_health"
            " (import_id, finding, sourced_id, org_sourced_id, name, others)"
            f" SELECT {import_id}, f.* FROM found f"
        )
    )


def title(finding: str, language: Language) -> str:
    """What to call a finding."""
    known = FINDINGS[finding]
    return known.ja if language == "ja" else known.en
