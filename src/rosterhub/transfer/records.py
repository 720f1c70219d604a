"""The rows about an import: the request, its upload in chunks, its state, its issues, its document.

Only this module writes to imports, import_chunks and import_issues (the rules of `check` add
issues of their own). States and the document are those of docs/imports.md.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from rosterhub.store.connect import Connection, compiled
from rosterhub.transfer.issues import Issue, Language, Level, sentence
from rosterhub.transfer.package import Mode

State = Literal[
    "queued",
    "staging",
    "checking",
    "comparing",
    "waiting",
    "applying",
    "completed",
    "failed",
    "rejected",
    "undone",
]
OnError = Literal["reject", "skip"]
"""What becomes of an import with rows in error."""
FINAL: frozenset[str] = frozenset({"completed", "failed", "rejected", "undone"})
UNENDED = "state NOT IN ({})".format(", ".join(f"'{state}'" for state in sorted(FINAL)))
"""SQL for whether an import has not come to an end."""
CHUNK = 1 << 20
"""Bytes of an upload in one row."""
SHOWN = 1_000
"""Issues of each kind that the document itself shows; errors.csv has them all."""


class ReusedKeyError(Exception):
    """The Idempotency-Key belongs to the import `import_id`, of another file or other options."""

    def __init__(self, import_id: int) -> None:
        super().__init__(
            f"This Idempotency-Key was used for another file or other options (import {import_id})."
            " Take a new one for what is new."
        )
        self.import_id = import_id


class EndedError(Exception):
    """The import has ended already: somebody cancelled it while it was worked on."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for. `entity` is None for a package; `mode` is for a single file. Under
    one `idempotency_key` a sender has one import, however often it sends.
    """

    file_name: str
    entity: str | None = None
    mode: Mode | None = None
    source: str = "default"
    encoding: str | None = None
    dry_run: bool = False
    level: Level = "tolerant"
    on_error: OnError = "reject"
    placeholders: bool = False
    profile: str | None = None
    api_key: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """An import as its worker needs it; `files` say what was shown to who `approved` it, `undo` is
    what became of taking it back.
    """

    id: int
    state: State
    request: Request
    attempts: int
    approved: bool = False
    files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    undo: dict[str, Any] | None = None


_ASKED = {
    "source_system" if f.name == "source" else f.name: f.name for f in dataclasses.fields(Request)
}
"""What was asked for: columns of imports, and the fields of `Request` that they hold."""

CREATE = (
    f"INSERT INTO imports ({', '.join(_ASKED)})"
    f" VALUES ({', '.join(f'%({name})s' for name in _ASKED.values())})"
    " ON CONFLICT DO NOTHING RETURNING id"
).encode()
"""Gives no row where the Idempotency-Key has its import; waits for one that is being sent."""
SAME_KEY = (
    "SELECT id, fingerprint FROM imports WHERE idempotency_key = %(idempotency_key)s"
    " AND source_system = %(source)s AND api_key IS NOT DISTINCT FROM %(api_key)s"
)
ADD_CHUNKS = "COPY import_chunks (import_id, number, data) FROM STDIN (FORMAT BINARY)"
SEAL = (
    "UPDATE imports SET size = %s, fingerprint = %s, created_at = clock_timestamp() WHERE id = %s"
)
"""Once the upload is complete: its size and its `fingerprint`; only from now on is it there."""


def parameters(request: Request) -> dict[str, Any]:
    """The bind parameters of `CREATE`."""
    return dataclasses.asdict(request)


_NOT_WHAT_IS_ASKED = ("file_name", "api_key", "idempotency_key")


def fingerprint(request: Request, content: bytes) -> bytes:
    """What two requests have in common that ask for the same; `content` is the upload's SHA-256."""
    asked = {k: v for k, v in parameters(request).items() if k not in _NOT_WHAT_IS_ASKED}
    return hashlib.sha256(content + json.dumps(asked, sort_keys=True).encode()).digest()


