"""The requests of a check: one after the other, counted, bounded in number, time and size.

Knows nothing of OneRoster. It never follows a redirect and sends GET, and POST for a token, alone.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

import httpx

import rosterhub

MAX_REQUESTS = 5_000
"""After so many requests no more are sent."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes of the largest answer that is read."""

USER_AGENT = f"rosterhub-check/{rosterhub.__version__}"

_WHOLE_ANSWER = 4
"""An answer has to be complete within so many timeouts."""
_SILENCES = 3
"""After so many requests in a row without an answer no more are sent."""
_WAITS = 20
_LONGEST_WAIT = 30
_BUSY = (429, 503)


class NoAnswer(Exception):  # noqa: N818
    """A request brought no answer; the text says how."""

    def __init__(self, reason: str, url: str) -> None:
        super().__init__(reason)
        self.url = url


class Stopped(Exception):  # noqa: N818
    """No request is sent any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: names of headers are in any case, `body` is without any content encoding."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def query(url: str, parameters: Mapping[str, str]) -> str:
    """`url` with query parameters, a space as %20: not every server takes a plus for one."""
    return f"{url}?{urlencode(parameters, quote_via=quote)}" if parameters else url


class Wire:
    """Sends through `client`; `sent` counts."""

    def __init__(self, timeout: float) -> None:
        self._client = httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        )
        self._timeout = timeout
        self._silences = 0
        self._waits = 0
        self.sent = 0

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET.

        Raises:
            NoAnswer: there was none.
            Stopped: there have been too many requests, or too many without an answer.
        """
        return self._patiently("GET", url, headers, None)

    def post(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        """The answer to a form, as `get`."""
        return self._patiently("POST", url, headers, form)

    def _patiently(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
    ) -> Answer:
        """Ask again when the server says that it is busy, once it says that it will not be."""
        while True:
            answer = self._send(method, url, headers, form)
            wait = answer.headers.get("Retry-After", "")
            if answer.status not in _BUSY or not wait.isdecimal() or self._waits == _WAITS:
                return answer
            self._waits += 1
            time.sleep(min(int(wait[:9]), _LONGEST_WAIT))

    def _send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
    ) -> Answer:
        if self._silences == _SILENCES:
            raise Stopped(f"the server did not answer {_SILENCES} times in a row")
        if self.sent == MAX_REQUESTS:
            raise Stopped(f"{MAX_REQUESTS:,} requests have been sent, and more never are")
        self.sent += 1
        self._silences += 1
        try:
            with self._client.stream(method, url, headers=headers, data=form) as response:
                body = self._body(response, url)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            # ValueError: a URL or a header that the server gave and no client can send.
            raise NoAnswer(self._reason(error), url) from None
        self._silences = 0
        return Answer(url, response.status_code, response.headers, body)

    def _body(self, response: httpx.Response, url: str) -> bytes:
        end = time.monotonic() + _WHOLE_ANSWER * self._timeout
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > MAX_BODY:
                raise NoAnswer(f"the answer is larger than {MAX_BODY:,} bytes", url)
            if time.monotonic() > end:
                raise NoAnswer(f"the answer took over {_WHOLE_ANSWER * self._timeout:g} s", url)
        return bytes(body)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, httpx.TimeoutException):
            return f"no answer came within {self._timeout:g} s"
        if isinstance(error, httpx.HTTPError):
            return f"no answer came ({str(error) or type(error).__name__})"
        return "this URL cannot be asked for"
