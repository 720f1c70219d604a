"""Run the API with uvicorn: as many processes as asked for, all with our logging and our numbers.

Binds to what it is told and stops in good order on SIGTERM; knows nothing of other processes.
What a process serves with is named here, not imported: the numbers of what is imported open their
files at once, and those of the process that only watches the others would come before their folder.
"""

import contextlib
import gc
import math
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from rosterhub import logging
from rosterhub.lifeline import die_with_parent
from rosterhub.settings import Settings, settings

_NUMBERS = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY = Path("/dev/shm")
_FINISH_SECONDS = 30
"""How long answers under way may take to finish when the API is told to stop."""


def serve(config: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; answers under way are finished and the audit log written."""
    # uvicorn stops on its own handler and then raises the signal again for ours.
    signal.signal(signal.SIGTERM, _done)
    with _shared_numbers(config.web_concurrency):
        uvicorn.run(
            f"{__name__}:make_app",
            factory=True,
            host=host,
            port=port,
            workers=config.web_concurrency,
            loop="uvloop",
            http="rosterhub.api.whole_answers:WholeAnswers",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=config.forwarded_allow_ips,
            timeout_keep_alive=math.ceil(config.keep_alive_timeout / 1000),
            timeout_graceful_shutdown=_FINISH_SECONDS,
        )


def make_app() -> FastAPI:
    """The app of one process, whose logs go where they should."""
    from rosterhub.api.app import create_app

    if multiprocessing.parent_process():
        # Left alone it would keep the port from those who come after.
        die_with_parent()
    config = settings()
    logging.configure(config)
    app = create_app(config)
    # What is there now stays: the collector need not go through it again and again.
    gc.freeze()
    return app


def _done(number: int, frame: object) -> None:
    raise SystemExit(0)


@contextlib.contextmanager
def _shared_numbers(processes: int) -> Generator[None]:
    """Let several processes share their numbers, without those of an earlier run."""
    if processes == 1 and _NUMBERS not in os.environ:
        yield
        return
    prefix = "rosterhub-numbers-"
    for left in _MEMORY.glob(f"{prefix}*"):
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    # Where there is one, not on a disk: of a file that is mapped, a process that writes to a part
    # for which the disk has no room is ended by the kernel.
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-", dir=memory) as fresh:
        folder = Path(os.environ.setdefault(_NUMBERS, fresh))
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.db"):
            left.unlink()
        yield
