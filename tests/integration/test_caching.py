"""Entity tags, 304 and gzip: an answer is used again only while it is right."""

import asyncio
import gzip
from collections.abc import Iterator

import httpx
import pytest

from rosterhub.model.operations import OPERATIONS
from rosterhub.settings import Settings
from rosterhub.store import collections
from rosterhub.store.collections import Query
from rosterhub.store.connect import connect, pools
from rosterhub.store.totals import Totals
from tests.rosters import board, csv_file, package, person, role, rows, send
from tests.serving import add_key, serving, until

USERS = "/ims/oneroster/rostering/v1p2/users"


@pytest.fixture
def client(config: Settings) -> Iterator[httpx.Client]:
    assert send(config, package(board()))["state"] == "completed"
    with serving(config) as client:
        client.headers["X-API-Key"] = add_key(config)
        yield client


def known(client: httpx.Client, path: str) -> dict[str, str]:
    """The header by which a client says that it has the answer to `path`."""
    answer = client.get(path)
    assert answer.status_code == 200
    return {"If-None-Match": answer.headers["etag"]}


@pytest.mark.parametrize(
    "path", [USERS, f"{USERS}?limit=1&offset=1", f"{USERS}/p1", f"{USERS}?filter=status='active'"]
)
def test_who_has_the_answer_gets_304_without_a_body(client: httpx.Client, path: str) -> None:
    headers = known(client, path)
    again = client.get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == headers["If-None-Match"]


def test_an_import_makes_every_tag_of_what_it_changed_old(
    client: httpx.Client, config: Settings
) -> None:
    paths = [USERS, f"{USERS}/p1", "/ims/oneroster/rostering/v1p2/schools/school/students"]
    before = {path: known(client, path) for path in paths}
    rows = [person("p1", "陽葵", "佐藤", grades="P1")]
    assert send(config, csv_file("users", rows), "users")["counts"]["updated"] == 1
    for path, headers in before.items():
        assert client.get(path, headers=headers).status_code == 200, path
    assert client.get(f"{USERS}/p1").json()["user"]["givenName"] == "陽葵"


def test_an_import_that_changes_nothing_leaves_tags_as_they_are(
    client: httpx.Client, config: Settings
) -> None:
    headers = known(client, USERS)
    assert send(config, package(board()))["counts"]["unchanged"] == 15
    assert client.get(USERS, headers=headers).status_code == 304


def test_a_role_alone_makes_the_users_tags_old(client: httpx.Client, config: Settings) -> None:
    headers = known(client, f"{USERS}/t1")
    rows = [role("t1", "siteAdministrator", sourcedId="r2", roleType="secondary")]
    assert send(config, csv_file("roles", rows), "roles")["counts"]["created"] == 1
    answer = client.get(f"{USERS}/t1", headers=headers)
    assert answer.status_code == 200
    assert len(answer.json()["user"]["roles"]) == 2


def test_a_tag_is_for_its_own_query_and_host_alone(client: httpx.Client) -> None:
    headers = known(client, USERS)
    assert client.get(f"{USERS}?limit=2", headers=headers).status_code == 200
    other = client.get(USERS, headers=headers | {"Host": "roster.example"})
    assert other.status_code == 200
    assert "http://roster.example/ims/" in other.text


def test_totals_are_right_at_once_after_an_import(client: httpx.Client, config: Settings) -> None:
    path = f"{USERS}?limit=1"
    assert client.get(path).headers["x-total-count"] == "3"
    rows = [person("p9", "翔", "高橋", grades="P1")]
    assert send(config, csv_file("users", rows), "users")["counts"]["created"] == 1
    assert client.get(path).headers["x-total-count"] == "4"


def test_gzip_is_for_who_takes_it(client: httpx.Client) -> None:
    plain = client.get(USERS, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for unwanted in ("gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "*;q=0", "br"):
        refused = client.get(USERS, headers={"Accept-Encoding": unwanted})
        assert "content-encoding" not in refused.headers, unwanted
    for wanted in ("*", "*;q=0, gzip", "gzip;q=0.001", "identity;q=0, *;q=0.5"):
        packed = client.get(USERS, headers={"Accept-Encoding": wanted})
        assert packed.headers["content-encoding"] == "gzip", wanted
    assert "content-encoding" not in refused.headers
    with client.stream("GET", USERS, headers={"Accept-Encoding": "br, gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]


def test_a_total_is_counted_after_the_change_that_the_page_shows(config: Settings) -> None:
    """Who read a newer version does not take a count that was begun for an older one."""
    users = next(o for o in OPERATIONS if o.id == "getAllUsers")
    counted = collections.count(users, Query(fields=()))
    waiting = (
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )

    async def ask() -> None:
        opened = pools(config)
        await opened.open()
        totals = Totals(opened)
        with connect(config.write_url) as other, other.transaction():
            other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            asked = [
                asyncio.create_task(totals.total(counted, (), version))
                for version in (b"old", b"new", b"new")
            ]
            await asyncio.to_thread(until, lambda: len(rows(config, waiting)) == 2)
        assert await asyncio.gather(*asked) == [0, 0, 0]
        await opened.close()

    asyncio.run(ask())
