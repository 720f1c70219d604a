"""The connections for reads: bounded, a queue before them, right again after whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import psycopg
import pytest
import uvloop
from psycopg import sql
from psycopg_pool import PoolTimeout

from rosterhub.settings import Settings
from rosterhub.store import lanes as module
from rosterhub.store.connect import connect
from rosterhub.store.lanes import Lanes
from tests.rosters import rows
from tests.serving import ASLEEP, END_IDLE_SESSIONS, until

SLEEP = b"SELECT pg_sleep($1::float8)::text || $2::text"
TEXT = b"SELECT $1::text"
THEIRS = END_IDLE_SESSIONS.replace("pg_terminate_backend(pid)", "pid")
END_SLEEPERS = ASLEEP.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")

Run = Callable[[Awaitable[None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a coroutine, by the loop of the standard library and by the one that we serve with."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@asynccontextmanager
async def opened(url: str, size: int, seconds: float = 5) -> AsyncIterator[Lanes]:
    lanes = Lanes(partial(connect, url), size, seconds)
    await lanes.open()
    try:
        yield lanes
    finally:
        await lanes.close()


async def sleep(lanes: Lanes, seconds: float, word: str = "") -> bytes | None:
    result = await lanes.ask(SLEEP, [str(seconds).encode(), word.encode()])
    return result.get_value(0, 0)


async def text(lanes: Lanes, value: str) -> bytes | None:
    return (await lanes.ask(TEXT, [value.encode()])).get_value(0, 0)


def test_who_comes_first_is_answered_first(config: Settings, run: Run) -> None:
    async def what() -> None:
        answered: list[int] = []

        async def one(number: int) -> None:
            assert await text(lanes, str(number)) == str(number).encode()
            answered.append(number)

        async with opened(config.write_url, 1) as lanes:
            await asyncio.gather(*map(one, range(50)))
        assert answered == [*range(50)]

    run(what())


def test_as_many_connections_as_are_needed_and_no_more(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 3) as lanes:
            await text(lanes, "")
            assert lanes.get_stats()["pool_size"] == 1
            answers = await asyncio.gather(*(sleep(lanes, 0.2, str(n)) for n in range(6)))
            assert answers == [str(n).encode() for n in range(6)]
            assert lanes.get_stats()["pool_size"] == lanes.get_stats()["pool_available"] == 3
            assert lanes.get_stats()["requests_waiting"] == 0

    run(what())


def test_a_question_whose_session_is_ended_is_put_again(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 2) as lanes:
            for _ in range(3):
                asked = [asyncio.create_task(sleep(lanes, 0.5, word)) for word in ("一", "二")]
                await asyncio.to_thread(until, lambda: len(rows(config, ASLEEP)) == 2)
                assert len(rows(config, END_SLEEPERS)) == 2
                assert await asyncio.gather(*asked) == ["一".encode(), "二".encode()]

    run(what())


def test_idle_sessions_that_are_ended_are_let_go(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 3) as lanes:
            for word in ("一", "二", "三"):
                await asyncio.gather(*(sleep(lanes, 0.1) for _ in range(3)))
                assert len(rows(config, END_IDLE_SESSIONS)) == 3
                await asyncio.to_thread(until, lambda: not lanes.get_stats()["pool_size"])
                assert await text(lanes, word) == word.encode()

    run(what())


def test_sessions_that_ended_unnoticed_cost_nobody_an_answer(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 3) as lanes:
            for _ in range(5):
                await asyncio.gather(*(sleep(lanes, 0.1) for _ in range(3)))
                # The loop stands still meanwhile, and learns nothing of it.
                assert len(rows(config, END_IDLE_SESSIONS)) == 3
                until(lambda: not rows(config, THEIRS))
                answers = await asyncio.gather(*(text(lanes, word) for word in "一二三四"))
                assert answers == [word.encode() for word in "一二三四"]

    run(what())


def test_who_waits_for_too_long_is_told(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 1, 0.3) as lanes:
            long = asyncio.create_task(sleep(lanes, 1, "long"))
            await asyncio.to_thread(until, lambda: rows(config, ASLEEP))
            for _ in range(2):
                with pytest.raises(PoolTimeout, match="no connection was free"):
                    await text(lanes, "")
            assert lanes.get_stats()["requests_errors"] == 2
            assert await long == b"long"
            assert await text(lanes, "then") == b"then"

    run(what())


def test_a_database_that_comes_while_somebody_waits(config: Settings, run: Run) -> None:
    name = f"later_{uuid4().hex}"
    url = psycopg.conninfo.make_conninfo(config.write_url, dbname=name)

    def create_or_drop(verb: str) -> None:
        with connect(config.write_url) as connection:
            connection.execute(sql.SQL(verb + " DATABASE {}").format(sql.Identifier(name)))  # pyright: ignore

    async def what() -> None:
        async with opened(url, 4, 10) as lanes:
            asked = [asyncio.create_task(text(lanes, str(n))) for n in range(20)]
            await asyncio.to_thread(until, lambda: lanes.get_stats()["connections_errors"])
            await asyncio.to_thread(create_or_drop, "CREATE")
            assert await asyncio.gather(*asked) == [str(n).encode() for n in range(20)]

    try:
        run(what())
    finally:
        create_or_drop("DROP")


def test_an_error_in_a_transaction_ends_it(config: Settings, run: Run) -> None:
    fine, wrong = (b"SELECT $1::text", [b""]), (b"SELECT 1 / length($1::text)", [b""])
    # Without a transaction it is another time each time.
    now = b"SELECT now()::text || $1::text"

    async def what() -> None:
        async with opened(config.write_url, 1) as lanes:
            for _ in range(5):
                for first, then in ((wrong, fine), (fine, wrong)):
                    with pytest.raises(psycopg.errors.DivisionByZero):
                        await lanes.ask(*then, first)
                    times = [(await lanes.ask(now, [b""])).get_value(0, 0) for _ in range(2)]
                    assert times[0] != times[1]
            result = await lanes.ask(
                b"SELECT $1 || now()::text", [b""], (b"SELECT $1::text", [b""])
            )
            assert result.get_value(0, 0)

    run(what())


def test_what_nobody_waits_for_is_stopped(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 1) as lanes:
            waiting = asyncio.create_task(sleep(lanes, 60))
            queued = asyncio.create_task(text(lanes, "queued"))
            await asyncio.to_thread(until, lambda: rows(config, ASLEEP))
            waiting.cancel()
            assert await queued == b"queued"
            await asyncio.to_thread(until, lambda: not rows(config, ASLEEP))

    run(what())


def test_connections_that_are_old_or_not_used_are_closed(
    config: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.1)

    async def backend(lanes: Lanes) -> bytes | None:
        pid = b"SELECT pg_backend_pid()::text FROM pg_sleep(0.02)"
        return (await lanes.ask(pid, [])).get_value(0, 0)

    async def what() -> None:
        async with opened(config.write_url, 3) as lanes:
            await asyncio.gather(*(sleep(lanes, 0.1) for _ in range(3)))
            await asyncio.to_thread(until, lambda: lanes.get_stats()["pool_size"] == 1)
            first = await backend(lanes)
            monkeypatch.setattr(module, "_OLD_SECONDS", 0)
            await asyncio.to_thread(until, lambda: not lanes.get_stats()["pool_size"])
            assert await backend(lanes) != first
        async with opened(config.write_url, 1) as lanes:
            backends = await asyncio.gather(*(backend(lanes) for _ in range(50)))
            # Also while others wait.
            assert len({*backends}) > 1

    run(what())


def test_closing_tells_who_waits(config: Settings, run: Run) -> None:
    async def what() -> None:
        async with opened(config.write_url, 1) as lanes:
            asked = [asyncio.create_task(sleep(lanes, 60)) for _ in range(2)]
            await asyncio.to_thread(until, lambda: rows(config, ASLEEP))
        for one in asked:
            with pytest.raises(psycopg.OperationalError, match="closed"):
                await one

    run(what())
