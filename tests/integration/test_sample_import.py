"""A sample board through the real import: nothing to complain of, in any profile or size."""

import io
from pathlib import Path

import pytest

from rosterhub.model.profiles import PROFILES
from rosterhub.ops.sample import write_file, write_package
from rosterhub.settings import Settings
from tests.rosters import places, send


@pytest.mark.parametrize("profile", PROFILES)
def test_a_board_imports_without_a_word_and_again_without_a_change(
    config: Settings, tmp_path: Path, profile: str
) -> None:
    path = tmp_path / "board.zip"
    counts = write_package(path, 500, profile)
    first = send(config, path.read_bytes())
    assert (first["errors"], first["warnings"]) == ([], [])
    assert first["counts"]["created"] == first["counts"]["total"] == sum(counts.values())
    again = send(config, path.read_bytes())
    assert again["state"] == "completed"
    assert again["counts"]["unchanged"] == sum(counts.values())


@pytest.mark.parametrize("people", [1, 2, 3, 10, 50])
def test_a_tiny_board_imports(config: Settings, tmp_path: Path, people: int) -> None:
    path = tmp_path / "board.zip"
    counts = write_package(path, people, "interop-6", 7)
    document = send(config, path.read_bytes())
    assert (document["errors"], document["warnings"]) == ([], [])
    assert counts["users"] == people


def test_users_import_with_nothing_but_their_orgs(config: Settings) -> None:
    for name in ("orgs", "users"):
        out = io.BytesIO()
        write_file(name, out, 300)
        document = send(config, out.getvalue(), name)
        assert document["errors"] == []
    codes = [code for _, _, _, code in places(document["warnings"])]
    assert codes == ["home_class_unknown"]
