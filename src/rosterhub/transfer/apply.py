"""The plan carried out: all files of an import in one transaction, in statements of bounded size.

Deletions come first, then names that change hands are let go, then changes, then new records, so
that no unique index is ever in the way. The caller owns the transaction.
"""

from collections.abc import Callable, Iterator

from rosterhub.store.connect import compiled
from rosterhub.transfer import convert
from rosterhub.transfer.compare import CREATE, DELETE, OWN, UPDATE, Plan
from rosterhub.transfer.stage import Connection, StagedFile

_ORGS_OF_USER = (
    "coalesce((SELECT array_agg(DISTINCT r.org_sourced_id ORDER BY r.org_sourced_id)"
    " FROM roles r WHERE r.user_sourced_id = {user} AND r.status = 'active'), '{{}}')"
)


def apply(
    connection: Connection,
    plans: list[Plan],
    source: str,
    batch: int,
    progress: Callable[[int], None],
) -> None:
    """Carry out `plans` on `connection`, which is in a transaction; `progress` takes rows done.

    Raises:
        psycopg.errors.UniqueViolation: another import took a sourcedId or a name meanwhile.
    """
    # Roles go before users, so that a new user finds the orgs of the roles in place.
    ordered = sorted(plans, key=lambda p: p.file.entity.name == "users")
    connection.execute("SET LOCAL enable_seqscan = off")
    connection.execute("SET LOCAL enable_hashjoin = off")
    for plan in ordered:
        _delete_gone(connection, plan, batch, progress)
    for plan in ordered:
        if plan.updated or plan.deleted:
            _let_names_go(connection, plan.file)
    for plan in ordered:
        _write(connection, plan, source, batch, progress)
    _refresh_users(connection, plans)
    _renew_versions(connection, plans)


def _ranges(connection: Connection, table: str, batch: int) -> Iterator[tuple[int, int]]:
    """Line ranges that hold at most `batch` rows each."""
    row = connection.execute(compiled(f"SELECT min(line), max(line) FROM {table}")).fetchone()
    if row and row[0] is not None:
        for first in range(row[0], row[1] + 1, batch):
            yield first, first + batch - 1


def _delete_gone(
    connection: Connection, plan: Plan, batch: int, progress: Callable[[int], None]
) -> None:
    statement = compiled(
        f"UPDATE {plan.file.entity.table} t"
        " SET status = 'tobedeleted', date_last_modified = now()"
        f" FROM {plan.gone_table} g WHERE g.line BETWEEN %s AND %s AND t.sourced_id = g.sourced_id"
    )
    if plan.gone:
        for bounds in _ranges(connection, plan.gone_table, batch):
            progress(connection.execute(statement, bounds, prepare=True).rowcount)


def _let_names_go(connection: Connection, file: StagedFile) -> None:
    """Blank the unique values that pass from one changed record to another in this file."""
    connection.execute("SET LOCAL enable_hashjoin = on")
    connection.execute("SET LOCAL enable_seqscan = on")
    for column in file.columns.staged:
        if column.field.unique:
            name = f'"{column.field.column}"'
            connection.execute(
                compiled(
                    f"UPDATE {file.entity.table} t SET {name} = NULL"
                    f" FROM {file.table} s JOIN {file.table}_plan p USING (line)"
                    f" WHERE p.action IN ('{UPDATE}', '{DELETE}') AND t.sourced_id = s.sourced_id"
                    f' AND t.{name} IS DISTINCT FROM s."{column.sql}" AND EXISTS'
                    f' (SELECT FROM {file.table} o WHERE o."{column.sql}" = t.{name}'
                    " AND o.sourced_id <> t.sourced_id)"
                )
            )
    connection.execute("SET LOCAL enable_hashjoin = off")
    connection.execute("SET LOCAL enable_seqscan = off")


def _write(
    connection: Connection, plan: Plan, source: str, batch: int, progress: Callable[[int], None]
) -> None:
    statements: list[str] = []
    if plan.updated or plan.deleted:
        statements.append(_update(plan))
    if plan.owned:
        statements.append(_own(plan))
    if plan.created:
        statements.append(_insert(plan))
    for statement in map(compiled, statements):
        for first, last in _ranges(connection, plan.table, batch):
            parameters = {"first": first, "last": last, "source": source}
            progress(connection.execute(statement, parameters, prepare=True).rowcount)


