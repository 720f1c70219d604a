"""The part of a roster that belongs to some orgs and those under them: sets of sourcedIds in SQL.

What is in it refers to nothing outside: it can be imported by itself. Rows that cannot do without
something that is deleted are left out. `IN` rather than joins: a set of unknown size then makes no
estimate larger.
"""

from collections.abc import Callable

from rosterhub.model.entities import ENTITIES, Entity


def sets(orgs: str, prefix: str, live: Callable[[Entity], str]) -> list[str]:
    """The definitions for a WITH RECURSIVE: of each file a set, `prefix` and the table's name.

    `orgs` is SQL for an array of sourcedIds, `live` gives the FROM item of an entity's live rows.
    """
    tables = {e.table: live(e) for e in ENTITIES.values()}
    return [
        f"{prefix}{name} AS ({query.format(p=prefix, ids=orgs, **tables)})"
        for name, query in _SETS.items()
    ]


def _through(table: str, *references: tuple[str, str]) -> str:
    """Rows of a link file whose ends are both there."""
    there = " AND ".join(
        f"t.{column} IN (SELECT sourced_id FROM {target} x)" for column, target in references
    )
    columns = dict.fromkeys(["sourced_id", *(column for column, _ in references)])
    return f"SELECT {', '.join(f't.{c}' for c in columns)} FROM {{{table}}} t WHERE {there}"


_SETS = {
    "inside": (
        "SELECT sourced_id FROM {orgs} o WHERE sourced_id = ANY({ids})"
        " UNION SELECT o.sourced_id FROM {orgs} o JOIN {p}inside i"
        " ON o.parent_sourced_id = i.sourced_id"
    ),
    "classes": (
        "SELECT c.sourced_id, c.course_sourced_id, c.term_sourced_ids, k.org_sourced_id,"
        " k.school_year_sourced_id FROM {classes} c"
        " JOIN {courses} k ON k.sourced_id = c.course_sourced_id"
        " WHERE c.school_sourced_id IN (SELECT sourced_id FROM {p}inside)"
        " AND k.org_sourced_id IN (SELECT sourced_id FROM {orgs} o)"
        " AND EXISTS (SELECT FROM {academic_sessions} s"
        " WHERE s.sourced_id = ANY(c.term_sourced_ids))"
    ),
    "courses": "SELECT DISTINCT course_sourced_id AS sourced_id FROM {p}classes",
    "enrollments": _through(
        "enrollments",
        ("class_sourced_id", "{p}classes"),
        ("user_sourced_id", "{users}"),
        ("school_sourced_id", "{orgs}"),
    ),
    "roles": _through("roles", ("org_sourced_id", "{p}inside"), ("user_sourced_id", "{users}")),
    "members": (
        "SELECT user_sourced_id AS sourced_id FROM {p}roles"
        " UNION SELECT user_sourced_id FROM {p}enrollments"
    ),
    # With the guardians of the pupils.
    "users": (
        "SELECT sourced_id FROM {p}members UNION SELECT l.id"
        " FROM {users} u, unnest(u.agent_sourced_ids) AS l(id)"
        " WHERE u.sourced_id IN (SELECT sourced_id FROM {p}members)"
        " AND l.id IN (SELECT sourced_id FROM {users} a)"
    ),
    "user_profiles": _through("user_profiles", ("user_sourced_id", "{p}users")),
    "demographics": _through("demographics", ("sourced_id", "{p}users")),
    "line_items": _through(
        "line_items",
        ("class_sourced_id", "{p}classes"),
        ("category_sourced_id", "{categories}"),
        ("academic_session_sourced_id", "{academic_sessions}"),
        ("school_sourced_id", "{orgs}"),
    ),
    "score_scales": _through(
        "score_scales",
        ("class_sourced_id", "{p}classes"),
        ("course_sourced_id", "{p}courses"),
        ("org_sourced_id", "{orgs}"),
    ),
    "orgs": (
        "SELECT sourced_id FROM (SELECT sourced_id FROM {p}inside"
        " UNION SELECT org_sourced_id FROM {p}classes"
        " UNION SELECT school_sourced_id FROM {p}enrollments"
        " UNION SELECT school_sourced_id FROM {p}line_items"
        " UNION SELECT org_sourced_id FROM {p}score_scales) o"
        " UNION SELECT p.sourced_id FROM {p}orgs o JOIN {orgs} c ON c.sourced_id = o.sourced_id"
        " JOIN {orgs} p ON p.sourced_id = c.parent_sourced_id"
    ),
    "academic_sessions": (
        "SELECT s.sourced_id FROM (SELECT unnest(term_sourced_ids) FROM {p}classes"
        " UNION SELECT school_year_sourced_id FROM {p}classes"
        " UNION SELECT academic_session_sourced_id FROM {p}line_items) l(id)"
        " JOIN {academic_sessions} s ON s.sourced_id = l.id"
        " UNION SELECT p.sourced_id FROM {p}academic_sessions s"
        " JOIN {academic_sessions} c ON c.sourced_id = s.sourced_id"
        " JOIN {academic_sessions} p ON p.sourced_id = c.parent_sourced_id"
    ),
    "categories": "SELECT DISTINCT category_sourced_id AS sourced_id FROM {p}line_items",
    "results": _through(
        "results", ("line_item_sourced_id", "{p}line_items"), ("student_sourced_id", "{p}users")
    ),
    "line_item_learning_objective_ids": _through(
        "line_item_learning_objective_ids", ("line_item_sourced_id", "{p}line_items")
    ),
    "line_item_score_scales": _through(
        "line_item_score_scales",
        ("line_item_sourced_id", "{p}line_items"),
        ("score_scale_sourced_id", "{p}score_scales"),
    ),
    "result_learning_objective_ids": _through(
        "result_learning_objective_ids", ("result_sourced_id", "{p}results")
    ),
    "result_score_scales": _through(
        "result_score_scales",
        ("result_sourced_id", "{p}results"),
        ("score_scale_sourced_id", "{p}score_scales"),
    ),
    "class_resources": _through(
        "class_resources",
        ("class_sourced_id", "{p}classes"),
        ("resource_sourced_id", "{resources}"),
    ),
    "course_resources": _through(
        "course_resources",
        ("course_sourced_id", "{p}courses"),
        ("resource_sourced_id", "{resources}"),
    ),
    "user_resources": _through(
        "user_resources", ("user_sourced_id", "{p}users"), ("resource_sourced_id", "{resources}")
    ),
    "resources": (
        "SELECT resource_sourced_id AS sourced_id FROM {p}class_resources"
        " UNION SELECT resource_sourced_id FROM {p}course_resources"
        " UNION SELECT resource_sourced_id FROM {p}user_resources"
        " UNION SELECT l.id FROM {users} u, unnest(u.resource_sourced_ids) AS l(id)"
        " WHERE u.sourced_id IN (SELECT sourced_id FROM {p}users)"
        " AND l.id IN (SELECT sourced_id FROM {resources} r)"
    ),
}
