"""Answers read by the letter: JSON, links, errors; whatever a server sends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.api.errors import body
from rosterhub.ops.conformance.answers import (
    Malformed,
    error_problem,
    is_json,
    links,
    minor,
    parsed,
    wrapped,
)
from rosterhub.ops.conformance.wire import Answer

URL = "https://a.example/ims/oneroster/v1p1/users?limit=2"
V1P1 = "/ims/oneroster/v1p1/users"
JSON = {"Content-Type": "application/json"}


def answer(text: Any = b"{}", **headers: str) -> Answer:
    made = text if isinstance(text, bytes) else json.dumps(text).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(URL, 400, JSON | named, made)


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON;charset=UTF-8", True),
        ("application/json; charset=shift_jis", False),
        ("application/vnd.api+json", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_a_content_type(kind: str, is_one: bool) -> None:
    assert is_json(Answer(URL, 200, {"Content-Type": kind}, b"")) is is_one
    assert not is_json(Answer(URL, 200, {}, b""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"{\xff}", "byte 2 is not UTF-8"),
        (b'{"a": 1, "a": 2}', "a twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "too long"),
        (b"[" * 100_000, "too deep"),
    ],
)
def test_what_is_no_json(text: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parsed(answer(text))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "an empty array"),
        ({}, "nothing"),
        ({"user": []}, "user"),
        ({"users": [], "more": 1}, "users, more"),
        ({"users": {}}, "users is an empty object"),
        ({"users": None}, "users is null"),
    ],
)
def test_what_is_no_collection(body: Any, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        wrapped(answer(body), "users", list)


def test_links_are_read_however_they_are_written() -> None:
    found = links(
        answer(
            Link='<https://a.example/u?limit=2&offset=2>; rel="next", </u?a=b,c>;rel=prev ,'
            '<?offset=0>; title="x, y"; rel="first start", <u>; title="none", junk'
        )
    )
    assert set(found) == {"next", "prev", "first", "start"}
    assert found["next"].parameters == {"limit": "2", "offset": "2"}
    assert found["next"].absolute
    assert found["prev"].url == "https://a.example/u?a=b,c"
    assert not found["prev"].absolute
    assert found["first"].url == "https://a.example/ims/oneroster/v1p1/users?offset=0"


@given(st.text(), st.binary())
def test_whatever_comes_is_read(header: str, text: bytes) -> None:
    came = Answer(URL, 400, {"Link": header, "Content-Type": header}, text)
    links(came)
    is_json(came)
    minor(came)
    error_problem(came, "1.2")
    error_problem(came, "1.1")


@pytest.mark.parametrize(("version", "path"), [("1.2", "/ims/oneroster/x"), ("1.1", V1P1)])
def test_our_own_errors_have_the_form(version: Any, path: str) -> None:
    came = answer(body(path, "unknownobject", "there is nothing"))
    assert error_problem(came, version) is None
    assert minor(came) == "unknownobject"
    assert error_problem(came, "1.1" if version == "1.2" else "1.2")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.data(), _json, st.sampled_from(["1.2", "1.1"]))
def test_an_error_with_anything_in_it_is_judged(
    data: st.DataObject, value: Any, version: Any
) -> None:
    made = body(V1P1 if version == "1.1" else "/x", "invaliddata", "text")
    info = made["statusInfoSet"][0] if version == "1.1" else made
    name = data.draw(st.sampled_from(list(info)))
    info[name] = value
    came = answer(made)
    minor(came)
    told = error_problem(came, version)
    if name != "imsx_description":
        assert told
