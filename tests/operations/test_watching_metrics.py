"""`/metrics`: the numbers are true, counted once, on the page, and there whatever hangs."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rosterhub.api import whole_hub
from rosterhub.api.checks import Checks
from rosterhub.api.numbers import PRIMARY, REPLICA
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.deploy.clusters import binaries, initialised
from tests.deploy.fronts import REPOSITORY
from tests.integration.test_serve import serving as serving_processes
from tests.operations.test_watching_alerts import ALERTS, used
from tests.serving import serving, until

Fresh = Callable[[], AbstractContextManager[Settings]]
Numbers = dict[tuple[str, ...], float]

PAGE = (REPOSITORY / "docs" / "watching.md").read_text("utf-8")
NOT_OURS = {"up", "probe_success", "probe_ssl_earliest_cert_expiry"}


def scraped(client: httpx.Client | str) -> Numbers:
    """Every sample by its name and its labels' values."""
    answer = (
        httpx.get(f"{client}/metrics", timeout=60)
        if isinstance(client, str)
        else client.get("/metrics")
    )
    assert answer.status_code == 200
    found: Numbers = {}
    for metric in text_string_to_metric_families(answer.text):
        for sample in metric.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found, "the same twice"
            found[key] = sample.value
    return found


@pytest.fixture
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_hub, "FRESH_SECONDS", 0.0)


def installed(config: Settings, home: Path) -> Settings:
    """An installation with logs on a disk, and a backup of 2026."""
    (home / "backups").mkdir()
    backup = home / "backups" / "db-backup-20260401-020000.sql.gz"
    backup.touch()
    os.utime(backup, (1_775_000_000, 1_775_000_000))
    return config.model_copy(update={"rosterhub_home": home})


IMPORTS = """
INSERT INTO imports (state, source_system, created_at, started_at, finished_at, dry_run, created,
                     unchanged, file_name)
SELECT state, source, now() - hours * interval '1 hour', now() - began * interval '1 hour',
       now() - ended * interval '1 hour', dry_run, created, unchanged, 'f.zip'
  FROM (VALUES
    ('queued',    'a', 1,  NULL, NULL, false, 0, 0),
    ('checking',  'a', 3,  2,    NULL, false, 0, 0),
    ('applying',  'b', 3,  1,    NULL, false, 0, 0),
    ('waiting',   'b', 24, 24,   NULL, false, 0, 0),
    ('completed', 'a', 99, 99,   48,   false, 1000, 1),
    ('completed', 'b', 99, 99,   23,   false, 7, 5),
    ('completed', 'b', 1,  1,    1,    true, 90, 90),
    ('failed',    'c', 2,  2,    2,    false, 0, 0)
  ) AS x (state, source, hours, began, ended, dry_run, created, unchanged)
"""


@pytest.mark.usefixtures("always_fresh")
def test_the_numbers_are_what_is_in_the_database(config: Settings, tmp_path: Path) -> None:
    with serving(installed(config, tmp_path)) as api, connect(config.write_url) as connection:
        connection.execute(IMPORTS)
        connection.execute(
            "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('q', 't', 'failed')"
        )
        connection.execute(
            "INSERT INTO procrastinate.procrastinate_workers (last_heartbeat)"
            " VALUES (now()), (now() - interval '2 minutes')"
        )
        found = scraped(api)
    for state, number, oldest in (
        ("queued", 1, 3600),
        ("running", 2, 7200),
        ("waiting", 1, 86_400),
    ):
        assert found["rosterhub_imports", state] == number
        assert found["rosterhub_import_oldest_seconds", state] == pytest.approx(oldest, abs=60)
    outcomes = [
        found["rosterhub_imports_finished_last_day", outcome]
        for outcome in ("completed", "failed", "rejected", "undone")
    ]
    assert outcomes == [2, 1, 0, 0]
    assert found["rosterhub_import_rows_last_day", "created"] == 7
    assert found["rosterhub_import_rows_last_day", "unchanged"] == 5
    for name, hours in (("completed", 48), ("failed", 2)):
        source = "a" if name == "completed" else "c"
        ended = found[f"rosterhub_import_{name}_timestamp_seconds", source]
        assert ended == pytest.approx(time.time() - hours * 3600, abs=60)
    assert ("rosterhub_import_failed_timestamp_seconds", "a") not in found
    assert found["rosterhub_workers",] == 1
    assert found["rosterhub_jobs", "failed"] == 1
    assert found["rosterhub_jobs", "todo"] == 0
    assert found["rosterhub_audit_months_ahead",] == 2
    assert found["rosterhub_database_size_bytes",] > 5e6
    assert 0 < found["rosterhub_database_connections",] < 200
    assert found["rosterhub_database_connections_max",] == 200
    assert found["rosterhub_database_up", "primary"] == 1
    assert found["rosterhub_redis_up",] == 1
    assert found["rosterhub_backup_timestamp_seconds",] == 1_775_000_000
    size = found["rosterhub_disk_size_bytes", str(tmp_path)]
    assert 0 < found["rosterhub_disk_free_bytes", str(tmp_path)] <= size
    assert ("rosterhub_database_up", "replica") not in found


