"""The base of an import: the one before it of the same source, on whose files it can build.

What stands in a file word by word as it stood in the base was checked and applied then, so only the
other lines are staged (docs/adr/0017). That holds while nothing else has changed the roster, and
where nothing is found that may concern other rows; else the files are read whole after all, and
every finding comes from that.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import IO

from psycopg.types.json import Jsonb

import rosterhub
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import Profile
from rosterhub.store import versions
from rosterhub.store.connect import Connection, compiled
from rosterhub.store.schema import LIVE
from rosterhub.transfer import agreement, japan
from rosterhub.transfer.compare import UPDATE, Plan
from rosterhub.transfer.package import Package
from rosterhub.transfer.records import Request
from rosterhub.transfer.staged import StagedFile

_FIND = (
    "SELECT id, carried, profile_taken FROM imports WHERE source_system = %(source)s"
    " AND entity IS NOT DISTINCT FROM %(entity)s AND level = %(level)s AND state = 'completed'"
    " AND NOT dry_run AND carried ->> 'program' = %(program)s ORDER BY finished_at DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Base:
    """The import `id`, read by the profile called `profile`; `entities` are those of its files to
    build on.
    """

    id: int
    profile: str
    entities: frozenset[str]


def find(connection: Connection, request: Request, tokens: dict[str, str]) -> Base | None:
    """The base of the import that `request` asks for, with the data's versions at `tokens`; None
    where there is nothing to build on.
    """
    if request.placeholders or (request.entity and request.mode != "bulk"):
        return None
    values = {
        "source": request.source,
        "entity": request.entity,
        "level": request.level,
        "program": rosterhub.__version__,
    }
    row = connection.execute(_FIND, values).fetchone()
    if row is None:
        return None
    import_id, carried, profile = row
    unchanged = {name for name, token in carried["versions"].items() if tokens.get(name) == token}
    entities = frozenset(name for name in carried["files"] if _seen(name) <= unchanged)
    return Base(import_id, profile, entities) if entities else None


def _seen(name: str) -> set[str]:
    """The entities whose records decide whether a row of an entity is right."""
    entity = ENTITIES[name]
    seen = {name, *(f.reference for f in entity.fields if f.reference)}
    return seen | {entity.identity_of} if entity.identity_of else seen


def openers(base: Base, package: Package) -> dict[str, Callable[[], IO[bytes]]]:
    """How to open the files of the base, opened as `package`, by their entities."""
    return {f.entity.name: f.open for f in package.files if f.entity.name in base.entities}


def remember(connection: Connection, import_id: int, files: Iterable[StagedFile]) -> None:
    """Let the next import build on those of `files` in whose rows nothing was found; in the
    transaction that ends this one.
    """
    clean = [
        file
        for file in files
        if file.plain
        and file.mode == "bulk"
        and not (file.incomplete or file.left_out or file.derived or _derives(file))
    ]
    found = connection.execute(
        "SELECT DISTINCT file FROM import_issues WHERE import_id = %s AND line > 1", [import_id]
    ).fetchall()
    names = [f.entity.name for f in clean if (f.name,) not in found]
    tokens = versions.tokens(connection)
    carried = {"program": rosterhub.__version__, "files": names, "versions": tokens}
    connection.execute("UPDATE imports SET carried = %s WHERE id = %s", [Jsonb(carried), import_id])


def _derives(file: StagedFile) -> bool:
    """Whether other records are made of the rows: those of all rows, not of those that are new."""
    return file.entity.name == "users" and file.has("role")


def doubt(
    connection: Connection, import_id: int, plans: list[Plan], source: str, profile: Profile
) -> str | None:
    """Why the files must be read whole after all: what was found may concern rows that are not in
    the staging tables. None where it cannot.
    """
    built = [plan for plan in plans if plan.file.unstaged is not None]
    row = connection.execute(
        "SELECT code FROM import_issues WHERE import_id = %s AND (severity = 'error'"
        " OR code = 'deleted_still_referred' OR line > 1 AND file = ANY(%s)) LIMIT 1",
        [import_id, [plan.file.name for plan in built]],
    ).fetchone()
    if row:
        return row[0]
    with connection.transaction():
        # Few rows are staged: each looked up takes less time than a look at whole tables.
        connection.execute("SET LOCAL enable_hashjoin = off")
        connection.execute("SET LOCAL enable_mergejoin = off")
        reasons = chain(
            (_for_others(connection, plan, profile) for plan in plans),
            (_of_built(connection, plan, source, profile) for plan in built),
        )
        return next((why for why in reasons if why), None)


def _for_others(connection: Connection, plan: Plan, profile: Profile) -> str | None:
    """What rows of other files, which may not be staged, are checked by."""
    if plan.file.entity.name == "academicSessions" and plan.created:
        return "a new academic session"
    columns = _seen_by_others(plan.file, profile)
    if columns and plan.updated and _exists(connection, _differ(plan, columns)):
        return "a change that other rows may depend on"
    return None


def _of_built(connection: Connection, plan: Plan, source: str, profile: Profile) -> str | None:
    file, name = plan.file, plan.file.entity.name
    if _exists(connection, _twice(file), source):
        return "a sourcedId that stands twice"
    if name == "roles" and plan.gone.count and profile.japanese:
        primary = f"SELECT FROM {plan.gone.table} JOIN roles t USING (sourced_id)"
        if _exists(connection, f"{primary} WHERE {japan.TEACHER}"):
            return "a teacher who is none any more"
    return None


def _twice(file: StagedFile) -> str:
    """SQL for rows whose sourcedId belongs to a row that is not staged."""
    return (
        f"SELECT FROM {file.table} s JOIN {file.entity.table} t USING (sourced_id)"
        f" WHERE t.source_system = %(source)s AND t.{LIVE}"
        f" AND NOT EXISTS (SELECT FROM {file.removed_table} x WHERE x.sourced_id = t.sourced_id)"
    )


def _seen_by_others(file: StagedFile, profile: Profile) -> list[str]:
    name = file.entity.name
    seen = {*agreement.SEEN_BY_OTHERS.get(name, ()), *japan.seen_by_others(name, profile)}
    return [csv for csv in sorted(seen) if file.has(csv)]


def _differ(plan: Plan, columns: list[str]) -> str:
    """SQL for rows that change one of `columns`."""
    file, names = plan.file, [plan.file.entity.by_name[csv].column for csv in columns]
    changed = " OR ".join(f's."{name}" IS DISTINCT FROM t."{name}"::text' for name in names)
    return (
        f"SELECT FROM {file.table} s JOIN {plan.table} p USING (line)"
        f" JOIN {file.entity.table} t ON t.sourced_id = s.sourced_id"
        f" WHERE p.action = '{UPDATE}' AND ({changed})"
    )


def _exists(connection: Connection, rows: str, source: str = "") -> bool:
    row = connection.execute(compiled(f"SELECT EXISTS ({rows})"), {"source": source}).fetchone()
    assert row is not None
    return row[0]
