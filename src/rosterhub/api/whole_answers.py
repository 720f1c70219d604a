"""The server's HTTP protocol, but for four things: what is written at once goes out at once, who
follows events is let go when the server ends, who sends what is no HTTP gets an error like any
other and is not hung up on, and who takes an answer that others wait for too slowly is.

uvicorn sends an answer's head and its body one after the other. A server killed in between leaves
a proxy with half an answer, too late to ask another server; and one packet costs less than two.
"""

import asyncio
import json
import re
import time
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from rosterhub import logging
from rosterhub.api import errors
from rosterhub.api.middleware import UNKNOWN, request_id_of

_MOST = 64 * 1024
"""Bytes that are held back at most."""

_LINGER_SECONDS = 5.0
"""How long we listen, after the last word of ours, to who does not hang up."""


_NO_HTTP = (
    "This is no HTTP request. A URL holds neither spaces nor characters beyond ASCII:"
    " percent-encode them, as %E7%A7%8B%E5%B1%B1 for 秋山."
)
_PATH = re.compile(rb"[A-Z]+ ([!-~]*)")
_STATED_ID = re.compile(rb"\r\n(x-request-id): *([^\r\n]*)(?=\r\n)", re.IGNORECASE)
"""As far as what is no HTTP can be read: its path, and its request id, as a proxy states it."""


class WholeAnswers(HttpToolsProtocol):
    """For `uvicorn.run(http=…)`."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put ourselves before the connection."""
        super().connection_made(cast(asyncio.Transport, Together(transport)))
        self._received = b""

    def pause_writing(self) -> None:
        """Wait for the client; no longer than the moment `sent_by`, if the answer has one."""
        super().pause_writing()
        if self.cycle and (last := self.cycle.scope.get("sent_by")):
            self._patience = self.loop.call_at(last, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as it is HTTP."""
        if not cast(Together, self.transport).parting:
            self._received = data
            super().data_received(data)
            self._received = b""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP. The rest of it may be on its way: a connection that ends before
        that was taken is reset, and a proxy takes the reset for a server that is down.
        """
        cast(Together, self.transport).parting = True
        path, stated = _PATH.match(self._received), _STATED_ID.findall(self._received)
        request_id = request_id_of((name.lower(), value) for name, value in stated).decode()
        error = errors.body(path[1].decode() if path else "", "invaliddata", _NO_HTTP)
        body = json.dumps(error, ensure_ascii=False).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode()),
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        logging.requests([(time.time(), UNKNOWN, UNKNOWN, 400, 0, request_id)])
        self.transport.write(b"".join((STATUS_LINE[400], *lines, b"\r\n", body)))
        self.transport.close()

    def shutdown(self) -> None:
        """Begin to end; an answer that has no end of its own is asked to come to one."""
        super().shutdown()
        if self.cycle and (let_go := self.cycle.scope.get("let_go")):
            let_go()


class Together:
    """A transport that holds back what is written until the running callback is through."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        # Asked with each answer, which `__getattr__` would make dear.
        self.is_closing = transport.is_closing
        self._held: list[bytes] = []
        self._size = 0
        self.parting = False
        """Whether nothing that comes is read any more."""
        self._ended = False

    def write(self, data: bytes) -> None:
        """Send `data`, soon; nothing after the last word."""
        if self._ended:
            return
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._flush()

    def close(self) -> None:
        """Send what is held, then close; in parting once the other side is through as well."""
        self._flush()
        if self._ended or self.is_closing():
            self._transport.close()
        elif self.parting and self._transport.can_write_eof():
            self._ended = True
            self._transport.write_eof()
            self._loop.call_later(_LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._held:
            if not self.is_closing():
                self._transport.writelines(self._held)
            self._held.clear()
            self._size = 0
