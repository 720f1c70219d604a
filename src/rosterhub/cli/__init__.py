"""The command `rosterhub` (design: Names to keep).

Exit codes: 0 done, 1 refused or failed with the reason on standard error, 2 wrong usage.
"""

import sys
from typing import Annotated

import psycopg
import typer

import rosterhub
from rosterhub.cli import (
    audit,
    check,
    clients,
    db,
    doctor,
    export,
    generate,
    imports,
    keys,
    openapi,
    report,
    roster,
    serve,
    up,
)

app = typer.Typer(
    name="rosterhub",
    help="The roster hub of a board of education.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("api")(serve.api)
app.command("worker")(serve.worker)
app.add_typer(db.app, name="db")
app.command("generate")(generate.generate)
app.command("import")(imports.import_)
app.command("export")(export.export)
app.command("check")(check.check)
app.add_typer(imports.app, name="imports")
app.add_typer(roster.app, name="roster")
app.add_typer(keys.app, name="keys")
app.add_typer(clients.app, name="clients")
app.add_typer(audit.app, name="audit")
app.add_typer(report.app, name="report")
app.command("doctor")(doctor.doctor)
app.command("openapi")(openapi.openapi)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"rosterhub {rosterhub.__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; what an operator can act on becomes one line on standard error."""
    try:
        app(prog_name="rosterhub")
    except (RuntimeError, OSError, psycopg.OperationalError) as error:
        sys.stderr.write(f"rosterhub: {str(error).strip()}\n")
        sys.exit(1)
