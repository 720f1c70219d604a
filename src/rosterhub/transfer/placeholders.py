"""Courses, academic sessions and orgs that rows refer to and nobody has sent, made from what those
rows say: option `placeholders`. What is made is marked, and gives way to the real one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS, Field
from rosterhub.model.values import PLACEHOLDER
from rosterhub.store.connect import compiled, literal
from rosterhub.transfer.columns import Columns, StagedColumn
from rosterhub.transfer.findings import Scene, live
from rosterhub.transfer.relations import malformed
from rosterhub.transfer.staged import StagedFile

OWNER = "(placeholder)"
"""Whose a placeholder is. No sending system can be called so: no bulk file deletes one for leaving
it out, and whoever sends the real record takes it over.
"""


@dataclass(frozen=True, slots=True)
class _Clue:
    """What a row that refers to a missing record says of it: SQL by column of the record.

    `rank` decides between several; then the order of the files, and the line.
    """

    rank: int
    says: dict[str, str]


def make(scenes: list[Scene]) -> None:
    """Stage what is missing in `scenes`, in their `made`; what was made before is forgotten."""
    if not scenes:
        return
    made = scenes[0].made
    made.clear()
    for target, clue in _CLUES.items():
        if target not in scenes[0].unread:
            file = _stage(scenes, target, clue)
            if file.rows:
                made[target] = file


def report(scenes: list[Scene]) -> None:
    """A warning for each that was made, at the first row that refers to it."""
    for target, file in scenes[0].made.items() if scenes else ():
        name = "name" if target == "orgs" else "title"
        scenes[0].connection.execute(
            compiled(
                "INSERT INTO import_issues"
                " (import_id, severity, file, line, column_name, code, details)"
                " SELECT %s, 'warning', from_file, from_line, from_column, 'placeholder_made',"
                f" jsonb_build_object('value', sourced_id, 'target', %s::text, 'taken', {name})"
                f" FROM {file.table} ORDER BY line"
            ),
            [scenes[0].import_id, file.name],
        )


def _stage(
    scenes: list[Scene], target: str, clue: Callable[[Scene, StagedColumn], _Clue | None]
) -> StagedFile:
    entity = ENTITIES[target]
    columns = _columns(target)
    names = ", ".join(f'"{c.sql}"' for c in columns[1:-1])
    table = f"staging.i{scenes[0].import_id}_{entity.table}_placeholders"
    connection = scenes[0].connection
    connection.execute(compiled(f"DROP TABLE IF EXISTS {table}"))
    cells = ", ".join(f'"{c.sql}" text' for c in columns)
    connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {table} (line bigint PRIMARY KEY, {cells},"
            " from_file text, from_line bigint, from_column text)"
        )
    )
    rows = list(_referring(scenes, target, columns[1:-1], clue))
    count = 0
    if rows:
        missing = (
            f"SELECT DISTINCT ON (sourced_id) * FROM ({' UNION ALL '.join(rows)}) c"
            f" WHERE NOT {malformed('sourced_id')} AND NOT EXISTS"
            f" (SELECT FROM {entity.table} t WHERE t.sourced_id = c.sourced_id)"
            " AND NOT EXISTS (SELECT FROM import_issues i WHERE i.import_id = %(import)s"
            " AND i.severity = 'error' AND i.details ->> 'row' = c.sourced_id)"
        )
        staged = scenes[0].staged.get(target)
        if staged:
            missing += (
                f" AND NOT EXISTS (SELECT FROM {staged.table} t WHERE t.sourced_id = c.sourced_id)"
            )
        count = connection.execute(
            compiled(
                f"INSERT INTO {table} SELECT row_number() OVER (ORDER BY number, from_line,"
                f" sourced_id), sourced_id, {names}, 'true', from_file, from_line, from_column"
                f" FROM ({missing} ORDER BY sourced_id, rank, number, from_line) m"
            ),
            {"import": scenes[0].import_id},
        ).rowcount
    form = Columns(columns)
    return StagedFile(entity, entity.file, "merge", table, form, count, True, owner=OWNER)


def _columns(target: str) -> tuple[StagedColumn, ...]:
    fields = [SYSTEM_FIELDS[0], *ENTITIES[target].stored_fields]
    staged = [StagedColumn(f, f.csv, f.column, at) for at, f in enumerate(fields)]
    mark = Field(f"metadata.{PLACEHOLDER}")
    return (*staged, StagedColumn(mark, mark.csv, "placeholder", len(staged)))


def _referring(
    scenes: list[Scene],
    target: str,
    columns: Iterable[StagedColumn],
    clue: Callable[[Scene, StagedColumn], _Clue | None],
) -> Iterable[str]:
    """SQL for the rows that refer to `target`, with what they say of it."""
    for number, scene in enumerate(scenes):
        file = scene.file
        for column in file.columns.staged:
            found = clue(scene, column) if column.field.reference == target else None
            if not found:
                continue
            values, value = column.values
            says = {"sourced_id": value} | found.says
            cells = ", ".join(f'{says.get(c.sql, "NULL")}::text AS "{c.sql}"' for c in columns)
            yield (
                f"SELECT {found.rank} AS rank, {number} AS number, {value} AS sourced_id, {cells},"
                f" {_text(file.name)} AS from_file, s.line AS from_line,"
                f" {_text(column.csv)} AS from_column FROM {file.table} s{values}"
                f" WHERE {value} IS NOT NULL AND {live(file)}"
            )


def _text(text: str) -> str:
    return f"{literal(text)}::text"


def _cell(file: StagedFile, csv: str) -> str:
    column = file.columns.get(csv)
    return column.cell if column else "NULL"


def _course(scene: Scene, column: StagedColumn) -> _Clue | None:
    """A course is in a school: where no row says which, it cannot be made."""
    file = scene.file
    match file.entity.name:
        case "classes":
            alike = ("grades", "subjects", "subjectCodes")
            says = {ENTITIES["courses"].by_name[n].column: _cell(file, n) for n in alike}
            school = _cell(file, "schoolSourcedId")
            return _Clue(1, says | {"title": _title_from_class(scene), "org_sourced_id": school})
        case "scoreScales":
            org = _cell(file, "orgSourcedId")
            return _Clue(2, {"title": column.cell, "org_sourced_id": org})
        case _:
            return None


def _title_from_class(scene: Scene) -> str:
    """SQL for the title of a class's course; in Japan it begins with the school year."""
    title = _cell(scene.file, "title")
    if not scene.profile.japanese:
        return title
    terms = f"string_to_array({_cell(scene.file, 'termSourcedIds')}, ',')"
    tables = [f.table for f in (scene.staged.get("academicSessions"),) if f]
    years = [
        f"(SELECT max(t.school_year) FROM {table} t WHERE t.sourced_id = ANY({terms}))"
        for table in (*tables, "academic_sessions")
    ]
    year = f"coalesce({', '.join(years)}, {_this_year()})"
    return f"CASE WHEN {_year_in(title)} IS NULL THEN {year} || '年度' || {title} ELSE {title} END"


