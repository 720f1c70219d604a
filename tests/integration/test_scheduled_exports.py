"""Exports that a worker writes by itself: when they are due, whole, and no more than are kept."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from rosterhub.jobs.scheduled_exports import export_if_due
from rosterhub.settings import ENV_FILE, Settings, SettingsError, settings
from rosterhub.store.connect import connect
from tests.exported import manifest, tables
from tests.hubs import ROSTERHUB, plain_environment
from tests.rosters import board, package, send
from tests.serving import until

MORNING = datetime(2021, 5, 4, 3, 30).astimezone()
"""Half an hour after the exports of `nightly`."""


@pytest.fixture
def nightly(config: Settings, tmp_path: Path) -> Settings:
    """A hub with the small board that is exported at three in the morning."""
    data = board()
    data["orgs"][0]["identifier"] = "011000"
    assert send(config, package(data))["state"] == "completed"
    update = {"export_schedule": "0 3 * * *", "export_folder": tmp_path / "out", "export_keep": 2}
    return config.model_copy(update=update)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def export_of(folder: Path, name: str, when: datetime) -> None:
    """An earlier export."""
    (folder / name).write_bytes(b"earlier")
    os.utime(folder / name, (when.timestamp(), when.timestamp()))


def test_an_export_is_written_when_it_is_due_and_once(nightly: Settings, tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    path = export_if_due(nightly, now)
    assert path is not None
    assert path.name.endswith("_011000.zip")
    assert (path.stat().st_mode & 0o777, path.parent) == (0o600, tmp_path / "out")
    assert manifest(path.read_bytes())["file.users"] == "bulk"
    assert len(tables(path.read_bytes())["users"]) == 3
    assert export_if_due(nightly, now) is None
    assert export_if_due(nightly, now + timedelta(days=1)) == path


def test_it_is_due_after_the_hour_not_before(nightly: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    yesterday = MORNING - timedelta(days=1)
    export_of(folder, "RO_20210503_011000.zip", yesterday)
    assert export_if_due(nightly, MORNING - timedelta(hours=1)) is None
    assert export_if_due(nightly, MORNING) is not None


def test_the_oldest_go_and_nothing_else(nightly: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for day in (1, 2, 3):
        export_of(folder, f"RO_2021050{day}_011000.zip", datetime(2021, 5, day).astimezone())
    mine = ["notes.txt", "RO_20210501_011000_delta.zip", "RO_20210501_delta.zip", "RO_old.zip"]
    for name in mine:
        export_of(folder, name, datetime(2020, 1, 1).astimezone())
    (folder / ".RO_20210502_011000.zip.part").write_bytes(b"half of one")
    path = export_if_due(nightly, MORNING)
    assert path is not None
    assert names(folder) == sorted([*mine, "RO_20210503_011000.zip", path.name])


def test_two_workers_write_it_once(nightly: Settings) -> None:
    with connect(nightly.write_url) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('rosterhub scheduled export'))")
        assert export_if_due(nightly, MORNING) is None
    assert export_if_due(nightly, MORNING) is not None


def test_what_cannot_be_written_leaves_what_is_there(nightly: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    export_of(folder, "RO_20210501_011000.zip", datetime(2021, 5, 1).astimezone())
    with connect(nightly.write_url) as connection:
        connection.execute("DROP TABLE demographics CASCADE")
    with pytest.raises(psycopg.errors.UndefinedTable):
        export_if_due(nightly, MORNING)
    assert names(folder) == ["RO_20210501_011000.zip"]


def test_without_the_replica_it_is_of_the_primary(nightly: Settings) -> None:
    urls = {"database_url": "postgresql://x@127.0.0.1:1/x", "database_write_url": nightly.write_url}
    path = export_if_due(nightly.model_copy(update=urls), datetime.now().astimezone())
    assert path is not None
    assert len(tables(path.read_bytes())["users"]) == 3


@contextmanager
def worker(config: Settings, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        child = subprocess.Popen(
            [*ROSTERHUB, "worker"],
            env=plain_environment(DATABASE_URL=config.write_url, **environment),
            stdout=out,
            stderr=out,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def test_an_export_whose_worker_is_killed_is_written_by_the_next(
    nightly: Settings, tmp_path: Path
) -> None:
    with connect(nightly.write_url) as connection:
        connection.execute(
            "INSERT INTO resources (sourced_id, vendor_resource_id, title)"
            " SELECT 'r' || n, n, md5(n::text) || md5('x' || n) FROM generate_series(1, 200000) n"
        )
    folder, log = tmp_path / "out", tmp_path / "log"
    options = {"EXPORT_SCHEDULE": "0 3 * * *", "EXPORT_FOLDER": str(folder)}
    with worker(nightly, log, **options) as child:
        until(lambda: any(folder.glob(".*.part")) if folder.exists() else False)
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert list(folder.glob("*.zip")) == []
    with worker(nightly, log, **options):
        until(lambda: b"scheduled export written" in log.read_bytes(), 60)
    (path,) = folder.iterdir()
    assert len(tables(path.read_bytes())["resources"]) == 200_000
    assert time.time() - path.stat().st_mtime < 120


def test_a_failure_is_in_the_log(nightly: Settings, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    options = {"EXPORT_SCHEDULE": "* * * * *", "EXPORT_FOLDER": str(tmp_path / "out")}
    with worker(nightly, tmp_path / "log", **options):
        until(lambda: b"scheduled export failed" in (tmp_path / "log").read_bytes())
    assert b"FileExistsError" in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("EXPORT_SCHEDULE=at three\nEXPORT_FOLDER=/tmp\n", "five fields of cron"),
        ("EXPORT_SCHEDULE=0 25 * * *\nEXPORT_FOLDER=/tmp\n", "five fields of cron"),
        ("EXPORT_SCHEDULE=0 3 * * *\n", "EXPORT_FOLDER.*where exports go"),
        ("EXPORT_PROFILE=jp-9\n", "EXPORT_PROFILE.*one of ims-1.2"),
    ],
)
def test_settings_that_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, words: str
) -> None:
    (tmp_path / ".env").write_text(given)
    monkeypatch.setenv(ENV_FILE, str(tmp_path / ".env"))
    with pytest.raises(SettingsError, match=words):
        settings.__wrapped__()
