"""Logs: one JSON object a line on standard output, the same in daily files under LOG_DIR.

On a terminal they are plain text. Neither personal data nor the values of variables are logged.
"""

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import Processor

from rosterhub.settings import Settings

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure(config: Settings) -> None:
    """Send the logs of this process, and those of the libraries, where `config` says."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = []
    if config.log_stdout:
        root.handlers.append(_handler(sys.stdout, pretty=sys.stdout.isatty()))
    if config.log_dir:
        root.handlers.append(_daily(config.log_dir))
    root.setLevel(logging.INFO)
    for chatty in ("procrastinate", "uvicorn.access", "httpx", "psycopg.pool", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _formatter(*, pretty: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _handler(stream: TextIO, *, pretty: bool) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(pretty=pretty))
    return handler


class _DailyFile(logging.Handler):
    """Appends to `rosterhub-YYYY-MM-DD.log`; the day is that of UTC. A full disk stops nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._day = ""
        self._out: TextIO | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            day = f"{datetime.now(UTC):%Y-%m-%d}"
            if day != self._day or self._out is None:
                self.close_file()
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"rosterhub-{day}.log"
                self._out = path.open("a", encoding="utf-8", buffering=1)
                self._day = day
            self._out.write(self.format(record) + "\n")
        except OSError:
            self.close_file()

    def close_file(self) -> None:
        """Close the file of the day."""
        if self._out:
            self._out.close()
            self._out = None


def _daily(folder: Path) -> logging.Handler:
    handler = _DailyFile(folder)
    handler.setFormatter(_formatter(pretty=False))
    return handler
