"""The columns of one staged file: which header names which field, and what is odd about it.

Matched by name in any order (spec/csv.md, "Package"); `metadata.*` columns are kept as they come.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rosterhub.model import values
from rosterhub.model.entities import ENTITIES, ONEROSTER_11_USER_COLUMNS, Entity, Field, Kind
from rosterhub.transfer.issues import Issue
from rosterhub.transfer.package import Mode
from rosterhub.transfer.spreadsheet import EYES_ONLY

DELTA_NEEDS = ("status", "dateLastModified")
"""What each row of a delta must have (spec/csv.md, "Bulk and delta")."""
_FEW_LETTERS = 2
"""How many a misspelt name is off."""
_OTHER_DELIMITERS = {"\t": "tab", ";": ";"}


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """One column of a staging table: field, name in the file, name in SQL, place in a row."""

    field: Field
    csv: str
    sql: str
    position: int

    @property
    def cell(self) -> str:
        """SQL for the column of the staging table, aliased `s`."""
        return f's."{self.sql}"'

    @property
    def values(self) -> tuple[str, str]:
        """What joins a row to each value of its cell, of which a list has several; SQL for it."""
        if not self.field.many:
            return "", self.cell
        return f", unnest(string_to_array({self.cell}, ',')) AS e(value)", "e.value"


@dataclass(frozen=True, slots=True)
class Columns:
    """What a header means. `passwords` are the positions of columns that are never kept."""

    staged: tuple[StagedColumn, ...]
    passwords: tuple[int, ...] = ()

    def get(self, csv: str) -> StagedColumn | None:
        """The column of the field called `csv`, if the file has it."""
        return next((c for c in self.staged if c.field.csv == csv), None)


def match(
    entity: Entity, header: Sequence[str], name: str, mode: Mode
) -> tuple[Columns, list[Issue]]:
    """The columns that `header` names for `entity`, with issues about it.

    An error among the issues means that the file cannot be staged.
    """
    known = dict(entity.by_name)
    if entity.name == "users":
        known = _with_11_columns(known)
    if not any(column in known for column in header):
        return Columns(()), [_no_header(entity, header, name)]
    if EYES_ONLY in header:
        return Columns(()), [Issue("for_eyes_only", "error", name, 1, EYES_ONLY)]
    issues: list[Issue] = []
    staged: list[StagedColumn] = []
    passwords: list[int] = []
    seen: set[str] = set()
    for position, column in enumerate(header):
        found = known.get(column) or _metadata(column)
        identity = found.csv if found else column
        if not identity:
            issues.append(
                Issue("column_unnamed", "warning", name, 1, None, {"value": position + 1})
            )
        elif identity in seen:
            issues.append(_about("header_duplicate", column, name))
        elif not found:
            ignored = _unknown(column, known, name)
            issues.append(ignored)
            if _names_password(column) or _names_password(ignored.details.get("other", "")):
                passwords.append(position)
        elif found.kind is Kind.PASSWORD or (found.metadata_key and _names_password(column)):
            passwords.append(position)
        else:
            sql = found.column if found.metadata_key is None else f"metadata_{position}"
            staged.append(StagedColumn(found, column, sql, position))
        seen.add(identity)
    missing = _missing(entity, seen)
    if missing and (other := _made_for(entity, seen)):
        details = {"value": other.file}
        return Columns(()), [Issue("header_other_file", "error", name, 1, None, details)]
    if mode == "delta":
        missing += [column for column in DELTA_NEEDS if column not in seen]
    issues += [_about("header_missing_column", column, name) for column in missing]
    issues += _prefixes(staged, name)
    order = [c.position for f in known.values() for c in staged if c.field is f]
    if order != sorted(order):
        issues.append(Issue("column_order", "warning", name, 1))
    return Columns(tuple(staged), tuple(passwords)), issues


def _no_header(entity: Entity, header: Sequence[str], name: str) -> Issue:
    """The issue for a first line that names no column of the file."""
    for delimiter, called in _OTHER_DELIMITERS.items():
        if delimiter in header[0] and header[0].split(delimiter)[0].strip() in entity.by_name:
            return Issue("delimiter_other", "error", name, 1, None, {"value": called})
    expected = ",".join(f.csv for f in list(entity.by_name.values())[:6])
    return Issue("header_not_found", "error", name, 1, None, {"value": expected})


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
    return Field(column) if key != column and values.names_metadata(key) else None


def _about(code: str, column: str, name: str, **details: str) -> Issue:
    return Issue(code, "error", name, 1, column[:100], {"value": column[:100], **details})


def _unknown(column: str, known: Iterable[str], name: str) -> Issue:
    """A warning that names the column, and the known one that may be meant."""
    column = column[:100]
    near = min(((_letters_off(column, other), other) for other in known), default=(9, ""))
    if near[0] <= (1 if len(column) < 6 else _FEW_LETTERS):
        details = {"value": column, "other": near[1]}
        return Issue("column_similar", "warning", name, 1, column, details)
    return Issue("column_ignored", "warning", name, 1, column, {"value": column})


_PASSWORDS = ("password", "passwd", "pwd", "パスワード")


def _names_password(column: str) -> bool:
    """Whether a column is called after passwords: its last part (`metadata.jp.initialPassword`,
    `ext_passwd`) is, in any case, or is off by a letter.
    """
    last = unicodedata.normalize("NFKC", column[-100:]).lower().rpartition(".")[2]
    last = re.sub("[ _-]", "", last)
    return last.endswith(_PASSWORDS) or _letters_off(last, "password") <= 1


def _letters_off(one: str, other: str) -> int:
    """How many letters must be put in, left out or replaced to make `one` of `other`."""
    one, other = one.lower(), other.lower()
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row = row, [i]
        for j, theirs in enumerate(other, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != theirs)))
    return row[-1]


def _missing(entity: Entity, seen: Collection[str]) -> list[str]:
    wanted = _absent(entity, seen)
    if entity.name == "users" and ("role" in seen) != ("orgSourcedIds" in seen):
        wanted += [f.csv for f in ONEROSTER_11_USER_COLUMNS if f.csv not in seen]
    return wanted


def _absent(entity: Entity, seen: Collection[str]) -> list[str]:
    """The required columns that are not there."""
    fields = dict.fromkeys(entity.by_name.values())
    return [f.csv for f in fields if f.required and f.csv not in seen]


def _made_for(entity: Entity, seen: Collection[str]) -> Entity | None:
    """The other entity whose file this is: it lacks nothing and knows more of the columns."""
    columns = set(seen)
    known = {e.name: len(columns & e.by_name.keys()) for e in ENTITIES.values()}
    whole = [e for e in ENTITIES.values() if not _absent(e, seen)]
    best = max(whole, key=lambda e: known[e.name], default=entity)
    return best if known[best.name] > known[entity.name] else None


def _prefixes(staged: list[StagedColumn], name: str) -> list[Issue]:
    names = sorted(c.csv for c in staged if c.field.metadata_key)
    return [
        _about("header_prefix", longer, name, other=shorter)
        for shorter in names
        for longer in names
        if longer.startswith(f"{shorter}.")
    ]
