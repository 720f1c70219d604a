"""A board's rows as CSV and as a OneRoster package, in any profile, in constant memory.

The same people, profile, seed and faults make the same bytes: no clock is read, no machine named.
"""

import csv
import os
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, BinaryIO

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES, Profile
from rosterhub.ops.sample.board import Board, board
from rosterhub.ops.sample.faults import Fault, Line, damaged
from rosterhub.ops.sample.rows import FILES, rows

_AT_ONCE = 500
_TIME = (2026, 4, 1, 0, 0, 0)
Progress = Callable[[str, int, float], None]
"""Takes the file being written, its rows so far, and the share (0 to 1) of it that is done."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a package holds: the data rows of each file, and the faults planted, if any were asked
    for.
    """

    rows: dict[str, int]
    faults: int = 0
    faults_listed: bool = False


def write_file(
    name: str,
    out: BinaryIO,
    people: int,
    *,
    profile: str = DEFAULT_PROFILE,
    seed: int = 1,
) -> int:
    """Write the file of one entity, such as `users`; how many data rows it has.

    Raises:
        KeyError: there is no such file in a board, or no such profile.
        ValueError: a board cannot have this many people.
    """
    chosen = PROFILES[profile]
    return _write(name, out, _lines(name, board(people, seed), chosen), chosen, None)


def write_package(
    path: str | os.PathLike[str],
    people: int,
    profile: str = DEFAULT_PROFILE,
    seed: int = 1,
    *,
    faults: float = 0.0,
    progress: Progress | None = None,
) -> Written:
    """Write a whole board as a OneRoster zip.

    With `faults`, that share of the rows is damaged, and a list of what an import must find is
    written beside the zip (`faults_path`). Under their names both files are always whole.

    Raises:
        KeyError: there is no such profile.
        ValueError: a board cannot have this many people, or the share is not one.
    """
    if not 0 <= faults <= 1:
        raise ValueError(f"The share of rows with a fault is from 0 to 1, not {faults}.")
    target, whole, chosen = Path(path), board(people, seed), PROFILES[profile]
    if not faults:
        with _whole(target) as partial:
            return Written(_package(partial, whole, chosen, 0.0, _ignore, progress))
    planted = 0
    with (
        _whole(target) as partial,
        _whole(faults_path(target)) as list_partial,
        list_partial.open("w", encoding="utf-8", newline="") as listed,
    ):
        writer = csv.writer(listed, lineterminator="\n")
        writer.writerow(("file", "line", "column", "code"))

        def report(fault: Fault) -> None:
            nonlocal planted
            planted += 1
            writer.writerow((fault.file, fault.line, fault.column, fault.code))

        counts = _package(partial, whole, chosen, faults, report, progress)
    return Written(counts, planted, faults_listed=True)


def faults_path(path: Path) -> Path:
    """Where the faults planted in the package at `path` are listed."""
    return path.with_name(f"{path.name}.faults.csv")


def _package(
    path: Path,
    whole: Board,
    profile: Profile,
    faults: float,
    report: Callable[[Fault], None],
    progress: Progress | None,
) -> dict[str, int]:
    """Write the zip; a file that would have no rows is left out (spec/japan-profile.md)."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name in FILES:
            lines = _lines(name, whole, profile)
            if faults:
                lines = damaged(lines, name, profile, whole.chance, faults, report)
            first = next(lines, None)
            if first:
                with archive.open(_member(ENTITIES[name].file), "w", force_zip64=True) as out:
                    counts[name] = _write(name, out, chain((first,), lines), profile, progress)
        archive.writestr(_member("manifest.csv"), _manifest(profile, counts))
    return counts


def _lines(name: str, whole: Board, profile: Profile) -> Iterator[Line]:
    """The rows of a file as lists of cells, in the order of its columns."""
    fields = (*SYSTEM_FIELDS, *ENTITIES[name].fields)
    keys = [f.csv for f in fields if f.name_in(profile.id)]
    for share, row in rows(name, whole):
        get = row.get
        yield share, [get(key, "") for key in keys]


def _write(
    name: str,
    out: IO[bytes],
    lines: Iterator[Line],
    profile: Profile,
    progress: Progress | None,
) -> int:
    """Write header and lines; how many lines there were."""
    out.write((",".join(ENTITIES[name].header(profile.id)) + _end(profile)).encode())
    count = 0
    while batch := list(islice(lines, _AT_ONCE)):
        # A planted fault may be half of a character: surrogates stand for its bytes.
        out.write(_text(profile, (cells for _, cells in batch)).encode(errors="surrogateescape"))
        count += len(batch)
        if progress:
            progress(name, count, batch[-1][0])
    return count


def _text(profile: Profile, lines: Iterable[list[str]]) -> str:
    """Lines of CSV as the export writes them; no cell holds a quote or a line end."""
    if profile.japanese:
        return "".join(['"' + '","'.join(cells) + '"\r\n' for cells in lines])
    return "".join(
        [",".join([f'"{c}"' if "," in c else c for c in cells]) + "\n" for cells in lines]
    )


def _end(profile: Profile) -> str:
    return "\r\n" if profile.japanese else "\n"


def _manifest(profile: Profile, counts: dict[str, int]) -> bytes:
    """The manifest of a package whose files have these numbers of rows."""
    lines = [["manifest.version", "1.0"], ["oneroster.version", profile.version]]
    for name in sorted(ENTITIES, key=str.lower):
        lines.append([f"file.{name}", "bulk" if name in counts else "absent"])
    lines += [["source.systemName", "RosterHub sample"], ["source.systemCode", ""]]
    return f"propertyName,value{_end(profile)}{_text(profile, lines)}".encode()


def _member(name: str) -> zipfile.ZipInfo:
    """A zip entry that does not say when or where it was written."""
    member = zipfile.ZipInfo(name, _TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3
    member.external_attr = 0o644 << 16
    return member


@contextmanager
def _whole(path: Path) -> Generator[Path]:
    """A path to write to that becomes `path` at the end, and vanishes if it does not come."""
    partial = path.with_name(f".{path.name}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _ignore(fault: Fault) -> None:
    pass
