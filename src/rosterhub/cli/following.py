"""Follow an import to its end: a bar on a terminal, a line for each step elsewhere."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from rosterhub.store.connect import Connection
from rosterhub.transfer import records

_errors = Console(stderr=True, highlight=False)
_SILENCE_SECONDS = 5.0
"""Where there is no bar, a line says at least this often how far the import is."""


def _rest() -> None:
    time.sleep(0.1)


def follow(
    connection: Connection,
    import_id: int,
    *,
    quiet: bool = False,
    rest: Callable[[], None] = _rest,
) -> str:
    """Wait for the end of an import, or until it waits for a person; its state then.

    `rest` is called between two looks.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=_errors,
        disable=quiet or not sys.stderr.isatty(),
    )
    shown, said = "", 0.0
    with bar:
        task = bar.add_task("queued", total=100, rate="")
        while True:
            state, progress, rate = _state(connection, import_id)
            rows = f"{rate:,.0f} rows/s" if rate else ""
            bar.update(task, description=state, completed=progress, rate=rows)
            late = time.monotonic() - said > _SILENCE_SECONDS
            if bar.disable and not quiet and (state != shown or late):
                said = time.monotonic()
                words = [f"import {import_id}: {state}", f"{progress:.0f}%", rows]
                _errors.print(", ".join(filter(None, words)))
            shown = state
            if state in records.FINAL or state == "waiting":
                return state
            rest()


def _state(connection: Connection, import_id: int) -> tuple[str, float, float]:
    row = connection.execute(
        "SELECT CASE undo ->> 'state' WHEN 'queued' THEN 'undoing' ELSE state END, progress,"
        f" {records.RATE} FROM imports WHERE id = %s",
        [import_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]
