"""Who the embedded servers run as: ourselves, or, as root, somebody who is not.

PostgreSQL refuses to run as root. What that user must reach is made reachable, and nothing more.
"""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NAME = "rosterhub"


@dataclass(frozen=True, slots=True)
class Owner:
    """The user a server runs as; None for both means this process's own."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """The supplementary groups to set: none when we change users."""
        return None if self.uid is None else []


def server_owner() -> Owner:
    """The user for the servers; as root a system user `rosterhub`, made when it can be."""
    if os.geteuid() != 0:
        return Owner()
    for name in (_NAME, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            entry = _made(name)
        if entry:
            return Owner(entry.pw_uid, entry.pw_gid)
    raise OSError("As root the embedded PostgreSQL needs a user 'rosterhub' or 'nobody'.")


def _made(name: str) -> pwd.struct_passwd | None:
    command = shutil.which("useradd")
    if not command or name != _NAME:
        return None
    flags = ("--system", "--no-create-home", "--shell", "/usr/sbin/nologin")
    if subprocess.run([command, *flags, name], capture_output=True).returncode:
        return None
    return pwd.getpwnam(name)


def hand_over(path: Path, owner: Owner) -> None:
    """Make `path` belong to `owner`."""
    if owner.uid is not None and owner.gid is not None:
        os.chown(path, owner.uid, owner.gid)


def make_reachable(path: Path, owner: Owner, *, contents: bool = False) -> None:
    """Let `owner` pass through the folders down to `path`, and read what is in it (`contents`).

    Passing through is all: the folders on the way stay unreadable to others.
    """
    if owner.uid is None:
        return
    path = path.resolve()
    for folder in (path, *path.parents):
        _add(folder, stat.S_IXOTH)
    if contents:
        for inner in path.rglob("*"):
            if not inner.is_symlink():
                mode = inner.stat().st_mode
                executable = stat.S_ISDIR(mode) or mode & stat.S_IXUSR
                _add(inner, stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _add(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode | bits != mode:
        path.chmod(mode | bits)
