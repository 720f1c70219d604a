"""What a client asks of `/oauth/token`: its form and its credentials, read by RFC 6749.

Knows neither clients nor scopes, and never lets anything out but its own refusals.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

FORM = "application/x-www-form-urlencoded"

_MOST_FIELDS = 50
_BASIC = re.compile(rb"basic +(.*)", re.IGNORECASE | re.DOTALL)
_NOT_SAYABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
"""What RFC 6749 (5.2) forbids in an error_description."""

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="rosterhub", charset="UTF-8"'}


class Refused(Exception):  # noqa: N818
    """No token: `error` is a code of RFC 6749 (5.2), `description` says what to do."""

    def __init__(
        self,
        error: str,
        description: str,
        status: int = 400,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.error = error
        self.description = _NOT_SAYABLE.sub("?", description)
        self.status = status
        self.headers = headers or {}
        super().__init__(self.description)


def invalid_client(description: str) -> Refused:
    """The refusal of who is no client."""
    return Refused("invalid_client", description, 401, _CHALLENGE)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The client credentials grant; `scopes` as they were asked for, all of the client's if none.

    Client id and secret are what was sent, whatever that is.
    """

    client_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]


def parse(authorization: Sequence[bytes], content_type: str, body: bytes) -> TokenRequest:
    """The request with these `Authorization` headers and this body.

    Raises:
        Refused: it is no request for a token.
    """
    form = _form(content_type, body)
    grant = form.get("grant_type")
    if grant is None:
        raise Refused("invalid_request", "grant_type is missing; send client_credentials.")
    if grant != "client_credentials":
        raise Refused("unsupported_grant_type", "The only grant_type here is client_credentials.")
    client_id, secret = _credentials(authorization, form)
    scopes = tuple(dict.fromkeys(form.get("scope", "").split()))
    return TokenRequest(client_id, secret, scopes)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise Refused("invalid_request", f"Send the parameters in the body, as {FORM}.")
    try:
        pairs = parse_qsl(body.decode("ascii"), True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refused("invalid_request", f"The body is not {FORM} in UTF-8.") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise Refused("invalid_request", f"{name[:40]} is there more than once.")
        form[name] = value
    # A parameter without a value counts as left out (RFC 6749, 3.2).
    return {name: value for name, value in form.items() if value}


def _credentials(authorization: Sequence[bytes], form: dict[str, str]) -> tuple[str, str]:
    if not authorization:
        try:
            return form["client_id"], form["client_secret"]
        except KeyError:
            raise invalid_client(
                "Send the client id and secret by HTTP Basic, or as client_id and client_secret."
            ) from None
    if len(authorization) > 1 or "client_secret" in form:
        raise Refused("invalid_request", "Send the credentials once: by HTTP Basic or in the form.")
    client_id, secret = basic(authorization[0])
    if form.get("client_id", client_id) != client_id:
        raise Refused("invalid_request", "client_id is another than that of HTTP Basic.")
    return client_id, secret


def basic(header: bytes) -> tuple[str, str]:
    """Client id and secret of an `Authorization` header, each percent-decoded (RFC 6749, 2.3.1).

    Clients that do not encode them are understood too: neither id nor secret of ours has a
    character that encoding would change.

    Raises:
        Refused: there are none in it.
    """
    match = _BASIC.fullmatch(header.strip())
    if match is None:
        raise invalid_client("The Authorization header has to be HTTP Basic.")
    try:
        text = base64.b64decode(match[1], validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        if colon:
            return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        pass
    raise invalid_client("HTTP Basic has to carry the base64 of client_id:client_secret.")