def known(row: TupleRow | None, request: Request, content: bytes) -> int:
    """The import of a row of `SAME_KEY`, which must be what `request` asks for with `content`.

    Raises:
        ReusedKeyError: it is another.
    """
    assert row is not None
    if row[1] != fingerprint(request, content):
        raise ReusedKeyError(row[0])
    return row[0]


def create(connection: Connection, request: Request, chunks: Iterable[bytes]) -> int | None:
    """Keep a new import with its upload, all or nothing; its id, None when the Idempotency-Key of
    `request` has its import already.
    """
    with connection.transaction(), connection.cursor() as cursor:
        row = cursor.execute(CREATE, parameters(request)).fetchone()
        if row is None:
            return None
        size, content = 0, hashlib.sha256()
        with cursor.copy(ADD_CHUNKS) as copy:
            copy.set_types(["int8", "int4", "bytea"])
            for number, chunk in enumerate(chunks):
                copy.write_row((row[0], number, chunk))
                size += len(chunk)
                content.update(chunk)
        cursor.execute(SEAL, (size, fingerprint(request, content.digest()), row[0]))
    return row[0]


def same(connection: Connection, request: Request, chunks: Iterable[bytes]) -> int:
    """The import that the Idempotency-Key of `request` has; raises ReusedKeyError as `known`."""
    content = hashlib.sha256()
    for chunk in chunks:
        content.update(chunk)
    row = connection.execute(SAME_KEY, parameters(request)).fetchone()
    return known(row, request, content.digest())


def load(connection: Connection, import_id: int) -> Import | None:
    """The import, None when there is no such one."""
    row = connection.execute(
        compiled(
            "SELECT id, state, attempts, approved, files, undo,"
            f" {', '.join(_ASKED)} FROM imports WHERE id = %s"
        ),
        [import_id],
    ).fetchone()
    return Import(row[0], row[1], Request(*row[6:]), *row[2:6]) if row else None


def begin(connection: Connection, import_id: int) -> None:
    """Start an attempt: what an earlier one found is forgotten, but for what was approved.

    Raises:
        EndedError: it has ended meanwhile.
    """
    with connection.transaction():
        begun = connection.execute(
            compiled(
                "UPDATE imports SET state = 'staging', attempts = attempts + 1, progress = 0,"
                " rows_per_second = 0,"
                " total = 0, failed = 0, warnings = 0, timings = '{}',"
                " files = CASE WHEN approved THEN files ELSE '[]' END,"
                " keeps_upload = false,"
                f" started_at = coalesce(started_at, now()) WHERE id = %s AND {UNENDED}"
            ),
            [import_id],
        )
        if not begun.rowcount:
            raise EndedError
        forget_issues(connection, import_id)


def forget_issues(connection: Connection, import_id: int) -> None:
    """Forget what was found so far."""
    connection.execute("DELETE FROM import_issues WHERE import_id = %s", [import_id])


def update(connection: Connection, import_id: int, **columns: Any) -> None:
    """Set columns of the import's row, whatever its state."""
    _set(connection, import_id, columns, "")


def advance(connection: Connection, import_id: int, **columns: Any) -> None:
    """Set columns of an import that has not ended.

    Raises:
        EndedError: it has. Its row decides, so that of two who end an import one comes too late.
    """
    if not _set(connection, import_id, columns, f" AND {UNENDED}"):
        raise EndedError


def finish(connection: Connection, import_id: int, **columns: Any) -> None:
    """End the import: set columns, its state among them; raises EndedError as `advance` does.

    One that applied nothing has done nothing, whatever it would have done when it waited.
    """
    if columns["state"] != "completed":
        columns = {**_NOTHING_DONE, **columns}
    if not _set(connection, import_id, columns, f" AND {UNENDED}", ending=True):
        raise EndedError


_NOTHING_DONE = {"created": 0, "updated": 0, "unchanged": 0, "deleted": 0, "files": list[Any]()}


