"""What is wrong with staged rows, found by set-based SQL: repairs, then forms, then relations.

A rule is a predicate on the staging table; one scan counts them all, and only those that hit
anything write issues. Rules derive from the entity table and spec/csv.md; what strict makes errors
of is said in `sentences`.
"""

from collections.abc import Collection, Iterable

from psycopg.types.json import Jsonb

from rosterhub.model import values
from rosterhub.model.entities import Enumeration, Field, Kind
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES, Profile
from rosterhub.store import schema
from rosterhub.store.connect import Connection, compiled, literal
from rosterhub.store.documents import instant
from rosterhub.transfer import agreement, characters, japan, placeholders, records, relations
from rosterhub.transfer.columns import DELTA_NEEDS, StagedColumn
from rosterhub.transfer.findings import Scene, live
from rosterhub.transfer.issues import Issue, Level, at
from rosterhub.transfer.rules import Rule
from rosterhub.transfer.staged import StagedFile


def check(
    connection: Connection,
    import_id: int,
    files: list[StagedFile],
    source: str,
    unread: Collection[str] = (),
    level: Level = "tolerant",
    profile: Profile = PROFILES[DEFAULT_PROFILE],
    *,
    with_placeholders: bool = False,
) -> list[Scene]:
    """Write every issue of the staged `files` to import_issues, and mend what can be understood;
    the scenes that it played in.

    `unread` are the entities whose files could not be read, wholly or in part: that a reference to
    one of them leads nowhere says nothing.
    """
    staged = {file.entity.name: file for file in files}
    made: dict[str, StagedFile] = {}
    scenes = [
        Scene(connection, import_id, file, staged, frozenset(unread), source, level, profile, made)
        for file in files
    ]
    for scene in scenes:
        _check_values(scene)
    if with_placeholders:
        placeholders.make(scenes)
    for scene in scenes:
        relations.check(scene)
        agreement.check(scene)
        japan.check(scene)
    return scenes


def _check_values(scene: Scene) -> None:
    file = scene.file
    spaces, repairs = _spaces(file), _repairs(file)
    forms = [*_forms(file), *japan.rules(file, scene.profile), *characters.rules(file)]
    if spaces:
        _mend(scene, _hits(scene, spaces))
    hits = _hits(scene, [*repairs, *forms])
    mended = {rule: count for rule, count in hits.items() if rule.fix}
    _mend(scene, mended)
    nameless = any(r.code == "required_blank" and r.column.sql == "sourced_id" for r in hits)
    passed_over = nameless and scene.level == "tolerant" and _pass_over_blank_rows(scene)
    if mended or passed_over:
        hits = _hits(scene, forms)
    for rule, count in hits.items():
        _write(scene, rule, count)
    if file.assumed and any(rule.code in ("bulk_status", "bulk_date") for rule in hits):
        details = {"property": f"file.{file.entity.name}"}
        issue = Issue("mode_unsaid", "error", file.name, 1, details=details)
        records.add_issues(scene.connection, scene.import_id, [issue])


def _hits(scene: Scene, rules: list[Rule]) -> dict[Rule, int]:
    """Those of `rules` whose predicate holds, and for how many rows; one scan for all of them."""
    counts = ", ".join(f"count(*) FILTER (WHERE {r.predicate})" for r in rules)
    row = scene.connection.execute(
        compiled(f"SELECT {counts} FROM {scene.file.table} s")
    ).fetchone()
    assert row is not None
    return {rule: count for rule, count in zip(rules, row, strict=True) if count}


def _mend(scene: Scene, hits: dict[Rule, int]) -> None:
    """Write the issues of `hits`, and mend their cells in as few passes as may be.

    At the level strict too: a cell has one error, not one for each way to look at it.
    """
    for rule, count in hits.items():
        _write(scene, rule, count)
    rest = list(hits)
    while rest:
        # Of two rules for one column the second must see what the first has done.
        now: dict[StagedColumn, Rule] = {}
        later: list[Rule] = []
        for rule in rest:
            if now.setdefault(rule.column, rule) is not rule:
                later.append(rule)
        sets = ", ".join(
            f'"{column.sql}" = CASE WHEN {r.predicate} THEN {r.fix} ELSE {column.cell} END'
            for column, r in now.items()
        )
        where = " OR ".join(f"({rule.predicate})" for rule in now.values())
        scene.connection.execute(compiled(f"UPDATE {scene.file.table} s SET {sets} WHERE {where}"))
        rest = later


def _pass_over_blank_rows(scene: Scene) -> bool:
    """Forget rows without any value, of which spreadsheets leave some at the end of a file."""
    file = scene.file
    cells = [c.cell for c in file.columns.staged]
    # A function of PostgreSQL takes no more than a hundred arguments.
    groups = (cells[at : at + 100] for at in range(0, len(cells), 100))
    blank = " AND ".join(f"num_nonnulls({', '.join(group)}) = 0" for group in groups)
    row = scene.connection.execute(
        compiled(
            f"WITH blank AS (DELETE FROM {file.table} s WHERE {blank}"
            " RETURNING line) SELECT count(*), min(line) FROM blank"
        )
    ).fetchone()
    assert row is not None
    if row[0]:
        file.rows -= row[0]
        details = {"count": row[0]}
        issue = Issue("row_blank", "warning", file.name, row[1], details=details)
        records.add_issues(scene.connection, scene.import_id, [issue])
    return bool(row[0])