_BOUNDS = "p.line BETWEEN %(first)s AND %(last)s AND s.line BETWEEN %(first)s AND %(last)s"
"""Stated for both tables, so that both are read by a range of their index."""


def _rows(plan: Plan) -> str:
    return f"{plan.file.table} s JOIN {plan.table} p USING (line)"


def _update(plan: Plan) -> str:
    file = plan.file
    values = convert.fields(file)
    values.append(("date_last_modified", convert.date_last_modified(file)))
    if convert.metadata_columns(file):
        values.append(("metadata", convert.metadata_updated(file)))
    sets = [f'"{c}" = {v}' for c, v in values]
    if file.entity.name == "users":
        sets.append(f"org_sourced_ids = {_ORGS_OF_USER.format(user='s.sourced_id')}")
    sets.append("source_system = %(source)s")
    return (
        f"UPDATE {file.entity.table} t SET {', '.join(sets)} FROM {_rows(plan)}"
        f" WHERE {_BOUNDS}"
        f" AND p.action IN ('{UPDATE}', '{DELETE}') AND t.sourced_id = s.sourced_id"
    )


def _own(plan: Plan) -> str:
    return (
        f"UPDATE {plan.file.entity.table} t SET source_system = %(source)s FROM {_rows(plan)}"
        f" WHERE {_BOUNDS} AND p.action = '{OWN}'"
        " AND t.sourced_id = s.sourced_id"
    )


def _insert(plan: Plan) -> str:
    file = plan.file
    values = [("sourced_id", "s.sourced_id"), *convert.fields(file)]
    values.append(("date_last_modified", convert.date_last_modified(file)))
    if convert.metadata_columns(file):
        values.append(("metadata", f"nullif({convert.metadata(file)}, '{{}}')"))
    if file.entity.name == "users":
        values.append(("org_sourced_ids", _ORGS_OF_USER.format(user="s.sourced_id")))
    values.append(("source_system", "%(source)s"))
    columns = ", ".join(f'"{c}"' for c, _ in values)
    return (
        f"INSERT INTO {file.entity.table} ({columns})"
        f" SELECT {', '.join(v for _, v in values)} FROM {_rows(plan)}"
        f" WHERE {_BOUNDS} AND p.action = '{CREATE}' ORDER BY s.line"
    )


def _refresh_users(connection: Connection, plans: list[Plan]) -> None:
    """A user carries its roles and profiles: where they changed, the user changed too."""
    touched: list[str] = []
    for plan in plans:
        if plan.file.entity.name in ("roles", "userProfiles") and plan.changes:
            table = plan.file.entity.table
            touched += [
                f"SELECT s.user_sourced_id AS id FROM {_rows(plan)} WHERE p.action <> '{OWN}'",
                f"SELECT t.user_sourced_id FROM {plan.gone_table} g"
                f" JOIN {table} t USING (sourced_id)",
            ]
    if not touched:
        return
    connection.execute("SET LOCAL enable_hashjoin = on")
    connection.execute("SET LOCAL enable_seqscan = on")
    connection.execute(
        compiled(
            "UPDATE users t SET date_last_modified = now(),"
            f" org_sourced_ids = {_ORGS_OF_USER.format(user='t.sourced_id')}"
            f" FROM ({' UNION '.join(touched)}) changed"
            f" WHERE t.sourced_id = changed.id{_not_written(plans)}"
        )
    )


def _not_written(plans: list[Plan]) -> str:
    """The predicate: the import did not write the user itself, which had its roles in view."""
    plan = next((p for p in plans if p.file.entity.name == "users"), None)
    if not plan:
        return ""
    return f" AND NOT EXISTS (SELECT FROM {_rows(plan)} WHERE s.sourced_id = t.sourced_id)"


def _renew_versions(connection: Connection, plans: list[Plan]) -> None:
    """New tokens for what changed: last, because the rows are then locked until the commit."""
    changed = {p.file.entity.name for p in plans if p.changes or p.owned}
    if changed & {"roles", "userProfiles"}:
        changed.add("users")
    connection.execute(
        "UPDATE data_versions SET version = gen_random_uuid() WHERE entity = ANY(%s)",
        [sorted(changed)],
    )
