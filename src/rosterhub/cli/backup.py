"""`rosterhub db backup` and `rosterhub db restore` (docs/backups.md)."""

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from rosterhub.ops import backup as backups
from rosterhub.ops import restore as restoring
from rosterhub.settings import settings

_errors = Console(stderr=True, highlight=False, markup=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def backup(
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to, instead of the folder backups of ROSTERHUB_HOME."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the whole database to a file db-backup-YYYYMMDD-HHMMSS.sql.gz."""
    config = settings()
    made = backups.back_up(config.write_url, (folder or config.rosterhub_home / "backups"))
    if made.warning:
        _errors.print(made.warning)
    if as_json:
        typer.echo(json.dumps({"file": str(made.path), "bytes": made.size}))
    else:
        typer.echo(made.path)


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also while workers or imports are running.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Make the database what it was when FILE was made: all of it, or nothing."""
    url = settings().write_url
    with _progress("checking the file") as progress:
        contents = restoring.check(url, file, force=force, progress=progress)
    if not yes and sys.stdin.isatty():
        question = f"Replace everything in the database by the {contents.rows:,} rows of {file}?"
        typer.confirm(question, abort=True, err=True)
    with _progress("restoring") as progress:
        done = restoring.restore(url, file, contents, progress)
    if as_json:
        document = {"file": str(file), "revision": contents.revision, "rows": contents.rows}
        again = {"enabledAgain": done.enabled_again, "upgradeNeeded": done.upgrade}
        typer.echo(json.dumps(document | again, ensure_ascii=False))
    else:
        typer.echo(f"Restored {contents.rows:,} rows of {file}, schema {contents.revision}.")
    if done.enabled_again:
        _errors.print(
            "Disabled after the backup and active again; disable them anew if they should be: "
            + ", ".join(done.enabled_again)
        )
    if done.upgrade:
        _errors.print("The schema is older than this version needs. Run: rosterhub db upgrade")


@contextmanager
def _progress(what: str) -> Generator[Callable[[float], None]]:
    """A bar on a terminal, one line elsewhere."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=_errors,
        disable=not sys.stderr.isatty(),
    )
    if bar.disable:
        _errors.print(f"{what} …")
    with bar:
        task = bar.add_task(what, total=1.0)
        yield lambda part: bar.update(task, completed=part)
