"""Exports over HTTP: streamed, of one moment, and ended with their reader."""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime

import httpx
import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from rosterhub.store.connect import compiled, connect
from tests.rosters import board, csv_file, package, rows, send
from tests.serving import KEY, add_key, serving, until

BASE = "/api/v1.2/csv/export"
MANY = 400_000


@pytest.fixture(scope="module")
def hub(
    fresh: Callable[[], AbstractContextManager[Settings]],
) -> Iterator[tuple[Settings, httpx.Client]]:
    """A hub with the small board and enough sessions to fill any buffer, its API, and a key."""
    with fresh() as config:
        add_key(config)
        data = board()
        data["orgs"][0]["identifier"] = "011000"
        assert send(config, package(data))["state"] == "completed"
        with connect(config.write_url) as connection:
            connection.execute(
                "INSERT INTO resources (sourced_id, vendor_resource_id, title)"
                " SELECT 'r' || n, n, md5(n::text) || md5('x' || n) FROM generate_series(1, %s) n",
                [MANY],
            )
        with serving(config.model_copy(update={"database_pool_size": 1})) as client:
            client.headers["X-API-Key"] = KEY
            yield config, client


def sessions(config: Settings) -> int:
    """How many exports have a database session."""
    ((count,),) = rows(
        config,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rosterhub export'"
        " AND datname = current_database() AND backend_type = 'client backend'",
    )
    return count


def test_one_file(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    answer = client.get(f"{BASE}/users")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="users.csv"'
    lines = answer.text.split("\r\n")
    assert lines[0].split(",") == ENTITIES["users"].header("jp-1.2.1")
    assert len(lines) == 5
    answer = client.get(f"{BASE}/users?profile=ims-1.2&bom=true")
    assert answer.content.startswith(b"\xef\xbb\xbfsourcedId")
    assert "resourceSourcedIds" in answer.text


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_entity_has_its_path(hub: tuple[Settings, httpx.Client], entity: str) -> None:
    _, client = hub
    with client.stream("GET", f"{BASE}/{entity}") as answer:
        assert answer.status_code == 200
        assert next(answer.iter_bytes()).startswith(b"sourcedId,status,dateLastModified")


def test_the_package(hub: tuple[Settings, httpx.Client]) -> None:
    _, client = hub
    asked = datetime.now(UTC)
    answer = client.get(BASE)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] in {
        f'attachment; filename="RO_{day:%Y%m%d}_011000.zip"' for day in (asked, datetime.now(UTC))
    }
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.read("resources.csv").count(b"\r\n") == MANY + 1


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/pupils", 404, "known: academicSessions"),
        ("/users?profile=jp-9", 400, "profile is one of ims-1.2"),
        ("?bom=yes", 400, "bom is true or false"),
        ("/users?sinse=2026", 400, "Unknown parameter 'sinse'"),
        ("/users?since=2026", 400, "since is a time"),
        ("?asOf=2999-01-01T00:00:00Z", 400, "asOf lies in the future"),
        ("?since=2001-01-01", 400, "HISTORY_DAYS"),
        ("?since=2026-11-01&asOf=2026-11-02", 400, "do not go together"),
        ("?profile=jp-1.1&profile=jp-1.1", 400, "stands twice"),
        ("?org=nowhere", 400, "no org with the sourcedId 'nowhere'"),
        ("/users?org=%27", 400, "org is the sourcedId of an org"),
        ("?excel=1", 400, "excel is true or false"),
    ],
)
def test_what_is_refused(
    hub: tuple[Settings, httpx.Client], path: str, status: int, says: str
) -> None:
    config, client = hub
    answer = client.get(f"{BASE}{path}")
    assert answer.status_code == status
    assert says in answer.json()["imsx_description"]
    until(lambda: sessions(config) == 0)


def test_without_a_key(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    add_key(config, "no-export", scopes=("roster-core.readonly",))
    for key, status in (("", 401), ("unknown", 401), ("no-export", 403)):
        for path in ("", "/users"):
            answer = client.get(f"{BASE}{path}", headers={"X-API-Key": key})
            assert answer.status_code == status


@pytest.mark.parametrize("path", ["/resources", ""])
def test_a_client_that_goes_away_ends_the_session(
    hub: tuple[Settings, httpx.Client], path: str
) -> None:
    config, client = hub
    until(lambda: sessions(config) == 0)
    with client.stream("GET", f"{BASE}{path}") as answer:
        chunks = answer.iter_raw()
        next(chunks)
        assert sessions(config) == 1
    until(lambda: sessions(config) == 0)
    assert client.get(f"{BASE}/users").is_success


def test_a_slow_reader_keeps_nobody_waiting(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    with client.stream("GET", f"{BASE}/resources") as answer:
        chunks = answer.iter_raw()
        next(chunks)
        # The pool has one connection; whoever asks for it gets it, and an import goes through.
        assert client.get("/api/v1.2/csv/import/jobs").is_success
        more = csv_file("resources", [{"sourcedId": "r0", "vendorResourceId": "0"}])
        assert send(config, more, "resources")["counts"]["created"] == 1
        assert sum(chunk.count(b"\n") for chunk in chunks) > MANY - 5_000
    with connect(config.write_url) as connection:
        connection.execute(compiled("DELETE FROM resources WHERE sourced_id = 'r0'"))


def test_more_exports_at_once_than_there_is_room_for(hub: tuple[Settings, httpx.Client]) -> None:
    config, client = hub
    until(lambda: sessions(config) == 0)
    with ExitStack() as open_ones:

        def opened() -> bool:
            answer = client.send(client.build_request("GET", f"{BASE}/resources"), stream=True)
            open_ones.callback(answer.close)
            return answer.status_code == 200

        assert [opened() for _ in range(7)] == [True] * 7
        until(opened)  # the place of an earlier one is free a moment after its session is gone
        refused = client.get(f"{BASE}/users")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert (
            refused.json()["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"]
            == "server_busy"
        )
    until(lambda: sessions(config) == 0)
    assert client.get(f"{BASE}/users").is_success


def test_without_its_replica_the_hub_exports_from_the_primary(
    config: Settings, hub: tuple[Settings, httpx.Client]
) -> None:
    add_key(config)
    away = config.read_url.rpartition("/")[0] + "/nowhere"
    split = config.model_copy(update={"database_url": away, "database_write_url": config.write_url})
    with serving(split) as client:
        for path in ("", "/users"):
            answer = client.get(f"{BASE}{path}", headers={"X-API-Key": KEY})
            assert answer.status_code == 200
