"""`rosterhub openapi`: an OpenAPI document on standard output, as the server would serve it."""

import json
from typing import Annotated

import typer

from rosterhub.api.services import DOCUMENTS
from rosterhub.settings import settings


def openapi(
    service: Annotated[str, typer.Option(help=f"One of {', '.join(DOCUMENTS)}.")] = DOCUMENTS[0],
    url: Annotated[
        str, typer.Option(help="The server's root URL; PUBLIC_URL, or this machine, if left out.")
    ] = "",
) -> None:
    """Print the OpenAPI document of a OneRoster service, or of the house API."""
    # Not before it is asked for: it brings the whole API.
    from rosterhub.api.discovery import document

    if service not in DOCUMENTS:
        known = ", ".join(DOCUMENTS)
        raise typer.BadParameter(f"{service!r} is none of {known}", param_hint="--service")
    config = settings()
    root = url or config.public_url or f"http://localhost:{config.api_port}"
    if not root.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{root[:60]!r} does not begin with https://", param_hint="--url")
    typer.echo(json.dumps(document(service, root.rstrip("/")), ensure_ascii=False, indent=2))
