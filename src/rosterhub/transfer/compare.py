"""What an import would do to each record, written down as a plan before anything is touched.

A plan is an unlogged table beside the staging table: line and action for each row that is not
simply the same; and lists of records that the import concerns though they have no row in it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer import convert
from rosterhub.transfer.findings import complete, live
from rosterhub.transfer.staged import StagedFile

CREATE, UPDATE, DELETE, OWN = "c", "u", "d", "o"
"""Actions: new; changed; to be deleted; the same, but another source sent it before."""


@dataclass(frozen=True, slots=True)
class Records:
    """A list of records: a table (line, sourced_id), lines counting from 1, and its length."""

    table: str
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for one file: its table and how many records each action concerns.

    `gone` are the records to delete because they were not sent. `freed` are, by SQL column, those
    that give up a unique value which another record takes over.
    """

    file: StagedFile
    created: int
    updated: int
    deleted: int
    owned: int
    gone: Records
    freed: tuple[tuple[str, Records], ...] = ()

    @property
    def table(self) -> str:
        """The table (line, action)."""
        return plan_table(self.file)

    @property
    def changes(self) -> bool:
        """Whether any record changes."""
        return bool(self.created or self.updated or self.deleted or self.gone.count)

    @property
    def replaces(self) -> bool:
        """Whether what any record was before goes to its history."""
        return bool(self.updated or self.deleted or self.owned or self.gone.count)


def plan_table(file: StagedFile) -> str:
    """The name of the table (line, action) of a file's plan."""
    return f"{file.table}_plan"


def compare(connection: Connection, file: StagedFile, source: str) -> Plan:
    """Write the plan for `file`, sent by `source`."""
    owner = sql.Literal(source).as_string(connection)
    counts = _actions(connection, file, owner)
    return Plan(
        file,
        created=counts.get(CREATE, 0),
        updated=counts.get(UPDATE, 0),
        deleted=counts.get(DELETE, 0),
        owned=counts.get(OWN, 0),
        gone=list_records(connection, f"{file.table}_gone", _gone(file, owner)),
        freed=_freed(connection, file) if counts.get(UPDATE) else (),
    )


def _actions(connection: Connection, file: StagedFile, owner: str) -> dict[str, int]:
    """Write the table (line, action); how many rows each action has."""
    table = plan_table(file)
    deletes = ""
    if file.has("status") and "tobedeleted" in file.odd:
        deletes = (
            f" WHEN NOT ({live(file)}) THEN CASE WHEN t.status <> 'tobedeleted' THEN '{DELETE}'"
            f" WHEN t.sourced_id IS NULL AND {complete(file)} THEN '{CREATE}' END"
        )
    connection.execute(compiled(f"DROP TABLE IF EXISTS {table}"))
    connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {table} AS SELECT line, action FROM ("
            f" SELECT s.line, CASE{deletes}"
            f" WHEN t.sourced_id IS NULL THEN '{CREATE}'"
            f" WHEN {convert.differs(file)} THEN '{UPDATE}'"
            f" WHEN t.source_system <> {owner} THEN '{OWN}' END AS action"
            f" FROM {file.table} s LEFT JOIN {file.entity.table} t USING (sourced_id) OFFSET 0"
            ") q WHERE action IS NOT NULL"
        )
    )
    connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
    connection.execute(compiled(f"ANALYZE {table}"))
    counted = connection.execute(compiled(f"SELECT action, count(*) FROM {table} GROUP BY 1"))
    return dict(counted.fetchall())


def placeholders_made(connection: Connection, plans: Iterable[Plan]) -> dict[str, int]:
    """How many placeholders `plans` make, by the file whose row refers to them first."""
    found: Counter[str] = Counter()
    for plan in plans:
        if plan.file.owner:
            counted = connection.execute(
                compiled(
                    f"SELECT s.from_file, count(*) FROM {plan.table} p"
                    f" JOIN {plan.file.table} s USING (line) WHERE p.action = '{CREATE}' GROUP BY 1"
                )
            )
            found.update(dict(counted.fetchall()))
    return found


def list_records(connection: Connection, table: str, query: str | None) -> Records:
    """Keep the sourcedIds that `query` finds in `table`; None is an empty list without a table."""
    connection.execute(compiled(f"DROP TABLE IF EXISTS {table}"))
    if query is None:
        return Records(table, 0)
    made = connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {table} AS"
            f" SELECT row_number() OVER () AS line, sourced_id FROM ({query}) q"
        )
    )
    if made.rowcount:
        connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
        connection.execute(compiled(f"ANALYZE {table}"))
    return Records(table, made.rowcount)


def _gone(file: StagedFile, owner: str) -> str | None:
    """The records that the file decides about by leaving them out; never those of others."""
    decides = "true" if file.mode == "bulk" else file.replaces
    if not decides or file.withheld:
        return None
    if file.spares:
        decides = f"({decides}) AND NOT {file.spares}"
    if file.unstaged is not None:
        decides = f"t.sourced_id IN (SELECT sourced_id FROM {file.removed_table})"
    return (
        f"SELECT t.sourced_id FROM {file.entity.table} t"
        f" WHERE t.source_system = {owner} AND ({decides}) AND t.status <> 'tobedeleted'"
        f" AND NOT EXISTS (SELECT FROM {file.table} s WHERE s.sourced_id = t.sourced_id)"
    )


def _freed(connection: Connection, file: StagedFile) -> tuple[tuple[str, Records], ...]:
    """The changed records whose unique values pass to another record of this file."""
    freed: list[tuple[str, Records]] = []
    for column in file.columns.staged:
        if column.field.unique:
            name = f'"{column.field.column}"'
            query = (
                f"SELECT t.sourced_id FROM {file.entity.table} t"
                f" JOIN {file.table} s USING (sourced_id) JOIN {plan_table(file)} p USING (line)"
                f" WHERE p.action = '{UPDATE}' AND t.{name} <> coalesce({column.cell}, '')"
                f' AND EXISTS (SELECT FROM {file.table} o WHERE o."{column.sql}" = t.{name})'
            )
            table = f"{file.table}_freed_{column.position}"
            freed.append((column.field.column, list_records(connection, table, query)))
    return tuple(freed)
