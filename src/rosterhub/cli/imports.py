"""`rosterhub import` and `rosterhub imports`: send files in, follow and list what was sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.table import Table

from rosterhub.cli import roster
from rosterhub.cli.following import follow
from rosterhub.cli.language import language
from rosterhub.cli.overwrite import refuse_existing
from rosterhub.jobs.decide import CannotDecideError, Decision, decide
from rosterhub.jobs.submit import submit
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import READ_PROFILES
from rosterhub.settings import Settings, settings
from rosterhub.store.connect import Connection, compiled, connect
from rosterhub.transfer import difference, options, records, retention
from rosterhub.transfer.whole_file import write_whole

app = typer.Typer(
    no_args_is_help=True, help="List, show, approve, reject, cancel and undo imports."
)
_errors = Console(stderr=True, highlight=False)
_SHOWN = 20
_WAITS_FOR_A_PERSON = 3
"""Exit code: an import was not applied, and will not be by itself. 2 is for wrong usage."""


def import_(
    paths: Annotated[list[Path], typer.Argument(help="OneRoster zips or single CSV files.")],
    entity: Annotated[str, typer.Option(help="What a CSV file holds; else its name says.")] = "",
    mode: Annotated[str, typer.Option(help="merge, bulk or delta (single files).")] = "",
    source: Annotated[str, typer.Option(help="The system that sends.")] = "default",
    encoding: Annotated[str, typer.Option(help="utf-8, cp932, euc-jp or utf-16.")] = "",
    level: Annotated[str, typer.Option(help="tolerant or strict.")] = "",
    on_error: Annotated[str, typer.Option(help="reject, or skip rows in error.")] = "",
    profile: Annotated[str, typer.Option(help=f"{', '.join(READ_PROFILES)}.")] = "",
    placeholders: Annotated[
        bool, typer.Option("--placeholders", help="Make missing courses, sessions and orgs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Sent again under the same key, it is imported once.")
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Follow it to its end; exit code 1: failed, 3: it waits."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import OneRoster packages or single CSV files. With --wait the exit code says how they ended:
    0 completed, 1 failed or rejected, 3 nothing is applied before a person has approved it.
    """
    config = settings()
    if idempotency_key is not None and len(paths) > 1:
        raise typer.BadParameter("--idempotency-key is for one file")
    given = {"mode": mode, "source": source, "encoding": encoding, "level": level}
    given |= {
        "profile": profile,
        "onError": on_error,
        "placeholders": "true" if placeholders else "",
    }
    given = {k: v for k, v in given.items() if v} | ({"dryRun": "true"} if dry_run else {})
    requests = [_request(path, entity, given, idempotency_key, config) for path in paths]
    codes: set[int] = set()
    with connect(config.write_url) as connection:
        for path, request in zip(paths, requests, strict=True):
            with path.open("rb") as stream:
                import_id = _submit(connection, request, stream)
            if wait:
                follow(connection, import_id, quiet=as_json)
            document = _document(connection, import_id)
            codes.add(_exit_code(document))
            if as_json:
                typer.echo(json.dumps({"job": document}, ensure_ascii=False))
            elif wait:
                _summary(document)
            else:
                typer.echo(f"import {import_id}: {path.name} is {document['state']}")
    _end(codes)


def _exit_code(document: dict[str, Any]) -> int:
    """What a script is told of an import."""
    match document["state"]:
        case "failed" | "rejected":
            return 1
        case "waiting":
            return _WAITS_FOR_A_PERSON
        case _:
            return 0


def _end(codes: set[int]) -> None:
    """Exit with the worst of `codes`."""
    if worst := next((code for code in (1, _WAITS_FOR_A_PERSON) if code in codes), 0):
        raise typer.Exit(worst)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The imports, newest first."""
    with connect(settings().write_url) as connection:
        rows = connection.execute(
            compiled(f"{records.ROW} ORDER BY id DESC LIMIT %s"), [limit]
        ).fetchall()
    documents = [records.document(row, (), (), language()) for row in rows]
    if as_json:
        typer.echo(json.dumps({"jobs": documents}, ensure_ascii=False))
        return
    table = Table("ID", "File", "Source", "State", "Total", "New", "Changed", "Deleted", "Created")
    for d in documents:
        c = d["counts"]
        table.add_row(
            d["jobId"],
            d["fileName"],
            d["source"],
            d["state"],
            *(f"{c[k]:,}" for k in ("total", "created", "updated", "deleted")),
            d["createdAt"],
        )
    Console().print(table)


@app.command()
def show(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """One import with its first errors and warnings."""
    with connect(settings().write_url) as connection:
        document = _document(connection, import_id)
    if as_json:
        typer.echo(json.dumps({"job": document}, ensure_ascii=False))
    else:
        _summary(document)


@app.command("file")
def file_(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    path: Annotated[
        Path, typer.Argument(help="A file, or the folder for import-ID.zip or .csv.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write the file that was sent, as it was sent."""
    with connect(settings().write_url) as connection:
        _document(connection, import_id)
        kept = connection.execute(retention.KEPT, [import_id]).fetchone()
        assert kept is not None
        if not kept[2]:
            _errors.print(retention.gone(import_id), markup=False)
            raise typer.Exit(1)
        path = path / retention.upload_name(import_id, kept) if path.is_dir() else path
        if not path.parent.is_dir():
            raise typer.BadParameter(f"there is no folder {path.parent}")
        refuse_existing(path, force=force)
        size = write_whole(path, _chunks(connection, import_id, kept[2]))
    typer.echo(f"{path}: {size:,} bytes")


