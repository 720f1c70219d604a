"""A wire to a server that tests can cut or clog: the server itself runs on, its clients lose it."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from psycopg.conninfo import conninfo_to_dict

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Listens on `port` and passes on. `cut` ends and refuses connections, `clog` keeps them open
    and passes nothing, `mend` passes on again. `accepted` counts connections."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self.accepted = 0
        self.port = 0
        self._connect = connect
        self._state: Literal["whole", "cut", "clogged"] = "whole"
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._free = asyncio.Event()
        self._free.set()

    def cut(self) -> None:
        self._turn("cut")

    def clog(self) -> None:
        self._turn("clogged")

    def mend(self) -> None:
        self._turn("whole")

    def _turn(self, state: Literal["whole", "cut", "clogged"]) -> None:
        """Returns when it is so."""
        asyncio.run_coroutine_threadsafe(self._become(state), self._loop).result(30)

    async def _become(self, state: Literal["whole", "cut", "clogged"]) -> None:
        self._state = state
        if state == "clogged":
            self._free.clear()
        else:
            self._free.set()
        if state == "cut":
            for writer in list(self._open):
                writer.transport.abort()
            await asyncio.sleep(0)  # They are closed in the next round of the loop.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._state == "cut":
            writer.transport.abort()
            return
        await self._free.wait()
        there = await self._connect()
        self._open |= {writer, there[1]}
        if self._state == "cut":  # while it was connected
            writer.transport.abort()
            there[1].transport.abort()
        await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        self._open -= {writer, there[1]}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._free.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        self._loop.run_forever()


@contextmanager
def wire(connect: Callable[[], Awaitable[Streams]]) -> Iterator[Wire]:
    """A wire to where `connect` leads."""
    made = Wire(connect)
    ready = threading.Event()
    thread = threading.Thread(target=made._run, args=(ready,), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield made
    finally:
        made.cut()
        made._loop.call_soon_threadsafe(made._loop.stop)
        thread.join(5)


@contextmanager
def database_wire(url: str) -> Iterator[tuple[Wire, str]]:
    """A wire to the PostgreSQL at `url`, and the URL that goes through it."""
    parts = conninfo_to_dict(url)
    host, port = str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432)

    def connect() -> Awaitable[Streams]:
        if host.startswith("/"):
            return asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return asyncio.open_connection(host, port)

    with wire(connect) as made:
        login = str(parts.get("user") or "postgres")
        if parts.get("password"):
            login += f":{parts['password']}"
        yield made, f"postgresql://{login}@127.0.0.1:{made.port}/{parts['dbname']}"
