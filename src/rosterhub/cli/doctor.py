"""`rosterhub doctor`: what is wrong with this hub, and what to do about it (docs/doctor.md)."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from rosterhub.cli.language import language
from rosterhub.ops.doctor.findings import Finding
from rosterhub.ops.doctor.run import look_over
from rosterhub.settings import settings
from rosterhub.transfer.issues import Language


def doctor(
    spoken: Annotated[
        Language | None, typer.Option("--language", help="That of the terminal if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look the hub over. Exit code 1 if something does not work."""
    chosen = spoken or language()
    found: list[Finding] = []
    for finding in look_over(settings()):
        found.append(finding)
        if not as_json:
            text = finding.ja if chosen == "ja" else finding.en
            typer.echo(f"{finding.level:<5} {finding.check}: {text}")
    worst = next(
        (level for level in ("fail", "warn") if any(f.level == level for f in found)), "ok"
    )
    if as_json:
        document = {"status": worst, "findings": [asdict(finding) for finding in found]}
        typer.echo(json.dumps(document, ensure_ascii=False))
    if worst == "fail":
        raise typer.Exit(1)