def _set(
    connection: Connection,
    import_id: int,
    columns: dict[str, Any],
    condition: str,
    *,
    ending: bool = False,
) -> int:
    """Set columns of the import's row if it fulfils `condition`; whether it does, as 0 or 1."""
    sets = ", ".join(f"{name} = %({name})s" for name in columns)
    when = ", finished_at = clock_timestamp()" if ending else ""
    values = {n: Jsonb(v) if isinstance(v, dict | list) else v for n, v in columns.items()}
    return connection.execute(
        compiled(f"UPDATE imports SET {sets}{when} WHERE id = %(import_id)s{condition}"),
        {**values, "import_id": import_id},
    ).rowcount


def fail(connection: Connection, import_id: int, issue: Issue, **columns: Any) -> None:
    """End the import as failed, for the reason `issue`."""
    finish(connection, import_id, state="failed", reason=reason(issue), **columns)


def reason(issue: Issue | None) -> dict[str, Any] | None:
    """Why an import ended as it did, as its row keeps it."""
    return {"code": issue.code, "details": _details(issue)} if issue else None


def add_issues(connection: Connection, import_id: int, issues: list[Issue]) -> None:
    """Keep issues that were found outside the database."""
    if not issues:
        return
    lines = (
        (import_id, i.severity, i.file, i.line, i.column, i.code, json.dumps(_details(i)))
        for i in issues
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY import_issues (import_id, severity, file, line, column_name, code, details)"
            " FROM STDIN"
        ) as copy,
    ):
        copy.write("".join("\t".join(map(_copy_cell, line)) + "\n" for line in lines))


def _details(issue: Issue) -> dict[str, Any]:
    return {name: _plain(value) for name, value in issue.details.items()}


def _plain(value: Any) -> Any:
    """A text without what PostgreSQL keeps in none: what a broken file is called or quoted with."""
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_cell(value: object) -> str:
    """A cell in COPY's text format."""
    return "\\N" if value is None else _plain(str(value)).translate(_COPY_ESCAPES)


