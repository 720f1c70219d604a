"""An import is followed as it goes: over HTTP by server-sent events, and on the command line."""

import json
import os
import pty
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from rosterhub.api import events, watch
from rosterhub.api.app import create_app
from rosterhub.api.whole_answers import WholeAnswers
from rosterhub.jobs.decide import decide
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer.run import run_import
from tests.hubs import ROSTERHUB, plain_environment
from tests.integration.test_jobs import ORGS, held_up, people, queue, worker
from tests.rosters import rows, send
from tests.serving import add_key, connected, serving, until
from tests.wire import database_wire

JOBS = "/api/v1.2/csv/import/jobs"


@pytest.fixture
def loaded(config: Settings) -> Settings:
    assert send(config, ORGS, "orgs")["state"] == "completed"
    add_key(config)
    return config


@contextmanager
def served(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as client:
        client.headers["X-API-Key"] = "a-key-of-the-manual"
        yield client


class Following(threading.Thread):
    """Follows an import to the end of the stream."""

    def __init__(self, client: httpx.Client, import_id: int, **headers: str) -> None:
        super().__init__(daemon=True)
        self.client, self.path, self.headers = client, f"{JOBS}/{import_id}/events", headers
        self.lines: list[str] = []
        self.status = 0
        self.start()

    def run(self) -> None:
        with self.client.stream("GET", self.path, headers=self.headers, timeout=60) as answer:
            self.status = answer.status_code
            for line in answer.iter_lines():
                self.lines.append(line)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The names of the events so far with their documents."""
        found: list[tuple[str, dict[str, Any]]] = []
        for line in list(self.lines):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((name, json.loads(line.removeprefix("data: "))["job"]))
        return found

    def ended(self) -> list[tuple[str, dict[str, Any]]]:
        self.join(60)
        assert not self.is_alive()
        return self.events


def test_from_the_beginning_to_the_end(loaded: Settings) -> None:
    one = queue(loaded, people(), "users")
    with served(loaded) as client:
        following = Following(client, one)
        until(lambda: bool(following.events))
        with held_up(loaded):
            running = threading.Thread(target=run_import, args=(one, loaded))
            running.start()
            until(lambda: following.events[-1][1]["state"] == "applying")
            shown = following.events[-1][1]
            assert 45 <= shown["progress"] < 100
            assert shown["rowsPerSecond"] > 0
            assert shown["counts"]["total"] == 3_000
        seen = following.ended()
        running.join(60)
        assert [name for name, _ in seen[:-1]] == ["progress"] * (len(seen) - 1)
        assert seen[0][1]["state"] == "queued"
        assert seen[-1] == ("end", client.get(f"{JOBS}/{one}").json()["job"])
    assert seen[-1][1]["state"] == "completed"
    assert seen[-1][1]["rowsPerSecond"] > 0
    assert sorted(d["progress"] for _, d in seen) == [d["progress"] for _, d in seen]


def test_the_time_of_the_answer_is_not_that_of_the_import(loaded: Settings) -> None:
    one = queue(loaded, ORGS, "orgs")
    with served(loaded) as client:
        begun = time.monotonic()
        following = Following(client, one)
        until(lambda: bool(following.events))
        first = time.monotonic()
        until(lambda: time.monotonic() - first > 1)
        run_import(one, loaded)
        following.ended()
        query = f"SELECT response_status, response_time_ms <= {1_000 * (first - begun)}"
        query += " FROM audit_logs WHERE path ~ 'events'"
        until(lambda: rows(loaded, query) == [(200, True)])


def test_who_comes_late_or_again_sees_the_end(loaded: Settings) -> None:
    one = queue(loaded, b"x", "orgs")
    run_import(one, loaded)
    with served(loaded) as client:
        ((name, document),) = Following(client, one).ended()
        assert (name, document["state"], len(document["errors"])) == ("end", "failed", 1)
        again = client.get(f"{JOBS}/{one}/events", headers={"Last-Event-ID": "end"})
        assert (again.status_code, again.content) == (204, b"")


def test_an_undo_is_followed_too(loaded: Settings) -> None:
    one = queue(loaded, people(2), "users")
    run_import(one, loaded)
    with connect(loaded.write_url) as connection:
        decide(connection, one, "undo")
    with served(loaded) as client:
        following = Following(client, one, **{"Last-Event-ID": "end"})
        until(lambda: bool(following.events))
        run_import(one, loaded)
        assert following.ended()[-1][1]["state"] == "undone"


def test_what_is_refused(loaded: Settings) -> None:
    one = queue(loaded, ORGS, "orgs")
    add_key(loaded, "reader", scopes=("roster.readonly",))
    with served(loaded) as client:
        assert client.get(f"{JOBS}/999999/events").status_code == 404
        assert client.get(f"{JOBS}/{one}/events?colour=red").status_code == 400
        for key, status in (("reader", 403), ("unknown", 401)):
            answer = client.get(f"{JOBS}/{one}/events", headers={"X-API-Key": key})
            assert answer.status_code == status


def test_many_follow_at_two_servers_with_one_connection_each(loaded: Settings) -> None:
    one = queue(loaded, people(10), "users")
    small = loaded.model_copy(update={"database_pool_size": 1})
    with served(small) as first, served(small) as second:
        following = [Following(client, one) for client in (first, second) for _ in range(20)]
        until(lambda: all(f.events for f in following))
        assert first.get(f"{JOBS}/{one}").is_success
        run_import(one, loaded)
        assert {f.ended()[-1][1]["state"] for f in following} == {"completed"}


def test_there_may_be_so_many(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST", 1)
    one = queue(loaded, ORGS, "orgs")
    with served(loaded) as client:
        following = Following(client, one)
        until(lambda: bool(following.events))
        answer = client.get(f"{JOBS}/{one}/events")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        run_import(one, loaded)
        following.ended()
        # Its place is free again.
        until(lambda: client.get(f"{JOBS}/{one}/events").status_code == 200)


def test_the_line_is_kept_alive(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    one = queue(loaded, ORGS, "orgs")
    with served(loaded) as client:
        following = Following(client, one)
        until(lambda: following.lines.count(": nothing new") > 3)
        assert len(following.events) == 1
        run_import(one, loaded)
        assert following.ended()[-1][0] == "end"


def test_the_database_goes_away_and_comes_back(loaded: Settings) -> None:
    one = queue(loaded, ORGS, "orgs")
    with database_wire(loaded.write_url) as (wire, url):
        away = loaded.model_copy(update={"database_url": url})
        with served(away) as client:
            following = Following(client, one)
            until(lambda: bool(following.events))
            wire.cut()
            until(lambda: client.get("/health").status_code == 503)
            run_import(one, loaded)
            assert following.is_alive()
            wire.mend()
            assert following.ended()[-1][1]["state"] == "completed"


def test_a_server_that_ends_lets_its_followers_go(loaded: Settings) -> None:
    one = queue(loaded, ORGS, "orgs")
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(loaded)
    server = uvicorn.Server(
        uvicorn.Config(app, http=WholeAnswers, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until(lambda: server.started and connected(app))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    key = {"X-API-Key": "a-key-of-the-manual"}
    with httpx.Client(base_url=url, headers=key) as client:
        following = Following(client, one)
        until(lambda: bool(following.events))
        server.should_exit = True
        assert [name for name, _ in following.ended()] == ["progress"]
        thread.join(60)
        assert not thread.is_alive()
    listener.close()


def _import(config: Settings, path: Path, stderr: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ROSTERHUB, "import", str(path), "--wait"],
        env=plain_environment(DATABASE_URL=config.write_url, TERM="xterm", COLUMNS="100"),
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def test_a_bar_on_a_terminal_and_lines_elsewhere(loaded: Settings, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(people())
    with worker(loaded.write_url, tmp_path / "log"):
        plain = _import(loaded, path, subprocess.PIPE)
        _, lines = plain.communicate(timeout=120)
        assert plain.returncode == 0
        assert lines.decode().splitlines()[-1].startswith("import 2: completed, 100%, ")
        assert b"rows/s" in lines
        terminal, end = pty.openpty()
        shown = _import(loaded, path, end)
        os.close(end)
        drawn = b""
        try:
            while piece := os.read(terminal, 65_536):
                drawn += piece
        except OSError:  # how a terminal says that nobody is there any more
            os.close(terminal)
        assert shown.wait(120) == 0
    assert b"100%" in drawn
    assert b"rows/s" in drawn
    assert "━".encode() in drawn
