"""Logs: one JSON object a line on standard output, the same in daily files under LOG_DIR.

On a terminal they are plain text. Neither personal data nor the values of variables are logged.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import lru_cache
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
_outlets: "list[_Outlet]" = []
"""Where lines go as JSON; none on a terminal."""


Request = tuple[float, str, str, int, float, str]
"""When it ended (Unix time), method, endpoint, status, milliseconds, request id."""


def somebody_watches() -> bool:
    """Whether lines go to a terminal, where each is wanted at once."""
    return not _outlets


def requests(ended: Iterable[Request]) -> None:
    """Log requests. There are many: as JSON they are put together here, past the processors.

    A request id is made of letters, digits and the like, none of which needs an escape.
    """
    if not _outlets:
        for _, method, endpoint, status, ms, request_id in ended:
            fields = {"method": method, "endpoint": endpoint, "status": status, "ms": round(ms, 1)}
            _requests.info("request", **fields, request_id=request_id)
        return
    lines = "\n".join(
        f'{{"event": "request", "method": {_quoted(method)}, "endpoint": {_quoted(endpoint)},'
        f' "status": {status}, "ms": {ms:.1f}, "request_id": "{request_id}",'
        f' "level": "info", "logger": "rosterhub.api", "timestamp": "{_written(seconds)}"}}'
        for seconds, method, endpoint, status, ms, request_id in ended
    )
    for outlet in _outlets if lines else ():
        with outlet.lock or nullcontext():
            outlet.write_line(lines)


# Few: endpoints are templates.
_quoted = lru_cache(1_024)(json.dumps)


def _written(seconds: float) -> str:
    """A Unix time as the processors write it."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1_000_000):06d}Z"


@lru_cache(2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configure(config: Settings) -> None:
    """Send the logs of this process, and those of the libraries, where `config` says."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    handlers: list[logging.Handler] = []
    pretty = config.log_stdout and sys.stdout.isatty()
    if config.log_stdout:
        handlers.append(_Terminal(sys.stdout) if pretty else _Stream(sys.stdout))
    if config.log_dir:
        handlers.append(DailyFile(config.log_dir))
    root.handlers = handlers
    root.setLevel(logging.INFO)
    _outlets[:] = [] if pretty else [h for h in handlers if isinstance(h, _Outlet)]
    for chatty in ("procrastinate", "uvicorn.access", "httpx", "psycopg.pool", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_warn_of_deaths)


def _warn_of_deaths(record: logging.LogRecord) -> bool:
    """uvicorn replaces a process that was killed, and takes it for nothing special."""
    if _DIED.fullmatch(str(record.msg)):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


_DIED = re.compile(r"Child process \[\d+\] died")


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


class _Terminal(logging.StreamHandler[TextIO]):
    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(_formatter(pretty=True))


class _Outlet(logging.Handler):
    """Takes records, and lines that are ready as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_formatter(pretty=False))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self.write_line(line)

    def write_line(self, line: str) -> None:
        """Write `line`, or several; whoever calls holds the lock."""
        raise NotImplementedError


class _Stream(_Outlet):
    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write_line(self, line: str) -> None:
        """A reader that went away stops nothing."""
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()


class DailyFile(_Outlet):
    """Appends to `rosterhub-YYYY-MM-DD.log`; the day is that of UTC. A full disk stops nothing, nor
    does somebody who compresses or removes the file.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._day = ""
        self._out: TextIO | None = None

    def write_line(self, line: str) -> None:
        """Write `line` to the file of today."""
        try:
            day = f"{datetime.now(UTC):%Y-%m-%d}"
            if day != self._day or self._out is None or not os.fstat(self._out.fileno()).st_nlink:
                self.close_file()
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"rosterhub-{day}.log"
                self._out = path.open("a", encoding="utf-8", buffering=1)
                self._day = day
            self._out.write(line + "\n")
        except OSError:
            self.close_file()

    def close_file(self) -> None:
        """Close the file of the day."""
        out, self._out = self._out, None
        if out:
            # What it still holds may find no room either.
            with suppress(OSError):
                out.close()
