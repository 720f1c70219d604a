"""A board's rows as CSV and as a OneRoster package, in any profile, in constant memory.

The same people, profile and seed make the same bytes: no clock is read, no name of a machine.
"""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES, Profile
from rosterhub.ops.sample.rows import FILES, Board, Row, board, rows

_AT_ONCE = 500
_TIME = (2026, 4, 1, 0, 0, 0)
Progress = Callable[[str, int], None]
"""Takes the name of the file being written, and the rows written since it was last called."""


def write_file(
    name: str,
    out: BinaryIO,
    people: int,
    *,
    profile: str = DEFAULT_PROFILE,
    seed: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write the file of one entity, such as `users`; how many data rows it has.

    Raises:
        KeyError: there is no such file in a board, or no such profile.
        ValueError: a board cannot have this many people.
    """
    return _write(name, out, board(people, seed), PROFILES[profile], progress)


def write_package(
    path: str | os.PathLike[str],
    people: int,
    profile: str = DEFAULT_PROFILE,
    seed: int = 1,
    *,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write a whole board as a OneRoster zip; the data rows of each file.

    Raises:
        KeyError: there is no such profile.
        ValueError: a board cannot have this many people.
    """
    whole, chosen = board(people, seed), PROFILES[profile]
    counts: dict[str, int] = {}
    with zipfile.ZipFile(Path(path), "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name in FILES:
            member = _member(ENTITIES[name].file)
            with archive.open(member, "w", force_zip64=True) as out:
                counts[name] = _write(name, out, whole, chosen, progress)  # type: ignore[arg-type]
        archive.writestr(_member("manifest.csv"), manifest(chosen, counts))
    return counts


def manifest(profile: Profile, counts: dict[str, int]) -> bytes:
    """The manifest of a package whose files have these numbers of rows."""
    lines = [["manifest.version", "1.0"], ["oneroster.version", profile.version]]
    for name in sorted(ENTITIES, key=str.lower):
        lines.append([f"file.{name}", "bulk" if name in counts else "absent"])
    lines += [["source.systemName", "RosterHub sample"], ["source.systemCode", ""]]
    end = "\r\n" if profile.japanese else "\n"
    return (f"propertyName,value{end}" + "".join(map(line_writer(profile), lines))).encode()


def header(name: str, profile: Profile) -> bytes:
    """The header line of a file."""
    end = "\r\n" if profile.japanese else "\n"
    return (",".join(ENTITIES[name].header(profile.id)) + end).encode()


def cells(name: str, profile: Profile) -> tuple[str, ...]:
    """The keys of a row in the order of the file's columns."""
    fields = (*SYSTEM_FIELDS, *ENTITIES[name].fields)
    return tuple(f.csv for f in fields if f.name_in(profile.id))


def line_writer(profile: Profile) -> Callable[[Iterable[str]], str]:
    """What makes a line of cells, none of which holds a quote or a line end."""
    if profile.japanese:
        return lambda row: '"' + '","'.join(row) + '"\r\n'
    return lambda row: ",".join([f'"{c}"' if "," in c else c for c in row]) + "\n"


def _write(
    name: str, out: BinaryIO, whole: Board, profile: Profile, progress: Progress | None
) -> int:
    out.write(header(name, profile))
    keys, line, count = cells(name, profile), line_writer(profile), 0
    for batch in _batches(rows(name, whole)):
        out.write("".join([line([row.get(k, "") for k in keys]) for row in batch]).encode())
        count += len(batch)
        if progress:
            progress(name, len(batch))
    return count


def _batches(parts: Iterable[Iterable[Row]]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for part in parts:
        for row in part:
            batch.append(row)
            if len(batch) == _AT_ONCE:
                yield batch
                batch = []
    if batch:
        yield batch


def _member(name: str) -> zipfile.ZipInfo:
    """A zip entry that does not say when or where it was written."""
    member = zipfile.ZipInfo(name, _TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    return member
