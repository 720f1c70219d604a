"""What follows from a package beyond its rows: roles that 1.1 users bring, users that change with
their roles, and records that go on referring to what is deleted. Nothing of it is applied here.
"""

from psycopg.types.json import Jsonb

from rosterhub.model.entities import ENTITIES, RECORDS, SYSTEM_FIELDS, Entity, Field
from rosterhub.store.connect import Connection, compiled
from rosterhub.store.schema import LIVE
from rosterhub.transfer import convert
from rosterhub.transfer.columns import Columns, StagedColumn
from rosterhub.transfer.compare import CREATE, DELETE, OWN, UPDATE, Plan, Records, list_records
from rosterhub.transfer.staged import StagedFile

_ROLE_COLUMNS = ("sourcedId", "status", "userSourcedId", "roleType", "role", "orgSourcedId")


def roles_of_11(connection: Connection, files: list[StagedFile]) -> StagedFile | None:
    """The roles that a users.csv of OneRoster 1.1 states itself, staged like a roles.csv.

    One role for each org, the first primary (spec/csv.md, end). The sourcedId is made from user
    and org, in the form of a UUID v4, so that the next import finds it again.
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
    made = connection.execute(
        compiled(
            f"CREATE UNLOGGED TABLE {table} AS SELECT row_number() OVER (ORDER BY s.line, e.n)"
            " AS line, overlay(overlay(md5(s.sourced_id || ' ' || e.org) PLACING '4' FROM 13)"
            " PLACING '8' FROM 17)::uuid::text AS sourced_id,"
            f" {convert.status(users)} AS status, s.sourced_id AS user_sourced_id,"
            " CASE WHEN e.n = 1 THEN 'primary' ELSE 'secondary' END AS role_type,"
            f" CASE WHEN s.role <> 'administrator' THEN s.role WHEN {kind} = 'district'"
            " THEN 'districtAdministrator' ELSE 'siteAdministrator' END AS role,"
            f" e.org AS org_sourced_id FROM {users.table} s, LATERAL (SELECT org, min(n) AS n"
            " FROM unnest(string_to_array(s.org_sourced_ids, ',')) WITH ORDINALITY AS l(org, n)"
            " GROUP BY org) e"
        )
    )
    connection.execute(compiled(f"ALTER TABLE {table} ADD PRIMARY KEY (line)"))
    entity = ENTITIES["roles"]
    by_csv = {f.csv: f for f in (*SYSTEM_FIELDS, *entity.fields)}
    staged = tuple(
        StagedColumn(by_csv[name], name, by_csv[name].column, position)
        for position, name in enumerate(_ROLE_COLUMNS)
    )
    return StagedFile(
        entity,
        users.name,
        users.mode,
        table,
        Columns(staged),
        made.rowcount,
        derived=True,
        replaces=f"t.user_sourced_id IN (SELECT sourced_id FROM {users.table})",
        spares=_roles_of_users_left_out(users),
        withheld=users.withheld,
        odd=users.odd & {"tobedeleted"},
    )


def _roles_of_users_left_out(users: StagedFile) -> str | None:
    if not users.left_out:
        return None
    return f"(t.user_sourced_id IN (SELECT sourced_id FROM {users.out_table}))"


def touched_owners(connection: Connection, plans: list[Plan]) -> dict[str, Records]:
    """The records that change with what their JSON objects carry, as a user with its roles, and
    that no row changes by itself; by their entity. Before and after are both looked at.
    """
    found: dict[str, list[str]] = {}
    for plan in plans:
        entity, file = plan.file.entity, plan.file
        if not entity.embedded_in or not plan.changes:
            continue
        owner = entity.to_owner.column
        rows = f"{file.table} s JOIN {plan.table} p USING (line)"
        queries = found.setdefault(entity.embedded_in, [])
        queries.append(f"SELECT s.{owner} FROM {rows} WHERE p.action <> '{OWN}'")
        queries.append(
            f"SELECT t.{owner} FROM {rows} JOIN {entity.table} t USING (sourced_id)"
            f" WHERE p.action <> '{OWN}'"
        )
        if plan.gone.count:
            queries.append(
                f"SELECT t.{owner} FROM {plan.gone.table} g"
                f" JOIN {entity.table} t USING (sourced_id)"
            )
    by_entity = {plan.file.entity.name: plan for plan in plans}
    prefix = plans[0].file.table.partition("_")[0] if plans else ""
    touched: dict[str, Records] = {}
    for name, queries in found.items():
        query = f"SELECT u.sourced_id FROM ({' UNION '.join(queries)}) u(sourced_id)"
        if own := by_entity.get(name):
            query += (
                f" WHERE NOT EXISTS (SELECT FROM {own.file.table} s JOIN {own.table} p USING (line)"
                f" WHERE s.sourced_id = u.sourced_id AND p.action IN ('{CREATE}', '{UPDATE}'))"
            )
        touched[name] = list_records(connection, f"{prefix}_touched_{RECORDS[name].table}", query)
    return touched


def warn_of_stragglers(connection: Connection, import_id: int, plans: list[Plan]) -> None:
    """A warning for each kind of record that stays as it is and refers to what is deleted."""
    by_entity = {plan.file.entity.name: plan for plan in plans}
    for plan in plans:
        if not (plan.deleted or plan.gone.count):
            continue
        for entity in RECORDS.values():
            for field in _fields_to(plan.file.entity, entity):
                query = _stragglers(plan, entity, field, by_entity.get(entity.name))
                row = connection.execute(compiled(query)).fetchone()
                if row and row[0]:
                    details = {"number": row[0], "other": entity.name, "value": row[1]}
                    details |= {"deleted": row[2]}
                    connection.execute(
                        "INSERT INTO import_issues (import_id, severity, file, code, details)"
                        " VALUES (%s, 'warning', %s, 'deleted_still_referred', %s)",
                        [import_id, plan.file.name, Jsonb(details)],
                    )


def _fields_to(target: Entity, entity: Entity) -> list[Field]:
    """The fields of `entity` that lead to `target`; its sourcedId, where the two share it."""
    fields = [f for f in entity.fields if f.reference == target.name]
    if entity.identity_of == target.name:
        fields.append(SYSTEM_FIELDS[0])
    return fields


def _stragglers(plan: Plan, entity: Entity, field: Field, own: Plan | None) -> str:
    """SQL for: how many, the first of them, what it refers to."""
    deleted = f"SELECT sourced_id FROM {plan.gone.table}" if plan.gone.count else ""
    if plan.deleted:
        rows = (
            f"SELECT s.sourced_id FROM {plan.file.table} s JOIN {plan.table} p USING (line)"
            f" WHERE p.action = '{DELETE}'"
        )
        deleted = f"{deleted} UNION ALL {rows}" if deleted else rows
    joined, value = "", f't."{field.column}"'
    if field.metadata_key:
        value = f"t.metadata ->> '{field.metadata_key}'"
    elif field.many:
        joined, value = f", unnest({value}) AS e(value)", "e.value"
    query = (
        f"SELECT count(DISTINCT t.sourced_id), min(t.sourced_id), min({value})"
        f" FROM {entity.table} t{joined} WHERE t.{LIVE} AND {value} IN ({deleted})"
    )
    # Rows that were sent count by what they say, and that was checked; gone ones do not stay.
    if own:
        query += (
            f" AND NOT EXISTS (SELECT FROM {own.file.table} s WHERE s.sourced_id = t.sourced_id)"
        )
    if own and own.gone.count:
        query += (
            f" AND NOT EXISTS (SELECT FROM {own.gone.table} g WHERE g.sourced_id = t.sourced_id)"
        )
    return query
