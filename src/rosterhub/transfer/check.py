"""What is wrong with staged rows, found by set-based SQL: repairs, then forms, then relations.

A rule is a predicate on the staging table; one scan counts them all, and only those that hit
anything write issues. Rules derive from the entity table and spec/csv.md, level `tolerant`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from rosterhub.model import values
from rosterhub.model.entities import Enumeration, Field, Kind
from rosterhub.store.connect import compiled
from rosterhub.transfer import relations
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.issues import Severity
from rosterhub.transfer.stage import Connection, StagedFile


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows for which `predicate` holds get an issue with `code`; with `fix` the cell is mended.

    `value` is SQL for what the message quotes. `details` are constants of the message.
    """

    code: str
    severity: Severity
    column: StagedColumn
    predicate: str
    fix: str | None = None
    value: str | None = None
    details: tuple[tuple[str, str], ...] = ()


def check(connection: Connection, import_id: int, files: list[StagedFile], source: str) -> None:
    """Write every issue of the staged `files` to import_issues, and mend what can be understood."""
    for file in files:
        for rules in (_spaces(file), _repairs(file), _forms(file)):
            _run(connection, import_id, file, rules)
    relations.check(connection, import_id, files, source)


def _run(connection: Connection, import_id: int, file: StagedFile, rules: list[Rule]) -> None:
    if not rules:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {r.predicate})" for r in rules)
    row = connection.execute(compiled(f"SELECT {counts} FROM {file.table} s")).fetchone()
    assert row is not None
    for rule, count in zip(rules, row, strict=True):
        if not count:
            continue
        _write(connection, import_id, file, rule)
        if rule.fix:
            cell = f'"{rule.column.sql}"'
            mend = f"UPDATE {file.table} s SET {cell} = {rule.fix} WHERE {rule.predicate}"
            connection.execute(compiled(mend))


def _write(connection: Connection, import_id: int, file: StagedFile, rule: Rule) -> None:
    """Every row in error is written; of a warning the first row, with the number of all."""
    value = f"'value', left({rule.value or cell_of(rule.column)}, 100)"
    taken = f", 'taken', {rule.fix}" if rule.fix else ""
    count = ", 'count', count(*) OVER ()" if rule.severity == "warning" else ""
    connection.execute(
        compiled(
            "INSERT INTO import_issues"
            " (import_id, severity, file, line, column_name, code, details)"
            " SELECT %s, %s, %s, line, %s, %s,"
            f" jsonb_build_object({value}{taken}{count}) || %s"
            f" FROM {file.table} s WHERE {rule.predicate} ORDER BY line"
            + (" LIMIT 1" if rule.severity == "warning" else "")
        ),
        (
            import_id,
            rule.severity,
            file.name,
            rule.column.csv,
            rule.code,
            Jsonb(dict(rule.details)),
        ),
    )


def cell_of(column: StagedColumn) -> str:
    """A column of the staging table, aliased `s`."""
    return f's."{column.sql}"'


_BLANKS = "E' \\t\\u3000'"


def _spaces(file: StagedFile) -> list[Rule]:
    """Spaces round a value; looked for only where the text showed some."""
    if "spaces" not in file.odd:
        return []
    return [
        Rule(
            "spaces_trimmed",
            "warning",
            c,
            f's."{c.sql}" <> btrim(s."{c.sql}", {_BLANKS})',
            f"nullif(btrim(s.\"{c.sql}\", {_BLANKS}), '')",
        )
        for c in file.columns.staged
    ]


def _repairs(file: StagedFile) -> list[Rule]:
    """What is understood without guessing (spec/csv.md, "tolerant")."""
    rules: list[Rule] = []
    for column in file.columns.staged:
        field, cell = column.field, cell_of(column)
        if field.reference and "NULL" in file.odd:
            rules.append(Rule("null_literal", "warning", column, f"{cell} = 'NULL'", "NULL"))
        if field.many:
            rules.append(_list_spaces(column, cell))
        elif field.kind is Kind.BOOLEAN:
            bad = f"{cell} NOT IN ('true', 'false') AND lower({cell}) IN ('true', 'false')"
            rules.append(Rule("boolean_case", "warning", column, bad, f"lower({cell})"))
        elif field.kind in (Kind.USER_IDS, Kind.SCALE_VALUES):
            fix = f"regexp_replace({cell}, '\\}}, +\\{{', '}},{{', 'g')"
            rules.append(Rule("list_spaces", "warning", column, f"{cell} ~ '\\}}, +\\{{'", fix))
        elif field.kind is Kind.DATE:
            bad = f"{cell} ~ '^[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}$'"
            rules.append(Rule("date_form", "warning", column, bad, f"replace({cell}, '/', '-')"))
        elif field.enumeration and not field.many:
            rules.append(_enumeration_case(column, field.enumeration, cell))
    return rules


