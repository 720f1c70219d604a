"""`rosterhub generate PATH`: a sample board of any size as a OneRoster zip, faults included if
asked for. Everyone in it is invented; nothing is read from the hub.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from rosterhub.cli.overwrite import refuse_existing
from rosterhub.cli.progress import Shown
from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES
from rosterhub.ops.sample import FILES, LARGEST_BOARD, Written, faults_path, write_package


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
        refuse_existing(there, force=force)
    with Shown() as shown:

        def progress(name: str, rows: int, share: float) -> None:
            what, at = f"{ENTITIES[name].file}: {rows:,} rows", FILES.index(name) + share
            shown.show(what, at, len(FILES), f"{what}, {share:.0%}")

        written = write_package(path, people, profile, seed, faults=faults, progress=progress)
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