def count_issues(connection: Connection, import_id: int) -> tuple[int, int, int]:
    """How many errors, rows in error, and warnings the import has."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE severity = 'error'),"
        " count(DISTINCT (file, line)) FILTER (WHERE severity = 'error' AND line > 1),"
        " count(*) FILTER (WHERE severity = 'warning') FROM import_issues WHERE import_id = %s",
        [import_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def discard(connection: Connection, import_id: int) -> None:
    """Drop every staging table of an import that has ended, and its upload if it is not kept."""
    connection.execute(
        "DELETE FROM import_chunks c USING imports i WHERE i.id = %s AND c.import_id = i.id"
        " AND (i.state = 'rejected' OR NOT i.keeps_upload)",
        [import_id],
    )
    drop_staging(connection, import_id)


def keep_upload(connection: Connection, import_id: int) -> None:
    """Let the upload, of which every cell was read, outlive the import if it holds no passwords."""
    connection.execute(
        "UPDATE imports SET keeps_upload = NOT EXISTS (SELECT FROM import_issues"
        " WHERE import_id = %(id)s AND code = 'password_dropped') WHERE id = %(id)s",
        {"id": import_id},
    )


def superseded_by(connection: Connection, import_id: int, source: str) -> int | None:
    """The latest import of `source` that was sent after this one and is applied: newer, so an
    old file must not take its place. One whose upload was complete before this one's is none.
    """
    row = connection.execute(
        "SELECT max(l.id) FROM imports i JOIN imports l ON l.id > i.id"
        " AND l.created_at > i.created_at WHERE i.id = %s AND l.source_system = %s"
        " AND l.state = 'completed' AND NOT l.dry_run",
        [import_id, source],
    ).fetchone()
    return row[0] if row else None


def drop_staging(connection: Connection, import_id: int) -> None:
    """Drop every staging table of the import; its upload stays, to stage it again."""
    tables = connection.execute(
        "SELECT format('staging.%%I', relname) FROM pg_class"
        " WHERE relnamespace = 'staging'::regnamespace AND relkind = 'r' AND relname ~ %s"
        " ORDER BY relname",
        [f"^i{import_id}_"],
    ).fetchall()
    if tables:
        # Somebody else may be tidying up too.
        connection.execute(compiled("DROP TABLE IF EXISTS " + ", ".join(t for (t,) in tables)))


RATE = (
    "coalesce(total / nullif((SELECT sum(value::float8) FROM jsonb_each_text(timings)), 0),"
    " rows_per_second)"
)
"""SQL for rows a second: of the step under way, and at the end of all steps together."""

ROW = (
    "SELECT id, state, source_system, files, progress, total, created, updated, unchanged, deleted,"
    " failed, warnings, timings, reason, file_name, entity, mode, dry_run, created_at, started_at,"
    " finished_at, undo, level, on_error, placeholders,"
    f" {RATE}, profile,"
    " coalesce(profile_taken, profile) FROM imports"
)
ISSUES = (
    "SELECT severity, file, line, column_name, code, details FROM import_issues"
    " WHERE import_id = %s AND severity = %s ORDER BY id"
)

ISSUES_AFTER = (
    "SELECT severity, file, line, column_name, code, details, id FROM import_issues"
    " WHERE import_id = %s AND severity = %s AND id > %s ORDER BY id LIMIT %s"
)
"""A page of them: those after the one with the id given."""


def document(
    row: tuple[Any, ...],
    errors: Iterable[tuple[Any, ...]],
    warnings: Iterable[tuple[Any, ...]],
    language: Language,
) -> dict[str, Any]:
    """The job document (design: Names to keep) from a row of `ROW` and rows of `ISSUES`."""
    reason = row[13]
    made = sum(file.get("placeholders", 0) for file in row[3])
    return {
        "jobId": str(row[0]),
        "state": row[1],
        "source": row[2],
        "fileName": row[14],
        "entity": row[15],
        "mode": row[16],
        "dryRun": row[17],
        "level": row[22],
        "onError": row[23],
        "placeholders": row[24],
        "profile": row[27] and {"id": row[27], "detected": row[26] is None},
        "files": row[3],
        "progress": round(row[4], 1),
        "rowsPerSecond": round(row[25]),
        "counts": {
            "total": row[5],
            "created": row[6],
            "updated": row[7],
            "unchanged": row[8],
            "deleted": row[9],
            "failed": row[10],
            **({"placeholders": made} if made else {}),
        },
        "timings": row[12],
        "reason": reason and sentence(reason["code"], reason["details"], language),
        "reasonCode": reason and reason["code"],
        "createdAt": _time(row[18]),
        "startedAt": _time(row[19]),
        "finishedAt": _time(row[20]),
        "undo": row[21] and _undo(row[21], language),
        "errors": [issue_document(i, language) for i in errors],
        "warnings": [issue_document(i, language) for i in warnings],
    }


def _undo(undo: dict[str, Any], language: Language) -> dict[str, Any]:
    """What became of an undo, with the sentence for why it was refused."""
    if "code" not in undo:
        return undo
    code, details = undo["code"], undo.get("details", {})
    return {"state": undo["state"], "code": code, "reason": sentence(code, details, language)}


def is_over(row: tuple[Any, ...]) -> bool:
    """Whether the import of a row of `ROW` has come to an end, its undo included."""
    return row[1] in FINAL and not (row[21] and row[21]["state"] == "queued")


def is_dry_run(row: tuple[Any, ...]) -> bool:
    """Whether the import of a row of `ROW` is a dry run that is completed."""
    return row[17] and row[1] == "completed"


def issue_document(row: tuple[Any, ...], language: Language) -> dict[str, Any]:
    """One issue as the job document and errors.csv show it, from a row of `ISSUES`."""
    severity, file, line, column, code, details = row
    return {
        "file": file,
        "line": line,
        "column": column,
        "code": code,
        "message": sentence(code, details, language, severity),
    }


def _time(value: Any) -> str | None:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if value else None
