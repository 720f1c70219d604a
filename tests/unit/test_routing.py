"""How plain routes are found."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from rosterhub.api.routing import PlainRoutes


async def handler(request: Request) -> Response:
    return Response()


ROUTES = PlainRoutes(
    [
        Route("/users", handler),
        Route("/users/{sourcedId}", handler, methods=["GET"]),
        Route("/users/{sourcedId}", handler, methods=["PUT"]),
        Route("/users/{userSourcedId}/classes", handler),
        Route("/users/all/{kind}", handler),
        Route("/classes/{a}/students/{b}/results", handler),
    ]
)


def found(path: str, method: str = "GET") -> tuple[Match, str | None, Any]:
    scope = {"type": "http", "method": method, "path": "?", "raw_path": path.encode()}
    match, child = ROUTES.matches(scope)
    route = child.get("route")
    return match, route and route.path, child.get("path_params")


def test_a_path_finds_its_route_and_parameters() -> None:
    assert found("/users") == (Match.FULL, "/users", {})
    assert found("/users/u1") == (Match.FULL, "/users/{sourcedId}", {"sourcedId": "u1"})
    assert found("/classes/1/students/2/results")[2] == {"a": "1", "b": "2"}


def test_what_is_read_may_end_with_one_slash() -> None:
    for path in ("/users/u1", "/users/u1/classes", "/users/all/x"):
        methods = ("GET", "HEAD")
        assert [found(f"{path}/", m) for m in methods] == [found(path, m) for m in methods]
    scope = {"type": "http", "method": "GET", "path": "?", "raw_path": b"/users/u1/"}
    assert ROUTES.matches(scope)[1]["raw_path"] == b"/users/u1"
    assert found("/users/u1/", "PUT")[0] is Match.PARTIAL
    assert found("/users/u1//")[0] is Match.NONE
    assert found("/users/%2F/")[2] == {"sourcedId": "/"}


def test_a_literal_goes_before_a_parameter_but_does_not_hide_it() -> None:
    assert found("/users/all/x") == (Match.FULL, "/users/all/{kind}", {"kind": "x"})
    assert found("/users/all/classes")[1] == "/users/all/{kind}"
    assert found("/users/all") == (Match.FULL, "/users/{sourcedId}", {"sourcedId": "all"})


@pytest.mark.parametrize(
    "path", ["/", "//", "", "/user", "/users//", "/users//classes", "/users/a/b/c/d"]
)
def test_another_path_finds_nothing(path: str) -> None:
    assert found(path)[0] is Match.NONE


def test_the_method_chooses_among_routes_of_one_path() -> None:
    assert found("/users/u1", "PUT")[0] is Match.FULL
    assert found("/users/u1", "HEAD")[0] is Match.FULL
    assert found("/users/u1", "DELETE")[0] is Match.PARTIAL


def test_braces_in_a_path_are_an_id_like_any_other() -> None:
    assert found("/users/{}")[2] == {"sourcedId": "{}"}
    assert found("/users/{sourcedId}")[2] == {"sourcedId": "{sourcedId}"}


@given(st.text(min_size=1))
def test_any_id_is_one_segment(value: str) -> None:
    path = f"/users/{quote(value, safe='')}"
    assert found(path) == (Match.FULL, "/users/{sourcedId}", {"sourcedId": value})


def test_a_path_parameter_of_several_segments_is_refused() -> None:
    with pytest.raises(ValueError, match="plain route"):
        PlainRoutes([Route("/files/{name:path}", handler)])
