"""Follow an import to its end: a bar on a terminal, a line for each step elsewhere."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from rosterhub.store.connect import Connection
from rosterhub.transfer import records

_errors = Console(stderr=True, highlight=False)


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
        TimeElapsedColumn(),
        console=_errors,
        disable=quiet or not sys.stderr.isatty(),
    )
    shown = ""
    with bar:
        task = bar.add_task("queued", total=100)
        while True:
            state, progress = _state(connection, import_id)
            bar.update(task, description=state, completed=progress)
            if state != shown and bar.disable and not quiet:
                _errors.print(f"import {import_id}: {state}")
            shown = state
            if state in records.FINAL or state == "waiting":
                return state
            rest()


def _state(connection: Connection, import_id: int) -> tuple[str, float]:
    row = connection.execute(
        "SELECT CASE undo ->> 'state' WHEN 'queued' THEN 'undoing' ELSE state END, progress"
        " FROM imports WHERE id = %s",
        [import_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1]
