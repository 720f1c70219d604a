"""What is written for a sample board: the bytes, their form, their cost, and planted faults."""

import csv
import io
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import PROFILES
from rosterhub.ops.sample import FILES, LARGEST_BOARD, faults_path, write_file, write_package
from rosterhub.ops.sample.board import board
from rosterhub.ops.sample.users import users


def written(name: str, people: int, profile: str = "jp-1.2.1", seed: int = 1) -> bytes:
    out = io.BytesIO()
    write_file(name, out, people, profile=profile, seed=seed)
    return out.getvalue()


def packed(path: Path, people: int, profile: str = "jp-1.2.1", seed: int = 1) -> bytes:
    write_package(path, people, profile, seed)
    return path.read_bytes()


def lines(path: Path, name: str) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"{name}.csv").split(b"\r\n")


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    first = packed(tmp_path / "a.zip", 400)
    assert packed(tmp_path / "b.zip", 400) == first
    assert packed(tmp_path / "c.zip", 400, seed=2) != first


def test_boards_of_two_seeds_have_nothing_in_common() -> None:
    def values(seed: int, column: str) -> set[str]:
        rows = csv.DictReader(io.StringIO(written("users", 400, seed=seed).decode()))
        return {row[column] for row in rows}

    for column in ("sourcedId", "username", "userMasterIdentifier"):
        assert not values(1, column) & values(2, column)


def test_a_file_is_the_same_alone_and_in_the_package(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", 400, "interop-6", 3)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for name in FILES:
            assert archive.read(f"{name}.csv") == written(name, 400, "interop-6", 3)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_file_has_the_form_of_its_profile(profile: str) -> None:
    japanese = PROFILES[profile].japanese
    for name in FILES:
        data = written(name, 60, profile)
        end = b"\r\n" if japanese else b"\n"
        header, *rows = data.split(end)
        assert header.decode().split(",") == ENTITIES[name].header(profile)
        assert rows.pop() == b""
        assert data.count(b"\n") == len(rows) + 1
        table = list(csv.reader(io.StringIO(data.decode(), newline="")))
        assert {len(row) for row in table} == {len(table[0])}
        for line, cells in zip(rows, table[1:], strict=True):
            text = line.decode()
            assert text == ",".join(f'"{c}"' if japanese or "," in c else c for c in cells)


def test_the_manifest_announces_what_is_there(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", 1, "interop-5")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        present = set(archive.namelist()) - {"manifest.csv"}
        manifest = dict(csv.reader(io.StringIO(archive.read("manifest.csv").decode())))
    assert manifest["oneroster.version"] == "1.2.1"
    announced = {name for name in ENTITIES if manifest[f"file.{name}"] == "bulk"}
    assert {f"{name}.csv" for name in announced} == present
    assert {"users", "roles", "orgs"} < announced < set(FILES)


class Counting(io.RawIOBase):
    """Takes what is written and keeps none of it."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.size += len(data)
        return len(data)


def peak_memory(people: int) -> tuple[int, int]:
    """The most memory in use while users.csv is written, and the bytes written."""
    out = Counting()
    write_file("users", out, 100)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        write_file("users", out, people)  # type: ignore[arg-type]
        return tracemalloc.get_traced_memory()[1], out.size
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_board() -> None:
    (small, few), (large, many) = peak_memory(3_000), peak_memory(15_000)
    assert many > 4 * few
    assert large < 1.5 * small
    assert large < 4 << 20


def test_the_last_school_of_a_whole_country_needs_no_other() -> None:
    country = board(LARGEST_BOARD, 1)
    last = country.plan.school(country.plan.school_count - 1)
    assert last.guardians.stop == country.plan.guardians
    rows = list(users(country, last))
    assert len(rows) == len(last.pupils) + len(last.teachers) + len(last.guardians)
    assert rows[-1]["username"] == country.username("g", country.plan.guardians - 1)


@pytest.mark.parametrize("people", [0, -1, LARGEST_BOARD + 1])
def test_a_board_of_no_possible_size_is_refused(tmp_path: Path, people: int) -> None:
    with pytest.raises(ValueError, match="people, not"):
        write_package(tmp_path / "a.zip", people)
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(name: str, _rows: int, _share: float) -> None:
        if name == "roles":
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_package(tmp_path / "a.zip", 100, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_from_file_to_file_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[str, int, float]] = []
    result = write_package(tmp_path / "a.zip", 3_000, progress=lambda *step: seen.append(step))
    assert list(dict.fromkeys(name for name, _, _ in seen)) == list(FILES)
    for file, count in result.rows.items():
        steps = [(rows, share) for name, rows, share in seen if name == file]
        assert steps == sorted(steps)
        assert steps[-1] == (count, 1.0)


def test_faults_lie_where_the_list_says(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    result = write_package(path, 2_000, seed=5, faults=0.1)
    sound = tmp_path / "b.zip"
    write_package(sound, 2_000, seed=5)
    with faults_path(path).open(encoding="utf-8", newline="") as stream:
        faults = list(csv.DictReader(stream))
    assert len(faults) == result.faults
    assert 0.08 < len(faults) / sum(result.rows.values()) < 0.12
    places = Counter((f["file"], f["line"]) for f in faults)
    assert set(places.values()) == {1}
    for name in FILES:
        bad = {int(f["line"]) for f in faults if f["file"] == f"{name}.csv"}
        left = [line for n, line in enumerate(lines(path, name), 1) if n not in bad]
        kept = set(lines(sound, name))
        assert all(line in kept for line in left), name


def test_faults_are_of_every_kind(tmp_path: Path) -> None:
    codes: set[str] = set()
    for seed in (1, 2):
        write_package(tmp_path / "a.zip", 3_000, seed=seed, faults=0.5)
        with faults_path(tmp_path / "a.zip").open(encoding="utf-8", newline="") as stream:
            codes |= {row["code"] for row in csv.DictReader(stream)}
    assert codes == {
        "boolean_invalid",
        "date_invalid",
        "datetime_invalid",
        "duplicate_sourced_id",
        "encoding_invalid",
        "enumeration_unknown",
        "guid_invalid",
        "integer_invalid",
        "nul_byte",
        "reference_unknown",
        "required_blank",
        "row_length",
        "second_primary_role",
        "user_ids_invalid",
        "user_master_identifier_taken",
        "username_taken",
    }


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_faults_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        write_package(tmp_path / "a.zip", 10, faults=share)
