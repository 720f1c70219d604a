"""`rosterhub check URL`: is a server what OneRoster says it should be? (docs/check.md)

Reads only. Secrets come from options, the environment or standard input and are never printed.
"""

import os
import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rosterhub.cli.progress import Shown
from rosterhub.model.services import BASES
from rosterhub.ops import conformance
from rosterhub.ops.conformance import BadUrl, Client, Key, Options, Unreachable
from rosterhub.ops.conformance.report import FORMATS, summary
from rosterhub.ops.conformance.run import DEFAULT_SAMPLE, DEFAULT_TIMEOUT

KEY = "ROSTERHUB_CHECK_KEY"
CLIENT_ID = "ROSTERHUB_CHECK_CLIENT_ID"
CLIENT_SECRET = "ROSTERHUB_CHECK_CLIENT_SECRET"

_errors = Console(stderr=True, highlight=False, markup=False)
_LARGEST_SAMPLE = 10_000


def check(
    url: Annotated[
        str, typer.Argument(help="The server's root, a service's base, or a discovery document.")
    ],
    version: Annotated[
        str | None, typer.Option(help="1.2 or 1.1; the server is asked if left out.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help=f"An API key; - reads it from standard input. Or {KEY}.")
    ] = None,
    client_id: Annotated[str | None, typer.Option(help=f"An OAuth client. Or {CLIENT_ID}.")] = None,
    client_secret: Annotated[
        str | None,
        typer.Option(help=f"Its secret; - reads it from standard input. Or {CLIENT_SECRET}."),
    ] = None,
    token_url: Annotated[
        str | None,
        typer.Option(help="Where tokens are; as the discovery document says, or /oauth/token."),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="A scope to ask for, again for more; all that read.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(BASES)}; again for more, all that the URL is of."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=_LARGEST_SAMPLE, help="Objects looked at in a collection.")
    ] = DEFAULT_SAMPLE,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds that an answer may keep silent.")
    ] = DEFAULT_TIMEOUT,
    format_: Annotated[str, typer.Option("--format", help="text, json or junit.")] = "text",
    output: Annotated[
        Path | None, typer.Option(help="Write the report there, not to standard output.")
    ] = None,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help="Send the credentials over plain http too.")
    ] = False,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show values, which may be personal data.")
    ] = False,
) -> None:
    """Check that a server conforms to OneRoster. It is only read from."""
    if version not in (None, "1.2", "1.1"):
        raise typer.BadParameter("say 1.2 or 1.1", param_hint="--version")
    if format_ not in FORMATS:
        raise typer.BadParameter(f"say {', '.join(FORMATS)}", param_hint="--format")
    if output and not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no directory {output.parent}", param_hint="--output")
    if unknown := [name for name in service or () if name not in BASES]:
        raise typer.BadParameter(
            f"there is no {unknown[0][:40]!r}; say {', '.join(BASES)}", param_hint="--service"
        )
    options = Options(
        url,
        credentials(key, client_id, client_secret, tuple(scope or ()), os.environ),
        version,
        tuple(dict.fromkeys(service or ())),
        sample,
        timeout,
        token_url,
        insecure_http,
    )
    try:
        with Shown() as shown:

            def progress(name: str, done: int, total: int) -> None:
                shown.show(name, done, total, f"{name}: {done} of {total}")

            report = conformance.check(options, progress)
    except (BadUrl, Unreachable) as error:
        _errors.print(str(error))
        raise typer.Exit(2) from error
    made = FORMATS[format_](report, values=show_values)
    if output:
        output.write_text(made, "utf-8")
        _errors.print(summary(report))
    else:
        sys.stdout.write(made)
    if report.counts()["failed"]:
        raise typer.Exit(1)


def credentials(
    key: str | None,
    client_id: str | None,
    client_secret: str | None,
    scopes: tuple[str, ...],
    environment: Mapping[str, str],
) -> Key | Client:
    """The one way in that options, or else the environment, give.

    Raises:
        BadParameter: they give none, or two.
    """
    if key is None and client_id is None and client_secret is None:
        key, client_id = environment.get(KEY), environment.get(CLIENT_ID)
    if key and (client_id or client_secret):
        raise typer.BadParameter("give a key or a client, not both", param_hint="--key")
    if key:
        if scopes:
            raise typer.BadParameter("a key has its scopes already", param_hint="--scope")
        return Key(_secret(key, "API key"))
    if not client_id:
        raise typer.BadParameter(
            f"give --key or --client-id, or set {KEY} or {CLIENT_ID}", param_hint="--key"
        )
    secret = client_secret or environment.get(CLIENT_SECRET)
    if not secret:
        raise typer.BadParameter(
            f"give the client's secret, or set {CLIENT_SECRET}", param_hint="--client-secret"
        )
    return Client(client_id, _secret(secret, "Client secret"), scopes)


def _secret(given: str, name: str) -> str:
    """A secret as a header can carry it, read from standard input where `-` stands for it."""
    if given == "-":
        asked = getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline()
        given = asked.strip()
    if not given or not given.isascii() or not given.isprintable():
        raise typer.BadParameter(f"the {name} is empty or has characters that no {name} has")
    return given
