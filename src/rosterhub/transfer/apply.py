"""The plan carried out: all files of an import in one transaction, in statements of bounded size.

Deletions come first, then unique values that change hands are let go, then changes, then new
records, so that no unique index is ever in the way. The caller owns the transaction.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise

import psycopg
from psycopg.rows import TupleRow

from rosterhub.model.entities import RECORDS, Entity
from rosterhub.store import history, versions
from rosterhub.store.connect import Connection, compiled
from rosterhub.store.times import MOVED_ON
from rosterhub.transfer import convert
from rosterhub.transfer.compare import CREATE, DELETE, OWN, UPDATE, Plan, Records
from rosterhub.transfer.staged import StagedFile

ORGS_OF_USER = (
    "coalesce((SELECT array_agg(DISTINCT r.org_sourced_id ORDER BY r.org_sourced_id)"
    " FROM roles r WHERE r.user_sourced_id = {user}"
    " AND (r.status = 'active' OR {status} = 'tobedeleted')), '{{}}')"
)
"""A user who is deleted is shown with what they had."""


def apply(
    connection: Connection,
    plans: list[Plan],
    touched: dict[str, Records],
    import_id: int,
    source: str,
    batch: int,
    progress: Callable[[int], None],
) -> dict[str, str]:
    """Carry out `plans` on `connection`, which is in a transaction; `progress` takes rows done.
    The tokens of the data's versions as they were before it renewed them.

    `touched` are the records that change only in what they carry, by their entity. What a record
    was before goes to its history.

    Raises:
        psycopg.errors.UniqueViolation: another import took a sourcedId or a name meanwhile.
    """
    # Roles go before users, so that a new user finds the orgs of the roles in place.
    ordered = sorted(plans, key=lambda p: p.file.entity.name == "users")
    # What is joined is found by its index, batch by batch; the planner knows only whole tables.
    connection.execute("SET LOCAL enable_seqscan = off")
    connection.execute("SET LOCAL enable_hashjoin = off")
    with_roles = any(p.file.entity.name == "roles" for p in plans)
    work = _Work(connection, import_id, source, batch, progress)
    for plan in ordered:
        work.on_rows(plan.updated + plan.deleted + plan.owned, _keep(plan), plan)
        work.on_records(_keep_listed(plan.file.entity, plan.gone, _STILL_OURS), plan.gone)
    for plan in ordered:
        work.on_records(_delete_gone(plan), plan.gone)
    for plan in ordered:
        work.on_rows(plan.deleted, _delete(plan), plan)
    for plan in ordered:
        for column, records in plan.freed:
            work.on_records(_let_go(plan, column, records), records)
    for plan in ordered:
        work.on_rows(plan.updated, _update(plan), plan)
        work.on_rows(plan.owned, _own(plan), plan)
        work.on_rows(plan.created, _insert(plan, with_roles=with_roles), plan)
    for name, records in touched.items():
        entity = RECORDS[name]
        # What a row of this import changed, it has kept already.
        fresh = f"{_NOT_DELETED} AND t.import_id IS DISTINCT FROM %(import)s"
        work.on_records(_keep_listed(entity, records, fresh), records)
        work.on_records(_refresh(entity, records), records)
    _straighten(work, {p.file.entity.name for p in plans} | touched.keys())
    return _renew_versions(connection, plans)


def _straighten(work: "_Work", entities: Iterable[str]) -> None:
    """Let each version of a record hold at a time of its own.

    A change that began after this transaction and ended before it came to the record is replaced at
    a time at which it was not there yet: what was before it held until this one.
    """
    for name in entities:
        table = f"history.{RECORDS[name].table}"
        younger = f"SELECT sourced_id FROM {table} WHERE replaced_by = %s AND valid_from > now()"
        work.connection.execute(
            compiled(
                f"UPDATE {table} SET valid_to = now()"
                f" WHERE valid_to > now() AND sourced_id IN ({younger})"
            ),
            [work.import_id],
        )


def analyze(connection: Connection, plans: list[Plan]) -> None:
    """Let PostgreSQL look at tables of which much is new, so that it reads them well at once.

    It would do so by itself, but only a minute later; until then it takes them for nearly empty.
    """
    for plan in plans:
        written = plan.created + plan.updated + plan.deleted + plan.gone.count
        table = plan.file.entity.table
        row = connection.execute(
            "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table]
        ).fetchone()
        if row and written > max(1_000, row[0] / 10):
            connection.execute(compiled(f"ANALYZE {table}"))


class _Work:
    """Statements run for one range of lines after the other."""

    def __init__(
        self,
        connection: Connection,
        import_id: int,
        source: str,
        batch: int,
        progress: Callable[[int], None],
    ) -> None:
        self.connection = connection
        self.import_id = import_id
        self.source = source
        self.batch = batch
        self.progress = progress
        self._ranges: dict[str, list[tuple[int, int]]] = {}

    def on_rows(self, count: int, statement: str, plan: Plan) -> None:
        """Run `statement` on the rows of a plan, of which `count` are for it."""
        if count:
            if plan.table not in self._ranges:
                self._ranges[plan.table] = self._ranges_of(plan)
            self._run(statement, self._ranges[plan.table])

    def on_records(self, statement: str, records: Records) -> None:
        """Run `statement` on a list of records."""
        if records.count:
            self._run(statement, _even(1, records.count, self.batch))

    def _ranges_of(self, plan: Plan) -> list[tuple[int, int]]:
        """Ranges of lines with a batch of the plan's rows in each."""
        row = self.connection.execute(
            compiled(f"SELECT min(line), max(line), count(*) FROM {plan.table}")
        ).fetchone()
        assert row is not None
        first, last, count = row
        if last - first < 2 * count:
            return _even(first, last, self.batch)
        found = self.connection.execute(
            compiled(
                "SELECT line FROM (SELECT line, row_number() OVER (ORDER BY line) - 1 AS n"
                f" FROM {plan.table}) p WHERE mod(n, %s) = 0 ORDER BY line"
            ),
            [self.batch],
        ).fetchall()
        starts = [start for (start,) in found]
        return [(start, end - 1) for start, end in pairwise([*starts, last + 1])]

    def _run(self, statement: str, ranges: list[tuple[int, int]]) -> None:
        text = compiled(statement)
        for group in (ranges[at : at + _AHEAD] for at in range(0, len(ranges), _AHEAD)):
            # Sent together: PostgreSQL goes from one to the next without waiting for us.
            with self.connection.pipeline():
                ran = [self._execute(text, *one) for one in group]
            self.progress(sum(cursor.rowcount for cursor in ran))

    def _execute(self, text: bytes, first: int, last: int) -> psycopg.Cursor[TupleRow]:
        values = {
            "first": first,
            "last": last,
            "source": self.source,
            "import": self.import_id,
        }
        return self.connection.execute(text, values, prepare=True)


