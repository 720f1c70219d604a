"""The token endpoint: OAuth 2 client credentials (RFC 6749, 4.4 and 5), as OneRoster 1.2 has it."""

import secrets
from collections.abc import Iterator
from typing import Any

from rosterhub.ops.conformance.answers import form, header, is_json
from rosterhub.ops.conformance.credentials import GRANT, TokenPass, document
from rosterhub.ops.conformance.findings import Check, Finding, Skip, Subject
from rosterhub.ops.conformance.walk import Walk
from rosterhub.ops.conformance.wire import Answer


def _entry(walk: Walk) -> TokenPass:
    if not isinstance(walk.entry, TokenPass):
        raise Skip("an API key needs no token")
    return walk.entry


def _answer(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = _entry(walk).first
    if not is_json(answer):
        yield Finding(f"the Content-Type is {header(answer, 'Content-Type')}", answer.url)
    body = document(answer)
    if str(body.get("token_type")).lower() != "bearer":
        yield Finding(_is(body, "token_type"), answer.url, property="token_type")
    lasts = body.get("expires_in")
    if not isinstance(lasts, int) or isinstance(lasts, bool) or lasts <= 0:
        yield Finding(_is(body, "expires_in"), answer.url, property="expires_in")
    if "scope" in body and not isinstance(body["scope"], str):
        yield Finding(_is(body, "scope"), answer.url, property="scope")


def _is(body: dict[str, Any], name: str) -> str:
    return f"{name} is {form(body[name])}" if name in body else f"{name} is missing"


def _cache(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = _entry(walk).first
    if "no-store" not in answer.headers.get("Cache-Control", "").lower():
        yield Finding(f"Cache-Control is {header(answer, 'Cache-Control')}", answer.url)


def _basic(walk: Walk, subject: Subject) -> Iterator[Finding]:
    refusal = _entry(walk).basic_refusal
    if refusal:
        came = f"Basic brought {refusal.status}; the same secret in the form brought a token"
        yield Finding(came, refusal.url)


def _wrong_secret(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = _entry(walk).ask(GRANT, secrets.token_urlsafe(24))
    yield from _refused(answer, 401, "invalid_client")


def _wrong_grant(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = _entry(walk).ask({"grant_type": "urn:rosterhub:check"})
    yield from _refused(answer, 400, "unsupported_grant_type")


def _wrong_scope(walk: Walk, subject: Subject) -> Iterator[Finding]:
    answer = _entry(walk).ask({**GRANT, "scope": "urn:rosterhub:check"})
    yield from _refused(answer, 400, "invalid_scope")


def _refused(answer: Answer, status: int, error: str) -> Iterator[Finding]:
    """What is wrong with a refusal by RFC 6749 (5.2)."""
    if answer.status != status:
        yield Finding(f"the status is {answer.status}", answer.url)
    if not is_json(answer):
        yield Finding(f"the Content-Type is {header(answer, 'Content-Type')}", answer.url)
    elif (code := document(answer).get("error")) != error:
        yield Finding(f"error is {form(code)}, not {error}", answer.url, value=code)


CHECKS = (
    Check(
        "token.answer",
        "token",
        "The token endpoint answers with JSON: access_token, token_type Bearer, expires_in.",
        _answer,
    ),
    Check(
        "token.cache",
        "token",
        "The answer that holds a token says Cache-Control: no-store.",
        _cache,
        "warning",
    ),
    Check("token.basic", "token", "The client's id and secret are taken by HTTP Basic.", _basic),
    Check(
        "token.wrong-secret",
        "token",
        "A wrong secret brings 401 with the error invalid_client.",
        _wrong_secret,
    ),
    Check(
        "token.wrong-grant",
        "token",
        "An unknown grant_type brings 400 with the error unsupported_grant_type.",
        _wrong_grant,
    ),
    Check(
        "token.wrong-scope",
        "token",
        "An unknown scope brings 400 with the error invalid_scope.",
        _wrong_scope,
    ),
)
