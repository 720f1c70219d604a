"""`rosterhub generate`: what it writes, says and refuses."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from rosterhub.cli import app


def generate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["generate", *map(str, arguments)])


def test_it_writes_a_board_and_says_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "board.zip"
    result = generate(path, "--people", "50", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["rows"]["users"] == said["people"] == 50
    assert (said["bytes"], said["faultsPath"]) == (path.stat().st_size, None)
    assert "users.csv" in zipfile.ZipFile(path).namelist()


def test_it_lists_the_faults_beside_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "board.zip"
    result = generate(path, "--people", "50", "--faults", "1", "--json")
    said = json.loads(result.stdout)
    listed = Path(said["faultsPath"]).read_text(encoding="utf-8").splitlines()
    assert said["faultsPath"] == f"{path}.faults.csv"
    assert len(listed) == said["faults"] + 1


def test_it_overwrites_only_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "board.zip"
    assert generate(path, "--people", "10", "--faults", "0.5").exit_code == 0
    before = path.read_bytes()
    refused = generate(path, "--people", "20")
    assert (refused.exit_code, path.read_bytes()) == (1, before)
    assert "--force" in refused.stderr
    assert generate(path, "--people", "20", "--force").exit_code == 0
    assert path.read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == ["board.zip"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("board.csv",),
        ("board.zip", "--people", "0"),
        ("board.zip", "--people", "many"),
        ("board.zip", "--profile", "jp-9"),
        ("board.zip", "--seed", "-1"),
        ("board.zip", "--faults", "2"),
        ("board.zip", "--faults", "nan"),
        ("board.zip", "--fault", "0.1"),
        (),
    ],
)
def test_wrong_usage_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert generate(*arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []
