"""From a staged cell (text, alias `s`) to the value its SQL column holds (alias `t`)."""

from rosterhub.model.entities import Kind
from rosterhub.model.values import PLACEHOLDER
from rosterhub.store.connect import literal
from rosterhub.store.times import MOVED_ON
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.placeholders import TARGETS
from rosterhub.transfer.staged import StagedFile

_CASTS = {
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamptz",
    Kind.FLOAT: "numeric",
    Kind.INTEGER: "integer",
}


def value(column: StagedColumn) -> str:
    """SQL for the typed value of a staged cell; NULL stays NULL."""
    cell, field = column.cell, column.field
    if field.many:
        return f"string_to_array({cell}, ',')"
    if field.kind in (Kind.USER_IDS, Kind.SCALE_VALUES):
        return f"string_to_array(btrim({cell}, '{{}}'), '}},{{')"
    cast = _CASTS.get(field.kind)
    return f"{cell}::{cast}" if cast else cell


def status(file: StagedFile) -> str:
    """SQL for the status a row asks for: blank means active."""
    return "coalesce(s.status, 'active')" if file.has("status") else "'active'::text"


def date_of_new(file: StagedFile) -> str:
    """SQL for the time a new record carries: its row's, else that of the import."""
    if not file.has("dateLastModified"):
        return "now()"
    return "coalesce(s.date_last_modified::timestamptz, now())"


def date_changed(file: StagedFile) -> str:
    """SQL for the time a changed record carries: its row's if that is later than the one held."""
    if not file.has("dateLastModified"):
        return MOVED_ON
    given = "s.date_last_modified::timestamptz(3)"
    return f"CASE WHEN {given} > t.date_last_modified THEN {given} ELSE {MOVED_ON} END"


def fields(file: StagedFile) -> list[tuple[str, str]]:
    """The SQL columns that the file decides about, each with its value; status first."""
    known = {f.csv for f in file.entity.stored_fields}
    return [("status", status(file))] + [
        (c.field.column, value(c)) for c in file.columns.staged if c.field.csv in known
    ]


def metadata_columns(file: StagedFile) -> list[StagedColumn]:
    """The `metadata.*` columns of the file."""
    return [c for c in file.columns.staged if c.field.metadata_key]


_PAIRS_AT_ONCE = 50
"""A function of PostgreSQL takes no more than a hundred arguments."""


def metadata(file: StagedFile) -> str:
    """SQL for the flat metadata object that the row's cells make; blank cells leave no key."""
    pairs = [f"{_key(c)}, {cell(c)}" for c in metadata_columns(file)]
    objects = (
        f"jsonb_build_object({', '.join(pairs[at : at + _PAIRS_AT_ONCE])})"
        for at in range(0, len(pairs), _PAIRS_AT_ONCE)
    )
    return f"jsonb_strip_nulls({' || '.join(objects)})"


def metadata_updated(file: StagedFile) -> str:
    """SQL for the metadata a record has after the row: keys the file does not know stay, but that
    a record which is sent is no placeholder any more, and that what was one value has no parts.
    """
    keys = [_key(c) for c in metadata_columns(file)]
    known = [*keys, f"'{PLACEHOLDER}'"] if file.entity.name in TARGETS else keys
    kept = f"(coalesce(t.metadata, '{{}}') - ARRAY[{', '.join(known)}])"
    if keys:
        given = metadata(file)
        kept = f"({_without_rivals(kept, given)} || {given})"
    return f"nullif({kept}, '{{}}')"


def _without_rivals(kept: str, given: str) -> str:
    """SQL for `kept` without keys that cannot be nested beside those of `given`: `a` and `a.b`."""
    return (
        f"(SELECT coalesce(jsonb_object_agg(k.key, k.value), '{{}}') FROM jsonb_each({kept}) k"
        f" WHERE NOT EXISTS (SELECT FROM jsonb_object_keys({given}) g(key)"
        " WHERE starts_with(k.key, g.key || '.') OR starts_with(g.key, k.key || '.')))"
    )


def changes_metadata(file: StagedFile) -> bool:
    """Whether what a record's metadata is may change with a row of the file."""
    return file.entity.name in TARGETS or bool(metadata_columns(file))


def takes_mark_away(file: StagedFile) -> bool:
    """Whether a row of the file makes a placeholder a real record, without a cell that says so."""
    return file.entity.name in TARGETS and not file.has(f"metadata.{PLACEHOLDER}")


def differs(file: StagedFile) -> str:
    """The predicate: the row says something else than the record holds.

    A dateLastModified alone is no difference (docs/adr/0004).
    """
    tests = [f't."{column}" IS DISTINCT FROM {value}' for column, value in fields(file)]
    for c in metadata_columns(file):
        tests.append(f"t.metadata ->> {_key(c)} IS DISTINCT FROM {cell(c)}::text")
    if takes_mark_away(file):
        tests.append(f"t.metadata ? '{PLACEHOLDER}'")
    return " OR ".join(tests)


def _key(column: StagedColumn) -> str:
    assert column.field.metadata_key
    return literal(column.field.metadata_key)


def cell(column: StagedColumn) -> str:
    """SQL for the value that a `metadata.*` cell has in the flat metadata object."""
    return f"{column.cell}::integer" if column.field.kind is Kind.INTEGER else column.cell
