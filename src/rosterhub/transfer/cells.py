"""SQL for the text of a record's cells in a CSV file, on the row `t` of its table."""

from collections.abc import Mapping
from dataclasses import dataclass

from rosterhub.model.entities import RECORDS, Entity, Field, Kind
from rosterhub.store.connect import literal
from rosterhub.store.documents import instant


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a file by column, each SQL for text or NULL, and the joins that they need."""

    columns: tuple[tuple[str, str], ...]
    joins: str = ""


def cells(
    entity: Entity,
    profile: str,
    more_metadata: list[str],
    relation: str,
    part: str | None,
    blanked: Mapping[str, str],
) -> Cells:
    """The cells after sourcedId, status and dateLastModified, as `profile` writes them.

    `relation` is what the row `t` is of. With `part`, the prefix of the sets of `org_part`, what is
    referred to and may be left out is blank where it is not in that part. `blanked` is, by column,
    SQL for the sourcedIds that are not named.
    """
    columns: list[tuple[str, str]] = []
    joins: list[str] = []
    for field in entity.fields:
        name = field.name_in(profile)
        if not name:
            continue
        if part and field.reference and (field.many or not field.required):
            join = f"j{len(joins)}"
            columns.append((name, f"{join}.value"))
            known = f"{part}{RECORDS[field.reference].table}"
            own = f"SELECT sourced_id FROM {part}{entity.table}"
            joins.append(_within(field, join, relation, own, known))
        elif field.csv in blanked:
            columns.append((name, _without(field, blanked[field.csv])))
        else:
            columns.append((name, cell(field)))
    columns += [(f"metadata.{key}", metadata(key)) for key in more_metadata]
    return Cells(tuple(columns), "".join(joins))


def _within(field: Field, join: str, relation: str, own: str, known: str) -> str:
    """Joins what the field of the records in `own` refers to and is among `known`, as `value`."""
    if field.many:
        return (
            " LEFT JOIN (SELECT t.sourced_id, string_agg(l.id, ',' ORDER BY l.n) AS value"
            f' FROM {relation} t, unnest(t."{field.column}") WITH ORDINALITY AS l(id, n)'
            f" WHERE t.sourced_id IN ({own}) AND l.id IN (SELECT sourced_id FROM {known})"
            f" GROUP BY 1) {join} ON {join}.sourced_id = t.sourced_id"
        )
    found = f"(SELECT sourced_id AS value FROM {known}) {join}"
    return f" LEFT JOIN {found} ON {join}.value = {cell(field)}"


def _without(field: Field, gone: str) -> str:
    """SQL for the text of a reference's cell that names none of `gone`."""
    if field.many:
        listed = f'unnest(t."{field.column}") WITH ORDINALITY AS l(id, n)'
        names = "string_agg(l.id, ',' ORDER BY l.n)"
        return f"(SELECT {names} FROM {listed} WHERE l.id NOT IN ({gone}))"
    return f"CASE WHEN {cell(field)} NOT IN ({gone}) THEN {cell(field)} END"


def cell(field: Field) -> str:
    """SQL for the text of a field's cell; NULL for a blank one."""
    if field.metadata_key:
        return metadata(field.metadata_key)
    if field.kind is Kind.PASSWORD:
        return "NULL::text"
    column = f't."{field.column}"'
    if field.many:
        return f"array_to_string({column}, ',')"
    match field.kind:
        case Kind.BOOLEAN:
            return f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"
        case Kind.DATETIME:
            return instant(column)
        case Kind.USER_IDS | Kind.SCALE_VALUES:
            return f"'{{' || array_to_string({column}, '}},{{') || '}}'"
        case Kind.DATE | Kind.FLOAT | Kind.INTEGER:
            return f"{column}::text"
        case _:
            return column


def metadata(key: str) -> str:
    """SQL for the text of a metadata value."""
    return f"t.metadata ->> {literal(key)}"
