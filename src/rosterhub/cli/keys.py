"""`rosterhub keys`: make, list and disable API keys, and see what they do (docs/keys.md)."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rosterhub.access import keys
from rosterhub.access.scopes import UnknownScope
from rosterhub.settings import settings
from rosterhub.store.connect import connect

app = typer.Typer(no_args_is_help=True, help="Make, list and disable API keys.")
_errors = Console(stderr=True, highlight=False, markup=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who will use it.")] = "unnamed",
    description: Annotated[str | None, typer.Option(help="What for.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do; again for more. Reading and importing if left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown now and never again."""
    if not name.strip():
        raise typer.BadParameter("say who will use the key", param_hint="--name")
    with connect(settings().write_url) as connection:
        try:
            key, whole = keys.create(connection, name.strip(), description, scope or ())
        except UnknownScope as error:
            raise typer.BadParameter(str(error), param_hint="--scope") from error
    if as_json:
        typer.echo(json.dumps({"key": key, "apiKey": whole}))
        return
    typer.echo(whole)
    _errors.print(
        f"Key {key} is made. Pass on the line above; it cannot be shown again.\n"
        "上の行がAPIキーです。再表示はできません。"
    )


@app.command("list")
def list_(as_json: Json = False) -> None:
    """All keys, without their secrets."""
    with connect(settings().write_url) as connection:
        rows = keys.every(connection)
    if as_json:
        _print_json({"keys": [_document(asdict(row)) for row in rows]})
        return
    table = Table("Key", "Name", "Description", "Active", "Scopes", "Created")
    for row in rows:
        table.add_row(
            row.key,
            row.name,
            row.description or "",
            "yes" if row.is_active else "no",
            " ".join(row.scopes) or "(read, import, export)",
            f"{row.created_at:%Y-%m-%d %H:%M}",
        )
    Console().print(table)


@app.command()
def disable(
    key: Annotated[str, typer.Argument(help="The key as `keys list` shows it, or all of it.")],
    as_json: Json = False,
) -> None:
    """Disable a key: every server refuses it within a second."""
    with connect(settings().write_url) as connection:
        name = keys.disable(connection, key)
    if name is None:
        _errors.print("There is no such key. See: rosterhub keys list")
        raise typer.Exit(1)
    if as_json:
        _print_json({"name": name, "isActive": False})
    else:
        typer.echo(f"The key of {name} is disabled.")


@app.command()
def usage(
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days back.")] = 30,
    as_json: Json = False,
) -> None:
    """What each key did lately."""
    with connect(settings().write_url) as connection:
        rows = keys.usage(connection, days)
    if as_json:
        _print_json({"days": days, "keys": [_document(asdict(row)) for row in rows]})
        return
    table = Table("Name", "Key", "Requests", "Successes", "Errors", "Last used")
    for row in rows:
        table.add_row(
            row.name,
            row.key,
            *(f"{count:,}" for count in (row.total, row.success, row.errors)),
            f"{row.last_used:%Y-%m-%d %H:%M}",
        )
    Console().print(table)


def _document(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the names and values of JSON."""
    return {_camel(name): _plain(value) for name, value in row.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))
