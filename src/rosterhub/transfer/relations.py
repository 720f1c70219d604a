"""What staged rows must be to each other and to the records held: unique, leading somewhere.

All of it is anti-joins and groupings over the staging tables (spec/csv.md, "Bulk and delta").
"""

from psycopg.types.json import Jsonb

from rosterhub.model.entities import ENTITIES
from rosterhub.model.values import GUID_CHARACTERS, GUID_MAX_LENGTH, NUMBER
from rosterhub.store.connect import compiled
from rosterhub.store.schema import LIVE
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.stage import Connection, StagedFile

_INSERT = (
    "INSERT INTO import_issues (import_id, severity, file, line, column_name, code, details)"
    " SELECT %(id)s, %(severity)s, %(file)s, line, %(column)s, {code}, {details} FROM ({rows}) q"
    " WHERE NOT EXISTS (SELECT FROM import_issues i WHERE i.import_id = %(id)s"
    " AND i.severity = 'error' AND i.file = %(file)s AND i.line = q.line"
    " AND i.column_name = %(column)s) ORDER BY line"
)
"""One error a cell is enough: what is badly formed leads nowhere either."""


def check(connection: Connection, import_id: int, files: list[StagedFile], source: str) -> None:
    """Write the issues between rows, between files, and against the records held."""
    staged = {f.entity.name: f for f in files}
    for file in files:
        checks = _Checks(connection, import_id, file, staged, source)
        checks.duplicates()
        for column in file.columns.staged:
            if column.field.unique:
                checks.unique(column)
            if column.field.reference:
                checks.reference(column, column.field.reference)
        checks.identity()
    if "roles" in staged:
        _Checks(connection, import_id, staged["roles"], staged, source).primary_roles()
    if "lineItems" in staged:
        _Checks(connection, import_id, staged["lineItems"], staged, source).min_max()


def live(file: StagedFile, alias: str = "s") -> str:
    """The predicate for rows that the file does not delete."""
    return f"{alias}.status IS DISTINCT FROM 'tobedeleted'" if file.has("status") else "true"


def malformed(cell: str) -> str:
    """The predicate: a value is no sourcedId (spec/csv.md, "Value forms")."""
    return (
        f"({cell} ~ '[^{GUID_CHARACTERS}]' OR length({cell}) NOT BETWEEN 1 AND {GUID_MAX_LENGTH})"
    )


