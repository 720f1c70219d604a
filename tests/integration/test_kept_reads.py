"""Pages that platforms read again and again are never older than what was changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from rosterhub.access.scopes import ALL
from rosterhub.settings import Settings
from tests.rosters import board, package, person, role, send
from tests.serving import KEY, add_key, serving

BASE = "/ims/oneroster/rostering/v1p2"
GRADEBOOK = "/ims/oneroster/gradebook/v1p2"


@contextmanager
def keyed(config: Settings, *scopes: str) -> Iterator[httpx.Client]:
    """A client of the hub that has a key."""
    add_key(config, scopes=scopes)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def found_the_same(client: httpx.Client) -> int:
    text = client.get("/metrics").text
    line = re.search(r'^rosterhub_kept_pages_total\{found="same"\} ([0-9.]+)', text, re.MULTILINE)
    return int(float(line[1])) if line else 0


@pytest.mark.parametrize("path", ["/users", "/classes/class/students", "/users?limit=1&sort=role"])
def test_a_page_that_is_read_again_is_the_same_until_it_changes(
    config: Settings, path: str
) -> None:
    data = board()
    path = path.replace("role", "familyName")
    send(config, package(data))
    with keyed(config) as client:
        before = found_the_same(client)
        answers = [client.get(BASE + path) for _ in range(5)]
        assert found_the_same(client) - before == 3
        names = ("etag", "link", "x-total-count")
        assert len({(a.content, *(a.headers.get(n) for n in names)) for a in answers}) == 1
        for number in range(3):
            data["users"][0]["familyName"] = f"あ{number}"
            data["users"].append(person(f"new{number}", "凛", "鈴木", grades="P1"))
            data["roles"].append(role(f"new{number}", "student"))
            send(config, package(data))
            for _ in range(3):
                answer = client.get(BASE + path)
                shown = [user["familyName"] for user in answer.json()["users"]]
                assert f"あ{number}" in shown
                if path == "/users":
                    assert answer.headers["x-total-count"] == str(len(data["users"]))


def test_what_it_carries_of_others_counts_too(config: Settings) -> None:
    data = board()
    send(config, package(data))
    with keyed(config) as client:
        for name in ("teacher", "proctor", "teacher"):
            data["roles"][2]["role"] = name
            send(config, package(data))
            for _ in range(3):
                [shown] = client.get(f"{BASE}/users?filter=sourcedId='t1'").json()["users"]
                assert shown["roles"][0]["role"] == name


def test_a_parent_that_goes_is_unknown_at_once(config: Settings) -> None:
    data = board()
    send(config, package(data))
    with keyed(config) as client:
        for _ in range(3):
            assert client.get(f"{BASE}/schools/school/classes").status_code == 200
        data["orgs"][1]["type"] = "district"
        send(config, package(data))
        assert client.get(f"{BASE}/schools/school/classes").status_code == 404


def test_the_past_is_no_page_of_today(config: Settings) -> None:
    send(config, package(board()))
    before = f"asOf={datetime.now(UTC) - timedelta(days=300):%Y-%m-%dT%H:%M:%SZ}"
    with keyed(config) as client:
        for _ in range(3):
            assert len(client.get(f"{BASE}/users").json()["users"]) == 3
        past = client.get(f"{BASE}/users?{before}")
        assert past.json()["users"] == []
        for _ in range(3):
            client.get(f"{BASE}/users?{before}")
        assert len(client.get(f"{BASE}/users").json()["users"]) == 3


def test_writes_over_rest_are_seen_at_once(config: Settings) -> None:
    category = {
        **{"sourcedId": "c1", "status": "active", "weight": 1},
        "dateLastModified": "2026-05-01T00:00:00.000Z",
    }
    with keyed(config, *ALL) as client:
        for title in ("一", "二", "三"):
            client.put(f"{GRADEBOOK}/categories/c1", json={"category": category | {"title": title}})
            for _ in range(3):
                [shown] = client.get(f"{GRADEBOOK}/categories").json()["categories"]
                assert shown["title"] == title
