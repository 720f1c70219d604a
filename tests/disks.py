"""Small disks that tests fill to the last byte."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rosterhub.ops.system_user import hand_over, make_reachable, server_owner

MB = 1 << 20


class Disk:
    """A file system of its own at `folder`; what fills it is in no folder that a server owns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, leave: int = 0) -> None:
        """Leave only so many bytes."""
        self.empty()
        with self._ballast.open("wb") as out:
            if self.free > leave:
                os.posix_fallocate(out.fileno(), 0, self.free - leave)

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def disk(megabytes: int) -> Iterator[Disk]:
    """One in memory, that whoever runs servers may use, gone with the block."""
    # Not in pytest's folder, which another run of it would close to the server's own user.
    folder = Path(tempfile.mkdtemp(prefix="rosterhub-disk-"))
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        done = subprocess.run(mount, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        try:
            make_reachable(folder, server_owner())
            yield Disk(folder)
        finally:
            # Lazily: also where a process that is about to end still has a file open there.
            subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        folder.rmdir()


def folder_on(disk: Disk, name: str) -> Path:
    """A new folder there that belongs to the user of the servers."""
    made = disk.folder / name
    made.mkdir(mode=0o700)
    hand_over(made, server_owner())
    return made
