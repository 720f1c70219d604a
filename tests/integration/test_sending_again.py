"""A file that is sent twice is applied once: under one Idempotency-Key, and without."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from rosterhub.cli import app
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import
from tests.integration.test_cli_transfer import rosterhub
from tests.integration.test_jobs import held_up, queue, waiting_writers
from tests.rosters import board, csv_file, job, rows
from tests.serving import add_key, serving, until

PATH = "/api/v1.2/csv/import/orgs"
ORGS = csv_file("orgs", board()["orgs"])


@pytest.fixture(scope="module")
def hub(
    fresh: Callable[[], AbstractContextManager[Settings]],
) -> Iterator[tuple[Settings, httpx.Client]]:
    """A hub without a worker, and its API."""
    with fresh() as config, serving(config) as client:
        client.headers["X-API-Key"] = add_key(config)
        yield config, client


def send(
    client: httpx.Client, key: str | None, content: bytes = ORGS, **more: str
) -> httpx.Response:
    headers = {"X-API-Key": more.pop("as_key", client.headers["X-API-Key"])}
    headers |= {"Idempotency-Key": key} if key is not None else {}
    name = more.pop("name", "orgs.csv")
    return client.post(PATH, files={"file": (name, content)}, data=more, headers=headers)


def test_the_second_answer_is_the_first(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    first = send(client, "night-1")
    again = send(client, "night-1", name="another-name.csv")
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    run_import(int(first.json()["jobId"]), config)
    assert send(client, "night-1").json() == first.json()
    assert len(_jobs(config, first.json()["jobId"])) == 1


def test_others_under_the_same_key_are_others(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    other = add_key(config, "other-key")
    answers = [
        send(client, "night-2"),
        send(client, "night-2", source="library"),
        send(client, "night-2", as_key=other),
        send(client, "night-3"),
        send(client, None),
        send(client, None),
    ]
    assert len({a.json()["jobId"] for a in answers}) == len(answers)


@pytest.mark.parametrize("other", [{"content": ORGS + b"x"}, {"mode": "bulk"}, {"dryRun": "true"}])
def test_something_else_under_a_key_that_was_used(
    hub: tuple[Settings, httpx.Client], other: dict[str, str]
) -> None:
    config, client = hub
    first = send(client, "night-4").json()["jobId"]
    before = rows(config, "SELECT count(*) FROM imports")
    answer = send(client, "night-4", **other)
    assert answer.status_code == 409
    assert f"(import {first})" in answer.json()["imsx_description"]
    assert rows(config, "SELECT count(*) FROM imports") == before


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_keys_that_are_none(hub: tuple[Settings, httpx.Client], key: str) -> None:
    _, client = hub
    answer = send(client, key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["imsx_description"]


def test_two_keys_at_once(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = client.post(PATH, files={"file": ("orgs.csv", ORGS)}, headers=headers)
    assert answer.status_code == 400


def test_many_at_the_same_moment(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(client, "rush"), range(16)))
    assert {a.status_code for a in answers} == {202}
    (found,) = {a.json()["jobId"] for a in answers}
    assert len(_jobs(config, found)) == 1
    assert rows(config, "SELECT count(*) FROM imports WHERE idempotency_key = 'rush'") == [(1,)]


def test_the_second_waits_to_see_what_becomes_of_the_first(
    hub: tuple[Settings, httpx.Client],
) -> None:
    config, client = hub
    asked = records.Request("orgs.csv", "orgs", idempotency_key="slow", mode=None)
    answers: list[httpx.Response] = []
    sending = threading.Thread(target=lambda: answers.append(send(client, "slow")))
    with connect(config.write_url) as connection:
        connection.execute("BEGIN")
        # The same API key, which has begun to send and then goes away.
        values = records.parameters(asked) | {"api_key": client.headers["X-API-Key"]}
        connection.execute(records.CREATE, values)
        sending.start()
        until(lambda: bool(rows(config, _WAITS)))
        connection.execute("ROLLBACK")
    sending.join(60)
    assert answers[0].status_code == 202


_WAITS = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO imports%'"
)


def test_on_the_command_line(hub: tuple[Settings, httpx.Client], tmp_path: Path) -> None:
    config, _ = hub
    path = tmp_path / "orgs.csv"
    path.write_bytes(ORGS)
    command = ("import", str(path), "--idempotency-key", "cli", "--json")
    one, two = (json.loads(rosterhub(config, *command).stdout)["job"] for _ in range(2))
    assert one["jobId"] == two["jobId"]
    path.write_bytes(ORGS + b"x")
    other = rosterhub(config, *command)
    assert (other.returncode, "was used for another file" in other.stderr) == (1, True)


def test_a_key_is_for_one_file() -> None:
    done = CliRunner().invoke(app, ["import", "a.csv", "b.csv", "--idempotency-key", "cli"])
    assert (done.exit_code, "is for one file" in done.output) == (2, True)


def test_without_a_key_the_second_finds_nothing_to_do(config: Settings) -> None:
    first, second = (queue(config, ORGS, "orgs") for _ in range(2))
    with held_up(config, "orgs"):
        running = [threading.Thread(target=run_import, args=(i, config)) for i in (first, second)]
        running[0].start()
        until(lambda: waiting_writers(config) == 1)
        running[1].start()  # though its turn has not come
    for thread in running:
        thread.join(60)
    found = [job(config, i)["counts"] for i in (first, second)]
    assert sorted(c["created"] for c in found) == [0, 2]
    assert rows(config, "SELECT count(*) FROM orgs") == [(2,)]
    assert rows(config, "SELECT count(*) FROM history.orgs") == [(0,)]


def _jobs(config: Settings, import_id: str) -> list[tuple[object, ...]]:
    return rows(
        config,
        "SELECT id FROM procrastinate.procrastinate_jobs WHERE args ->> 'import_id' = %s",
        import_id,
    )
