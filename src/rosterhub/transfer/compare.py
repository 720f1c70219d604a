"""What an import would do to each record, written down as a plan before anything is touched.

A plan is an unlogged table beside the staging table: line and action for each row that is not
simply the same, and the records that a bulk file no longer has.
"""

from dataclasses import dataclass

from psycopg import sql

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS
from rosterhub.store.connect import compiled
from rosterhub.transfer import convert
from rosterhub.transfer.columns import Columns, StagedColumn
from rosterhub.transfer.stage import Connection, StagedFile

CREATE, UPDATE, DELETE, OWN = "c", "u", "d", "o"
"""Actions: new; changed; changed to tobedeleted; the same, but another source sent it before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for one file: its tables and how many records each action concerns."""

    file: StagedFile
    created: int
    updated: int
    deleted: int
    owned: int
    gone: int

    @property
    def table(self) -> str:
        """The table (line, action)."""
        return f"{self.file.table}_plan"

    @property
    def gone_table(self) -> str:
        """The table (line, sourced_id) of records to delete because they were not sent."""
        return f"{self.file.table}_gone"

    @property
    def changes(self) -> bool:
        """Whether any record changes."""
        return bool(self.created or self.updated or self.deleted or self.gone)


def derive_roles(connection: Connection, files: list[StagedFile]) -> StagedFile | None:
    """The roles that a users.csv of OneRoster 1.1 states itself, staged like a roles.csv.

    One role for each org, the first primary (spec/csv.md, end). The sourcedId is made from user
    and org, so that the next import finds it again.
    """
    users = next((f for f in files if f.entity.name == "users"), None)
    if not users or not users.has("role") or any(f.entity.name == "roles" for f in files):
        return None
    table = users.table.removesuffix("_users") + "_roles"
    connection.execute(compiled(f"DROP TABLE IF EXISTS {table}"))
    orgs = next((f.table for f in files if f.entity.name == "orgs"), None)
    kind = "(SELECT o.type FROM orgs o WHERE o.sourced_id = e.org)"
    if orgs:
        kind = f"coalesce((SELECT o.type FROM {orgs} o WHERE o.sourced_id = e.org), {kind})"
    connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {table} AS SELECT row_number() OVER () AS line,"
            " md5(s.sourced_id || ' ' || e.org)::uuid::text AS sourced_id,"
            f" {convert.status(users)} AS status, s.sourced_id AS user_sourced_id,"
            " CASE WHEN e.n = 1 THEN 'primary' ELSE 'secondary' END AS role_type,"
            f" CASE WHEN s.role <> 'administrator' THEN s.role WHEN {kind} = 'district'"
            " THEN 'districtAdministrator' ELSE 'siteAdministrator' END AS role,"
            " e.org AS org_sourced_id"
            f" FROM {users.table} s, unnest(string_to_array(s.org_sourced_ids, ','))"
            " WITH ORDINALITY AS e(org, n)"
        )
    )
    connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
    entity = ENTITIES["roles"]
    names = ("sourcedId", "status", "userSourcedId", "roleType", "role", "orgSourcedId")
    by_csv = {f.csv: f for f in (*SYSTEM_FIELDS, *entity.fields)}
    staged = tuple(
        StagedColumn(by_csv[name], name, by_csv[name].column, position)
        for position, name in enumerate(names)
    )
    theirs = f"t.user_sourced_id IN (SELECT sourced_id FROM {users.table})"
    return StagedFile(
        entity, users.name, users.mode, table, Columns(staged), derived=True, replaces=theirs
    )


def compare(connection: Connection, file: StagedFile, source: str) -> Plan:
    """Write the plan for `file`, sent by `source`."""
    plan = Plan(file, 0, 0, 0, 0, 0)
    owner = sql.Literal(source).as_string(connection)
    connection.execute(compiled(f"DROP TABLE IF EXISTS {plan.table}, {plan.gone_table}"))
    connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {plan.table} AS SELECT line, action FROM ("
            " SELECT s.line, CASE"
            f" WHEN t.sourced_id IS NULL THEN '{CREATE}'"
            f" WHEN {convert.differs(file)} THEN CASE WHEN {convert.status(file)} = 'tobedeleted'"
            f" AND t.status <> 'tobedeleted' THEN '{DELETE}' ELSE '{UPDATE}' END"
            f" WHEN t.source_system <> {owner} THEN '{OWN}' END AS action"
            f" FROM {file.table} s LEFT JOIN {file.entity.table} t USING (sourced_id) OFFSET 0"
            ") q WHERE action IS NOT NULL"
        )
    )
    gone = _gone(file, owner)
    connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {plan.gone_table} AS"
            f" SELECT row_number() OVER () AS line, t.sourced_id FROM {file.entity.table} t"
            f" WHERE {gone} AND t.status <> 'tobedeleted' AND NOT EXISTS"
            f" (SELECT FROM {file.table} s WHERE s.sourced_id = t.sourced_id)"
        )
    )
    for table in (plan.table, plan.gone_table):
        connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
        connection.execute(compiled(f"ANALYZE {table}"))
    counts = dict(
        connection.execute(
            compiled(
                f"SELECT action, count(*) FROM {plan.table} GROUP BY 1"
                f" UNION ALL SELECT 'gone', count(*) FROM {plan.gone_table}"
            )
        ).fetchall()
    )
    return Plan(
        file,
        created=counts.get(CREATE, 0),
        updated=counts.get(UPDATE, 0),
        deleted=counts.get(DELETE, 0),
        owned=counts.get(OWN, 0),
        gone=counts["gone"],
    )


def _gone(file: StagedFile, owner: str) -> str:
    """Which held records the file decides about by leaving them out."""
    rules: list[str] = []
    if file.mode == "bulk":
        rules.append(f"t.source_system = {owner}")
    if file.replaces:
        rules.append(file.replaces)
    return f"({' OR '.join(rules)})" if rules else "false"