def _chunks(connection: Connection, import_id: int, count: int) -> Iterator[bytes]:
    for number in range(count):
        row = connection.execute(retention.CHUNK, [import_id, number]).fetchone()
        if row is None:  # pruned meanwhile
            raise RuntimeError(retention.gone(import_id))
        yield row[0]


@app.command()
def diff(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line each.")] = False,
) -> None:
    """What a dry run, or an import that waits, would change."""
    with connect(settings().write_url) as connection:
        _document(connection, import_id)
        with connection.transaction(), connection.cursor("difference") as rows:
            rows.execute(difference.SELECT, [import_id, 0, None, None, None, None])
            for row in rows:
                if as_json:
                    typer.echo(json.dumps(difference.documents([row])[0], ensure_ascii=False))
                else:
                    typer.echo(difference.text(row), nl=False)


@app.command("health")
def health_of_import(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, roster.AS_JSON] = False,
    as_csv: Annotated[bool, roster.AS_CSV] = False,
) -> None:
    """What would look wrong with the roster after a dry run's import."""
    with connect(settings().write_url) as connection:
        document = _document(connection, import_id)
        if not document["dryRun"] or document["state"] != "completed":
            _errors.print(f"Import {import_id} is no dry run that is completed.")
            raise typer.Exit(1)
        roster.tell(connection, import_id, as_json=as_json, as_csv=as_csv)


@app.command()
def approve(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Follow it to its end; exit code 1: failed, 3: it waits."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let an import that waits go on."""
    _decide(import_id, "approve", wait=wait, as_json=as_json)


@app.command()
def reject(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Give up an import that waits; nothing is applied."""
    _decide(import_id, "reject", wait=False, as_json=as_json)


@app.command()
def cancel(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Stop an import, whatever it is doing; the roster is as it was before."""
    _decide(import_id, "cancel", wait=False, as_json=as_json)


@app.command()
def undo(
    import_id: Annotated[int, typer.Argument(metavar="ID")],
    force: Annotated[
        bool, typer.Option("--force", help="Leave what was touched since, undo the rest.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take back an import that was applied: every record is again what it was."""
    _decide(import_id, "undo", wait=wait, as_json=as_json, force=force)


def _decide(
    import_id: int, decision: Decision, *, wait: bool, as_json: bool, force: bool = False
) -> None:
    with connect(settings().write_url) as connection:
        try:
            decide(connection, import_id, decision, force=force)
        except CannotDecideError as error:
            _errors.print(error.text(language()), markup=False)
            raise typer.Exit(1) from error
        if wait:
            follow(connection, import_id, quiet=as_json)
        document = _document(connection, import_id)
    if as_json:
        typer.echo(json.dumps({"job": document}, ensure_ascii=False))
    else:
        _summary(document)
    undone: dict[str, Any] = document["undo"] or {}
    if undone.get("state") == "refused":
        if reason := undone.get("reason"):
            _errors.print(reason, markup=False)
        for conflict in undone.get("conflicts", ())[:_SHOWN]:
            words = "{entity} {sourcedId}: {why}, import {jobId}".format_map(conflict)
            _errors.print(words, markup=False)
        raise typer.Exit(1)
    if wait and decision == "approve":
        _end({_exit_code(document)})


def _submit(connection: Connection, request: records.Request, upload: BinaryIO) -> int:
    try:
        return submit(connection, request, upload)
    except records.ReusedKeyError as error:
        _errors.print(str(error), markup=False)
        raise typer.Exit(1) from error


def _request(
    path: Path, entity: str, given: dict[str, str], idempotency_key: str | None, config: Settings
) -> records.Request:
    if not path.is_file():
        raise typer.BadParameter(f"{path} is not a file")
    if path.stat().st_size > config.csv_upload_max_size:
        _errors.print(f"{path} is larger than {config.csv_upload_max_size:,} bytes")
        raise typer.Exit(1)
    package = path.suffix.lower() == ".zip" and not entity
    name = None if package else entity or path.stem
    if name is not None and name not in ENTITIES:
        raise typer.BadParameter(
            f"{name} is no OneRoster file; say --entity, one of {', '.join(ENTITIES)}"
        )
    try:
        return options.request(path.name, name, given, None, idempotency_key)
    except options.OptionError as error:
        raise typer.BadParameter(str(error)) from error


def _document(connection: Connection, import_id: int) -> dict[str, Any]:
    row = connection.execute(compiled(f"{records.ROW} WHERE id = %s"), [import_id]).fetchone()
    if not row:
        _errors.print(f"There is no import {import_id}.")
        raise typer.Exit(1)
    errors, warnings = (
        connection.execute(
            compiled(f"{records.ISSUES} LIMIT {records.SHOWN}"), [import_id, severity]
        ).fetchall()
        for severity in ("error", "warning")
    )
    return records.document(row, errors, warnings, language())


def _summary(document: dict[str, Any]) -> None:
    counts = ", ".join(f"{name} {count:,}" for name, count in document["counts"].items())
    seconds = sum(document["timings"].values())
    speed = f"{seconds:.1f} s, {document['rowsPerSecond']:,} rows/s"
    typer.echo(f"import {document['jobId']}: {document['state']} ({counts}; {speed})")
    for kind in ("warnings", "errors"):
        for issue in document[kind][:_SHOWN]:
            place = ":".join(str(p) for p in (issue["file"], issue["line"], issue["column"]) if p)
            _errors.print(f"{kind[:-1]} {place} {issue['code']}: {issue['message']}", markup=False)
        if len(document[kind]) > _SHOWN:
            more = len(document[kind]) - _SHOWN
            _errors.print(f"… {more:,} more {kind}: rosterhub imports show {document['jobId']}")
    if document["reason"]:
        _errors.print(document["reason"], markup=False)
