"""What an import would change, record by record and field by field, for people to look at before.

Written for dry runs and for imports that wait for a person, from their plans; kept with the import
in import_changes until it is pruned. Nothing here touches the roster.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, cast

from rosterhub.model.values import PLACEHOLDER
from rosterhub.store.connect import Connection, compiled, literal
from rosterhub.transfer import convert
from rosterhub.transfer.compare import CREATE, DELETE, UPDATE, Plan
from rosterhub.transfer.staged import StagedFile

SELECT = (
    "SELECT id, entity, file, line, sourced_id, action, changes FROM import_changes"
    " WHERE import_id = %s AND id > %s"
    " AND (%s::text IS NULL OR entity = %s) AND (%s::text IS NULL OR action = %s) ORDER BY id"
)
"""The changes of an import after the one with an id; of an entity, with an action, if given."""

ACTIONS = ("created", "updated", "deleted")


def write(connection: Connection, import_id: int, plans: list[Plan]) -> None:
    """Write down what `plans` would do, in place of what was written for the import before."""
    connection.execute("DELETE FROM import_changes WHERE import_id = %s", [import_id])
    for plan in plans:
        values = {"import": import_id, "entity": plan.file.entity.name, "file": plan.file.name}
        if plan.created or plan.updated or plan.deleted:
            connection.execute(compiled(_rows(plan)), values)
        if plan.gone.count:
            connection.execute(compiled(_gone(plan)), values)


def _rows(plan: Plan) -> str:
    file = plan.file
    return (
        "INSERT INTO import_changes (import_id, entity, file, line, sourced_id, action, changes)"
        " SELECT %(import)s, %(entity)s, %(file)s,"
        f" {'NULL' if file.derived else 'p.line'}, s.sourced_id,"
        f" CASE p.action WHEN '{CREATE}' THEN 'created' WHEN '{UPDATE}' THEN 'updated'"
        f" ELSE 'deleted' END, CASE p.action WHEN '{UPDATE}' THEN {_changes(file)} END"
        f" FROM {plan.table} p JOIN {file.table} s USING (line)"
        f" LEFT JOIN {file.entity.table} t ON t.sourced_id = s.sourced_id"
        f" WHERE p.action IN ('{CREATE}', '{UPDATE}', '{DELETE}') ORDER BY p.line"
    )


def _gone(plan: Plan) -> str:
    return (
        "INSERT INTO import_changes (import_id, entity, file, sourced_id, action)"
        " SELECT %(import)s, %(entity)s, %(file)s, g.sourced_id, 'deleted'"
        f" FROM {plan.gone.table} g ORDER BY g.sourced_id"
    )


def _changes(file: StagedFile) -> str:
    """SQL for `{column: [old, new]}` of the fields in which a row differs from what is held."""
    names = {f.column: f.csv for f in file.entity.stored_fields} | {"status": "status"}
    pairs = [(names[column], f't."{column}"', value) for column, value in convert.fields(file)] + [
        (c.field.csv, f"t.metadata -> {literal(c.field.metadata_key or '')}", convert.cell(c))
        for c in convert.metadata_columns(file)
    ]
    if convert.takes_mark_away(file):
        mark = f"t.metadata -> {literal(PLACEHOLDER)}"
        pairs.append((f"metadata.{PLACEHOLDER}", mark, "NULL::jsonb"))
    parts = (
        f"CASE WHEN to_jsonb({old}) IS DISTINCT FROM to_jsonb({new}) THEN"
        f" jsonb_build_object({literal(name)}, jsonb_build_array({old}, {new}))"
        " ELSE '{}' END"
        for name, old, new in pairs
    )
    return f"({' || '.join(parts)})"


def documents(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Rows of `SELECT` as the API shows them."""
    return [
        {
            "id": str(row[0]),
            "entity": row[1],
            "file": row[2],
            "line": row[3],
            "sourcedId": row[4],
            "action": row[5],
            "changes": {n: {"old": old, "new": new} for n, (old, new) in _pairs(row[6])},
        }
        for row in rows
    ]


def _pairs(changes: dict[str, tuple[Any, Any]] | None) -> Iterable[tuple[str, tuple[Any, Any]]]:
    return changes.items() if changes else ()


HEADER = ("entity", "file", "line", "sourcedId", "action", "column", "old", "new")
"""The columns of the difference as CSV: a line for each changed field."""


def lines(row: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The CSV lines of a row of `SELECT`."""
    _, entity, file, line, sourced_id, action, changes = row
    begin = (entity, file, line, sourced_id, action)
    for name, (old, new) in _pairs(changes) or (("", (None, None)),):
        yield (*begin, name, _cell(old), _cell(new))


def text(row: tuple[Any, ...]) -> bytes:
    """A row of `SELECT` as lines of text for a person."""
    _, entity, file, line, sourced_id, action, changes = row
    place = f" ({file}:{line})" if line else ""
    out = [f"{_SIGNS[action]} {entity} {sourced_id}{place}"]
    for name, (old, new) in _pairs(changes):
        out.append(f"    {name}: {_cell(old) or '(blank)'} → {_cell(new) or '(blank)'}")
    return ("\n".join(out) + "\n").encode()


_SIGNS = {"created": "+", "updated": "~", "deleted": "-"}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(cast("list[Any]", value))
        return out.getvalue()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
