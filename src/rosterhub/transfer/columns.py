"""The columns of one staged file: which header names which field, and what is odd about it.

Matched by name in any order (spec/csv.md, "Package"); `metadata.*` columns are kept as they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from rosterhub.model.entities import ONEROSTER_11_USER_COLUMNS, Entity, Field, Kind
from rosterhub.transfer.issues import Issue


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """One column of a staging table: field, name in the file, name in SQL, place in a row."""

    field: Field
    csv: str
    sql: str
    position: int


@dataclass(frozen=True, slots=True)
class Columns:
    """What a header means. `passwords` are the positions of columns that are never kept."""

    staged: tuple[StagedColumn, ...]
    passwords: tuple[int, ...] = ()

    def get(self, csv: str) -> StagedColumn | None:
        """The column of the field called `csv`, if the file has it."""
        return next((c for c in self.staged if c.field.csv == csv), None)


def match(entity: Entity, header: Sequence[str], name: str) -> tuple[Columns, list[Issue]]:
    """The columns that `header` names for `entity`, with issues about it.

    An error among the issues means that the file cannot be staged.
    """
    known = dict(entity.by_name)
    if entity.name == "users":
        known = _with_11_columns(known)
    if not any(column in known for column in header):
        expected = ",".join(f.csv for f in list(entity.by_name.values())[:6])
        return Columns(()), [
            Issue("header_not_found", file=name, line=1, details={"value": expected})
        ]
    issues: list[Issue] = []
    staged: list[StagedColumn] = []
    passwords: list[int] = []
    fields: set[str] = set()
    for position, column in enumerate(header):
        found = known.get(column) or _metadata(column)
        if not found:
            issues.append(_unknown(column, known, name))
        elif found.csv in fields:
            issues.append(_about("header_duplicate", column, name))
        elif found.kind is Kind.PASSWORD:
            passwords.append(position)
        else:
            sql = found.column if found.metadata_key is None else f"metadata_{position}"
            staged.append(StagedColumn(found, column, sql, position))
        if found:
            fields.add(found.csv)
    issues += _missing(entity, fields, name) + _prefixes(staged, name)
    order = [c.position for f in known.values() for c in staged if c.field is f]
    if order != sorted(order):
        issues.append(Issue("column_order", "warning", name, 1))
    return Columns(tuple(staged), tuple(passwords)), issues


def _with_11_columns(known: dict[str, Field]) -> dict[str, Field]:
    """The columns of users.csv with the two of OneRoster 1.1 in their place."""
    wider: dict[str, Field] = {}
    for name, field in known.items():
        wider[name] = field
        if name == "enabledUser":
            wider |= {f.csv: f for f in ONEROSTER_11_USER_COLUMNS}
    return wider


def _metadata(column: str) -> Field | None:
    key = column.removeprefix("metadata.")
    return Field(column) if key and key != column and all(key.split(".")) else None


def _about(code: str, column: str, name: str, **details: str) -> Issue:
    return Issue(code, "error", name, 1, column, {"value": column, **details})


def _unknown(column: str, known: dict[str, Field], name: str) -> Issue:
    """A warning that names the column, and the known one that may be meant."""
    near = get_close_matches(column, known, n=1, cutoff=0.85)
    if near and near[0] != column:
        details = {"value": column, "other": near[0]}
        return Issue("column_similar", "warning", name, 1, column, details)
    return Issue("column_ignored", "warning", name, 1, column, {"value": column})


def _missing(entity: Entity, fields: set[str], name: str) -> list[Issue]:
    required = [f for f in entity.by_name.values() if f.required and f.csv not in fields]
    wanted = [f.csv for f in dict.fromkeys(required)]
    if entity.name == "users" and ("role" in fields) != ("orgSourcedIds" in fields):
        wanted += [f.csv for f in ONEROSTER_11_USER_COLUMNS if f.csv not in fields]
    return [_about("header_missing_column", column, name) for column in wanted]


def _prefixes(staged: list[StagedColumn], name: str) -> list[Issue]:
    names = sorted(c.csv for c in staged if c.field.metadata_key)
    return [
        _about("header_prefix", longer, name, other=shorter)
        for shorter in names
        for longer in names
        if longer.startswith(f"{shorter}.")
    ]
