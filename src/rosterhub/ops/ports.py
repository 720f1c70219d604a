"""Whether a port may be listened on, and if not, who has it. Reads /proc, asks no other program."""

import contextlib
import errno
import os
import socket
import time
from pathlib import Path

_LISTENING = "0A"


class PortError(RuntimeError):
    """The port cannot be had; the text says why and, where that can be seen, who has it."""


def refuse_taken(host: str, port: int, *, patience: float = 0.0) -> int:
    """Make sure that `host` and `port` can be listened on; the port, a free one for 0.

    Waits up to `patience` seconds for whoever has it to let go.

    Raises:
        PortError: it cannot be had.
    """
    deadline = time.monotonic() + patience
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        try:
            with socket.create_server((host, port), family=family) as probe:
                return probe.getsockname()[1]
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise PortError(_reason(error, host, port)) from error


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        by = f" by {owner}" if (owner := port_owner(port)) else ""
        return f"Port {port} is taken{by}. Stop that, or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is for root alone. Choose one from 1024 with --port."
    return f"Cannot listen on {host} port {port}: {error.strerror or error}."


def port_owner(port: int) -> str | None:
    """The command and number of the process that listens on `port`, if we may see it."""
    sockets = {f"socket:[{inode}]" for inode in _listeners(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(_target(descriptor) in sockets for descriptor in (process / "fd").iterdir()):
                return f"{_name(process)} (process {process.name})"
    return None


def _listeners(port: int) -> set[str]:
    """The inodes of the sockets that listen on `port`."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    found.add(rest[5])
    return found


def _target(descriptor: Path) -> str:
    with contextlib.suppress(OSError):
        return str(descriptor.readlink())
    return ""


def _name(process: Path) -> str:
    """The command's name, our own where Python runs it; never its arguments, for they may hold
    secrets."""
    words = [os.fsdecode(w) for w in (process / "cmdline").read_bytes().split(b"\0")]
    if "rosterhub" in words:
        return "rosterhub"
    return (process / "comm").read_text().strip()
