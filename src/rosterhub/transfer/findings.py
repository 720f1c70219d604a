"""What the checks between rows share: where they look, and how a finding gets to import_issues."""

from dataclasses import dataclass

from rosterhub.model.profiles import Profile
from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer.issues import Level, at
from rosterhub.transfer.staged import StagedFile


@dataclass(frozen=True, slots=True)
class Scene:
    """One staged file among the others of its import.

    `unread` are the entities whose files could not be read, wholly or in part, `made` what was made
    for references that lead nowhere (`placeholders`).
    """

    connection: Connection
    import_id: int
    file: StagedFile
    staged: dict[str, StagedFile]
    unread: frozenset[str]
    source: str
    level: Level
    profile: Profile
    made: dict[str, StagedFile]


def live(file: StagedFile, alias: str = "s") -> str:
    """The predicate for rows that the file does not delete."""
    return f"{alias}.status IS DISTINCT FROM 'tobedeleted'" if file.has("status") else "true"


def complete(file: StagedFile, alias: str = "s") -> str:
    """The predicate for rows that have every value the standard requires."""
    required = [c for c in file.columns.staged if c.field.required]
    return " AND ".join(f'{alias}."{c.sql}" IS NOT NULL' for c in required)


def error(scene: Scene, code: str, column: str, rows: str, details: str, **values: object) -> None:
    """An error for each of `rows`: SQL for `line` and what `details`, SQL as well, needs of it.

    `code` may be a column of theirs, named `q.…`. Where a cell has an error already nothing is
    added: what is badly formed leads nowhere either.
    """
    code_sql = code if code.startswith("q.") else "%(code)s"
    _write(
        scene,
        f"SELECT %(import)s, 'error', %(file)s, line, %(column)s, {code_sql}, {details}"
        f" FROM ({rows}) q WHERE NOT EXISTS (SELECT FROM import_issues i"
        " WHERE i.import_id = %(import)s AND i.severity = 'error' AND i.file = %(file)s"
        " AND i.line = q.line AND i.column_name = %(column)s) ORDER BY line",
        rows,
        {"code": code, "column": column, **values},
    )


def warning(
    scene: Scene, code: str, column: str, rows: str, details: str, **values: object
) -> None:
    """One warning for all of `rows`: the place and `details` of the first, and their number.

    Where the level makes errors of them, each is one.
    """
    if at(scene.level, code) == "error":
        error(scene, code, column, rows, details, **values)
        return
    _write(
        scene,
        "SELECT %(import)s, 'warning', %(file)s, line, %(column)s, %(code)s,"
        f" {details} || jsonb_build_object('count', count(*) OVER ())"
        f" FROM ({rows}) q ORDER BY line LIMIT 1",
        rows,
        {"code": code, "column": column, **values},
    )


def _write(scene: Scene, found: str, rows: str, values: dict[str, object]) -> None:
    values |= {"import": scene.import_id, "file": scene.file.name}
    # A plain SELECT first: PostgreSQL runs that in parallel, and mostly there is nothing.
    row = scene.connection.execute(compiled(f"SELECT count(*) FROM ({rows}) q"), values).fetchone()
    if row and row[0]:
        scene.connection.execute(
            compiled(
                "INSERT INTO import_issues"
                f" (import_id, severity, file, line, column_name, code, details) {found}"
            ),
            values,
        )
