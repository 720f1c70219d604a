"""Logs: one JSON object a line on standard output, the same in daily files under LOG_DIR.

On a terminal they are plain text. Neither personal data nor the values of variables are logged.
"""

import json
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


_requests = structlog.get_logger("rosterhub.api")
_as_lines = False


class _Line(str):
    """A log line that is ready as it is."""


def request(method: str, endpoint: str, status: int, ms: float, request_id: str) -> None:
    """Log one request. There are many: as JSON they are put together here, past the processors."""
    if not _as_lines:
        _requests.info("request", method=method, endpoint=endpoint, status=status, ms=ms)
        return
    fields = {
        "event": "request",
        "method": method,
        "endpoint": endpoint,
        "status": status,
        "ms": ms,
        "request_id": request_id,
        "level": "info",
        "logger": "rosterhub.api",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    line = _Line(json.dumps(fields, ensure_ascii=False))
    logging.getLogger().handle(
        logging.LogRecord("rosterhub.api", logging.INFO, "", 0, line, None, None)
    )


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
    global _as_lines
    _as_lines = not (config.log_stdout and sys.stdout.isatty())
    for chatty in ("procrastinate", "uvicorn.access", "httpx", "psycopg.pool", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return record.msg if isinstance(record.msg, _Line) else super().format(record)


def _formatter(*, pretty: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return _Formatter(
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