def _even(first: int, last: int, length: int) -> list[tuple[int, int]]:
    return [(start, start + length - 1) for start in range(first, last + 1, length)]


_AHEAD = 8
"""Statements sent before the first of them is answered."""
_BOUNDS = "p.line BETWEEN %(first)s AND %(last)s AND s.line BETWEEN %(first)s AND %(last)s"
"""Stated for both tables, so that both are read by a range of their index."""
_LISTED = "g.line BETWEEN %(first)s AND %(last)s AND t.sourced_id = g.sourced_id"


def _rows(plan: Plan) -> str:
    return f"{plan.file.table} s JOIN {plan.table} p USING (line)"


_WRITTEN = "valid_from = now(), import_id = %(import)s"


def _keep(plan: Plan) -> str:
    rows = f", {_rows(plan)} WHERE {_BOUNDS} AND p.action <> '{CREATE}'"
    return history.keep(plan.file.entity, f"{rows} AND t.sourced_id = s.sourced_id", "%(import)s")


_STILL_OURS = "t.source_system = %(source)s"
_NOT_DELETED = "t.status <> 'tobedeleted'"


def _keep_listed(entity: Entity, records: Records, only: str) -> str:
    rows = f", {records.table} g WHERE {_LISTED} AND {only}"
    return history.keep(entity, rows, "%(import)s")


