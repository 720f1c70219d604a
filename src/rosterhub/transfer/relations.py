"""What staged rows must be to each other and to the records held: unique, leading somewhere.

All of it is anti-joins and groupings over the staging tables (spec/csv.md, "Bulk and delta").
"""

from psycopg import sql

from rosterhub.model.entities import ENTITIES, Field
from rosterhub.model.values import GUID_CHARACTERS, GUID_MAX_LENGTH
from rosterhub.store.connect import compiled
from rosterhub.store.schema import LIVE
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.findings import Scene, complete, error, live, warning


def check(scene: Scene) -> None:
    """Write the issues between rows, between files, and against the records held."""
    for column in _with_repetitions(scene):
        if column.field.unique:
            _unique_in_file(scene, column)
        else:
            _duplicates(scene)
    _unknown_deletions(scene)
    for column in scene.file.columns.staged:
        if column.field.unique:
            unique_among_held(scene, column)
        if column.field.reference:
            reference(scene, column, column.field.reference)
    unique_when_revived(scene)
    identity = scene.file.entity.identity_of
    if identity:
        column = scene.file.columns.get("sourcedId")
        assert column is not None
        reference(scene, column, identity)


def _with_repetitions(scene: Scene) -> list[StagedColumn]:
    """The columns in which some value stands twice that may stand there once; one scan for all.

    Counted by their hashes, which takes half the time: that two values share one of 64 bits does
    not happen, and would only cost a closer look.
    """
    columns = [c for c in scene.file.columns.staged if c.field.csv == "sourcedId" or c.field.unique]
    counts: list[str] = []
    for column in columns:
        cell = column.cell
        rows = f" FILTER (WHERE {live(scene.file)})" if column.field.unique else ""
        hashes = f"count(DISTINCT hashtextextended({cell}, 0)){rows}"
        counts.append(f"count({cell}){rows} - {hashes}")
    row = scene.connection.execute(
        compiled(f"SELECT {', '.join(counts)} FROM {scene.file.table} s")
    ).fetchone()
    assert row is not None
    return [column for column, repetitions in zip(columns, row, strict=True) if repetitions]


def malformed(cell: str) -> str:
    """The predicate: a value is no sourcedId (spec/csv.md, "Value forms")."""
    return (
        f"({cell} ~ '[^{GUID_CHARACTERS}]'"
        f" OR octet_length({cell}) NOT BETWEEN 1 AND {GUID_MAX_LENGTH})"
    )


def _duplicates(scene: Scene) -> None:
    """One sourcedId on two lines: an issue for each but the first, which it names."""
    table = scene.file.table
    twice = f"SELECT sourced_id FROM {table} GROUP BY 1 HAVING count(*) > 1"
    rows = (
        "SELECT line, sourced_id, first_line FROM (SELECT line, sourced_id,"
        " min(line) OVER (PARTITION BY sourced_id) AS first_line"
        f" FROM {table} WHERE sourced_id IN ({twice})) d WHERE line > first_line"
    )
    details = "jsonb_build_object('value', left(sourced_id, 100), 'other_line', first_line)"
    error(scene, "duplicate_sourced_id", "sourcedId", rows, details)


def _unknown_deletions(scene: Scene) -> None:
    """What is to be deleted should be there; a whole record is kept as a deleted one."""
    file = scene.file
    if file.has("status") and "tobedeleted" in file.odd:
        rows = (
            f"SELECT line, sourced_id AS value FROM {file.table} s WHERE NOT ({live(file)})"
            f" AND NOT ({complete(file)})"
            f" AND NOT {_exists(file.entity.table, 's.sourced_id')}"
        )
        details = "jsonb_build_object('value', left(value, 100))"
        warning(scene, "delete_unknown", "sourcedId", rows, details)


