"""`rosterhub roster health`: what looks wrong with a roster as a whole (docs/roster-health.md)."""

import json
import sys
from typing import Annotated

import typer

from rosterhub.cli.language import language
from rosterhub.settings import settings
from rosterhub.store.connect import Connection, connect
from rosterhub.store.replica import readable
from rosterhub.transfer import export, health

app = typer.Typer(no_args_is_help=True, help="Look at the roster as a whole.")
AS_JSON = typer.Option("--json", help="Print JSON.")
AS_CSV = typer.Option("--csv", help="Print every record found, as CSV for a spreadsheet.")


@app.command("health")
def health_of_roster(
    as_json: Annotated[bool, AS_JSON] = False, as_csv: Annotated[bool, AS_CSV] = False
) -> None:
    """What looks wrong with the roster: pupils without classes, classes without pupils, and so."""
    with connect(readable(settings())) as connection:
        tell(connection, None, as_json=as_json, as_csv=as_csv)


def tell(connection: Connection, import_id: int | None, *, as_json: bool, as_csv: bool) -> None:
    """Print what was found, of the roster or as a dry run would make it."""
    if as_json and as_csv:
        raise typer.BadParameter("--json or --csv, not both")
    if as_csv:
        sys.stdout.buffer.write(export.BOM)
        for chunk in export.copied(connection, health.copy_csv(import_id), b"\r\n"):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    found = health.document(connection, import_id)
    if as_json:
        document = {"health": found, "shown": health.SHOWN}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    for name, one in found.items():
        typer.echo(f"{one['count']:>8,}  {health.title(name, language())}")