@pytest.mark.usefixtures("always_fresh")
def test_every_number_is_on_the_page_and_every_one_that_is_used_exists(
    config: Settings, tmp_path: Path
) -> None:
    # Spelled otherwise it is a replica, as far as settings tell.
    config = installed(config, tmp_path)
    config = config.model_copy(update={"database_write_url": f"{config.database_url}?"})
    with serving(config) as api, connect(config.write_url) as connection:
        connection.execute(IMPORTS)
        connection.execute("SELECT pg_create_physical_replication_slot('watched', true)")
        try:
            pages: list[str] = []

            def seen() -> bool:
                pages.append(api.get("/metrics").text)
                return 'rosterhub_replication_slot_kept_bytes{slot="watched"}' in pages[-1]

            until(seen)
            answer = pages[-1]
        finally:
            connection.execute("SELECT pg_drop_replication_slot('watched')")
    names = set(re.findall(r"^# TYPE (\S+)", answer, re.MULTILINE))
    ours = {name for name in names if not name.startswith(("python_", "process_"))}
    assert {number.name for number in (*PRIMARY, *REPLICA)} <= ours
    documented = set(re.findall(r"`((?:rosterhub|probe)_[a-z_]+|up)`", PAGE))
    assert documented - NOT_OURS == ours
    samples = {re.split(r"[{ ]", line)[0] for line in answer.splitlines() if line[0] != "#"}
    assert used() - NOT_OURS <= samples
    assert used() & NOT_OURS <= documented
    # And every alert has its line.
    rows = re.findall(r"^\| (`[A-Z][^|]*) \|", PAGE.split("## The alerts")[1], re.MULTILINE)
    assert {a["alert"] for a in ALERTS} == {n for row in rows for n in re.findall(r"`(\w+)`", row)}


def test_they_are_looked_up_once_in_five_seconds(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_hub, "FRESH_SECONDS", 3600.0)
    with serving(config) as api, connect(config.write_url) as connection:
        assert scraped(api)["rosterhub_imports", "queued"] == 0
        connection.execute(IMPORTS)
        assert scraped(api)["rosterhub_imports", "queued"] == 0
        monkeypatch.setattr(whole_hub, "FRESH_SECONDS", 0.0)
        assert scraped(api)["rosterhub_imports", "queued"] == 1


@contextmanager
def silent() -> Iterator[int]:
    """A port where connections are taken, and nobody says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.usefixtures("always_fresh")
def test_a_database_that_never_answers_holds_up_nobody(config: Settings) -> None:
    with silent() as port:
        url = f"postgresql://u:hush@127.0.0.1:{port}/n"
        config = config.model_copy(
            update={"database_url": config.read_url, "database_write_url": url}
        )
        with serving(config) as api:
            api.get("/health/live")
            begun = time.monotonic()
            found = scraped(api)
            assert time.monotonic() - begun < 15
    assert found["rosterhub_database_up", "primary"] == 0
    assert found["rosterhub_database_up", "replica"] == 1
    assert found["rosterhub_replication_lag_seconds",] == 0
    assert ("rosterhub_imports", "queued") not in found
    assert found["rosterhub_requests_total", "/health/live", "GET", "200"] >= 1


def looked(config: Settings) -> Numbers:
    """What a process of these settings sees of the hub."""

    async def look() -> Numbers:
        metrics = await whole_hub.WholeHub(config, Checks(config, None)).look()
        return {(s.name, *s.labels.values()): s.value for m in metrics for s in m.samples}

    return asyncio.run(look())


def test_a_database_that_refuses_is_down_and_one_without_the_schema_is_up(empty_url: str) -> None:
    found = looked(Settings(database_url="postgresql://u:hush@127.0.0.1:1/n"))
    assert found["rosterhub_database_up", "primary"] == 0
    found = looked(Settings(database_url=empty_url))
    assert found["rosterhub_database_up", "primary"] == 1
    assert ("rosterhub_imports", "queued") not in found
    assert ("rosterhub_redis_up",) not in found


LEVEL = """
from rosterhub.api import levels
levels._connections_max.labels("primary").set(100)
print("noted", flush=True)
input()
"""


def test_several_processes_count_together_and_the_dead_no_more(
    config: Settings, tmp_path: Path
) -> None:
    connections = ("rosterhub_pool_connections_max", "primary")
    shared = tmp_path / "numbers"
    with serving_processes(
        config, tmp_path, WEB_CONCURRENCY="2", PROMETHEUS_MULTIPROC_DIR=str(shared)
    ) as api:
        # Both have noted what they have; each number of the hub is there once (`scraped` looks).
        until(lambda: scraped(api.url).get(("rosterhub_pool_connections_max", "house")) == 4)
        assert scraped(api.url)[connections] == 16
        # Left out where the database answers late, and looked up again in five seconds.
        until(lambda: scraped(api.url).get(("rosterhub_database_connections_max",)) == 200)
        with subprocess.Popen(
            [sys.executable, "-c", LEVEL],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as third:
            assert third.stdout
            assert third.stdout.readline() == b"noted\n"
            assert scraped(api.url)[connections] == 116
            third.kill()
        assert scraped(api.url)[connections] == 16


def test_a_standby_that_lost_its_primary_is_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cluster = initialised(binaries()["18"], tmp_path_factory.mktemp("pg"))
    mark = cluster.data / "standby.signal"
    mark.touch()
    os.chown(mark, cluster.data.stat().st_uid, -1)
    with cluster.running(*cluster.command("8gb"), "-c", "shared_buffers=64MB"):
        rows = {
            name: value for name, _, value in asyncio.run(whole_hub._ask(cluster.socket, REPLICA))
        }
    assert rows["rosterhub_replication_following"] == 0
