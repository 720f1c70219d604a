"""`rosterhub import`, `imports` and `export` as an operator types them."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rosterhub.settings import Settings
from tests.exported import manifest
from tests.hubs import ROSTERHUB, plain_environment
from tests.integration.test_guard import many
from tests.integration.test_jobs import worker
from tests.rosters import board, csv_file, package, rows, send


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that holds the small board, for tests that leave it as it is."""
    with fresh() as config:
        data = board()
        data["orgs"][0]["identifier"] = "011000"
        assert send(config, package(data))["state"] == "completed"
        yield config


def rosterhub(
    config: Settings, *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ROSTERHUB, *arguments],
        cwd=folder,
        env=plain_environment(DATABASE_URL=config.read_url, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_import_is_queued(hub: Settings, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(csv_file("users", board()["users"]))
    said = ("--source", "sis-1", "--level", "strict", "--on-error", "skip", "--placeholders")
    said += ("--profile", "interop-6")
    done = rosterhub(hub, "import", str(path), *said, "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)["job"]
    assert (job["state"], job["entity"], job["source"]) == ("queued", "users", "sis-1")
    assert (job["level"], job["onError"], job["placeholders"]) == ("strict", "skip", True)
    assert job["profile"] == {"id": "interop-6", "detected": False}
    listed = json.loads(rosterhub(hub, "imports", "list", "--json").stdout)["jobs"]
    assert job["jobId"] in {j["jobId"] for j in listed}
    shown = json.loads(rosterhub(hub, "imports", "show", job["jobId"], "--json").stdout)["job"]
    assert shown["fileName"] == "users.csv"
    assert rows(
        hub,
        "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE args ->> 'import_id' = %s",
        job["jobId"],
    ) == [(1,)]


@pytest.mark.parametrize(
    ("name", "more", "code", "says"),
    [
        ("users.csv", ["--mode", "all"], 2, "merge, bulk, delta"),
        ("pupils.csv", [], 2, "no OneRoster file"),
        ("board.zip", ["--mode", "bulk"], 2, "manifest"),
        ("users.csv", ["--encoding", "latin-1"], 2, "cp932"),
        ("users.csv", ["--on-error", "stop"], 2, "reject, skip"),
        ("users.csv", ["--level", "lax"], 2, "tolerant, strict"),
        ("users.csv", ["--sauce", "x"], 2, "No such option"),
    ],
)
def test_wrong_usage(
    hub: Settings, tmp_path: Path, name: str, more: list[str], code: int, says: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    done = rosterhub(hub, "import", str(tmp_path / name), *more)
    assert done.returncode == code
    assert says in _plain(done.stderr)


def test_a_file_that_is_not_there(hub: Settings, tmp_path: Path) -> None:
    done = rosterhub(hub, "import", str(tmp_path / "users.csv"))
    assert done.returncode == 2
    assert "is not a file" in _plain(done.stderr)


def test_a_file_over_the_limit(hub: Settings, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(b"x" * 1001)
    done = rosterhub(hub, "import", str(path), CSV_UPLOAD_MAX_SIZE="1000")
    assert done.returncode == 1
    assert "larger than 1,000 bytes" in _plain(done.stderr)


def test_the_exit_code_says_how_an_import_ended(config: Settings, tmp_path: Path) -> None:
    send(config, package(many(100)))
    paths = {name: tmp_path / f"{name}.zip" for name in ("less", "broken")}
    paths["less"].write_bytes(package(many(79)))
    paths["broken"].write_bytes(b"no zip")
    with worker(config.write_url, tmp_path / "log"):
        waits = rosterhub(config, "import", str(paths["less"]), "--wait", "--json")
        assert (waits.returncode, json.loads(waits.stdout)["job"]["state"]) == (3, "waiting")
        both = rosterhub(config, "import", *map(str, paths.values()), "--wait")
        assert both.returncode == 1
        [again] = [w[:-1] for w in both.stdout.split() if w[:-1].isdigit()][:1]
        assert rosterhub(config, "imports", "approve", again, "--wait").returncode == 0
        assert rosterhub(config, "imports", "undo", again, "--wait").returncode == 0
        job_id = json.loads(waits.stdout)["job"]["jobId"]
        rows(config, "DELETE FROM import_chunks WHERE import_id = %s RETURNING 1", job_id)
        lost = rosterhub(config, "imports", "approve", job_id, "--wait", "--json")
        assert (lost.returncode, json.loads(lost.stdout)["job"]["state"]) == (1, "failed")


def test_an_import_that_does_not_exist(hub: Settings) -> None:
    done = rosterhub(hub, "imports", "show", "999999")
    assert (done.returncode, done.stderr.strip()) == (1, "There is no import 999999.")


def test_an_export_into_a_folder_names_itself(hub: Settings, tmp_path: Path) -> None:
    done = rosterhub(hub, "export", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"RO_\d{8}_011000\.zip", path.name)
    size, next_since = path.stat().st_size, told.pop("nextSince")
    assert told == {"path": str(path), "bytes": size, "profile": "jp-1.2.1"}
    delta = rosterhub(hub, "export", str(tmp_path / "d.zip"), "--since", next_since)
    assert delta.returncode == 0, delta.stderr
    assert manifest((tmp_path / "d.zip").read_bytes())["file.users"] == "absent"
    assert send(hub, path.read_bytes())["counts"]["unchanged"] == 15
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_export_of_one_file(hub: Settings, tmp_path: Path) -> None:
    done = rosterhub(hub, "export", "users.csv", "--profile", "ims-1.2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "users.csv").read_text().count("\n") == 4
    again = rosterhub(hub, "export", "users.csv", folder=tmp_path)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert rosterhub(hub, "export", "users.csv", "--force", folder=tmp_path).returncode == 0
    assert os.listdir(tmp_path) == ["users.csv"]  # noqa: PTH208


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pupils.csv",), "neither a .zip"),
        (("all.zip", "--profile", "jp-9"), "ims-1.2"),
        (("nowhere/all.zip",), "no folder nowhere"),
        (("all.zip", "--since", "yesterday"), "since is a time"),
        (("all.zip", "--org", "school", "--org", "nowhere"), "no org with the sourcedId 'nowhere'"),
    ],
)
def test_exports_that_cannot_be(
    hub: Settings, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = rosterhub(hub, "export", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert says in _plain(done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_without_a_database(hub: Settings, tmp_path: Path) -> None:
    away = hub.model_copy(update={"database_url": "postgresql://x@127.0.0.1:1/x"})
    done = rosterhub(away, "export", "users.csv", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("rosterhub: ")
    assert list(tmp_path.iterdir()) == []


def _plain(text: str) -> str:
    """What a box drawn round a message says."""
    return re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", text))
