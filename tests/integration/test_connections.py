"""The API's connections to PostgreSQL: all of them broken, all of them in use."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from rosterhub.access.scopes import ALL
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.rosters import board, package, rows, send
from tests.serving import END_IDLE_SESSIONS, KEY, add_key, serving, until

USERS = "/ims/oneroster/rostering/v1p2/users"
CATEGORIES = "/ims/oneroster/gradebook/v1p2/categories"
CATEGORY = {
    **{"sourcedId": "c1", "status": "active", "title": "小テスト", "weight": 1},
    "dateLastModified": "2026-05-01T00:00:00.000Z",
}


def read(client: httpx.Client) -> int:
    return client.get(USERS).status_code


def test_ending_idle_sessions_harms_nothing(config: Settings) -> None:
    send(config, package(board()))
    add_key(config, scopes=tuple(ALL))
    with serving(config) as client, ThreadPoolExecutor(8) as pool:
        client.headers["X-API-Key"] = KEY
        for title in ("一", "二", "三"):
            # Several connections, so that several are broken.
            assert set(pool.map(read, [client] * 40)) == {200}
            assert any(ended for (ended,) in rows(config, END_IDLE_SESSIONS))
            assert set(pool.map(read, [client] * 40)) == {200}
            assert any(ended for (ended,) in rows(config, END_IDLE_SESSIONS))
            sent = {"category": CATEGORY | {"title": title}}
            assert client.put(f"{CATEGORIES}/c1", json=sent).is_success
        assert client.get(f"{CATEGORIES}/c1").json()["category"]["title"] == "三"


def test_without_a_free_connection_reads_wait_then_say_so_and_recover(config: Settings) -> None:
    send(config, package(board()))
    add_key(config)
    few = config.model_copy(update={"database_pool_size": 2})
    with serving(few) as client, ThreadPoolExecutor(4) as pool:
        client.headers["X-API-Key"] = KEY
        client.timeout = 30
        assert read(client) == 200
        with connect(config.write_url) as connection:
            with connection.transaction():
                connection.execute("LOCK TABLE users")
                stuck = [pool.submit(client.get, USERS) for _ in range(2)]
                until(lambda: _waiting(config) == 2)
                refused = client.get(USERS)
                assert refused.status_code == 503
                assert int(refused.headers["Retry-After"]) > 0
                assert "in use" in refused.json()["imsx_description"]
                # The state of the hub, and who may call, do not wait behind it.
                until(lambda: client.get("/health").status_code == 200)
            assert [one.result().status_code for one in stuck] == [200, 200]
        assert read(client) == 200


def _waiting(config: Settings) -> int:
    return rows(
        config,
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass AND"
        " database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )[0][0]