def _unique_in_file(scene: Scene, column: StagedColumn) -> None:
    """A value that only one live record may have, on two lines of the file."""
    cell, table, alive = f'"{column.sql}"', scene.file.table, live(scene.file)
    twice = (
        f"SELECT {cell} FROM {table} s WHERE {alive} AND {cell} IS NOT NULL"
        " GROUP BY 1 HAVING count(*) > 1"
    )
    rows = (
        f"SELECT line, {cell} AS value, first_line, first_id FROM ("
        f"SELECT line, {cell}, first_value(line) OVER w AS first_line,"
        f" first_value(sourced_id) OVER w AS first_id FROM {table} s"
        f" WHERE {alive} AND {cell} IN ({twice})"
        f" WINDOW w AS (PARTITION BY {cell} ORDER BY line)) d WHERE line > first_line"
    )
    error(scene, f"{column.field.column}_taken", column.csv, rows, _TAKEN)


_TAKEN = (
    "jsonb_build_object('value', left(value, 100), 'other', left(first_id, 100),"
    " 'other_line', first_line)"
)


def unique_among_held(scene: Scene, column: StagedColumn) -> None:
    """A value that a record has which we hold and which the import neither changes nor deletes.

    Two people who swap their usernames in one file are well: what counts is who would hold the
    name afterwards.
    """
    cell, table, entity = f'"{column.sql}"', scene.file.table, scene.file.entity
    rows = (
        f"SELECT s.line, s.{cell} AS value, t.sourced_id AS other FROM {table} s"
        f' JOIN {entity.table} t ON t."{column.field.column}" = s.{cell} AND t.{LIVE}'
        f" WHERE {live(scene.file)} AND t.sourced_id <> s.sourced_id"
        f" AND {scene.file.stays('%(source)s')}"
        f" AND NOT EXISTS (SELECT FROM {table} o WHERE o.sourced_id = t.sourced_id)"
    )
    details = "jsonb_build_object('value', left(value, 100), 'other', other)"
    code = f"{column.field.column}_held"
    error(scene, code, column.csv, rows, details, source=scene.source)


def unique_when_revived(scene: Scene, left_out: str | None = None) -> None:
    """A deleted record that comes back with the value it held, because the file has no such column,
    while another one has that value, or comes back with it too.

    Rows in the table `left_out` do nothing.
    """
    for field in scene.file.entity.fields:
        if field.unique and not scene.file.has(field.csv):
            _held_meanwhile(scene, field, left_out)
            if not left_out:
                _revived_twice(scene, field)


def _held_meanwhile(scene: Scene, field: Field, left_out: str | None) -> None:
    table, entity = scene.file.table, scene.file.entity
    sent = f"SELECT FROM {table} o WHERE o.sourced_id = t.sourced_id"
    deletes = f"{sent} AND NOT ({live(scene.file, 'o')})"
    if left_out:
        deletes += f" AND NOT EXISTS (SELECT FROM {left_out} x WHERE x.line = o.line)"
    rows = (
        f'SELECT s.line, h."{field.column}" AS value, t.sourced_id AS other'
        f" FROM {_revived(scene)}"
        f' JOIN {entity.table} t ON t."{field.column}" = h."{field.column}" AND t.{LIVE}'
        f" WHERE {live(scene.file)} AND NOT EXISTS ({deletes})"
        f" AND (EXISTS ({sent}) OR {scene.file.stays('%(source)s')})"
    )
    details = "jsonb_build_object('value', left(value, 100), 'other', other)"
    error(scene, f"{field.column}_held", field.csv, rows, details, source=scene.source)


def _revived_twice(scene: Scene, field: Field) -> None:
    value = f'h."{field.column}"'
    rows = (
        "SELECT line, value, first_line, first_id FROM ("
        f"SELECT s.line, {value} AS value, first_value(s.line) OVER w AS first_line,"
        f" first_value(s.sourced_id) OVER w AS first_id FROM {_revived(scene)}"
        f" WHERE {live(scene.file)} AND {value} IS NOT NULL"
        f" WINDOW w AS (PARTITION BY {value} ORDER BY s.line)) d WHERE line > first_line"
    )
    error(scene, f"{field.column}_taken", field.csv, rows, _TAKEN)


