"""Files that appear under their names only when they are whole."""

import os
from collections.abc import Iterable
from pathlib import Path

PARTIAL = ".part"
"""How the name ends, after a dot before it, while the file is written."""


def write_whole(path: Path, chunks: Iterable[bytes], modified: float | None = None) -> int:
    """Write a file that is there whole or not at all, also after a power cut; its size in bytes.
    With `modified`, that is said to be the time of its last change.

    It holds personal data: only its owner may read it.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            size = sum(map(out.write, chunks))
            out.flush()
            os.fsync(out.fileno())
        if modified is not None:
            os.utime(partial, (modified, modified))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return size