def _list_spaces(column: StagedColumn, cell: str) -> Rule:
    fix = f"btrim(regexp_replace({cell}, '\\s*,\\s*', ',', 'g'), ', ')"
    return Rule("list_spaces", "warning", column, f"{cell} ~ '\\s,|,\\s|^,|,,|,$'", fix)


def _enumeration_case(column: StagedColumn, enumeration: Enumeration, cell: str) -> Rule:
    known = _literals(enumeration.values)
    lower = _literals(v.lower() for v in enumeration.values)
    whens = " ".join(f"WHEN {_literal(v.lower())} THEN {_literal(v)}" for v in enumeration.values)
    return Rule(
        "enumeration_case",
        "warning",
        column,
        f"{cell} NOT IN ({known}) AND lower({cell}) IN ({lower})",
        f"CASE lower({cell}) {whens} END",
    )


def _forms(file: StagedFile) -> list[Rule]:
    """Every value by its kind, and what is required."""
    rules: list[Rule] = []
    for column in file.columns.staged:
        cell = cell_of(column)
        delta_needs = file.mode == "delta" and column.field.csv in ("status", "dateLastModified")
        if column.field.required or delta_needs:
            rules.append(Rule("required_blank", "error", column, f"{cell} IS NULL"))
        rules += _form(column, column.field, cell)
    if file.mode == "bulk":
        rules += _bulk_system_fields(file)
    if file.has("subjects") and file.has("subjectCodes"):
        column = file.columns.get("subjectCodes")
        assert column is not None
        count = "cardinality(string_to_array(coalesce(s.{}, ''), ','))"
        differ = f"{count.format('subjects')} <> {count.format('subject_codes')}"
        given = "s.subjects IS NOT NULL AND s.subject_codes IS NOT NULL"
        rules.append(Rule("list_lengths_differ", "warning", column, f"{given} AND {differ}"))
    return rules


def _bulk_system_fields(file: StagedFile) -> list[Rule]:
    rules: list[Rule] = []
    for csv, code in (("status", "bulk_status"), ("dateLastModified", "bulk_date")):
        column = file.columns.get(csv)
        if column:
            rules.append(Rule(code, "warning", column, f's."{column.sql}" IS NOT NULL'))
    return rules


def _form(column: StagedColumn, field: Field, cell: str) -> list[Rule]:
    """The rules for one kind of value."""
    if field.enumeration:
        return [_enumeration(column, field.enumeration, cell, field.many)]
    form = _FORMS.get(field.kind)
    if form:
        code, pattern = form
        return [Rule(code, "error", column, f"{cell} !~ '{pattern}'")]
    match field.kind:
        case Kind.GUID if not field.reference:
            return [Rule("guid_invalid", "error", column, relations.malformed(cell))]
        case Kind.BOOLEAN:
            return [Rule("boolean_invalid", "error", column, f"{cell} NOT IN ('true', 'false')")]
        case Kind.DATETIME:
            shape = f"{cell} !~ '{values.DATETIME}'"
            known = f"{cell} ~ '{values.DATETIME_TOLERANT}'"
            taken = _CANONICAL_TIME.replace("{cell}", cell)
            return [
                Rule("datetime_invalid", "error", column, f"{shape} AND NOT {known}"),
                Rule("datetime_form", "warning", column, f"{shape} AND {known}", taken),
            ]
        case _:
            return []


_CANONICAL_TIME = (
    "CASE WHEN {cell} ~ '" + values.DATETIME_TOLERANT + "' THEN"
    " to_char({cell}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') END"
)

_FORMS = {
    Kind.DATE: ("date_invalid", values.DATE),
    Kind.YEAR: ("year_invalid", values.YEAR),
    Kind.FLOAT: ("number_invalid", values.NUMBER),
    Kind.INTEGER: ("integer_invalid", values.INTEGER),
    Kind.USER_IDS: ("user_ids_invalid", values.PAIRS),
    Kind.SCALE_VALUES: ("scale_values_invalid", values.PAIRS),
}


def _enumeration(column: StagedColumn, enumeration: Enumeration, cell: str, many: bool) -> Rule:
    known = _literals(enumeration.values)
    one = "e" if many else cell
    bad = f"{one} NOT IN ({known})"
    if enumeration.extensible:
        bad += f" AND {one} !~ '^ext:.'"
    if many:
        bad = f"EXISTS (SELECT FROM unnest(string_to_array({cell}, ',')) e WHERE {bad})"
    listed = ", ".join((*enumeration.values, *(["ext:…"] if enumeration.extensible else [])))
    return Rule("enumeration_unknown", "error", column, bad, details=(("known", listed),))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literals(texts: Iterable[str]) -> str:
    return ", ".join(_literal(t) for t in texts)