class _Checks:
    """The checks of one file, with what each of them needs."""

    def __init__(
        self,
        connection: Connection,
        import_id: int,
        file: StagedFile,
        staged: dict[str, StagedFile],
        source: str,
    ) -> None:
        self.connection = connection
        self.import_id = import_id
        self.file = file
        self.staged = staged
        self.source = source

    def write(self, code: str, column: str, rows: str, details: str, **more: object) -> None:
        """Write an issue for each of `rows` (line, and what `details` needs); `code` may be a
        column of theirs, named `q.…`.
        """
        code_sql = code if code.startswith("q.") else "%(code)s"
        parameters = {
            "id": self.import_id,
            "severity": more.pop("severity", "error"),
            "file": self.file.name,
            "column": column,
            "code": code,
            **more,
        }
        # A plain SELECT first: PostgreSQL runs that in parallel, and mostly there is nothing.
        found = self.connection.execute(
            compiled(f"SELECT count(*) FROM ({rows}) q"), parameters
        ).fetchone()
        if found and found[0]:
            self.connection.execute(
                compiled(_INSERT.format(code=code_sql, details=details, rows=rows)), parameters
            )

    def duplicates(self) -> None:
        """One sourcedId on two lines: an issue for each but the first, which it names."""
        rows = (
            "SELECT line, sourced_id, first_line FROM (SELECT line, sourced_id,"
            " min(line) OVER (PARTITION BY sourced_id) AS first_line"
            f" FROM {self.file.table} WHERE sourced_id IN (SELECT sourced_id"
            f" FROM {self.file.table} GROUP BY sourced_id HAVING count(*) > 1)) d"
            " WHERE line > first_line"
        )
        details = "jsonb_build_object('value', sourced_id, 'other_line', first_line)"
        self.write("duplicate_sourced_id", "sourcedId", rows, details)

    def unique(self, column: StagedColumn) -> None:
        """A value that only one live record may have: within the file, then against those held.

        Two people who swap their usernames in one file are well: what counts is who would hold
        the name afterwards.
        """
        cell = f'"{column.sql}"'
        table, entity = self.file.table, self.file.entity
        code = f"{column.field.column}_taken"
        rows = (
            f"SELECT line, {cell} AS value, first_line, first_id FROM ("
            f"SELECT line, {cell}, first_value(line) OVER w AS first_line,"
            f" first_value(sourced_id) OVER w AS first_id FROM {table} s"
            f" WHERE {live(self.file)} AND {cell} IN (SELECT {cell} FROM {table} s"
            f" WHERE {live(self.file)} AND {cell} IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"
            f" WINDOW w AS (PARTITION BY {cell} ORDER BY line)) d WHERE line > first_line"
        )
        details = (
            "jsonb_build_object('value', value, 'other',"
            " %(name)s || ':' || first_line || ' ' || first_id)"
        )
        self.write(code, column.csv, rows, details, name=self.file.name)
        gone = ""
        if self.file.mode == "bulk":
            gone = " AND t.source_system <> %(source)s"
        rows = (
            f"SELECT s.line, s.{cell} AS value, t.sourced_id FROM {table} s"
            f' JOIN {entity.table} t ON t."{column.field.column}" = s.{cell} AND t.{LIVE}'
            f" WHERE {live(self.file)} AND t.sourced_id <> s.sourced_id{gone}"
            f" AND NOT EXISTS (SELECT FROM {table} o WHERE o.sourced_id = t.sourced_id)"
        )
        details = "jsonb_build_object('value', value, 'other', sourced_id)"
        self.write(code, column.csv, rows, details, source=self.source)

    def reference(self, column: StagedColumn, target: str) -> None:
        """A reference must lead to a record of the package or one held.

        Its form is looked at only where it does not: what leads to a record is well formed.
        """
        cell = f's."{column.sql}"'
        values, value = "", cell
        if column.field.many:
            values, value = f", unnest(string_to_array({cell}, ',')) AS e(value)", "e.value"
        distinct = "DISTINCT " if column.field.many else ""
        bad = malformed(value)
        rows = (
            f"SELECT {distinct}s.line, {value} AS value,"
            f" CASE WHEN {bad} THEN 'guid_invalid' ELSE 'reference_unknown' END AS code"
            f" FROM {self.file.table} s{values} WHERE {value} IS NOT NULL AND {live(self.file)}"
            f" AND NOT EXISTS (SELECT FROM {ENTITIES[target].table} t WHERE t.sourced_id = {value})"
        )
        if target in self.staged:
            table = self.staged[target].table
            rows += f" AND NOT EXISTS (SELECT FROM {table} t WHERE t.sourced_id = {value})"
        if column.field.metadata_key:
            rows = f"SELECT min(line) AS line, min(value) AS value, count(*) AS n FROM ({rows}) u"
            rows = f"SELECT * FROM ({rows}) w WHERE n > 0"
            details = "jsonb_build_object('value', left(value, 100), 'count', n)"
            self.write("home_class_unknown", column.csv, rows, details, severity="warning")
            return
        details = "jsonb_build_object('value', left(value, 100)) || %(more)s"
        more = Jsonb({"target": ENTITIES[target].file})
        self.write("q.code", column.csv, rows, details, more=more)

    def identity(self) -> None:
        """demographics are of the user with the same sourcedId."""
        target = self.file.entity.identity_of
        column = self.file.columns.get("sourcedId")
        if target and column:
            self.reference(column, target)

    def primary_roles(self) -> None:
        """At most one primary role for a user in an org (spec/csv.md, roles.csv)."""
        rows = (
            "SELECT line, first_line FROM (SELECT line, min(line) OVER"
            " (PARTITION BY user_sourced_id, org_sourced_id) AS first_line"
            f" FROM {self.file.table} s WHERE role_type = 'primary' AND {live(self.file)}) d"
            " WHERE line > first_line"
        )
        details = "jsonb_build_object('other_line', first_line)"
        self.write("second_primary_role", "roleType", rows, details)

    def min_max(self) -> None:
        """resultValueMin <= resultValueMax, where both are numbers."""
        if not (self.file.has("resultValueMin") and self.file.has("resultValueMax")):
            return
        rows = (
            f"SELECT line, result_value_min AS value FROM {self.file.table} WHERE"
            f" CASE WHEN result_value_min ~ '{NUMBER}' AND result_value_max ~ '{NUMBER}'"
            " THEN result_value_min::numeric > result_value_max::numeric ELSE false END"
        )
        self.write("min_over_max", "resultValueMin", rows, "jsonb_build_object('value', value)")
