"""`rosterhub export PATH`: the roster as a OneRoster zip, or one file of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.settings import settings
from rosterhub.store.connect import connect
from rosterhub.transfer import export as exports


def export(
    path: Annotated[Path, typer.Argument(help="A .zip for all, users.csv and the like for one.")],
    profile: Annotated[str, typer.Option(help="The CSV profile.")] = DEFAULT_PROFILE,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a BOM, for Excel.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export the roster as a OneRoster zip, or one CSV file of it."""
    entity = ENTITIES.get(path.stem)
    if path.suffix.lower() != ".zip" and not entity:
        raise typer.BadParameter(f"{path.name} is neither a .zip nor one of the OneRoster files")
    try:
        chosen = exports.profile_named(profile)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if path.exists() and not force:
        typer.echo(f"{path} exists; say --force to overwrite it", err=True)
        raise typer.Exit(1)
    partial = path.with_name(f".{path.name}.part")
    size = 0
    with connect(settings().read_url, "rosterhub export") as connection:
        if path.suffix.lower() == ".zip":
            chunks = exports.export_package(connection, chosen, bom=bom)
        else:
            assert entity is not None
            chunks = exports.export_file(connection, entity, chosen, bom=bom)
        try:
            # Personal data: for the owner's eyes, and under the final name only when whole.
            partial.touch(0o600)
            with partial.open("wb") as out:
                for chunk in chunks:
                    size += out.write(chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    if as_json:
        typer.echo(json.dumps({"path": str(path), "bytes": size, "profile": profile}))
    else:
        typer.echo(f"{path}: {size:,} bytes, profile {profile}")
