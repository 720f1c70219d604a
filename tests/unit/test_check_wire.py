"""The requests of a check against servers that do not want to be checked: all of it has bounds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rosterhub.ops.conformance import wire as wires
from rosterhub.ops.conformance.wire import NoAnswer, Stopped, Wire, query
from tests.ports import deaf_port


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The URL of a server that answers so, whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()
            thread.join()


def plain(request: BaseHTTPRequestHandler, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in ({"Content-Length": "2"} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(b"{}")


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(timeout=5)
    yield made
    made.close()


def test_redirects_are_not_followed(wire: Wire) -> None:
    with server(lambda r: plain(r, 302, Location="http://127.0.0.1:1/")) as url:
        assert wire.get(url, {"X-API-Key": "k"}).status == 302
    assert wire.sent == 1


def test_a_busy_server_is_asked_again_when_it_says(wire: Wire) -> None:
    seen = list[str]()

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.path)
        plain(request, *((429,) if len(seen) < 3 else ()), Retry_After="0")

    with server(answer) as url:
        assert wire.get(url, {}).status == 200
    assert len(seen) == wire.sent == 3


def test_a_server_that_is_always_busy_is_not_asked_for_ever(wire: Wire) -> None:
    with server(lambda r: plain(r, 503, Retry_After="0")) as url:
        assert wire.get(url, {}).status == 503
        asked = wire.sent
        assert wire.get(url, {}).status == 503
    assert asked <= 21
    assert wire.sent == asked + 1


def test_503_without_a_time_is_an_answer(wire: Wire) -> None:
    with server(lambda r: plain(r, 503)) as url:
        assert wire.get(url, {}).status == 503
    assert wire.sent == 1


def test_after_the_last_request_none_is_sent(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "MAX_REQUESTS", 2)
    with server(plain) as url:
        for _ in range(2):
            wire.get(url, {})
        with pytest.raises(Stopped, match="2 requests"):
            wire.get(url, {})
    assert wire.sent == 2


def test_a_server_that_is_gone_is_asked_three_times_in_a_row_at_most(wire: Wire) -> None:
    with deaf_port() as port, server(plain) as url:
        gone = f"http://127.0.0.1:{port}"
        for _ in range(2):
            for _ in range(2):
                with pytest.raises(NoAnswer, match="no answer came"):
                    wire.get(gone, {})
            wire.get(url, {})
        for _ in range(3):
            with pytest.raises(NoAnswer):
                wire.get(gone, {})
        with pytest.raises(Stopped, match="3 times in a row"):
            wire.get(gone, {})


def test_silence_ends() -> None:
    wire, stop = Wire(timeout=0.1), threading.Event()
    with server(lambda _: stop.wait(10) and None) as url:
        with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
            wire.get(url, {})
        stop.set()
    wire.close()


def test_an_answer_in_drops_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "_WHOLE_ANSWER", 0.2)
    wire, stop = Wire(timeout=2), threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(500):
            if stop.wait(0.02):
                return
            try:
                request.wfile.write(b" ")
            except OSError:
                return

    with server(drip) as url:
        with pytest.raises(NoAnswer, match="took over"):
            wire.get(url, {})
        stop.set()
    wire.close()


def test_an_answer_without_end_ends(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "MAX_BODY", 100_000)

    def flood(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b" " * 10_000)
        except OSError:
            return

    with server(flood) as url, pytest.raises(NoAnswer, match="larger than 100,000"):
        wire.get(url, {})


@pytest.mark.parametrize("url", ["http://[", "http://a b/", "gopher://x/", "http://x\n/", ""])
def test_a_url_that_nobody_can_ask_for_brings_no_answer(wire: Wire, url: str) -> None:
    with pytest.raises(NoAnswer):
        wire.get(url, {})


def test_a_query_takes_spaces_as_every_server_reads_them() -> None:
    assert query("u", {}) == "u"
    assert query("u", {"filter": "a='b c' AND d='é&'"}) == (
        "u?filter=a%3D%27b%20c%27%20AND%20d%3D%27%C3%A9%26%27"
    )
