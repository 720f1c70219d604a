"""Redis emptied again and again, and Redis without memory left: nothing is lost, nothing is wrong,
and nobody hears of it (docs/operations.md, "Redis").
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest
import redis
from redis.exceptions import OutOfMemoryError

from rosterhub.access import failures
from rosterhub.ops import embedded
from rosterhub.ops.system_user import server_owner
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import
from tests.deploy.clusters import as_owner
from tests.faults.generations import Expected, package
from tests.oauth import add_client, ask, execute, opens, token
from tests.ports import free_port
from tests.rosters import job, rows
from tests.serving import add_key, serving, until, within_a_second

PEOPLE = 4_000
USERS = "/ims/oneroster/rostering/v1p2/users?limit=5"
DISABLE = "UPDATE oauth_clients SET is_active = false WHERE client_id = %s"
WELL = '{"status":"ok","info":{"database":{"status":"up"},"redis":{"status":"up"}}}'


@dataclass(frozen=True, slots=True)
class Valkey:
    """A server of the module's own."""

    url: str
    client: redis.Redis

    @property
    def evicted(self) -> int:
        return self.client.info("stats")["evicted_keys"]  # type: ignore[index]

    def set_limit(self, policy: str, room: int) -> None:
        """Allow so many bytes more than are in use without any key; 0 is no limit."""
        self.client.flushall()
        used = self.client.info("memory")["used_memory"]  # type: ignore[index]
        self.client.config_set("maxmemory", used + room if room else 0)
        self.client.config_set("maxmemory-policy", policy)


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    port = free_port()
    program = str(embedded._valkey_binary(server_owner()))
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
    with as_owner(command, {}), redis.Redis(port=port) as client:

        def answers() -> bool:
            with suppress(redis.ConnectionError):
                return bool(client.ping())
            return False

        until(answers)
        yield Valkey(f"redis://127.0.0.1:{port}/0", client)


def emptied(valkey: Valkey, number: int) -> None:
    valkey.client.flushall()
    valkey.client.script_flush()


def filled(valkey: Valkey, number: int) -> None:
    """More of what others may have in it: the oldest goes, or nothing more is taken."""
    with suppress(OutOfMemoryError):
        valkey.client.set(f"filler{number}", "x" * 2_000)


@contextmanager
def again_and_again(act: Callable[[Valkey, int], None], valkey: Valkey) -> Iterator[list[int]]:
    """Do it until the end of the block; how often, so far, is in the list."""
    end, done = threading.Event(), [0]

    def run() -> None:
        while not end.wait(0.001):
            act(valkey, done[0])
            done[0] += 1

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run)
        try:
            yield done
        finally:
            end.set()
            running.result(60)


@pytest.mark.parametrize(
    ("act", "policy", "room"),
    [
        (emptied, "allkeys-lru", 0),
        (filled, "allkeys-lru", 200_000),
        (filled, "noeviction", 50_000),
    ],
    ids=["FLUSHALL", "allkeys-lru", "noeviction"],
)
def test_nothing_is_lost_or_wrong_and_nobody_hears_of_it(
    config: Settings,
    valkey: Valkey,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Valkey, int], None],
    policy: str,
    room: int,
) -> None:
    # So that Redis is asked all the time.
    monkeypatch.setattr(failures, "_REDIS_REST_SECONDS", 0.0)
    config = config.model_copy(
        update={
            "redis_url": valkey.url,
            "guard_deleted_percent": 100,
            "guard_changed_percent": 100,
        }
    )
    add_key(config, "kept")
    expected, steady = Expected(PEOPLE), add_client(config)
    valkey.set_limit(policy, room)
    evicted = valkey.evicted
    statuses: set[int] = set()

    def noted(answer: httpx.Response) -> int:
        statuses.add(answer.status_code)
        return answer.status_code

    with (
        serving(config) as api,
        serving(config) as other,
        again_and_again(act, valkey) as done,
        ThreadPoolExecutor(1) as worker,
    ):
        for generation in range(2):
            with connect(config.write_url) as connection:
                request = records.Request("board.zip")
                data = package(PEOPLE, generation)
                import_id = records.create(connection, request, [data])
            assert import_id
            importing = worker.submit(run_import, import_id, config)
            begun, rounds = done[0], 0
            while not importing.done() or rounds < 3 or done[0] < begun + 200:
                rounds += 1
                name = f"key{generation}-{rounds}"
                assert noted(api.get(USERS, headers={"X-API-Key": "kept"})) == 200
                assert api.get("/health").text == WELL
                add_key(config, name)
                client = add_client(config)
                bearer = token(api, client)
                assert opens(api, bearer) == opens(other, bearer) == 200
                assert noted(other.get(USERS, headers={"X-API-Key": name})) == 200
                assert noted(ask(api, (client[0], "guessed"))) == 401
                execute(config, "UPDATE api_keys SET is_active = false WHERE key = %s", name)
                execute(config, DISABLE, client[0])
                within_a_second(
                    lambda name=name, bearer=bearer: {
                        other.get(USERS, headers={"X-API-Key": name}).status_code,
                        opens(api, bearer),
                        opens(other, bearer),
                    },
                    {401},
                )
                assert noted(ask(api, client)) == 401
                assert noted(ask(other, steady)) == 200
            importing.result()
            assert job(config, import_id)["state"] == "completed"
            expected = expected.after(generation)
            held = rows(config, "SELECT sourced_id, status, given_name, family_name FROM users")
            assert {name: tuple(rest) for name, *rest in held} == expected.users
    assert max(statuses) < 500
    if policy == "noeviction":
        with pytest.raises(OutOfMemoryError):
            valkey.client.set("one-more", "x" * 500_000)
    else:
        assert room == 0 or valkey.evicted > evicted
    # With memory again, guesses are counted as ever.
    valkey.set_limit("allkeys-lru", 0)
    with serving(config) as api:
        until(lambda: ask(api, (steady[0], "guessed")).status_code == 429, 50)
