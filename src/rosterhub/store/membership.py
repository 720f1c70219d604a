"""Which records a path means, in SQL: restrictions such as `/teachers`, and what a nested path goes
through (spec/rest.md, "Query parameters", last lines).

Every condition is on the row `t` of the collection's table; `{id}` is the parent's placeholder.
"""

from rosterhub.model.entities import RECORDS
from rosterhub.model.filters import Node, clauses
from rosterhub.model.operations import Kind, Operation
from rosterhub.store.schema import LIVE


def restriction(kind: Kind, row: str = "t") -> str | None:
    """The condition that makes a record one of `kind`; None when each of its entity is."""
    if not kind.field:
        return None
    if kind.field == "roles.role":
        return (
            f"EXISTS (SELECT FROM roles r WHERE r.user_sourced_id = {row}.sourced_id"
            f" AND r.role = '{kind.value}'"
            f" AND (r.status = 'active' OR {row}.status = 'tobedeleted'))"
        )
    return f"{row}.{kind.field} = '{kind.value}'"


def exists(kind: Kind, placeholder: str) -> str:
    """SQL for whether there is the parent that a nested path names."""
    more = restriction(kind, "p")
    only = f" AND {more}" if more else ""
    table = RECORDS[kind.entity].table
    return f"EXISTS (SELECT FROM {table} p WHERE p.sourced_id = {placeholder}{only})"


def members(operation: Operation, placeholders: list[str]) -> list[str]:
    """The conditions that each parent of a nested path makes."""
    child = operation.kind
    made: list[str] = []
    for parent, placeholder in zip(operation.parents, placeholders, strict=True):
        through = _THROUGH[parent.kind.entity, child.entity]
        role = (child if child.entity == "users" else parent.kind).value
        made.append(
            through.format(
                id=placeholder,
                enrolled=f" AND e.role = '{role}'" if role in _ENROLLED else "",
                role=f" AND r.role = '{role}'" if role in _ENROLLED else "",
            )
        )
    return made


def unasked(operation: Operation, asked: Node | None) -> str | None:
    """The condition that keeps deleted records out of a nested list of the gradebook, whose clients
    take what it shows for what there is; None where the filter `asked` names the status.
    """
    if not operation.parents or operation.service != "gradebook":
        return None
    named = asked is not None and any(clause.field == "status" for clause in clauses(asked))
    return None if named else f"t.{LIVE}"


def reads(operation: Operation) -> set[str]:
    """The entities whose rows decide which records `operation` returns."""
    used = {operation.kind.entity}
    if operation.kind.field == "roles.role":
        used.add("roles")
    for parent in operation.parents:
        used |= {parent.kind.entity, *_READ_THROUGH.get(operation.kind.entity, ())}
    return used


_ENROLLED = frozenset({"student", "teacher"})

_OF_ITS_LINE_ITEMS = "FROM line_items l WHERE l.class_sourced_id = {id} AND l.status = 'active'"
_THROUGH = {
    ("classes", "users"): (
        "t.sourced_id IN (SELECT e.user_sourced_id FROM enrollments e"
        " WHERE e.class_sourced_id = {id} AND e.status = 'active'{enrolled})"
    ),
    # A pupil who is not in a class yet has the role already; one who visits has the enrollment.
    ("orgs", "users"): (
        "t.sourced_id IN (SELECT r.user_sourced_id FROM roles r"
        " WHERE r.org_sourced_id = {id} AND r.status = 'active'{role}"
        " UNION SELECT e.user_sourced_id FROM enrollments e"
        " WHERE e.school_sourced_id = {id} AND e.status = 'active'{enrolled})"
    ),
    ("users", "classes"): (
        "t.sourced_id IN (SELECT e.class_sourced_id FROM enrollments e"
        " WHERE e.user_sourced_id = {id} AND e.status = 'active'{enrolled})"
    ),
    ("orgs", "academicSessions"): (
        "t.sourced_id IN (SELECT unnest(c.term_sourced_ids) FROM classes c"
        " WHERE c.school_sourced_id = {id} AND c.status = 'active')"
    ),
    ("courses", "classes"): "t.course_sourced_id = {id}",
    ("orgs", "classes"): "t.school_sourced_id = {id}",
    ("academicSessions", "classes"): "t.term_sourced_ids @> ARRAY[{id}]",
    ("academicSessions", "academicSessions"): "t.parent_sourced_id = {id}",
    ("orgs", "courses"): "t.org_sourced_id = {id}",
    ("orgs", "enrollments"): "t.school_sourced_id = {id}",
    ("classes", "enrollments"): "t.class_sourced_id = {id}",
    # A class has every category until it has a line item, which needs one.
    ("classes", "categories"): (
        f"CASE WHEN EXISTS (SELECT {_OF_ITS_LINE_ITEMS})"
        f" THEN t.sourced_id IN (SELECT l.category_sourced_id {_OF_ITS_LINE_ITEMS})"
        " ELSE t.status = 'active' END"
    ),
    ("classes", "lineItems"): "t.class_sourced_id = {id}",
    # A result may leave its class to its line item.
    ("classes", "results"): (
        "t.line_item_sourced_id IN (SELECT l.sourced_id FROM line_items l"
        " WHERE l.class_sourced_id = {id})"
    ),
    ("lineItems", "results"): "t.line_item_sourced_id = {id}",
    ("users", "results"): "t.student_sourced_id = {id}",
    ("classes", "scoreScales"): "t.class_sourced_id = {id}",
    ("orgs", "scoreScales"): "t.org_sourced_id = {id}",
    ("classes", "resources"): (
        "t.sourced_id IN (SELECT l.resource_sourced_id FROM class_resources l"
        " WHERE l.class_sourced_id = {id} AND l.status = 'active')"
    ),
    ("courses", "resources"): (
        "t.sourced_id IN (SELECT l.resource_sourced_id FROM course_resources l"
        " WHERE l.course_sourced_id = {id} AND l.status = 'active')"
    ),
    ("users", "resources"): (
        "t.sourced_id IN (SELECT l.resource_sourced_id FROM user_resources l"
        " WHERE l.user_sourced_id = {id} AND l.status = 'active'"
        " UNION SELECT unnest(u.resource_sourced_ids) FROM users u WHERE u.sourced_id = {id})"
    ),
}

_READ_THROUGH = {
    "users": ("enrollments", "roles"),
    "classes": ("enrollments",),
    "academicSessions": ("classes",),
    "categories": ("lineItems",),
    "results": ("lineItems",),
    "resources": ("classResources", "courseResources", "userResources", "users"),
}
"""What the conditions above read besides the two tables themselves."""
