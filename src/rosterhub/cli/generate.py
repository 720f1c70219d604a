"""`rosterhub generate PATH`: a sample board of any size as a OneRoster zip, faults included if
asked for. Everyone in it is invented; nothing is read from the hub.
"""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES
from rosterhub.ops.sample import FILES, LARGEST_BOARD, Written, faults_path, write_package

_errors = Console(stderr=True, highlight=False)
_SECONDS_BETWEEN_LINES = 5


def generate(
    path: Annotated[Path, typer.Argument(help="The zip to write.")],
    people: Annotated[
        int, typer.Option(min=1, max=LARGEST_BOARD, help="Pupils, teachers and guardians together.")
    ] = 10_000,
    profile: Annotated[str, typer.Option(help="The CSV profile.")] = DEFAULT_PROFILE,
    seed: Annotated[
        int, typer.Option(min=0, max=9_999, help="Another seed makes another board.")
    ] = 1,
    faults: Annotated[
        float, typer.Option(help="The share (0 to 1) of rows to damage; see PATH.faults.csv.")
    ] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a sample board of education as a OneRoster zip."""
    if path.suffix.lower() != ".zip":
        raise typer.BadParameter(f"{path.name} does not end in .zip")
    if profile not in PROFILES:
        raise typer.BadParameter(f"profile is one of {', '.join(PROFILES)}, not {profile[:40]!r}")
    if not 0 <= faults <= 1:
        raise typer.BadParameter(f"faults is a share from 0 to 1, not {faults}")
    listed = faults_path(path)
    for there in (path, listed):
        if there.exists() and not force:
            _errors.print(f"{there} exists; say --force to overwrite it", markup=False)
            raise typer.Exit(1)
    with _Shown() as shown:
        written = write_package(path, people, profile, seed, faults=faults, progress=shown.progress)
    if not faults:
        # A list left by an earlier board would say false things of this one.
        listed.unlink(missing_ok=True)
    _tell(path, people, profile, seed, written, as_json=as_json)


def _tell(
    path: Path, people: int, profile: str, seed: int, written: Written, *, as_json: bool
) -> None:
    size = path.stat().st_size
    if as_json:
        document = {
            "path": str(path),
            "bytes": size,
            "people": people,
            "profile": profile,
            "seed": seed,
            "rows": written.rows,
            "faults": written.faults,
            "faultsPath": str(faults_path(path)) if written.faults_listed else None,
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    rows = sum(written.rows.values())
    typer.echo(f"{path}: {people:,} people in {rows:,} rows, {size:,} bytes, profile {profile}")
    if written.faults_listed:
        typer.echo(f"{faults_path(path)}: {written.faults:,} faults")


class _Shown:
    """A progress bar on a terminal, elsewhere a line every few seconds."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=_errors,
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task("", total=len(FILES))
        self._said = time.monotonic()

    def __enter__(self) -> "_Shown":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def progress(self, name: str, rows: int, share: float) -> None:
        """Show how far the file called `name` is."""
        file = ENTITIES[name].file
        if not self._bar.disable:
            done = FILES.index(name) + share
            self._bar.update(self._task, description=f"{file} {rows:,}", completed=done)
        elif time.monotonic() - self._said > _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            _errors.print(f"{file}: {rows:,} rows, {share:.0%}", markup=False)
