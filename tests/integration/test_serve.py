"""`rosterhub api` and `rosterhub worker` as processes, with servers that they do not start."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.hubs import ROSTERHUB, family, gone, plain_environment
from tests.ports import free_port
from tests.rosters import board, csv_file
from tests.serving import KEY, add_key, until

Fresh = Callable[[], AbstractContextManager[Settings]]
HEADERS = {"X-API-Key": KEY}
JOBS = "/api/v1.2/csv/import/jobs"
ORGS = "/ims/oneroster/rostering/v1p2/orgs"


@contextmanager
def running(
    config: Settings, *arguments: str, out: IO[bytes], **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`rosterhub …` on the test's database, ended with the block however it goes."""
    servers = {"DATABASE_URL": config.read_url, "REDIS_URL": config.redis_url}
    process = subprocess.Popen(
        [*ROSTERHUB, *arguments],
        stdout=out,
        stderr=subprocess.STDOUT,
        env=plain_environment(**servers, **environment),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Api:
    """A running `rosterhub api`."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    config: Settings


@contextmanager
def serving(config: Settings, folder: Path, **environment: str) -> Iterator[Api]:
    """`rosterhub api` on a free port, once it answers."""
    port, log = free_port(), folder / "log"
    url = f"http://127.0.0.1:{port}"
    with (
        log.open("ab") as out,
        running(
            config, "api", "--port", str(port), out=out, TMPDIR=str(folder), **environment
        ) as process,
    ):
        until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, log.read_text("utf-8")
        yield Api(process, url, log, config)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def started(log: Path) -> int:
    """How many processes have begun to serve."""
    return sum(line["event"] == "Application startup complete." for line in lines(log))


def test_an_import_goes_through_the_api_to_the_worker(config: Settings, tmp_path: Path) -> None:
    add_key(config)
    log = tmp_path / "worker"
    with (
        serving(config, tmp_path) as api,
        log.open("ab") as out,
        running(config, "worker", out=out) as worker,
    ):
        upload = {"file": ("orgs.csv", csv_file("orgs", board()["orgs"]))}
        sent = httpx.post(f"{api.url}/api/v1.2/csv/import/orgs", files=upload, headers=HEADERS)
        assert sent.status_code == 202
        job = f"{api.url}{JOBS}/{sent.json()['jobId']}"
        until(lambda: httpx.get(job, headers=HEADERS).json()["job"]["state"] == "completed")
        until(lambda: "CSV import completed" in log.read_text("utf-8"))
        for process in (api.process, worker):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    with connect(config.write_url) as connection:
        logged = connection.execute(
            "SELECT count(*) FROM audit_logs WHERE endpoint LIKE '/api/v1.2/csv/import/%'"
        ).fetchone()
    assert logged is not None
    requests = [line for line in lines(api.log) if line["event"] == "request"]
    assert logged[0] == sum(line["endpoint"].startswith("/api") for line in requests)
    assert "CSV import completed: 2 records processed" in [line["event"] for line in lines(log)]


@pytest.fixture(scope="module")
def pair(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API of two processes that believes no proxy here."""
    setting = {"WEB_CONCURRENCY": "2", "FORWARDED_ALLOW_IPS": "10.0.0.0/8"}
    with fresh() as config, serving(config, tmp_path_factory.mktemp("pair"), **setting) as api:
        until(lambda: started(api.log) == 2)
        yield api


@pytest.fixture(scope="module")
def single(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API with the settings nobody set, but for a short patience with idle connections."""
    with (
        fresh() as config,
        serving(config, tmp_path_factory.mktemp("single"), KEEP_ALIVE_TIMEOUT="1000") as api,
    ):
        yield api


def test_several_processes_share_their_numbers(pair: Api) -> None:
    for _ in range(40):
        assert httpx.get(f"{pair.url}/docs").status_code == 200

    def counted() -> list[float]:
        numbers = httpx.get(f"{pair.url}/metrics", timeout=60).text
        found = re.findall(r'rosterhub_requests_total{endpoint="/docs".*} (\S+)', numbers)
        return [float(count) for count in found]

    # Each counts a request once its answer is out.
    until(lambda: counted() == [40])


def test_a_process_that_is_killed_is_missed_by_nobody_and_warned_of(
    config: Settings, tmp_path: Path
) -> None:
    """As the kernel does it to one that takes too much memory."""
    add_key(config)
    with serving(config, tmp_path, WEB_CONCURRENCY="2") as api:
        until(lambda: started(api.log) == 2 and connections(api) == 16)
        dead, other = processes(api.log)

        def replaced() -> bool:
            assert httpx.get(f"{api.url}{ORGS}", headers=HEADERS).status_code == 200
            return started(api.log) == 3

        os.kill(dead, signal.SIGKILL)
        until(replaced)
        *_, new = processes(api.log)
        assert gone([dead])
        assert {other, new} <= set(family(api.process.pid))
        # What the dead one had is not counted with what the two have.
        until(lambda: connections(api) == 16)
    [line] = [line for line in lines(api.log) if "died" in line["event"]]
    assert (line["event"], line["level"]) == (f"Child process [{dead}] died", "warning")


def processes(log: Path) -> list[int]:
    """Those that have begun to serve, the first one first."""
    events = "\n".join(line["event"] for line in lines(log))
    return [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", events)]


def connections(api: Api) -> float:
    """How many connections for reads the processes may have, by their numbers."""
    numbers = httpx.get(f"{api.url}/metrics").text
    found = re.search(r'^rosterhub_pool_connections_max{pool="primary"} (\S+)', numbers, re.M)
    return float(found[1]) if found else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_of_several(
    config: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    with serving(config, tmp_path, WEB_CONCURRENCY="2") as api:
        until(lambda: started(api.log) == 2)
        processes = family(api.process.pid)
        assert len(processes) >= 3
        api.process.send_signal(number)
        assert api.process.wait(60) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        until(lambda: gone(processes))


def test_every_line_of_the_log_is_json(pair: Api, single: Api) -> None:
    for api in (pair, single):
        assert all("event" in line for line in lines(api.log))


def test_a_proxy_on_this_machine_is_believed(single: Api) -> None:
    assert client_address(single, "/believed") == "192.0.2.7"


def test_a_proxy_that_the_setting_does_not_name_is_not_believed(pair: Api) -> None:
    assert client_address(pair, "/not-believed") == "127.0.0.1"


def test_an_address_that_is_none_does_not_hold_up_the_audit_log(single: Api) -> None:
    assert client_address(single, "/odd", "192.0.2.7\tx\\") == "192.0.2.7�x\\"
    assert client_address(single, "/after") == "192.0.2.7"


def client_address(api: Api, path: str, sender: str = "192.0.2.7") -> str:
    """What the audit log says of a request that came with X-Forwarded-For."""
    httpx.get(f"{api.url}{path}", headers={"X-Forwarded-For": sender})
    with connect(api.config.write_url) as connection:
        question = "SELECT client_address FROM audit_logs WHERE path = %s"
        until(lambda: connection.execute(question, [path]).rowcount == 1)
        [(address,)] = connection.execute(question, [path])
    return address


def test_an_idle_connection_is_kept_as_long_as_the_setting_says(single: Api) -> None:
    with httpx.Client() as client:
        begun = time.monotonic()
        client.get(f"{single.url}/health/live")
        [connection] = client._transport._pool.connections  # type: ignore[attr-defined]
        until(connection.has_expired, 10)
        assert 0.9 < time.monotonic() - begun < 8


def test_a_port_that_is_taken_is_named(single: Api, tmp_path: Path) -> None:
    port = single.url.rpartition(":")[2]
    log = tmp_path / "log"
    with (
        log.open("ab") as out,
        running(single.config, "api", "--port", port, out=out) as refused,
    ):
        assert refused.wait(60) == 1
    owner = f"rosterhub (process {single.process.pid})"
    assert log.read_text().startswith(f"rosterhub: Port {port} is taken by {owner}.")
