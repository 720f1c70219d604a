"""Large answers, few at a time: each takes tens of megabytes until the client has it, so it is
their number that bounds what a process holds (docs/operations.md). Small ones never come here.
"""

import asyncio
from collections.abc import Iterator, Sequence

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rosterhub.api.errors import RETRY, ApiError

LARGE = 1_000
"""Records from which on an answer that may have so many is large."""

AT_ONCE = 4
"""Large answers of one process that are read, put together or sent."""

WAIT_SECONDS = 20.0
"""How long one waits for its turn: longer than for a connection, as those before it are slow, and
as nginx leaves out a server that says 503 three times."""

SEND_SECONDS = 60.0
"""How long a client may take for one, while others wait. nginx takes it in a moment."""

_PIECE = 256 * 1024
_BUSY = (
    f"This server makes {AT_ONCE} answers of {LARGE:,} records and more at a time, and others were"
    " first. Try again in a few seconds, or ask for smaller pages (limit)."
)

_log = structlog.get_logger("rosterhub.api")


class Gate:
    """Lets in as many large answers as the memory of a process is meant for, in order."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    async def enter(self) -> None:
        """Wait for one's turn; whoever enters has to `leave`.

        Raises:
            ApiError: 503, those before take too long.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            _log.warning("too many large answers", at_once=AT_ONCE)
            raise ApiError(503, "server_busy", _BUSY, RETRY) from None

    def leave(self) -> None:
        """Let the next one in."""
        self._free.release()


Piece = bytes | memoryview
"""A part of an answer's body."""


class InPieces(Response):
    """200 with a body that goes out as fast as the client takes it, and no faster; then `gate` is
    left. What waits to be sent is held once, not a second time by the connection.
    """

    def __init__(
        self, parts: Sequence[Piece], headers: list[tuple[bytes, bytes]], gate: Gate
    ) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = headers
        self._parts = parts
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; who has not taken all of it in time is hung up on (`WholeAnswers`)."""
        scope["sent_by"] = asyncio.get_running_loop().time() + SEND_SECONDS
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            for piece in _pieces(self._parts):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            # Comes back when hardly anything is left of it.
            await send({"type": "http.response.body"})
        finally:
            self._gate.leave()


def _pieces(parts: Sequence[Piece]) -> Iterator[memoryview]:
    for part in parts:
        view = memoryview(part)
        for begin in range(0, len(view), _PIECE):
            yield view[begin : begin + _PIECE]
