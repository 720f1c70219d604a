"""Servers behind nginx that do what no API server would; a name server that changes its mind."""

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Upstream:
    """Answers each request with the pieces of `answer(request)`; without any it hangs up.

    One request a connection. An answer has to say so itself (`Connection: close`): nginx would
    keep the connection for the next request, and take its end for a failure of the server.
    """

    def __init__(
        self, answer: Callable[[bytes], Iterable[bytes]], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.requests: list[str] = []
        self._answer = answer
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # Wakes the thread that waits for the next client.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (piece := connection.recv(65_536)):
                    request += piece
                self.requests.append(request.partition(b" ")[0].decode())
                for piece in self._answer(request):
                    connection.sendall(piece)


@contextmanager
def upstream(
    answer: Callable[[bytes], Iterable[bytes]], host: str = "127.0.0.1", port: int = 0
) -> Iterator[Upstream]:
    made = Upstream(answer, host, port)
    try:
        yield made
    finally:
        made.close()


class NameServer:
    """Says of every name that it is at `address`."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # Nothing at all means the end.
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(512)
            if not question:
                return
            # One answer: of the name asked for (at byte 12), an A record for a second.
            head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
            asked = question[12 : question.index(b"\0", 12) + 5]
            record = struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(self.address)
            self._socket.sendto(head + asked + record, client)


@contextmanager
def name_server() -> Iterator[NameServer]:
    made = NameServer()
    try:
        yield made
    finally:
        made.close()