def _org(scene: Scene, column: StagedColumn) -> _Clue:
    """An org is called as it is referred to: no row says more."""
    file = scene.file
    kind, rank = "'school'", 4
    if column.field.target_type == "school":
        rank = 1
    elif file.entity.name == "orgs":
        kind, rank = "'district'", 2
    elif file.entity.name == "roles":
        role = _cell(file, "role")
        kind, rank = (
            f"CASE {role} WHEN 'districtAdministrator' THEN 'district' ELSE 'school' END",
            3,
        )
    return _Clue(rank, {"name": column.values[1], "type": kind})


def _session(scene: Scene, column: StagedColumn) -> _Clue:
    """An academic session is taken for the school year that the row is of, else for this one."""
    file = scene.file
    match file.entity.name:
        case "academicSessions":
            year, rank = _cell(file, "schoolYear"), 1
        case "courses":
            year, rank = _year_in(_cell(file, "title")), 2
        case "classes":
            year, rank = _year_in(_title_of_course(scene)), 3
        case "lineItems":
            year, rank = _school_year(_cell(file, "dueDate")), 4
        case _:
            year, rank = "NULL", 5
    year = f"coalesce(substring({year} FROM '^[0-9]{{4}}$'), {_this_year()})"
    return _Clue(
        rank,
        {
            "title": f"{year} || '年度'",
            "type": "'schoolYear'",
            "start_date": f"{year} || '-04-01'",
            "end_date": f"({year}::int + 1)::text || '-03-31'",
            "school_year": year,
        },
    )


def _this_year() -> str:
    return _school_year("to_char(now() AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD')")


def _year_in(title: str) -> str:
    """SQL for the year that a title of the Japanese profiles begins with."""
    return f"substring({title} FROM '^([0-9]{{4}})年度')"


def _title_of_course(scene: Scene) -> str:
    """SQL for the title of a class's course, as it was sent or as it is held."""
    tables = ["courses"]
    if "courses" in scene.staged:
        tables.insert(0, scene.staged["courses"].table)
    course = _cell(scene.file, "courseSourcedId")
    titles = (f"(SELECT min(t.title) FROM {t} t WHERE t.sourced_id = {course})" for t in tables)
    return f"coalesce({', '.join(titles)})"


def _school_year(day: str) -> str:
    """SQL for the year in which the school year of a day began in April."""
    month = f"substring({day} FROM '^[0-9]{{4}}-([0-9]{{2}})')"
    return f"(substring({day} FROM '^[0-9]{{4}}')::int - ({month} < '04')::int)::text"


_CLUES: dict[str, Callable[[Scene, StagedColumn], _Clue | None]] = {
    "academicSessions": _session,
    "orgs": _org,
    "courses": _course,
}
TARGETS = frozenset(_CLUES)
"""The entities of which there may be placeholders."""
