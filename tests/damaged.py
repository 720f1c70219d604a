"""Packages that are damaged by chance: faults whose places are known, and bytes that are anything.

The same number makes the same package; what an import has to say of it is told by `faults`, and of
the others that it ends, says why, and leaves nothing behind.
"""

import csv
import io
import random
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rosterhub.model.profiles import PROFILES
from rosterhub.ops.sample import faults_path, write_package
from rosterhub.settings import Settings
from tests.rosters import places, rows, send

Place = tuple[str, int, str | None, str]
_WORDS = (
    *(b'"', b'""', b'",', b',"', b"\r", b"\n", b"\r\n", b"\n\n", b",", b",,,", b"\x00", b"\\"),
    *(b"\\N", b"\\.\n", b"\xff", b"\xef\xbb\xbf", b"\xe3\x81", b"\x1a", b"\xe3\x80\x80", b"\t"),
    *(b"'", b"$$", b"%s", b"{", b"}", b"{a:b},", b"NULL", b"tobedeleted", b"active", b"ext:", b"0"),
    *(b"-1", b"1e999", b"9" * 40, b"2026-02-30", b"0000-00-00", b"2026-04-01T24:00:00.000Z"),
    *(b"metadata.jp.", b"sourcedId", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a" * 70_000),
)
"""What has meant something to some reader of CSV, or to PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A package, the options of its import, and the faults that it must find; None: any."""

    data: bytes
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    faults: Counter[Place] | None = None


def with_faults(number: int, folder: Path) -> Damaged:
    """A board with faults planted in some of its rows."""
    chance = random.Random(f"faults {number}")
    path = folder / "board.zip"
    write_package(
        path,
        chance.randint(1, 120),
        chance.choice(sorted(PROFILES)),
        number % 10_000,
        faults=chance.choice([0.01, 0.1, 0.5, 1.0]),
    )
    with faults_path(path).open(encoding="utf-8", newline="") as stream:
        planted = Counter(
            (r["file"], int(r["line"]), r["column"] or None, r["code"])
            for r in csv.DictReader(stream)
        )
    return Damaged(path.read_bytes(), faults=planted)


def with_any_bytes(number: int, folder: Path) -> Damaged:
    """A board of which some bytes are others, in the zip itself or in the files in it."""
    chance = random.Random(f"bytes {number}")
    path = folder / "board.zip"
    write_package(path, chance.randint(1, 40), chance.choice(sorted(PROFILES)), number % 10_000)
    data = path.read_bytes()
    mutate = _mutated if chance.random() < 0.25 else _with_mutated_members
    options: dict[str, Any] = {
        "level": chance.choice(["tolerant", "strict"]),
        "on_error": chance.choice(["reject", "skip"]),
        "encoding": chance.choice([None, None, None, "cp932", "utf-8"]),
    }
    return Damaged(mutate(data, chance), options)


def _with_mutated_members(data: bytes, chance: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as made:
        names = archive.namelist()
        chosen = set(chance.sample(names, chance.randint(1, min(3, len(names)))))
        for name in names:
            content = archive.read(name)
            made.writestr(name, _mutated(content, chance) if name in chosen else content)
    return out.getvalue()


def _mutated(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(data) + 1)
        # The header and the first rows decide about most.
        if chance.random() < 0.3:
            at = min(at, chance.randrange(400))
        many = chance.choice([1, 1, 2, 10, 100])
        match chance.randrange(7):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1 | 2:
                data = data[:at] + chance.choice(_WORDS) + data[at:]
            case 3:
                data = data[:at] + data[at + many :]
            case 4:
                data = data[:at] + data[at : at + many] * 2 + data[at + many :]
            case 5:
                data = data[:at] + chance.choice(_WORDS) + data[at + many :]
            case _:
                data = data[:at] if chance.random() < 0.2 else data[:at] + b"," + data[at:]
    return data


def see(config: Settings, damaged: Damaged) -> None:
    """Import it without applying anything, and see that what is said of it is right."""
    document = send(config, damaged.data, dry_run=True, **damaged.options)
    assert document["state"] in ("completed", "failed"), document["state"]
    codes = {issue["code"] for issue in (*document["errors"], *document["warnings"])}
    assert "internal_error" not in {*codes, document["reasonCode"]}, document["reason"]
    assert all(issue["message"] for issue in document["errors"])
    if document["state"] == "failed":
        assert document["reason"]
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
    assert rows(config, left) == []
    if damaged.faults is not None:
        found = Counter(places(document["errors"]))
        false, missed = found - damaged.faults, damaged.faults - found
        assert (false, missed) == (Counter(), Counter()), f"false: {false}, missed: {missed}"
