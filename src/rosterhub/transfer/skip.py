"""The rows in error taken out of the staging tables, with all that refer to them: on-error `skip`.

What is left can be applied as if it alone had been sent, but that nothing is deleted for being left
out. Set-based: a round for each step from a row in error to those that need it.
"""

from collections.abc import Iterable

from rosterhub.model.entities import ENTITIES, Field
from rosterhub.store.connect import compiled
from rosterhub.store.schema import LIVE
from rosterhub.transfer import records
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.findings import Scene, error, live, warning
from rosterhub.transfer.issues import Issue
from rosterhub.transfer.relations import reference, unique_among_held, unique_when_revived
from rosterhub.transfer.staged import StagedFile


def leave_out(scenes: list[Scene]) -> bool:
    """Take out the rows in error; False, and nothing done, where an error is not one of rows.

    Two rows that exclude each other both go: which of them is right would have to be guessed.
    """
    if _errors_of_files(scenes):
        return False
    for scene in scenes:
        _contradicted(scene)
        _create(scene)
    doubtful = _forget_deleted(scenes[0])
    fresh = _collected(scenes)
    for scene in scenes:
        _withhold_deletions(scene)
    _leave_out_the_rest(scenes, fresh)
    for scene in scenes:
        _look_again(scene, doubtful)
    _leave_out_the_rest(scenes, _collected(scenes))
    for scene in scenes:
        if scene.file.left_out:
            _take_out(scene)
    for scene in scenes:
        _warn_of_unneeded(scene)
    return True


def _leave_out_the_rest(scenes: list[Scene], fresh: set[str]) -> None:
    """All that needs what was left out of the entities `fresh`, to the end."""
    while fresh:
        for scene in scenes:
            _refer_to(scene, fresh)
            if scene.file.entity.name in fresh:
                _need_names(scene)
        fresh = _collected(scenes)


def _collected(scenes: list[Scene]) -> set[str]:
    """The entities of which more rows are in error by now."""
    return {scene.file.entity.name for scene in scenes if _collect(scene)}


def _errors_of_files(scenes: list[Scene]) -> bool:
    """Whether some error concerns a whole file, or a row of which nobody knows where it ends."""
    if not scenes or any(scene.file.broken for scene in scenes):
        return True
    files = [scene.file.name for scene in scenes]
    row = (
        scenes[0]
        .connection.execute(
            "SELECT EXISTS (SELECT FROM import_issues WHERE import_id = %s AND severity = 'error'"
            " AND (line > 1 AND file = ANY(%s)) IS NOT TRUE)",
            [scenes[0].import_id, files],
        )
        .fetchone()
    )
    return bool(row and row[0])


def _contradicted(scene: Scene) -> None:
    """The first of two rows that exclude each other: the second names its line."""
    scene.connection.execute(
        "INSERT INTO import_issues (import_id, severity, file, line, column_name, code, details)"
        " SELECT i.import_id, 'error', i.file, o.line, min(i.column_name), 'row_contradicted',"
        " jsonb_build_object('other_line', min(i.line)) FROM import_issues i,"
        " LATERAL (SELECT (i.details ->> 'other_line')::bigint AS line) o"
        " WHERE i.import_id = %s AND i.severity = 'error' AND i.file = %s"
        " AND i.details ? 'other_line' GROUP BY i.import_id, i.file, o.line ORDER BY o.line",
        [scene.import_id, scene.file.name],
    )


def _create(scene: Scene) -> None:
    out = scene.file.out_table
    scene.connection.execute(compiled(f"DROP TABLE IF EXISTS {out}"))
    scene.connection.execute(
        compiled(f"CREATE UNLOGGED TABLE {out} (line bigint PRIMARY KEY, sourced_id text)")
    )


def _collect(scene: Scene) -> int:
    """List the rows that are in error by now; how many are new.

    Rows that could not be staged have their sourcedId in their issue, if it could be read.
    """
    file = scene.file
    found = scene.connection.execute(
        compiled(
            f"INSERT INTO {file.out_table} SELECT i.line, coalesce(min(s.sourced_id),"
            f" min(i.details ->> 'row')) FROM import_issues i LEFT JOIN {file.table} s USING (line)"
            " WHERE i.import_id = %s AND i.severity = 'error' AND i.file = %s"
            f" AND NOT EXISTS (SELECT FROM {file.out_table} o WHERE o.line = i.line)"
            " GROUP BY i.line"
        ),
        [scene.import_id, file.name],
    ).rowcount
    if found:
        scene.connection.execute(compiled(f"ANALYZE {file.out_table}"))
    file.left_out += found
    return found


def _forget_deleted(scene: Scene) -> set[tuple[str, str]]:
    """Forget what was said of references to records that the import was taken to delete: fewer go
    than it seemed. The files and columns it was said of.
    """
    found = scene.connection.execute(
        "DELETE FROM import_issues WHERE import_id = %s"
        " AND code IN ('home_class_unknown', 'reference_deleted') RETURNING file, column_name",
        [scene.import_id],
    )
    return {(file, column) for file, column in found}


