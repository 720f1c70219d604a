"""How a check gets in: with an API key, or as an OAuth client by client credentials.

Secrets are held for as long as the check runs and are part of no text that it makes.
"""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from rosterhub.access.scopes import IN_1_1, URI, URI_1_1
from rosterhub.model.objects import Version
from rosterhub.model.operations import Operation
from rosterhub.ops.conformance.wire import Answer, Wire

GRANT = {"grant_type": "client_credentials"}
_RENEW = 60
"""Seconds before its end at which a token is renewed."""


class Refused(Exception):  # noqa: N818
    """The server lets these credentials in nowhere; the text says how it put it."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, sent as `X-API-Key`."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client; with `scopes` it asks for these, else for all that what is read needs."""

    client_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


def scopes(operations: Sequence[Operation], version: Version) -> tuple[str, ...]:
    """The scopes that let a client in to all that `operations` read, as URIs."""
    names = {name for o in operations if o.method == "GET" for name in o.scopes}
    if version == "1.1":
        return tuple(URI_1_1 + name for name in sorted(names & IN_1_1))
    return tuple(URI + name for name in sorted(names))


@dataclass(frozen=True)
class KeyPass:
    """The headers that carry a key."""

    key: Key

    def headers(self) -> Mapping[str, str]:
        """The headers of a request that has to be let in."""
        return {"X-API-Key": self.key.key}


class TokenPass:
    """The headers that carry a client's token from `url`, for the scopes `wanted`, renewed in time.

    `first` is the answer that brought the first token, `basic` the refusal of HTTP Basic where the
    server took the secret in the form alone.
    """

    def __init__(self, wire: Wire, url: str, client: Client, wanted: Sequence[str]) -> None:
        self.url = url
        self.client = client
        self.basic_refusal: Answer | None = None
        self._wire = wire
        self._basic = True
        self._scope = " ".join(client.scopes or wanted)
        self._token = ""
        self._end = 0.0
        self.first = self._asked()

    def headers(self) -> Mapping[str, str]:
        """The headers of a request that has to be let in."""
        if time.monotonic() > self._end:
            self._asked()
        return {"Authorization": f"Bearer {self._token}"}

    def ask(self, form: Mapping[str, str], secret: str | None = None) -> Answer:
        """The answer of the token endpoint to `form`, from this client or one with `secret`."""
        known = self.client.secret if secret is None else secret
        if self._basic:
            return self._wire.post(self.url, basic(self.client.client_id, known), form)
        named = {"client_id": self.client.client_id, "client_secret": known}
        return self._wire.post(self.url, {}, {**form, **named})

    def _asked(self) -> Answer:
        """Get a token; by Basic, or where that is refused by form; without scope if that helps."""
        answer = self._once()
        if answer.status in (400, 401) and _error(answer) != "invalid_scope" and self._basic:
            self._basic = False
            again = self._once()
            if again.status == 200:
                self.basic_refusal, answer = answer, again
            else:
                self._basic = True
        if _error(answer) == "invalid_scope" and self._scope and not self.client.scopes:
            # A client that lacks some of them is still let in to the rest.
            self._scope = ""
            answer = self._once()
        self._take(answer)
        return answer

    def _once(self) -> Answer:
        return self.ask({**GRANT, "scope": self._scope} if self._scope else GRANT)

    def _take(self, answer: Answer) -> None:
        body = document(answer)
        token = body.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not _is_token(token):
            code = _error(answer)
            said = f" {code}" if code else ""
            raise Refused(f"the token endpoint {self.url} answered {answer.status}{said}")
        self._token = token
        lasts = body.get("expires_in")
        seconds = lasts if isinstance(lasts, int) and 0 < lasts < 10**9 else 3_600
        self._end = time.monotonic() + max(seconds - _RENEW, seconds / 2)


Pass = KeyPass | TokenPass


def basic(client_id: str, secret: str) -> Mapping[str, str]:
    """The header of HTTP Basic, both parts percent-encoded (RFC 6749, 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def document(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; an empty one if it is none."""
    try:
        found: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


_ERRORS = (
    *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
    *("unsupported_grant_type", "invalid_scope", "temporarily_unavailable"),
)


def _error(answer: Answer) -> str:
    """The code of RFC 6749 (5.2) in an answer, empty if there is none."""
    code = document(answer).get("error")
    return code if isinstance(code, str) and code in _ERRORS else ""


def _is_token(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