def _revived(scene: Scene) -> str:
    """SQL for the rows `s` of records `h` that are deleted, to look at those which are live."""
    table, held = scene.file.table, scene.file.entity.table
    return f"{table} s JOIN {held} h ON h.sourced_id = s.sourced_id AND NOT (h.{LIVE})"


def reference(scene: Scene, column: StagedColumn, target: str) -> None:
    """A reference must lead to a record of the package or one held; if that is deleted, or will
    be by this import, a warning says so. Rows that are left out by now delete nothing.

    Its form is looked at only where it does not: what leads to a record is well formed.
    """
    if target in scene.unread:
        return
    values, value = column.values
    source = sql.Literal(scene.source).as_string(scene.connection)
    dead = (
        f"SELECT {'DISTINCT ' if column.field.many else ''}s.line, {value} AS value"
        f" FROM {scene.file.table} s{values}"
        f" WHERE {column.cell} IS NOT NULL AND {value} IS NOT NULL AND {live(scene.file)}"
        f" AND {_leads_to_nothing_live(scene, target, value, source)}"
    )
    # Counted to the end: the plan that finds a first one soonest is slow where there is none.
    row = scene.connection.execute(compiled(f"SELECT count(*) FROM ({dead}) q")).fetchone()
    if not row or not row[0]:
        return
    more = "jsonb_build_object('value', left(value, 100), 'target', %(target)s::text)"
    aim = {"target": ENTITIES[target].file}
    if column.field.metadata_key:
        # Beyond the standard; the Japanese profiles ask for it.
        say = error if scene.level == "strict" and scene.profile.japanese else warning
        say(scene, "home_class_unknown", column.csv, dead, more, **aim)
        return
    known = _exists(ENTITIES[target].table, "q.value")
    if target in scene.staged:
        file = scene.staged[target]
        kept = f"({live(file, 't')} OR {complete(file, 't')})"
        known = f"({known} OR {_exists(file.table, 'q.value', kept)})"
    code = f"CASE WHEN {malformed('value')} THEN 'guid_invalid' ELSE 'reference_unknown' END"
    unknown = f"SELECT line, value, {code} AS code FROM ({dead}) q WHERE NOT {known}"
    error(scene, "q.code", column.csv, unknown, more, **aim)
    deleted = f"SELECT line, value FROM ({dead}) q WHERE {known}"
    warning(scene, "reference_deleted", column.csv, deleted, more, **aim)


def _leads_to_nothing_live(scene: Scene, target: str, value: str, source: str) -> str:
    """The predicate: no record called `value` will be live after this import."""
    nothing = _not_sent(scene, target, value, source)
    if target in scene.made:
        nothing = f"({nothing}) AND NOT {_exists(scene.made[target].table, value)}"
    return nothing


def _not_sent(scene: Scene, target: str, value: str, source: str) -> str:
    held = f"t.{LIVE}"
    file = scene.staged.get(target)
    if not file:
        return f"NOT {_exists(ENTITIES[target].table, value, held)}"
    # Those in the file count by the file.
    stays, in_force = file.stays(source), ""
    if file.left_out:
        stays = f"({stays} OR t.sourced_id IN (SELECT sourced_id FROM {file.out_table}))"
        in_force = f" AND NOT EXISTS (SELECT FROM {file.out_table} o WHERE o.line = t.line)"
    held += f" AND {stays}"
    nothing = f"NOT {_exists(ENTITIES[target].table, value, held)}"
    if file.has("status") and "tobedeleted" in file.odd:
        deleted = f"NOT ({live(file, 't')}){in_force}"
        nothing = f"({nothing} OR {_exists(file.table, value, deleted)})"
    if file.incomplete:
        nothing += (
            f" AND NOT EXISTS (SELECT FROM import_issues i WHERE i.import_id = {scene.import_id}"
            f" AND i.severity = 'error' AND i.details ->> 'row' = {value})"
        )
    return f"{nothing} AND NOT {_exists(file.table, value, live(file, 't'))}"


def _exists(table: str, value: str, predicate: str = "true") -> str:
    return f"EXISTS (SELECT FROM {table} t WHERE t.sourced_id = {value} AND {predicate})"
