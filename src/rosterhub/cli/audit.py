"""`rosterhub audit`: read the audit log, and drop what is old (docs/audit.md)."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rosterhub.access import audit_log
from rosterhub.settings import settings
from rosterhub.store.connect import connect

app = typer.Typer(no_args_is_help=True, help="Read and prune the audit log.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    key: Annotated[str | None, typer.Option(help="Only requests with this key.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Not before this time, such as 2026-04-01T08:30.")
    ] = None,
    status: Annotated[int | None, typer.Option(min=100, max=599, help="The HTTP status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    as_json: Json = False,
) -> None:
    """The requests, newest first."""
    begin = _time(since) if since else None
    with connect(settings().write_url) as connection:
        rows = audit_log.entries(connection, key=key, since=begin, status=status, limit=limit)
    if as_json:
        typer.echo(json.dumps({"entries": [_document(row) for row in rows]}, ensure_ascii=False))
        return
    table = Table("Time", "Key", "Method", "Path", "Status", "ms", "Client", "Request id")
    for row in rows:
        table.add_row(
            f"{row['created_at'].astimezone():%Y-%m-%d %H:%M:%S}",
            row["api_key"] or "",
            row["method"],
            row["path"],
            str(row["response_status"]),
            f"{row['response_time_ms']:.1f}",
            row["client_address"] or "",
            row["request_id"] or "",
        )
    Console(markup=False).print(table)


@app.command()
def prune(
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="Keep so many days; else AUDIT_RETENTION_DAYS."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete entries that are older."""
    config = settings()
    days = days or config.audit_retention_days
    deleted = 0
    dropped: list[str] = []
    progress = Console(stderr=True, highlight=False)
    with connect(config.write_url) as connection:
        for step in audit_log.prune(connection, days):
            deleted += step.rows
            if step.partition:
                dropped.append(step.partition)
            progress.print(f"{deleted:,} entries deleted")
        # Not shortening the files: that would wait for everyone who reads the log.
        connection.execute("VACUUM (ANALYZE, TRUNCATE false) audit_logs")
    if as_json:
        typer.echo(json.dumps({"deleted": deleted, "droppedPartitions": dropped}))
    else:
        typer.echo(f"{deleted:,} entries older than {days} days deleted.")


def _time(text: str) -> datetime:
    """The time in `text`; without an offset it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-04-01 or 2026-04-01T08:30", param_hint="--since"
        ) from error


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "createdAt": row["created_at"].isoformat(),
        "apiKey": row["api_key"],
        "method": row["method"],
        "endpoint": row["endpoint"],
        "path": row["path"],
        "responseStatus": row["response_status"],
        "responseTimeMs": row["response_time_ms"],
        "clientAddress": row["client_address"],
        "requestId": row["request_id"],
        "records": row["records"],
    }
