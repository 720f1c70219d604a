"""Files to import: the users of a sample board, and what they refer to."""

from pathlib import Path

from rosterhub.ops.sample import write_file

REFERRED_TO = ("academicSessions", "orgs", "courses", "classes")
"""What a users.csv needs to lead anywhere, in an order in which each leads to what went before."""


def write_files(folder: Path, people: int, *names: str) -> list[Path]:
    """Those files of a board of `people`, in `folder`."""
    paths = [folder / f"{name}.csv" for name in names]
    for path in paths:
        with path.open("wb") as out:
            write_file(path.stem, out, people)
    return paths
