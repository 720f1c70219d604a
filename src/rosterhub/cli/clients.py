"""`rosterhub clients`: make, list and disable OAuth clients (docs/oauth.md)."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rosterhub.access import clients
from rosterhub.access.scopes import ALL, READ, UnknownScope
from rosterhub.settings import settings
from rosterhub.store.connect import connect

app = typer.Typer(no_args_is_help=True, help="Make, list and disable OAuth clients.")
_errors = Console(stderr=True, highlight=False, markup=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who will use it.")] = "unnamed",
    all_scopes: Annotated[
        bool, typer.Option("--all-scopes", help="It may do everything, administration too.")
    ] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do, by short name or URI; again for more. "
            "Every scope that reads if left out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a client. Its secret is shown now and never again."""
    if not name.strip():
        raise typer.BadParameter("say who will use the client", param_hint="--name")
    if all_scopes and scope:
        raise typer.BadParameter("leave --scope out", param_hint="--all-scopes")
    wanted = ALL if all_scopes else scope or READ
    with connect(settings().write_url) as connection:
        try:
            client_id, secret = clients.create(connection, name.strip(), wanted)
        except UnknownScope as error:
            raise typer.BadParameter(str(error), param_hint="--scope") from error
    if as_json:
        typer.echo(json.dumps({"clientId": client_id, "clientSecret": secret}))
        return
    typer.echo(f"{client_id} {secret}")
    _errors.print(
        "Above are the client's id and its secret. Pass them on; the secret cannot be shown "
        "again.\n上の行がクライアントIDとシークレットです。シークレットの再表示はできません。"
    )


@app.command("list")
def list_(as_json: Json = False) -> None:
    """All clients, without their secrets."""
    with connect(settings().write_url) as connection:
        rows = clients.every(connection)
    if as_json:
        document = {"clients": [_document(row) for row in rows]}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    table = Table("Client", "Name", "Active", "Scopes", "Created")
    for row in rows:
        table.add_row(
            row.client_id,
            row.name,
            "yes" if row.is_active else "no",
            " ".join(row.scopes),
            f"{row.created_at:%Y-%m-%d %H:%M}",
        )
    Console().print(table)


@app.command()
def disable(
    client_id: Annotated[str, typer.Argument(help="The client as `clients list` shows it.")],
    as_json: Json = False,
) -> None:
    """Disable a client: every server refuses it and its tokens within a second."""
    with connect(settings().write_url) as connection:
        name = clients.disable(connection, client_id)
    if name is None:
        _errors.print("There is no such client. See: rosterhub clients list")
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps({"name": name, "isActive": False}, ensure_ascii=False))
    else:
        typer.echo(f"The client of {name} is disabled.")


def _document(row: clients.Listed) -> dict[str, object]:
    return {
        "clientId": row.client_id,
        "name": row.name,
        "isActive": row.is_active,
        "createdAt": row.created_at.isoformat(),
        "updatedAt": row.updated_at.isoformat(),
        "scopes": row.scopes,
    }