def _look_again(scene: Scene, doubtful: set[tuple[str, str]]) -> None:
    """Say what is still true of the columns `doubtful`, now that it is known what stays."""
    for column, target in _references(scene.file):
        if (scene.file.name, column.csv) in doubtful:
            reference(scene, column, target)


def _withhold_deletions(scene: Scene) -> None:
    """Where nobody knows whose row it is, every record that is not in the file may be meant."""
    file = scene.file
    if file.mode != "bulk" or not file.left_out:
        return
    row = scene.connection.execute(
        compiled(
            f"SELECT count(*), min(line) FROM {file.out_table} o WHERE sourced_id IS NULL"
            " OR EXISTS (SELECT FROM import_issues i WHERE i.import_id = %s AND i.file = %s"
            " AND i.severity = 'error' AND i.line = o.line AND i.column_name = 'sourcedId'"
            " AND i.code IN ('required_blank', 'guid_invalid', 'duplicate_sourced_id'))"
        ),
        [scene.import_id, file.name],
    ).fetchone()
    assert row is not None
    if row[0]:
        file.withheld = True
        details = {"value": row[0], "entity": file.entity.name}
        issue = Issue("deletions_withheld", "warning", file.name, row[1], "sourcedId", details)
        records.add_issues(scene.connection, scene.import_id, [issue])
        for column in file.columns.staged:
            if column.field.unique:
                unique_among_held(scene, column)
        unique_when_revived(scene, file.out_table)


def _references(file: StagedFile) -> Iterable[tuple[StagedColumn, str]]:
    """The columns that lead to other records, with the entity that each leads to."""
    for column in file.columns.staged:
        if column.field.reference:
            yield column, column.field.reference
        if file.entity.identity_of and column.field.csv == "sourcedId":
            yield column, file.entity.identity_of


def _needed(field: Field) -> bool:
    """Whether a row cannot do without what `field` leads to: a home-room class, it can."""
    return field.metadata_key is None


def _rows_to(scene: Scene, column: StagedColumn, target: StagedFile) -> str:
    """SQL for the rows that refer to a row of `target` that is left out, and their values."""
    values, value = column.values
    return (
        f"SELECT s.line, min({value}) AS value FROM {scene.file.table} s{values}"
        f" WHERE {value} IN (SELECT sourced_id FROM {target.out_table})"
        f" AND NOT EXISTS (SELECT FROM {scene.file.out_table} o WHERE o.line = s.line)"
        " GROUP BY s.line"
    )


def _refer_to(scene: Scene, fresh: set[str]) -> None:
    """Rows that refer to rows left out are left out."""
    for column, target in _references(scene.file):
        if target in fresh and _needed(column.field):
            details = "jsonb_build_object('value', left(value, 100), 'target', %(target)s::text)"
            rows = _rows_to(scene, column, scene.staged[target])
            file = ENTITIES[target].file
            error(scene, "refers_to_left_out", column.csv, rows, details, target=file)


def _need_names(scene: Scene) -> None:
    """Rows that take over a name from a record whose row is left out, and which so keeps it."""
    file = scene.file
    for column in file.columns.staged:
        if column.field.unique:
            rows = (
                f"SELECT s.line, {column.cell} AS value, t.sourced_id AS other"
                f" FROM {file.out_table} o JOIN {file.entity.table} t USING (sourced_id)"
                f' JOIN {file.table} s ON {column.cell} = t."{column.field.column}"'
                f" WHERE t.{LIVE} AND {live(file)} AND s.sourced_id <> t.sourced_id"
                f" AND NOT EXISTS (SELECT FROM {file.out_table} x WHERE x.line = s.line)"
            )
            details = "jsonb_build_object('value', left(value, 100), 'other', other)"
            error(scene, f"{column.field.column}_held", column.csv, rows, details)
    unique_when_revived(scene, file.out_table)


def _take_out(scene: Scene) -> None:
    file = scene.file
    file.spares = f"(t.sourced_id IN (SELECT sourced_id FROM {file.out_table}))"
    scene.connection.execute(
        compiled(f"DELETE FROM {file.table} s USING {file.out_table} o WHERE o.line = s.line")
    )


def _warn_of_unneeded(scene: Scene) -> None:
    """Rows that stay and refer to one left out which they can do without."""
    for column, target in _references(scene.file):
        file = scene.staged.get(target)
        if file and file.left_out and not _needed(column.field):
            held = f"SELECT FROM {file.entity.table} t WHERE t.sourced_id = q.value AND t.{LIVE}"
            rows = f"SELECT * FROM ({_rows_to(scene, column, file)}) q WHERE NOT EXISTS ({held})"
            details = "jsonb_build_object('value', left(value, 100), 'target', %(target)s::text)"
            aim = file.entity.file
            warning(scene, "home_class_unknown", column.csv, rows, details, target=aim)
