"""`rosterhub export PATH`: the roster as a OneRoster zip, or one file of it."""

import json
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from rosterhub.cli.overwrite import refuse_existing
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.settings import settings
from rosterhub.store.connect import connect
from rosterhub.store.replica import readable
from rosterhub.transfer import export as exports
from rosterhub.transfer.export_options import ChoiceError, choose
from rosterhub.transfer.whole_file import write_whole


def export(
    path: Annotated[
        Path, typer.Argument(help="A .zip or a folder for all, users.csv and the like for one.")
    ],
    profile: Annotated[str, typer.Option(help="The CSV profile.")] = DEFAULT_PROFILE,
    as_of: Annotated[
        str | None, typer.Option(help="The roster as it was at this moment.", metavar="T")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what has changed since, as a delta.", metavar="T")
    ] = None,
    org: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this org and those under it; may be repeated.", metavar="SOURCED_ID"
        ),
    ] = None,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a BOM.")] = False,
    excel: Annotated[
        bool, typer.Option("--excel", help="To look at in a spreadsheet, never to import.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export the roster as a OneRoster zip, or one CSV file of it."""
    entity = ENTITIES.get(path.stem)
    package = path.is_dir() or path.suffix.lower() == ".zip"
    if not package and not entity:
        raise typer.BadParameter(
            f"{path.name} is neither a .zip, nor a folder, nor one of the OneRoster files"
        )
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}")
    if not path.is_dir():
        refuse_existing(path, force=force)
    given = [("profile", profile), ("bom", _word(bom)), ("excel", _word(excel))]
    given += [(name, value) for name, value in (("asOf", as_of), ("since", since)) if value]
    given += [("org", one) for one in org or ()]
    begun: list[exports.Begun] = []
    try:
        chosen = choose(given, settings().history_days)
        with connect(readable(settings()), "rosterhub export") as connection:
            if package or entity is None:
                chunks = exports.export_package(connection, chosen, begun.append)
            else:
                chunks = exports.export_file(connection, entity, chosen, begun.append)
            first = next(chunks)
            if path.is_dir():
                path /= begun[0].name
                refuse_existing(path, force=force)
            size = write_whole(path, chain((first,), chunks))
    except ChoiceError as error:
        raise typer.BadParameter(str(error)) from error
    next_since = begun[0].next_since
    if as_json:
        document = {"path": str(path), "bytes": size, "profile": profile, "nextSince": next_since}
        typer.echo(json.dumps(document))
    else:
        typer.echo(f"{path}: {size:,} bytes, profile {profile}")
        if next_since:
            typer.echo(f"The next delta goes on with --since {next_since}")


def _word(value: bool) -> str:
    return "true" if value else "false"
