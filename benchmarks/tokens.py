"""`make bench BENCH=tokens SIZE=5000`: access tokens issued over HTTP, and checked.

Here the floor is the target: 200 tokens a second on one core, 100 microseconds of it a check.
"""

import asyncio
import base64
import http.client
import sys
import threading
import time

from benchmarks.stack import Stack, report, stack
from rosterhub.access import clients
from rosterhub.access.clients import Clients
from rosterhub.access.lookups import Source
from rosterhub.access.scopes import READ
from rosterhub.access.signing_keys import SigningKeys
from rosterhub.access.tokens import Tokens
from rosterhub.store.connect import small_pool

ISSUED_PER_SECOND = 200
CHECK_MICROSECONDS = 100
_THREADS = 4
_FORM = "grant_type=client_credentials"


def main(size: int) -> None:
    """Issue `size` tokens from four connections at once, then check as many."""
    with stack() as hub:
        with hub.connect() as connection:
            client_id, secret = clients.create(connection, "bench", READ)
        _issue(hub, client_id, secret, _THREADS)
        cpu, started = hub.cpu_seconds("api"), time.perf_counter()
        _issue(hub, client_id, secret, size)
        rate = size / (time.perf_counter() - started)
        on_a_core = size / (hub.cpu_seconds("api") - cpu)
        asyncio.run(_check(hub.database, client_id, size))
        report("token-issue", size, rate, ISSUED_PER_SECOND, "/s", rate / ISSUED_PER_SECOND)
        ratio = on_a_core / ISSUED_PER_SECOND
        report("token-issue-core", size, on_a_core, ISSUED_PER_SECOND, "/s", ratio)


def _issue(hub: Stack, client_id: str, secret: str, size: int) -> None:
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def run() -> None:
        connection = http.client.HTTPConnection(hub.base.removeprefix("http://"))
        for _ in range(size // _THREADS):
            connection.request("POST", "/oauth/token", _FORM, headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"no token: {answer.status} {body.decode()}")
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def _check(database: str, client_id: str, size: int) -> None:
    pool = small_pool(database)
    await pool.open(wait=True)
    source = Source(pool)
    known = Clients(source)
    tokens = Tokens(known, SigningKeys(source))
    client = await known.find(client_id)
    assert client
    sent = [(await tokens.issue(client, READ)).encode() for _ in range(size)]
    for name in ("token-check-first", "token-check-again"):
        started = time.process_time()
        for token in sent:
            assert await tokens.caller(token)
        took = (time.process_time() - started) / size * 1e6
        report(name, size, took, CHECK_MICROSECONDS, "us", took / CHECK_MICROSECONDS)
    await pool.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
