"""Files to import: the users of a sample board, with the orgs they refer to."""

from pathlib import Path

from rosterhub.ops.sample import write_file


def write_users(folder: Path, people: int) -> tuple[Path, Path]:
    """orgs.csv and users.csv of a board of `people`, in `folder`."""
    paths: list[Path] = []
    for name in ("orgs", "users"):
        path = folder / f"{name}.csv"
        with path.open("wb") as out:
            write_file(name, out, people)
        paths.append(path)
    return paths[0], paths[1]
