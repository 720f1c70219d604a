"""Where two rows must agree beyond one leading to the other (spec/csv.md, "Files").

The standard's own sentences, no more: what kind of record a reference leads to, whose profile a
role names, one primary role a school, a score within its line item's bounds.
"""

from rosterhub.model.entities import ENTITIES
from rosterhub.model.values import NUMBER
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.findings import Scene, error, live, warning

SEEN_BY_OTHERS = {
    **{
        f.reference: ("type",)
        for entity in ENTITIES.values()
        for f in entity.fields
        if f.reference and f.target_type
    },
    "userProfiles": ("userSourcedId",),
    "lineItems": ("resultValueMin", "resultValueMax", "classSourcedId"),
}
"""The columns of an entity by which rows of another are judged here."""

_TARGET = "jsonb_build_object('value', left(value, 100), 'other', other)"


def check(scene: Scene) -> None:
    """Write the issues of one file."""
    for column in scene.file.columns.staged:
        if column.field.target_type:
            _type_of_target(scene, column, column.field.target_type)
    match scene.file.entity.name:
        case "roles":
            _one_primary_role(scene)
            _primary_role_held(scene)
            _own_profile(scene)
        case "lineItems":
            _bounds(scene)
        case "results":
            _score_in_bounds(scene)
            _class_of_line_item(scene)
        case _:
            pass


def _meant(scene: Scene, target: str, column: StagedColumn, *wanted: str) -> tuple[str, list[str]]:
    """Joins from `s` to the record that `column` names, as it will be; SQL for fields of it."""
    entity = ENTITIES[target]
    joins = f" LEFT JOIN {entity.table} t ON t.sourced_id = {column.cell}"
    fields = [entity.by_name[csv] for csv in wanted]
    file = scene.staged.get(target)
    if not file:
        return joins, [f't."{f.column}"::text' for f in fields]
    joins += f" LEFT JOIN {file.table} a ON a.sourced_id = {column.cell}"
    values: list[str] = []
    for field in fields:
        held = f't."{field.column}"::text'
        staged = f'a."{field.column}"' if file.has(field.csv) else held
        values.append(f"CASE WHEN a.line IS NULL THEN {held} ELSE {staged} END")
    return joins, values


def _type_of_target(scene: Scene, column: StagedColumn, wanted: str) -> None:
    """A class's school is an org of type school, and the like."""
    assert column.field.reference is not None
    joins, (kind,) = _meant(scene, column.field.reference, column, "type")
    rows = (
        f"SELECT s.line, {column.cell} AS value, {kind} AS other FROM {scene.file.table} s"
        f"{joins} WHERE {live(scene.file)} AND {kind} <> %(wanted)s"
    )
    details = f"{_TARGET} || jsonb_build_object('known', %(wanted)s::text)"
    warning(scene, "reference_type", column.csv, rows, details, wanted=wanted)


def _one_primary_role(scene: Scene) -> None:
    """At most one primary role for a user in an org."""
    rows = (
        "SELECT line, user_sourced_id AS value, first_line FROM (SELECT line, user_sourced_id,"
        " min(line) OVER (PARTITION BY user_sourced_id, org_sourced_id) AS first_line"
        f" FROM {scene.file.table} s WHERE role_type = 'primary' AND {live(scene.file)}"
        " AND user_sourced_id IS NOT NULL AND org_sourced_id IS NOT NULL) d"
        " WHERE line > first_line"
    )
    details = "jsonb_build_object('value', left(value, 100), 'other_line', first_line)"
    error(scene, "second_primary_role", "roleType", rows, details)


def _primary_role_held(scene: Scene) -> None:
    """The same against roles that we hold and that the file leaves as they are."""
    rows = (
        "SELECT s.line, s.user_sourced_id AS value, t.sourced_id AS other"
        f" FROM {scene.file.table} s JOIN roles t ON t.user_sourced_id = s.user_sourced_id"
        " AND t.org_sourced_id = s.org_sourced_id"
        f" WHERE s.role_type = 'primary' AND {live(scene.file)} AND t.role_type = 'primary'"
        f" AND t.status = 'active' AND t.sourced_id <> s.sourced_id"
        f" AND {scene.file.stays('%(source)s')}"
        f" AND NOT EXISTS (SELECT FROM {scene.file.table} o WHERE o.sourced_id = t.sourced_id)"
    )
    warning(scene, "primary_role_held", "roleType", rows, _TARGET, source=scene.source)


def _own_profile(scene: Scene) -> None:
    """A role names a profile of its own user."""
    column = scene.file.columns.get("userProfileSourcedId")
    if not column or "userProfiles" in scene.unread:
        return
    joins, (owner,) = _meant(scene, "userProfiles", column, "userSourcedId")
    rows = (
        f"SELECT s.line, {column.cell} AS value, {owner} AS other FROM {scene.file.table} s"
        f"{joins} WHERE {live(scene.file)} AND {owner} <> s.user_sourced_id"
    )
    error(scene, "profile_of_another", column.csv, rows, _TARGET)


def _bounds(scene: Scene) -> None:
    """resultValueMin <= resultValueMax, where both are numbers."""
    if not (scene.file.has("resultValueMin") and scene.file.has("resultValueMax")):
        return
    rows = (
        f"SELECT line, result_value_min AS value FROM {scene.file.table} s WHERE {live(scene.file)}"
        f" AND {_number('result_value_min')} > {_number('result_value_max')}"
    )
    details = "jsonb_build_object('value', left(value, 100))"
    error(scene, "min_over_max", "resultValueMin", rows, details)


def _score_in_bounds(scene: Scene) -> None:
    """A score lies between its line item's resultValueMin and resultValueMax."""
    line_item = scene.file.columns.get("lineItemSourcedId")
    if not line_item or not scene.file.has("score"):
        return
    joins, (low, high) = _meant(scene, "lineItems", line_item, "resultValueMin", "resultValueMax")
    low, high, score = _number(low), _number(high), _number("s.score")
    rows = (
        f"SELECT s.line, s.score AS value, concat_ws(' … ', {low}, {high}) AS other"
        f" FROM {scene.file.table} s{joins}"
        f" WHERE {live(scene.file)} AND ({score} < {low} OR {score} > {high})"
    )
    warning(scene, "score_out_of_bounds", "score", rows, _TARGET)


def _class_of_line_item(scene: Scene) -> None:
    """A result's class is the class of its line item."""
    line_item = scene.file.columns.get("lineItemSourcedId")
    if not line_item or not scene.file.has("classSourcedId"):
        return
    joins, (theirs,) = _meant(scene, "lineItems", line_item, "classSourcedId")
    rows = (
        f"SELECT s.line, s.class_sourced_id AS value, {theirs} AS other"
        f" FROM {scene.file.table} s{joins}"
        f" WHERE {live(scene.file)} AND s.class_sourced_id <> {theirs}"
    )
    warning(scene, "class_of_another", "classSourcedId", rows, _TARGET)


def _number(cell: str) -> str:
    """SQL for the number in a text; NULL where there is none."""
    return f"CASE WHEN {cell} ~ '{NUMBER}' THEN ({cell})::numeric END"
