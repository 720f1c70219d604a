"""The roster as an import would make it, without making it so: views over what is held and what is
staged, under the names of the tables, for one transaction. Nothing is written, nobody waits.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rosterhub.model.entities import Entity
from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer import convert
from rosterhub.transfer.compare import CREATE, DELETE, UPDATE, Plan


@contextmanager
def as_it_would_be(connection: Connection, plans: Iterable[Plan]) -> Generator[None]:
    """In a transaction in which the tables of `plans`, by their plain names, show what they would
    hold; of their columns, those that have a meaning in the standard.
    """
    with connection.transaction():
        # Of views like these the planner knows next to nothing: hashes are right for any size.
        connection.execute("SET LOCAL enable_nestloop = off")
        connection.execute("SET LOCAL enable_mergejoin = off")
        views: dict[str, str] = {}
        for plan in plans:
            if plan.changes:
                table = plan.file.entity.table
                # One file of an entity after the other.
                views[table] = f"({_after(plan, views.get(table, f'public.{table}'))})"
        for table, view in views.items():
            connection.execute(compiled(f"CREATE TEMP VIEW {table} AS SELECT * FROM {view} v"))
        yield
        for table in views:
            connection.execute(compiled(f"DROP VIEW pg_temp.{table}"))


def _after(plan: Plan, held: str) -> str:
    """The rows that are `held`, a FROM item, once `plan` is carried out."""
    entity, file = plan.file.entity, plan.file
    planned = f"{file.table} s JOIN {plan.table} p USING (line)"
    given = dict(convert.fields(file))
    values = {"sourced_id": "s.sourced_id", "status": given["status"]}
    values |= {c: given.get(c, f't."{c}"') for c in _columns(entity)}
    metadata = convert.metadata_columns(file)
    values["metadata"] = convert.metadata_updated(file) if metadata else "t.metadata"
    gone = ""
    if plan.gone.count:
        gone = (
            f" AND NOT EXISTS (SELECT FROM {plan.gone.table} g WHERE g.sourced_id = t.sourced_id)"
        )
    own = ", ".join(f't."{name}"' for name in values)
    made = ", ".join(f'{value} AS "{name}"' for name, value in values.items())
    return (
        f"SELECT {own} FROM {held} t"
        f" WHERE NOT EXISTS (SELECT FROM {planned} WHERE s.sourced_id = t.sourced_id"
        f" AND p.action IN ('{UPDATE}', '{DELETE}')){gone}"
        f" UNION ALL SELECT {made} FROM {planned} LEFT JOIN {held} t ON t.sourced_id = s.sourced_id"
        f" WHERE p.action IN ('{CREATE}', '{UPDATE}')"
    )


def _columns(entity: Entity) -> list[str]:
    return [f.column for f in entity.stored_fields]
