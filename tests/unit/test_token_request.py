"""What a client sends to /oauth/token, read without a server."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.api.token_request import FORM, Refused, TokenRequest, basic, parse

GRANT = b"grant_type=client_credentials"


def header(text: str | bytes, scheme: str = "Basic") -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return f"{scheme} ".encode() + base64.b64encode(raw)


def refused(authorization: list[bytes], body: bytes, content_type: str = FORM) -> tuple[int, str]:
    with pytest.raises(Refused) as refusal:
        parse(authorization, content_type, body)
    return refusal.value.status, refusal.value.error


def outcome(read: Callable[..., Any], *sent: Any) -> Any:
    """What `read` makes of it, or how it refuses it; anything else fails the test."""
    try:
        return read(*sent)
    except Refused as refusal:
        return refusal


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
def test_id_and_secret_come_by_basic(scheme: str) -> None:
    assert parse([header("id:secret", scheme)], FORM, GRANT) == TokenRequest("id", "secret", ())


def test_a_secret_may_have_a_colon_and_an_id_an_encoded_one() -> None:
    assert basic(header("id:se:cret")) == ("id", "se:cret")
    assert basic(header("a%3Ab:%25+%2B")) == ("a:b", "% +")


@given(st.text(), st.text(), st.sampled_from([quote, quote_plus]))
def test_what_is_encoded_by_the_rfc_comes_out_as_it_was(client: str, secret: str, encode) -> None:
    sent = header(f"{encode(client, safe='')}:{encode(secret, safe='')}")
    assert basic(sent) == (client, secret)


@given(st.from_regex(r"rhc_[0-9a-f]{16}", fullmatch=True), st.binary(min_size=32, max_size=32))
def test_ids_and_secrets_of_ours_need_no_encoding(client: str, raw: bytes) -> None:
    secret = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert basic(header(f"{client}:{secret}")) == (client, secret)


@given(st.binary() | st.binary().map(header) | st.text().map(header))
def test_any_header_is_credentials_or_a_401(sent: bytes) -> None:
    answer = outcome(basic, sent)
    if isinstance(answer, Refused):
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    else:
        assert [type(part) for part in answer] == [str, str]


@given(st.lists(st.binary().map(header) | st.binary(), max_size=2), st.text(), st.binary())
def test_any_request_is_one_or_refused(sent: list[bytes], kind: str, body: bytes) -> None:
    for content_type in (kind, FORM):
        for content in (body, GRANT + b"&" + body):
            answer = outcome(parse, sent, content_type, content)
            if isinstance(answer, Refused):
                assert answer.status in (400, 401)
                assert all(32 <= ord(c) < 127 and c not in '"\\' for c in answer.description)
            else:
                assert isinstance(answer, TokenRequest)


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", b"Basic", b"Basic ", b"Basic !", b"Basic aWQ", b"Bearer x", b"Digest username=x"),
        *(header("id"), header(b"\xff:x"), header("%ff:x")),
    ],
)
def test_what_is_no_basic_header_is_no_client(sent: bytes) -> None:
    assert refused([sent], GRANT) == (401, "invalid_client")


def test_credentials_come_in_the_form_too() -> None:
    body = GRANT + b"&client_id=id&client_secret=a%2Bb+c"
    assert parse([], "Application/X-WWW-Form-Urlencoded; charset=UTF-8", body) == TokenRequest(
        "id", "a+b c", ()
    )


def test_credentials_come_once() -> None:
    both = GRANT + b"&client_secret=x"
    assert refused([header("id:x")], both) == (400, "invalid_request")
    assert refused([header("id:x")] * 2, GRANT) == (400, "invalid_request")
    assert refused([header("id:x")], GRANT + b"&client_id=other") == (400, "invalid_request")
    assert parse([header("id:x")], FORM, GRANT + b"&client_id=id").client_id == "id"
    for part in (b"", b"&client_id=id", b"&client_secret=x", b"&client_id=id&client_secret="):
        assert refused([], GRANT + part) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "invalid_request"),
        (b"grant_type=", "invalid_request"),
        (b"scope=x", "invalid_request"),
        (b"grant_type=password", "unsupported_grant_type"),
        (b"grant_type=Client_Credentials", "unsupported_grant_type"),
        (GRANT + b"&" + GRANT, "invalid_request"),
        (GRANT + b"&scope=a&scope=b", "invalid_request"),
        (GRANT + b"&scope=%ff", "invalid_request"),
        (GRANT + "&scope=全部".encode(), "invalid_request"),
        (GRANT + b"&a=1" * 2_000, "invalid_request"),
        (b'{"grant_type": "client_credentials"}', "invalid_request"),
    ],
)
def test_what_is_no_such_form_is_refused(body: bytes, error: str) -> None:
    assert refused([header("id:x")], body) == (400, error)


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data; boundary=x"])
def test_only_a_form_is_taken(kind: str) -> None:
    assert refused([header("id:x")], GRANT, kind) == (400, "invalid_request")


def test_unknown_parameters_and_those_without_a_value_count_as_left_out() -> None:
    body = GRANT + b"&scope=&resource=x&client_id="
    assert parse([header("id:x")], FORM, body) == TokenRequest("id", "x", ())


def test_scopes_are_parted_by_spaces_and_asked_once() -> None:
    assert parse([header("id:x")], FORM, GRANT + b"&scope=b+a++b%20c").scopes == ("b", "a", "c")


def test_a_request_that_is_printed_shows_no_secret() -> None:
    assert "hidden" not in repr(parse([header("id:hidden")], FORM, GRANT))
