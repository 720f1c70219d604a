"""Back up a database with `backup-database.sh`, which servers with containers run by itself.

Everything about the file is said there; here is only how to reach the database and pg_dump.
"""

import os
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rosterhub.ops import postgres_programs


class BackupError(RuntimeError):
    """There is no new backup; the text says why."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup; `size` in bytes, `warning` when it is suspiciously small."""

    path: Path
    size: int
    warning: str | None = None


def back_up(url: str, folder: Path) -> Backup:
    """Write a backup of the database at `url` to `folder`.

    Raises:
        BackupError: there is no pg_dump here, it failed, or the folder cannot be written.
    """
    if not postgres_programs.found("pg_dump"):
        raise BackupError(
            "There is no pg_dump here. On a server with containers run "
            "scripts/backup-database.sh there; elsewhere install PostgreSQL's client programs."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"{folder} cannot be made ({error.strerror}). Name another with --folder, or set "
            "ROSTERHUB_HOME to where the hub is installed."
        ) from error
    with resources.as_file(resources.files("rosterhub.ops") / "backup-database.sh") as script:
        environment = os.environ | {
            "DATABASE_WRITE_URL": url,
            "BACKUP_FOLDER": str(folder),
            "ROSTERHUB_HOME": "/",
            "PATH": postgres_programs.search_path(),
        }
        done = subprocess.run(
            ["bash", str(script)], env=environment, capture_output=True, text=True
        )
    said = done.stderr.strip()
    if done.returncode:
        raise BackupError(said.splitlines()[-1] if said else "The backup failed.")
    path = Path(done.stdout.splitlines()[-1])
    return Backup(path, path.stat().st_size, said or None)
