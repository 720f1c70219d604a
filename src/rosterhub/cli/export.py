"""`rosterhub export PATH`: the roster as a OneRoster zip, or one file of it."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE, Profile
from rosterhub.settings import settings
from rosterhub.store.connect import Connection, connect
from rosterhub.transfer import export as exports


def export(
    path: Annotated[
        Path, typer.Argument(help="A .zip or a folder for all, users.csv and the like for one.")
    ],
    profile: Annotated[str, typer.Option(help="The CSV profile.")] = DEFAULT_PROFILE,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a BOM, for Excel.")] = False,
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
    try:
        chosen = exports.profile_named(profile)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with connect(settings().read_url, "rosterhub export") as connection:
        if path.is_dir():
            path /= _package_name(connection, chosen)
        if path.exists() and not force:
            typer.echo(f"{path} exists; say --force to overwrite it", err=True)
            raise typer.Exit(1)
        if package or entity is None:
            chunks = exports.export_package(connection, chosen, bom=bom)
        else:
            chunks = exports.export_file(connection, entity, chosen, bom=bom)
        size = _write(path, chunks)
    if as_json:
        typer.echo(json.dumps({"path": str(path), "bytes": size, "profile": profile}))
    else:
        typer.echo(f"{path}: {size:,} bytes, profile {profile}")


def _package_name(connection: Connection, profile: Profile) -> str:
    districts = connection.execute(exports.DISTRICTS).fetchall()
    return exports.package_name(profile, datetime.now(UTC).date(), districts)


def _write(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file that is there whole or not at all; its size.

    It holds personal data: only its owner may read it.
    """
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            size = sum(map(out.write, chunks))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return size
