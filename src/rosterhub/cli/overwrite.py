"""Files that a command would write over."""

from pathlib import Path

import typer


def refuse_existing(path: Path, *, force: bool) -> None:
    """End the command with exit code 1 where `path` is there and `force` does not say to go on."""
    if path.exists() and not force:
        typer.echo(f"{path} exists; say --force to overwrite it", err=True)
        raise typer.Exit(1)
