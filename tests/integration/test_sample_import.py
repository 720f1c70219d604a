"""A sample board through the real import: nothing to complain of, in any profile or size."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from rosterhub.model.profiles import PROFILES
from rosterhub.ops.sample import faults_path, write_file, write_package
from rosterhub.settings import Settings
from tests.rosters import places, send


@pytest.mark.parametrize("profile", PROFILES)
def test_a_board_imports_without_a_word_and_again_without_a_change(
    config: Settings, tmp_path: Path, profile: str
) -> None:
    path = tmp_path / "board.zip"
    written = write_package(path, 500, profile)
    first = send(config, path.read_bytes())
    assert (first["errors"], first["warnings"]) == ([], [])
    assert first["counts"]["created"] == first["counts"]["total"] == sum(written.rows.values())
    again = send(config, path.read_bytes())
    assert again["state"] == "completed"
    assert again["counts"]["unchanged"] == sum(written.rows.values())


@pytest.mark.parametrize("people", [1, 2, 3, 10, 50])
def test_a_tiny_board_imports(config: Settings, tmp_path: Path, people: int) -> None:
    path = tmp_path / "board.zip"
    written = write_package(path, people, "interop-6", 7)
    document = send(config, path.read_bytes())
    assert (document["errors"], document["warnings"]) == ([], [])
    assert written.rows["users"] == people


def test_users_import_with_nothing_but_their_orgs(config: Settings) -> None:
    for name in ("orgs", "users"):
        out = io.BytesIO()
        write_file(name, out, 300)
        document = send(config, out.getvalue(), name)
        assert document["errors"] == []
    codes = [code for _, _, _, code in places(document["warnings"])]
    assert codes == ["home_class_unknown"]


@pytest.mark.parametrize(
    ("profile", "seed", "share"),
    [("jp-1.2.1", 1, 0.02), ("ims-1.2", 2, 0.2), ("interop-6", 3, 0.5), ("eportal-3", 4, 1.0)],
)
def test_the_import_finds_exactly_the_faults_that_were_planted(
    config: Settings, tmp_path: Path, profile: str, seed: int, share: float
) -> None:
    path = tmp_path / "board.zip"
    written = write_package(path, 1_000, profile, seed, faults=share)
    document = send(config, path.read_bytes())
    planted = listed(faults_path(path))
    assert len(planted) == written.faults > 0
    assert document["state"] == "failed"
    found = places(document["errors"])
    not_planted, not_found = Counter(found) - Counter(planted), Counter(planted) - Counter(found)
    assert (list(not_planted), list(not_found)) == ([], [])


def listed(path: Path) -> list[tuple[str, int, str | None, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            (r["file"], int(r["line"]), r["column"] or None, r["code"])
            for r in csv.DictReader(stream)
        ]