def _delete_gone(plan: Plan) -> str:
    return (
        f"UPDATE {plan.file.entity.table} t"
        f" SET status = 'tobedeleted', date_last_modified = {MOVED_ON}, {_WRITTEN}"
        f" FROM {plan.gone.table} g WHERE {_LISTED} AND {_STILL_OURS}"
    )


def _delete(plan: Plan) -> str:
    """What is deleted keeps its last values: the row may hold no more than the sourcedId."""
    return (
        f"UPDATE {plan.file.entity.table} t SET status = 'tobedeleted',"
        f" date_last_modified = {convert.date_changed(plan.file)}, source_system = %(source)s,"
        f" {_WRITTEN}"
        f" FROM {_rows(plan)}"
        f" WHERE {_BOUNDS} AND p.action = '{DELETE}' AND t.sourced_id = s.sourced_id"
    )


def _let_go(plan: Plan, column: str, records: Records) -> str:
    return (
        f'UPDATE {plan.file.entity.table} t SET "{column}" = NULL FROM {records.table} g'
        f" WHERE {_LISTED}"
    )


def _update(plan: Plan) -> str:
    file = plan.file
    values = convert.fields(file)
    values.append(("date_last_modified", convert.date_changed(file)))
    if convert.changes_metadata(file):
        values.append(("metadata", convert.metadata_updated(file)))
    sets = [f'"{c}" = {v}' for c, v in values]
    if file.entity.name == "users":
        sets.append(f"org_sourced_ids = {_orgs_of_user(file)}")
    sets += ["source_system = %(source)s", _WRITTEN]
    return (
        f"UPDATE {file.entity.table} t SET {', '.join(sets)} FROM {_rows(plan)}"
        f" WHERE {_BOUNDS} AND p.action = '{UPDATE}' AND t.sourced_id = s.sourced_id"
    )


def _own(plan: Plan) -> str:
    return (
        f"UPDATE {plan.file.entity.table} t SET source_system = %(source)s, {_WRITTEN}"
        f" FROM {_rows(plan)}"
        f" WHERE {_BOUNDS} AND p.action = '{OWN}' AND t.sourced_id = s.sourced_id"
    )


def _insert(plan: Plan, *, with_roles: bool) -> str:
    """A new user has no roles but those that come with it."""
    file = plan.file
    values = [("sourced_id", "s.sourced_id"), *convert.fields(file)]
    values.append(("date_last_modified", convert.date_of_new(file)))
    if convert.metadata_columns(file):
        values.append(("metadata", f"nullif({convert.metadata(file)}, '{{}}')"))
    if file.entity.name == "users" and with_roles:
        values.append(("org_sourced_ids", _orgs_of_user(file)))
    owner = f"'{file.owner}'" if file.owner else "%(source)s"
    values += [("source_system", owner), ("import_id", "%(import)s")]
    columns = ", ".join(f'"{c}"' for c, _ in values)
    return (
        f"INSERT INTO {file.entity.table} ({columns})"
        f" SELECT {', '.join(v for _, v in values)} FROM {_rows(plan)}"
        f" WHERE {_BOUNDS} AND p.action = '{CREATE}' ORDER BY s.line"
    )


def _orgs_of_user(file: StagedFile) -> str:
    return ORGS_OF_USER.format(user="s.sourced_id", status=convert.status(file))


def _refresh(entity: Entity, touched: Records) -> str:
    """Where what a record carries changed, the record changed too."""
    orgs = ""
    if entity.name == "users":
        orgs = f" org_sourced_ids = {ORGS_OF_USER.format(user='t.sourced_id', status='t.status')},"
    return (
        f"UPDATE {entity.table} t SET date_last_modified = {MOVED_ON},{orgs} {_WRITTEN}"
        f" FROM {touched.table} g"
        f" WHERE {_LISTED} AND {_NOT_DELETED}"
    )


def _renew_versions(connection: Connection, plans: list[Plan]) -> dict[str, str]:
    """New tokens for what changed: last, because the rows are then locked until the commit."""
    changed = {p.file.entity.name for p in plans if p.changes or p.owned}
    changed |= {owner for name in changed if (owner := RECORDS[name].embedded_in)}
    return versions.renew(connection, sorted(changed))