def _write(scene: Scene, rule: Rule, count: int) -> None:
    """Every row in error is written; of most warnings the first row, with the number of all."""
    value = f"'value', left({rule.value or rule.column.cell}, 100)"
    taken = f", 'taken', {rule.fix}" if rule.fix else ""
    severity = rule.severity if rule.severity == "error" else at(scene.level, rule.code)
    once = severity == "warning" and not rule.each
    details = dict(rule.details) | ({"count": count} if once else {})
    scene.connection.execute(
        compiled(
            "INSERT INTO import_issues"
            " (import_id, severity, file, line, column_name, code, details)"
            " SELECT %s, %s, %s, line, %s, %s,"
            f" jsonb_build_object({value}{taken}) || %s"
            f" FROM {scene.file.table} s WHERE {rule.predicate} ORDER BY line"
            + (" LIMIT 1" if once else "")
        ),
        (
            scene.import_id,
            severity,
            scene.file.name,
            rule.column.csv,
            rule.code,
            Jsonb(details),
        ),
    )


_BLANKS = "E'" + "".join(f"\\u{ord(sign):04x}" for sign in values.BLANKS) + "'"
"""Among them the byte order mark, which gets into a value where two files are joined."""


def _spaces(file: StagedFile) -> list[Rule]:
    """Spaces round a value; looked for only where the text showed some."""
    if "spaces" not in file.odd:
        return []
    return [
        Rule(
            "spaces_trimmed",
            "warning",
            c,
            f"{c.cell} <> btrim({c.cell}, {_BLANKS})",
            f"nullif(btrim({c.cell}, {_BLANKS}), '')",
        )
        for c in file.columns.staged
    ]


def _repairs(file: StagedFile) -> list[Rule]:
    """What is understood without guessing (spec/csv.md, "tolerant")."""
    rules: list[Rule] = []
    for column in file.columns.staged:
        field, cell = column.field, column.cell
        if field.reference and "NULL" in file.odd:
            rules.append(Rule("null_literal", "warning", column, f"{cell} = 'NULL'", "NULL"))
        if field.many:
            rules.append(_list_spaces(column, cell))
        elif field.kind is Kind.BOOLEAN:
            bad = f"{cell} NOT IN ('true', 'false') AND lower({cell}) IN ('true', 'false')"
            rules.append(Rule("boolean_case", "warning", column, bad, f"lower({cell})"))
        elif field.kind in (Kind.USER_IDS, Kind.SCALE_VALUES):
            fix = f"regexp_replace({cell}, '\\}}, +\\{{', '}},{{', 'g')"
            # Looked for letter by letter before the expression, which takes ten times as long.
            odd = f"strpos({cell}, '}}, ') > 0 AND {cell} ~ '\\}}, +\\{{'"
            rules.append(Rule("list_spaces", "warning", column, odd, fix))
        elif field.kind is Kind.DATE:
            rules.append(_loose_date(column, cell))
        elif field.kind is Kind.DATETIME:
            rules.append(_loose_time(column, cell))
        elif field.enumeration and not field.many:
            rules.append(_enumeration_case(column, field.enumeration, cell))
    return rules


_BY_POSITION = ("subjects", "subjectCodes")
"""Lists that belong together value by value: a gap in them means something."""


def _list_spaces(column: StagedColumn, cell: str) -> Rule:
    if column.field.csv in _BY_POSITION:
        tidy = f"regexp_replace(regexp_replace({cell}, '\\s*,\\s*', ',', 'g'), ',+$', '')"
        odd = f"strpos({cell}, ',') > 0 AND {cell} ~ '\\s,|,\\s|,$'"
    else:
        tidy = f"btrim(regexp_replace({cell}, '(\\s*,\\s*)+', ',', 'g'), ',')"
        odd = f"strpos({cell}, ',') > 0 AND {cell} ~ '\\s,|,\\s|^,|,,|,$'"
    return Rule("list_spaces", "warning", column, odd, f"nullif({tidy}, '')")


def _loose_date(column: StagedColumn, cell: str) -> Rule:
    """`2026/4/1`, and a day with a midnight after it."""
    day = f"left({_padded(cell)}, 10)"
    odd = f"{cell} NOT LIKE '____-__-__' AND {cell} ~ '{values.LOOSE_DAY}{values.MIDNIGHT}'"
    return Rule("date_form", "warning", column, f"{odd} AND {day} ~ '{values.DATE}'", day)


