"""What a platform vendor's acceptance suite does, in its order: as a client, over HTTP alone."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from rosterhub.access.scopes import READ, WRITE, full
from rosterhub.settings import Settings
from tests.conformance.answers import Reader
from tests.conformance.shapes import SHAPES
from tests.gradebook import Object, gradebook_board
from tests.gradebook_hub import GRADEBOOK, ROSTERING
from tests.oauth import add_client
from tests.rosters import enrollment, package, send
from tests.serving import serving

SYSTEM = {"sourcedId", "status", "dateLastModified", "metadata"}


class Suite(Reader):
    """The suite with its token: it reads as strictly as the strictest client."""

    def objects(self, base: str, path: str, name: str, **parameters: str) -> list[Object]:
        """A collection, whose objects have to be of the standard and link absolutely."""
        found = self.collection(base + path, name, **parameters)
        for one in found:
            self.check(name, one)
        return found

    def one(self, name: str, sourced_id: str) -> Object:
        """A single object, checked like those of a collection."""
        shape = SHAPES[name]
        found = self.whole(f"{shape.base}/{name}/{quote(sourced_id, safe='')}")
        assert list(found) == [shape.singular]
        self.check(name, found[shape.singular])
        return found[shape.singular]

    def check(self, name: str, one: Object) -> None:
        assert set(one) <= SYSTEM | set(SHAPES[name].parts), name
        for value in one.values():
            for found in value if isinstance(value, list) else [value]:
                if isinstance(found, dict) and "href" in found:
                    assert found["href"].startswith(str(self.client.base_url))

    def send(self, method: str, path: str, body: Object | None = None) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        return self.client.request(method, GRADEBOOK + path, content=content, headers=headers)


@pytest.fixture(scope="module")
def suite(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Suite]:
    roster = gradebook_board()
    roster["users"][2]["email"] = "kenichi.tanaka@mihon.example"
    second = {"sourcedId": "e-t1-2", "classSourcedId": "class2"}
    roster["enrollments"].append(enrollment("t1", "teacher") | second)
    with fresh() as config:
        assert send(config, package(roster))["state"] == "completed"
        client = add_client(config, *READ, *WRITE)
        with serving(config) as api:
            api.headers["Authorization"] = f"Bearer {token(api, *client)}"
            yield Suite(api)


def token(api: httpx.Client, client_id: str, secret: str) -> str:
    """A token by HTTP Basic, asked for with full scope URIs, as the standard says."""
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    scopes = " ".join(full(name) for name in sorted(READ | WRITE))
    answer = api.post(
        "/oauth/token",
        headers={"Authorization": f"Basic {basic}"},
        data={"grant_type": "client_credentials", "scope": scopes},
    )
    assert answer.status_code == 200, answer.text
    granted = answer.json()
    assert granted["token_type"].lower() == "bearer"
    assert granted["expires_in"] == 3600
    assert set(granted["scope"].split()) == set(scopes.split())
    return granted["access_token"]


def ids(objects: list[Object]) -> list[str]:
    return sorted(one["sourcedId"] for one in objects)


def test_the_suite_reads_the_roster(suite: Suite) -> None:
    mail = "filter", "email='kenichi.tanaka@mihon.example'"
    [teacher] = suite.objects(ROSTERING, "/teachers", "users", **dict([mail]))
    assert teacher["sourcedId"] == "t1"
    classes = f"/teachers/{teacher['sourcedId']}/classes"
    found = suite.objects(ROSTERING, classes, "classes", filter="status='active'")
    assert ids(found) == ["class", "class2"]
    [term] = suite.objects(ROSTERING, "/terms", "academicSessions")
    path = f"/terms/{term['sourcedId']}/gradingPeriods"
    assert ids(suite.objects(ROSTERING, path, "academicSessions")) == ["gp1"]
    for one in found:
        students = suite.objects(ROSTERING, f"/classes/{one['sourcedId']}/students", "users")
        assert ids(students) == (["p1", "p2"] if one["sourcedId"] == "class" else [])
    answer = suite.get(f"{ROSTERING}/users", limit="10000")
    assert answer.headers["X-Total-Count"] == "3"
    answer = suite.client.request("GET", f"{ROSTERING}/users", content=b'{"body": "on a GET"}')
    assert len(answer.json()["users"]) == 3


def test_the_suite_keeps_a_gradebook(suite: Suite) -> None:
    category, item, result = (str(uuid4()) for _ in range(3))
    assert suite.objects(GRADEBOOK, "/classes/class/categories", "categories") == []

    body: Object = {"sourcedId": category, "status": "active", "title": "宿題"}
    body["dateLastModified"] = "2026-04-01T00:00:00.000Z"
    assert suite.send("PUT", f"/categories/{category}", {"category": body}).status_code == 201
    assert suite.one("categories", category)["title"] == "宿題"

    body = {
        "sourcedId": item,
        "status": "active",
        "dateLastModified": "2026-04-01T00:00:00.000Z",
        "title": "漢字",
        "description": "1 から 10 まで",
        "assignDate": "2026-04-10T00:00:00.000Z",
        "dueDate": "2026-04-17T00:00:00.000Z",
        "class": _link("classes", "class", "class"),
        "school": _link("orgs", "school", "org"),
        "category": _link("categories", category, "category"),
        "gradingPeriod": _link("academicSessions", "gp1", "academicSession"),
        "resultValueMin": 0.0,
        "resultValueMax": 10.0,
    }
    assert suite.send("PUT", f"/lineItems/{item}", {"lineItem": body}).status_code == 201
    assert suite.one("lineItems", item)["title"] == "漢字"
    for title in ("漢字テスト", "題" * 10_000):
        answer = suite.send("PUT", f"/lineItems/{item}", {"lineItem": body | {"title": title}})
        assert answer.status_code == 200
        assert suite.one("lineItems", item)["title"] == title
    found = suite.objects(GRADEBOOK, "/classes/class/categories", "categories")
    assert ids(found) == [category]
    [found_item] = suite.objects(GRADEBOOK, "/classes/class/lineItems", "lineItems")
    assert found_item["category"]["sourcedId"] == category

    body = {
        "sourcedId": result,
        "status": "active",
        "dateLastModified": "2026-04-01T00:00:00.000Z",
        "lineItem": _link("lineItems", item, "lineItem"),
        "student": _link("users", "p1", "user"),
        "scoreStatus": "fully graded",
        "score": 9.5,
        "scoreDate": "2026-04-17",
        "comment": "よくできました",
    }
    assert suite.send("PUT", f"/results/{result}", {"result": body}).status_code == 201
    answer = suite.send("PUT", f"/results/{result}", {"result": body | {"score": 10}})
    assert answer.status_code == 200
    assert suite.one("results", result)["score"] == 10
    path = f"/classes/class/lineItems/{item}/results"
    assert ids(suite.objects(GRADEBOOK, path, "results")) == [result]
    path = "/classes/class/students/p1/results"
    assert ids(suite.objects(GRADEBOOK, path, "results", filter="score>='10'")) == [result]

    for _ in range(2):
        assert suite.send("DELETE", f"/results/{result}").status_code == 204
        assert suite.one("results", result)["status"] == "tobedeleted"
    assert suite.objects(GRADEBOOK, path, "results", filter="status='active'") == []
    assert suite.send("DELETE", f"/lineItems/{item}").status_code == 204
    assert suite.send("DELETE", f"/categories/{category}").status_code == 204


def _link(collection: str, sourced_id: str, kind: str) -> dict[str, Any]:
    """A reference as the suite writes it, whose link is its own affair."""
    href = f"https://lms.example/{collection}/{sourced_id}"
    return {"href": href, "sourcedId": sourced_id, "type": kind}
