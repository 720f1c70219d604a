"""`rosterhub up`: a whole hub with one command, kept running, stopped without a trace."""

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rosterhub.ops import embedded
from rosterhub.ops.system_user import Owner, hand_over, make_reachable
from rosterhub.store.connect import connect
from tests.hubs import ROSTERHUB, Up, family, gone, plain_environment, starting, up
from tests.serving import until


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder with a space in its path, and Japanese."""
    path = Path(tempfile.mkdtemp(prefix="rosterhub up 名簿 "))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def hub() -> Iterator[Up]:
    """A hub that was started with a sample board, for tests that leave it running."""
    with folder() as home, up(home / "data", "--sample", "200") as running:
        yield running


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """The data of a hub that has run before and does not run now."""
    with folder() as home:
        with up(home / "data") as running:
            with connect(running.connection["database_url"]) as connection:
                connection.execute("INSERT INTO api_keys (key, name) VALUES ('kept', 'kept')")
            assert running.stop() == 0
        yield home / "data"


def refused(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ROSTERHUB, "up", *arguments],
        capture_output=True,
        text=True,
        env=plain_environment(**environment),
        timeout=60,
    )


def test_first_start_with_a_sample_says_what_to_try(hub: Up) -> None:
    until(hub.healthy)
    lines = re.findall(r'^  curl -H "X-API-Key: (\S+)".* "?(http\S+?)"?(?: .*)?$', hub.output, re.M)
    assert len(lines) == 3
    [key] = {key for key, _ in lines}
    assert all(url.startswith(hub.url) for _, url in lines)
    assert f"RosterHub is ready: {hub.url}" in hub.output
    headers = {"X-API-Key": key}
    [job] = httpx.get(f"{hub.url}/api/v1.2/csv/import/jobs", headers=headers).json()["jobs"]
    assert (job["state"], job["source"]) == ("completed", "sample")
    users = httpx.get(f"{hub.url}/api/v1.2/csv/export/users", headers=headers).text
    assert len(users.splitlines()) > 200


def test_each_line_to_try_works(hub: Up) -> None:
    lines = re.findall(r"^  (curl .*)$", hub.output, re.M)
    with folder() as home:
        for line in lines:
            done = subprocess.run(
                ["sh", "-c", f"{line} -sS --fail"], cwd=home, capture_output=True, text=True
            )
            assert done.returncode == 0, (line, done.stderr)


def test_a_second_one_on_the_same_data_is_refused(hub: Up) -> None:
    done = refused("--port", "0", "--data-dir", str(hub.data))
    assert done.returncode == 1
    assert f"A hub already runs on {hub.data} at {hub.url}" in done.stderr
    assert f"(process {hub.process.pid})" in done.stderr
    until(hub.healthy)


def test_a_port_that_another_hub_has_is_named_before_anything_starts(hub: Up) -> None:
    port = hub.url.rpartition(":")[2]
    with folder() as home:
        done = refused("--port", port, "--data-dir", str(home / "other"))
        assert done.returncode == 1
        assert f"Port {port} is taken by rosterhub (process {hub.pids()['api']})" in done.stderr
        assert [path.name for path in (home / "other").iterdir()] == ["up.lock"]


def test_a_port_that_somebody_else_has_is_named(hub: Up) -> None:
    me = f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    with socket.create_server(("127.0.0.1", 0)) as taken, folder() as home:
        port = taken.getsockname()[1]
        done = refused("--port", str(port), "--data-dir", str(home / "other"))
    assert done.returncode == 1
    assert f"Port {port} is taken by {me}" in done.stderr


@pytest.mark.parametrize("name", ["api", "worker", "postgres", "valkey-server"])
def test_what_dies_comes_back(hub: Up, name: str) -> None:
    before = hub.pids()
    os.kill(before[name], signal.SIGKILL)
    until(lambda: hub.pids().get(name, before[name]) != before[name])
    until(hub.healthy)
    assert {n: pid for n, pid in hub.pids().items() if n != name} == {
        n: pid for n, pid in before.items() if n != name
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_the_data_stays(data: Path, number: signal.Signals) -> None:
    with up(data) as running:
        until(running.healthy)
        with connect(running.connection["database_url"]) as connection:
            assert connection.execute("SELECT 1 FROM api_keys WHERE key = 'kept'").fetchone()
        processes = family(running.process.pid)
        assert len(processes) > 5
        assert running.stop(number) == 0
        assert gone(processes)
        assert running.output.rstrip().endswith("RosterHub is stopped. The data is kept.")


def test_a_start_can_be_broken_off() -> None:
    with folder() as home, starting(home / "data") as hub:
        until(lambda: (home / "data" / "postgres.new").exists())
        processes = family(hub.process.pid)
        assert hub.stop() == 0
        until(lambda: gone(processes))
        assert hub.output.endswith("RosterHub is stopped. The data is kept.\n")
        with up(home / "data") as again:
            until(again.healthy)


def test_servers_of_a_hub_that_was_killed_are_taken_over(data: Path) -> None:
    with up(data) as killed:
        before = killed.pids()
        killed.process.kill()
        killed.process.wait()
    with up(data) as running:
        until(running.healthy)
        until(lambda: gone([before["api"], before["worker"]]))
        assert not gone([before["postgres"]])
        assert not gone([before["valkey-server"]])
        assert running.stop() == 0
    assert gone(list(before.values()))


def test_an_api_that_cannot_start_ends_it_all(data: Path, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('broken on purpose')")
    done = refused("--port", "0", "--data-dir", str(data), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "broken on purpose" in done.stderr
    assert done.stderr.endswith("The API did not get healthy; its log says why.\n")
    assert not embedded.running(data / "postgres" / "postmaster.pid", "postgres")
    assert not embedded.running(data / "valkey" / "valkey.pid", "valkey-server")


def test_a_later_start_with_a_sample_keeps_the_data_and_changes_the_key(data: Path) -> None:
    keys: list[str] = []
    for _ in range(2):
        with up(data, "--sample", "100", LANG="ja_JP.UTF-8") as running:
            keys += re.findall(r"^APIキー.*: (\S+)$", running.output, re.M)
            asked = [
                httpx.get(f"{running.url}/api/v1.2/csv/import/jobs", headers={"X-API-Key": key})
                for key in keys
            ]
    assert "すでにデータがあるため" in running.output
    assert [answer.status_code for answer in asked] == [401, 200]
    assert len(asked[1].json()["jobs"]) == 1


def test_a_plain_user_can_run_it() -> None:
    with folder() as home, a_plain_user() as owner:
        hand_over(home, owner)
        environment = {"HOME": str(home), "ROSTERHUB_DATA": str(home / "data")}
        with up(home / "data", uid=owner.uid, gid=owner.gid, **environment) as running:
            until(running.healthy)
            if owner.uid is not None:
                for pid in running.pids().values():
                    assert Path(f"/proc/{pid}").stat().st_uid == owner.uid
            assert running.stop() == 0


@contextlib.contextmanager
def a_plain_user() -> Iterator[Owner]:
    """A user who is not root and can reach this Python: ourselves, or `nobody` for a while."""
    if os.geteuid() != 0:
        yield Owner()
        return
    nobody = pwd.getpwnam("nobody")
    owner = Owner(nobody.pw_uid, nobody.pw_gid)
    places = [Path(sys.executable), Path(sys.executable).resolve(), Path(__file__).resolve()]
    folders = {folder for place in places for folder in place.parents}
    # One test run at a time: another would take the modes of ours for those to go back to.
    with Path(sys.executable).open("rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders}
        for place in places:
            make_reachable(place.parent, owner)
        try:
            yield owner
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