def _loose_time(column: StagedColumn, cell: str) -> Rule:
    """Times that the standard writes otherwise, and `2026/4/1 9:00`."""
    padded, known = _padded(cell), values.DATETIME_TOLERANT
    odd = (
        f"{cell} NOT LIKE '____-__-__T__:__:__.___Z' AND {cell} ~ '{values.LOOSE_DAY}'"
        f" AND ({cell} ~ '{known}' OR {padded} ~ '{known}')"
    )
    time = f"CASE WHEN {cell} ~ '{known}' THEN {cell} WHEN {padded} ~ '{known}' THEN {padded} END"
    taken = instant(f"({time})::timestamptz")
    return Rule("datetime_form", "warning", column, odd, taken)


def _padded(cell: str) -> str:
    """SQL for a time with two digits for month, day and hour, and with seconds."""
    for pattern, put in (
        ("^([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})", "\\1-0\\2-0\\3"),
        ("-0([0-9]{2})", "-\\1"),
        ("([T ])([0-9]):", "\\10\\2:"),
        ("([T ][0-9]{2}:[0-9]{2})$", "\\1:00"),
    ):
        cell = f"regexp_replace({cell}, '{pattern}', '{put}', 'g')"
    return cell


def _enumeration_case(column: StagedColumn, enumeration: Enumeration, cell: str) -> Rule:
    known = _literals(enumeration.values)
    lower = _literals(v.lower() for v in enumeration.values)
    whens = " ".join(f"WHEN {literal(v.lower())} THEN {literal(v)}" for v in enumeration.values)
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
    looked_up = schema.looked_up(file.entity)
    for column in file.columns.staged:
        cell = column.cell
        if column.field.kind is Kind.TEXT and column.field.column in looked_up:
            rules.append(_too_long(column))
        delta_needs = file.mode == "delta" and column.field.csv in DELTA_NEEDS
        if column.field.csv == "sourcedId" or delta_needs:
            rules.append(_required(column, f"{cell} IS NULL"))
        elif column.field.required:
            # What is deleted needs no more than its sourcedId.
            rules.append(_required(column, f"{cell} IS NULL AND {live(file)}"))
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
    for column in filter(None, map(file.columns.get, _BY_POSITION)):
        rules.append(Rule("list_gap", "error", column, f"{column.cell} ~ '^,|,,'"))
    return rules


def _required(column: StagedColumn, blank: str) -> Rule:
    return Rule("required_blank", "error", column, blank, details=(("column", column.csv),))


def _too_long(column: StagedColumn) -> Rule:
    longest = schema.LONGEST_LOOKED_UP
    details = (("most", f"{longest:,}"),)
    bad = f"octet_length({column.cell}) > {longest}"
    return Rule("text_too_long", "error", column, bad, details=details)


def _bulk_system_fields(file: StagedFile) -> list[Rule]:
    rules: list[Rule] = []
    for csv, code in (("status", "bulk_status"), ("dateLastModified", "bulk_date")):
        column = file.columns.get(csv)
        if column:
            rules.append(Rule(code, "warning", column, f"{column.cell} IS NOT NULL"))
    return rules


def _form(column: StagedColumn, field: Field, cell: str) -> list[Rule]:
    """The rules for one kind of value."""
    if field.enumeration:
        return [_enumeration(column, field.enumeration, cell, field.many)]
    form = _FORMS.get(field.kind)
    if form:
        code, *patterns = form
        bad = " AND ".join(f"{cell} !~ '{pattern}'" for pattern in patterns)
        return [Rule(code, "error", column, bad)]
    match field.kind:
        case Kind.GUID if not field.reference:
            return [Rule("guid_invalid", "error", column, relations.malformed(cell))]
        case Kind.BOOLEAN:
            return [Rule("boolean_invalid", "error", column, f"{cell} NOT IN ('true', 'false')")]
        case _:
            return []


_FORMS = {
    # A value that matches none of the forms is wrong; the usual one comes first.
    Kind.DATE: ("date_invalid", values.USUAL_DATE, values.DATE),
    Kind.DATETIME: ("datetime_invalid", values.USUAL_DATETIME, values.DATETIME),
    Kind.YEAR: ("year_invalid", values.YEAR),
    Kind.FLOAT: ("number_invalid", values.NUMBER),
    Kind.INTEGER: ("integer_invalid", values.INTEGER),
    Kind.USER_IDS: ("user_ids_invalid", values.PAIR, values.PAIRS),
    Kind.SCALE_VALUES: ("scale_values_invalid", values.PAIR, values.PAIRS),
}


def _enumeration(column: StagedColumn, enumeration: Enumeration, cell: str, many: bool) -> Rule:
    known = _literals(enumeration.values)
    one = "e" if many else cell
    bad = f"{one} NOT IN ({known})"
    if enumeration.extensible:
        bad += f" AND {one} !~ '{values.EXTENSION}'"
    if many:
        bad = f"EXISTS (SELECT FROM unnest(string_to_array({cell}, ',')) e WHERE {bad})"
    listed = ", ".join((*enumeration.values, *(["ext:…"] if enumeration.extensible else [])))
    return Rule("enumeration_unknown", "error", column, bad, details=(("known", listed),))


def _literals(texts: Iterable[str]) -> str:
    return ", ".join(map(literal, texts))
