"""`POST /oauth/token`: access tokens for OAuth clients (docs/oauth.md, spec/rest.md).

Client credentials only (RFC 6749, 4.4), and errors as its section 5.2 has them.
"""

import json
from typing import Any

import psycopg
import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosterhub.access import scopes, tokens
from rosterhub.access.client_secrets import TooManyFailures, TooMuch
from rosterhub.access.clients import Client
from rosterhub.api.errors import Parting
from rosterhub.api.hub import hub
from rosterhub.api.token_request import FORM, Refused, TokenRequest, invalid_client, parse

PATH = "/oauth/token"

LARGEST = 16 * 1024
"""Bytes of the largest body we read."""

_UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_UNKNOWN = "The client is not known here or disabled, or the secret is wrong."
_AWAY = "The server cannot reach its database just now. Try again in a few seconds."

_log = structlog.get_logger("rosterhub.api")

_TEXT: dict[str, Any] = {"type": "string"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "scope": {"type": "string", "description": "Separated by spaces; all if left out."},
        "client_id": {"type": "string", "description": "Unless sent by HTTP Basic."},
        "client_secret": {"type": "string", "description": "Unless sent by HTTP Basic."},
    },
}
SCHEMAS: dict[str, Any] = {
    "Token": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": _TEXT,
            "token_type": {"type": "string", "enum": ["Bearer"]},
            "expires_in": {"type": "integer", "description": "Seconds."},
            "scope": {"type": "string", "description": "What was granted."},
        },
    },
    "TokenError": {
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {"error": _TEXT, "error_description": _TEXT},
    },
}
"""What it answers (RFC 6749, 5.1 and 5.2)."""


def _described(schema: str, text: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}


_RESPONSES = {
    "200": _described("Token", "A Bearer token."),
    "400": _described("TokenError", "What is asked for is wrong, or more than the client may."),
    "401": _described("TokenError", "No such client, it is disabled, or its secret is wrong."),
    "413": _described("TokenError", "The body is too large."),
    "429": _described("TokenError", "Too many wrong secrets; try again after `Retry-After`."),
    "503": _described("TokenError", "Busy; try again after `Retry-After`."),
}

router = APIRouter(tags=["oauth"])


@router.post(
    PATH,
    summary="An access token for an OAuth client",
    openapi_extra={
        "security": [{"Client": []}, {}],
        "requestBody": {"required": True, "content": {FORM: {"schema": _FORM}}},
        "responses": _RESPONSES,
    },
)
async def token(request: Request) -> Response:
    """Take client id and secret by HTTP Basic (or in the form); answer with a Bearer token."""
    try:
        return _answer(200, await _granted(request))
    except Refused as error:
        document = {"error": error.error, "error_description": error.description}
        if error.status == 413:
            return Parting(json.dumps(document), 413, _UNCACHED, "application/json")
        return _answer(error.status, document, error.headers)


async def _granted(request: Request) -> dict[str, Any]:
    sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
    asked = parse(sent, request.headers.get("content-type", ""), await _body(request))
    try:
        client = await _client(request, asked)
        names, text = _scopes(client, asked.scopes)
        issued = await hub(request).tokens.issue(client, names)
    except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
        _log.warning("database away", error=type(error).__name__, sqlstate=error.sqlstate)
        raise _later(_AWAY, 503, 5) from None
    return {
        "access_token": issued,
        "token_type": "Bearer",
        "expires_in": tokens.LIFETIME_SECONDS,
        "scope": text,
    }


async def _client(request: Request, asked: TokenRequest) -> Client:
    address = request.client.host if request.client else ""
    try:
        client = await hub(request).clients.client(asked.client_id, asked.secret, address)
    except TooMuch as error:
        status = 429 if isinstance(error, TooManyFailures) else 503
        raise _later(str(error), status, error.seconds) from None
    if client is None:
        raise invalid_client(_UNKNOWN)
    request.scope["audit"].api_key = client.client_id
    return client


def _scopes(client: Client, asked: tuple[str, ...]) -> tuple[frozenset[str], str]:
    """The short names of what is granted, and all of it as the client calls it."""
    if not client.scopes:
        raise Refused("unauthorized_client", "This client has no scope, so it may do nothing.")
    if not asked:
        return client.scopes, " ".join(map(scopes.full, sorted(client.scopes)))
    names = {text: scopes.short(text) for text in asked}
    lacking = [text for text, name in names.items() if name not in client.scopes]
    if lacking:
        raise Refused("invalid_scope", f"This client lacks: {' '.join(lacking)[:1_000]}")
    return client.scopes.intersection(names.values()), " ".join(asked)


async def _body(request: Request) -> bytes:
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > LARGEST:
            raise Refused("invalid_request", f"The body exceeds {LARGEST} bytes.", 413)
    return bytes(parts)


def _later(why: str, status: int, seconds: int) -> Refused:
    headers = {"Retry-After": str(seconds)}
    return Refused("temporarily_unavailable", why, status, headers)


def _answer(
    status: int, document: dict[str, Any], headers: dict[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(document, status, {**_UNCACHED, **(headers or {})})
