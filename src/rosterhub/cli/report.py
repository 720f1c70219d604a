"""`rosterhub report monthly` and `rosterhub report weekly` (docs/reports.md)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from rosterhub.cli.language import language
from rosterhub.ops.reports import monthly as monthly_files
from rosterhub.ops.reports import numbers
from rosterhub.ops.reports import weekly as security
from rosterhub.settings import settings
from rosterhub.store.connect import connect
from rosterhub.store.replica import readable
from rosterhub.transfer.issues import Language

app = typer.Typer(no_args_is_help=True, help="Write the monthly and the weekly report.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where to, instead of the folder reports of ROSTERHUB_HOME.")
]
Zone = Annotated[str, typer.Option("--timezone", help="Whose days and nights are meant.")]
Spoken = Annotated[
    Language | None, typer.Option("--language", help="That of the terminal if left out.")
]


@app.command()
def monthly(
    month: Annotated[
        str | None, typer.Argument(metavar="[YYYYMM]", help="The last 30 days if left out.")
    ] = None,
    folder: Folder = None,
    timezone: Zone = "Asia/Tokyo",
    spoken: Spoken = None,
    as_json: Json = False,
) -> None:
    """Write statistics, sizes, and a page with charts to the folder reports."""
    config, zone, now = settings(), _zone(timezone), datetime.now(UTC)
    recent = numbers.last_days(zone, now)
    period = _month(month, zone, recent) if month else recent
    with connect(readable(config)) as connection:
        counted = numbers.count(connection, period, zone)
    written = monthly_files.write(
        folder or config.rosterhub_home / "reports",
        counted,
        period,
        recent.name,
        zone,
        spoken or language(),
    )
    if as_json:
        typer.echo(json.dumps({"month": period.name, "files": [str(path) for path in written]}))
    else:
        for path in written:
            typer.echo(path)


@app.command()
def weekly(
    folder: Folder = None,
    timezone: Zone = "Asia/Tokyo",
    spoken: Spoken = None,
    as_json: Json = False,
) -> None:
    """Print who was refused, failed, came at night or asked for very much; kept as a file, too."""
    config, zone, now = settings(), _zone(timezone), datetime.now(UTC)
    with connect(readable(config)) as connection:
        parts = security.look(connection, zone, now)
    report = security.text(parts, spoken or language())
    name = f"weekly-security-{now.astimezone(zone):%Y%m%d}.txt"
    path = monthly_files.write_file(folder or config.rosterhub_home / "reports", name, report)
    if not as_json:
        typer.echo(report, nl=False)
        typer.echo(f"\n{path}")
        return
    tables = {
        part.name: [dict(zip(part.table.columns, row, strict=True)) for row in part.table.rows]
        for part in parts
    }
    typer.echo(json.dumps({"file": str(path), "tables": tables}, ensure_ascii=False, default=str))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise typer.BadParameter(
            f"{name!r} is no time zone such as Asia/Tokyo", param_hint="--timezone"
        ) from error


def _month(name: str, zone: ZoneInfo, recent: numbers.Period) -> numbers.Period:
    try:
        period = numbers.month(name, zone)
    except ValueError as error:
        raise typer.BadParameter(f"{name!r} is no month such as 202604") from error
    if period.name > recent.name:
        raise typer.BadParameter(f"{name} has not begun yet")
    return period
