"""Reads straight on libpq: prepared once they are frequent, bounded, and right after an error."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from rosterhub.settings import Settings
from rosterhub.store import lane
from rosterhub.store.collections import Statement
from rosterhub.store.connect import connect, pools
from rosterhub.store.fetch import fetch
from rosterhub.store.lanes import Lanes
from tests.rosters import board, package, rows, send
from tests.serving import ASLEEP, END_IDLE_SESSIONS, KEY, add_key, serving, until

SAME = Statement(b"SELECT $1::text || $2::text", ())
PREPARED = Statement(b"SELECT count(*) FROM pg_prepared_statements WHERE $1::text = ''", ())
USERS = "/ims/oneroster/rostering/v1p2/users"


def on_one_connection(config: Settings, what: Callable[[Lanes], Awaitable[None]]) -> None:
    async def run() -> None:
        few = pools(config.model_copy(update={"database_pool_size": 1}))
        await few.open()
        try:
            await what(few.primary)
        finally:
            await few.close()

    asyncio.run(run())


async def value(lanes: Lanes, statement: Statement, *values: str) -> bytes | None:
    return (await fetch(lanes, statement, values[0], values[1:])).get_value(0, 0)


def test_the_same_statement_with_other_values(config: Settings) -> None:
    async def what(lanes: Lanes) -> None:
        for n in range(10):
            assert await value(lanes, SAME, "名 ", f"\\{n}'") == f"名 \\{n}'".encode()
        assert await value(lanes, PREPARED, "") == b"1"

    on_one_connection(config, what)


def test_no_more_than_so_many_are_kept(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_KEPT", 5)
    monkeypatch.setattr(lane, "_COUNTED", 10)

    async def what(lanes: Lanes) -> None:
        for n in (*range(20), *range(20)):
            other = Statement(f"SELECT '{n}' || $1::text".encode(), ())
            for _ in range(4):
                assert await value(lanes, other, "") == str(n).encode()
        assert await value(lanes, PREPARED, "") == b"5"

    on_one_connection(config, what)


def test_an_error_leaves_the_connection_as_it_was(config: Settings) -> None:
    wrong = Statement(b"SELECT (1 / length($1::text))::text", ())

    async def what(lanes: Lanes) -> None:
        for _ in range(5):
            assert await value(lanes, wrong, "x") == b"1"
            with pytest.raises(psycopg.errors.DivisionByZero):
                await fetch(lanes, wrong, "", ())
        with pytest.raises(psycopg.errors.SyntaxError):
            await fetch(lanes, Statement(b"SELEC $1::text", ()), "", ())
        assert await value(lanes, SAME, "a", "b") == b"ab"

    on_one_connection(config, what)


def test_who_stops_waiting_harms_nobody_after_them(config: Settings) -> None:
    slow = Statement(b"SELECT pg_sleep(20)::text || $1::text", ())

    async def what(lanes: Lanes) -> None:
        waiting = asyncio.create_task(fetch(lanes, slow, "", ()))
        await asyncio.to_thread(until, lambda: rows(config, ASLEEP))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await value(lanes, SAME, "a", "b") == b"ab"

    on_one_connection(config, what)


def test_a_session_that_the_server_ends_while_nobody_waits_costs_nothing(config: Settings) -> None:
    async def what(lanes: Lanes) -> None:
        assert await value(lanes, SAME, "a", "b") == b"ab"
        assert rows(config, END_IDLE_SESSIONS)
        begun = time.process_time()
        await asyncio.sleep(1)
        # The socket can be read for ever; the loop must not go on about it.
        assert time.process_time() - begun < 0.5
        assert await value(lanes, SAME, "a", "b") == b"ab"

    on_one_connection(config, what)


def test_an_answer_in_many_parts_comes_whole(config: Settings) -> None:
    long = Statement(b"SELECT repeat($1::text, 3000000)", ())

    async def what(lanes: Lanes) -> None:
        for _ in range(5):
            assert await value(lanes, long, "abc") == b"abc" * 3_000_000

    on_one_connection(config, what)


def test_a_question_larger_than_what_the_socket_takes_is_asked(config: Settings) -> None:
    length = Statement(b"SELECT length($1::text)::text", ())

    async def what(lanes: Lanes) -> None:
        for _ in range(5):
            assert await value(lanes, length, "x" * 20_000_000) == b"20000000"

    on_one_connection(config, what)


def test_a_table_that_is_changed_while_it_is_read(config: Settings) -> None:
    send(config, package(board()))
    add_key(config)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        before = [client.get(USERS).json() for _ in range(5)]
        with connect(config.write_url) as connection:
            connection.execute("ALTER TABLE users ADD COLUMN of_the_next_release text")
        after = [client.get(USERS).json() for _ in range(5)]
    assert len(before[0]["users"]) == 3
    assert all(answer == before[0] for answer in (*before, *after))
