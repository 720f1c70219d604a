"""Where `rosterhub check` finds services, from the one URL that it is given."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rosterhub.model.operations import OPERATIONS, OPERATIONS_11
from rosterhub.ops.conformance.target import BadUrl, Target, checked, targets, token_url
from rosterhub.ops.conformance.wire import Wire
from tests.unit.test_check_wire import plain, server

ROOT = "https://a.example"
ALL = ("rostering", "gradebook", "resources")


@contextmanager
def wire() -> Iterator[Wire]:
    made = Wire(5)
    yield made
    made.close()


def meant(url: str, *services: str, version: Any = None, insecure: bool = False) -> list[Target]:
    with wire() as made:
        return targets(url, services, version, made, insecure=insecure)


@pytest.mark.parametrize("url", [ROOT, f"{ROOT}/", f"{ROOT}?x=1#y", f" {ROOT} "])
def test_a_root_may_be_of_either_version(url: str) -> None:
    new, old = meant(url)
    assert (new.version, old.version) == ("1.2", "1.1")
    assert new.bases == {name: f"{ROOT}/ims/oneroster/{name}/v1p2" for name in ALL}
    assert old.bases == dict.fromkeys(ALL, f"{ROOT}/ims/oneroster/v1p1")
    assert new.root == old.root == ROOT


def test_what_is_said_of_version_and_services_holds() -> None:
    [only] = meant(ROOT, "resources", version="1.1")
    assert only.bases == {"resources": f"{ROOT}/ims/oneroster/v1p1"}
    [both] = meant(f"{ROOT}/x/ims/oneroster/gradebook/v1p2", "resources", "gradebook")
    assert list(both.bases) == ["gradebook", "resources"]
    assert both.bases["resources"] == f"{ROOT}/x/ims/oneroster/resources/v1p2"
    assert both.root == f"{ROOT}/x"


def test_a_base_is_of_its_service_alone() -> None:
    [found] = meant(f"{ROOT}/oneroster/gradebook/v1p2/")
    assert found.bases == {"gradebook": f"{ROOT}/oneroster/gradebook/v1p2"}
    [short] = meant(f"{ROOT}/api/v1.2")
    assert short.bases == {"rostering": f"{ROOT}/api/v1.2"}
    assert short.root == ROOT
    [old] = meant(f"{ROOT}/y/v1p1")
    assert set(old.bases.values()) == {f"{ROOT}/y/v1p1"}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no URL"),
        ("a.example", "https://"),
        ("ftp://a.example", "https://"),
        ("https://", "https://"),
        ("https://a:b:c", "no URL"),
        ("https://user:pass@a.example", "out of the URL"),
        ("ftp://user:pass@a.example", "out of the URL"),
        ("http://a.example", "--insecure-http"),
        ("http://127.0.0.1.a.example", "--insecure-http"),
    ],
)
def test_a_url_that_will_not_do_is_refused_without_its_secrets(url: str, says: str) -> None:
    with pytest.raises(BadUrl, match=says) as refused:
        meant(url)
    assert "pass" not in str(refused.value)


def test_plain_http_is_for_this_machine_or_for_who_says_so() -> None:
    for url in ("http://127.0.0.1:3000", "http://localhost", "http://[::1]:3000"):
        assert meant(url)
    assert meant("http://a.example", insecure=True)
    with pytest.raises(BadUrl):
        checked("http://tokens.example/token", insecure=False)


def test_a_base_of_another_version_is_told() -> None:
    with pytest.raises(BadUrl, match=r"of OneRoster 1\.1, not 1\.2"):
        meant(f"{ROOT}/ims/oneroster/v1p1", version="1.2")


def test_urls_of_operations() -> None:
    new, old = meant(ROOT)
    by_id = {o.id: o for o in OPERATIONS}
    nested = by_id["getStudentsForClassInSchool"]
    assert new.url(nested, "a/b", "ü c@d") == (
        f"{ROOT}/ims/oneroster/rostering/v1p2/schools/a%2Fb/classes/%C3%BC%20c@d/students"
    )
    lists = next(o for o in OPERATIONS_11 if o.id == "getAllLineItems")
    assert old.url(lists) == f"{ROOT}/ims/oneroster/v1p1/lineItems"
    assert all(o.method == "GET" for o in (*new.operations, *old.operations))


def test_links_stay_on_the_server_that_was_asked() -> None:
    [here, _] = meant(ROOT)
    assert here.here("http://evil.example:8/a%2Fb?x=1&y='z'") == f"{ROOT}/a%2Fb?x=1&y='z'"
    assert here.here("/rel?x=1") == f"{ROOT}/rel?x=1"


def _document(**more: Any) -> dict[str, Any]:
    operation = {"operationId": "getAllLineItems"}
    return {"paths": {"/lineItems": {"get": operation, "summary": "x"}}} | more


_FLOWS = {"clientCredentials": {"tokenUrl": "/tokens?tenant=1"}}
_TOKENS = {"components": {"securitySchemes": {"x": {}, "OAuth2": {"flows": _FLOWS}}}}


def test_a_discovery_document_is_read() -> None:
    text = json.dumps(_document(servers=[{"url": "../gradebook/v1p2"}], **_TOKENS)).encode()
    with server(lambda r: _send(r, text)) as root, wire() as made:
        [found] = targets(f"{root}/ims/oneroster/x/doc.json", (), None, made, insecure=False)
        assert found.bases == {"gradebook": f"{root}/ims/oneroster/gradebook/v1p2"}
        assert token_url(found, made, insecure=False) == f"{root}/tokens?tenant=1"


def test_a_document_of_a_base_like_no_other_is_read() -> None:
    text = json.dumps(_document(servers=[{"url": "https://b.example/grades/"}])).encode()
    with server(lambda r: _send(r, text)) as root, wire() as made:
        [found] = targets(f"{root}/doc.json", (), None, made, insecure=False)
        assert (found.version, found.bases) == ("1.2", {"gradebook": "https://b.example/grades"})
        with pytest.raises(BadUrl, match="rostering"):
            targets(f"{root}/doc.json", ("rostering",), None, made, insecure=False)


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        {},
        {"servers": []},
        {"servers": [{"url": ROOT}], "paths": {"/x": {"get": {"operationId": "getX"}}}},
        {"servers": ROOT, "paths": {"/x": {"get": {"operationId": "getAllResults"}}}},
        {"servers": [{"url": 7}], "paths": {"/x": {"get": {"operationId": "getAllResults"}}}},
        _document(servers=[{"url": "http://b.example/grades"}]),
        _document(servers=[{"url": "https://b.example"}], components={"securitySchemes": []}),
    ],
)
def test_what_is_no_discovery_document_is_refused(document: Any) -> None:
    text = json.dumps(document).encode()
    with server(lambda r: _send(r, text)) as root, wire() as made:
        fine = "components" in (document or ())
        try:
            targets(f"{root}/doc.json", (), None, made, insecure=False)
        except BadUrl:
            assert not fine
        else:
            assert fine


def test_without_a_document_tokens_are_where_we_have_them() -> None:
    with server(lambda r: plain(r, 404)) as root, wire() as made:
        new, old = targets(root, (), None, made, insecure=False)
        assert token_url(new, made, insecure=False) == f"{root}/oauth/token"
        assert made.sent == 2
        assert token_url(old, made, insecure=False) == f"{root}/oauth/token"
        assert made.sent == 2


def _send(request: Any, text: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(text)))
    request.end_headers()
    request.wfile.write(text)
