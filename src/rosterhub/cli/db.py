"""`rosterhub db`: the schema's revision, how to reach the database, backups and statistics."""

import json
import sys
from typing import Annotated

import typer

from rosterhub.cli import backup, care
from rosterhub.settings import settings
from rosterhub.store import revision

app = typer.Typer(
    no_args_is_help=True, help="Migrate, back up, restore, look at and reach the database."
)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("stats")(care.stats)
app.command("migrate-data")(care.migrate_data)


@app.command()
def upgrade(
    to: Annotated[str, typer.Argument(metavar="[REV]", help="The revision.")] = "head",
) -> None:
    """Bring the schema up to this version of RosterHub, or to REV."""
    from rosterhub.store import migrate

    url = settings().write_url
    migrate.upgrade(url, to)
    typer.echo(f"The database is at revision {revision.current(url)}.")


@app.command()
def downgrade(
    to: Annotated[str, typer.Argument(metavar="REV", help="The revision; base for none.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the schema back to REV. What later revisions added is dropped with its data."""
    from rosterhub.store import migrate

    url = settings().write_url
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Drop what came after {to}, with its data?", abort=True, err=True)
    migrate.downgrade(url, to)
    typer.echo(f"The database is at revision {revision.current(url) or 'base'}.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The schema's revision, and the one that this version of RosterHub needs."""
    has, needs = revision.current(settings().write_url), revision.head()
    if as_json:
        typer.echo(json.dumps({"current": has, "head": needs, "upToDate": has == needs}))
    elif found := revision.difference(has):
        typer.echo(found.en)
    else:
        typer.echo(f"The database is at revision {has}, as it should be.")


@app.command()
def url() -> None:
    """A URL for psql: psql "$(rosterhub db url)"."""
    typer.echo(settings().write_url)
