"""How far a long command is, on standard error."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

_errors = Console(stderr=True, highlight=False, markup=False)
_SECONDS_BETWEEN_LINES = 5


class Shown:
    """A bar on a terminal while the block lasts, elsewhere a line every few seconds."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=_errors,
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)
        self._said = time.monotonic()

    def __enter__(self) -> "Shown":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, what: str, done: float, total: float, line: str) -> None:
        """`what` beside the bar; `line` where there is none."""
        if not self._bar.disable:
            self._bar.update(self._task, description=what, completed=done, total=total)
        elif time.monotonic() - self._said > _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            _errors.print(line)
