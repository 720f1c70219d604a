"""`rosterhub db stats` and `rosterhub db migrate-data` (docs/operations.md)."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from rosterhub.cli.language import language
from rosterhub.ops import data_migrations, statistics
from rosterhub.ops.reports import tables
from rosterhub.ops.reports.numbers import Table
from rosterhub.settings import settings
from rosterhub.store.connect import connect

_SHOWN = 20
_SIZES = ("bytes", "kB", "MB", "GB", "TB")


def stats(
    every: Annotated[
        bool, typer.Option("--all", help=f"Not only the {_SHOWN} largest tables and indexes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, of everything.")] = False,
) -> None:
    """Sizes, vacuums, indexes with estimated bloat, and connections."""
    with connect(settings().write_url) as connection:
        found = statistics.collect(connection)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, default=datetime.isoformat))
        return
    most = None if every else _SHOWN
    database, limits = found.database, found.limits
    parts = [
        f"{database['name']}: {_size(database['bytes'])}, PostgreSQL {database['serverVersion']}, "
        f"{limits['used']} of {limits['max']} connections\n",
        *(_text(rows) for rows in (found.tables[:most], found.indexes[:most], found.connections)),
    ]
    typer.echo("\n".join(parts), nl=False)


def migrate_data(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as v2.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Change data as VERSION needs it; doing so again does no harm."""
    with connect(settings().write_url) as connection:
        try:
            done = data_migrations.migrate(connection, version)
        except data_migrations.UnknownVersionError as error:
            raise typer.BadParameter(str(error)) from error
    if as_json:
        typer.echo(json.dumps({"version": version, "done": done}, ensure_ascii=False))
    elif done:
        typer.echo("\n".join(done))
    elif language() == "ja":
        typer.echo(f"{version} で移行するデータはありません。何も変更していません。")
    else:
        typer.echo(f"There is nothing to do for {version}: no data was changed.")


def _text(rows: list[dict[str, Any]]) -> str:
    columns = tuple(rows[0]) if rows else ()
    return tables.text(Table(columns, [tuple(_cell(n, v) for n, v in r.items()) for r in rows]))


def _cell(name: str, value: Any) -> Any:
    if name == "bytes":
        return _size(value)
    if name == "estimatedBloat" and value is not None:
        return f"{value:.0%}"
    if name == "longestSeconds" and value is not None:
        return round(value)
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    return value


def _size(size: float) -> str:
    for unit in _SIZES:
        if size < 10_240 or unit == _SIZES[-1]:
            return f"{size:.0f} {unit}"
        size /= 1024
    raise AssertionError
