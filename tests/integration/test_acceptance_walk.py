"""What a platform vendor's acceptance suite does, in its order: as a client, over HTTP alone, and
with bodies that say no more than its own do.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from rosterhub.access.scopes import URI, URI_1_1
from rosterhub.settings import Settings
from tests.conformance.answers import LIMIT, Reader
from tests.conformance.shapes import SHAPES
from tests.gradebook import Object, gradebook_board
from tests.gradebook_hub import GRADEBOOK, ROSTERING, V1P1
from tests.oauth import add_client
from tests.rosters import enrollment, package, send
from tests.serving import serving

SYSTEM = {"sourcedId", "status", "dateLastModified", "metadata"}
SCOPES = ("roster.readonly", "gradebook.readonly", "gradebook.createput", "gradebook.delete")
TEACHER = "kenichi.tanaka@mihon.example"
FORM = "grant_type=client_credentials"
"""What the suite leaves in the body of a GET."""


@dataclass(frozen=True, slots=True)
class Suite(Reader):
    """The suite with its token, over one version: it reads as strictly as the strictest client."""

    version: str

    @property
    def gradebook(self) -> str:
        return GRADEBOOK if self.version == "1.2" else V1P1

    @property
    def rostering(self) -> str:
        return ROSTERING if self.version == "1.2" else V1P1

    def objects(self, path: str, name: str, **parameters: str) -> list[Object]:
        """A collection, whose objects have to be of the standard and link absolutely."""
        found = self.collection(path, name, **parameters)
        for one in found:
            self.check(name, one)
        return found

    def one(self, name: str, sourced_id: str) -> Object:
        """A single object, checked like those of a collection."""
        found = self.whole(f"{self.gradebook}/{name}/{quote(sourced_id, safe='')}")
        assert list(found) == [SHAPES[name].singular]
        self.check(name, found[SHAPES[name].singular])
        return found[SHAPES[name].singular]

    def check(self, name: str, one: Object) -> None:
        assert self.version != "1.2" or set(one) <= SYSTEM | set(SHAPES[name].parts), name
        for value in one.values():
            for found in value if isinstance(value, list) else [value]:
                if isinstance(found, dict) and "href" in found:
                    assert found["href"].startswith(str(self.client.base_url))

    def put(self, name: str, body: Object) -> int:
        """The status that putting an object brings."""
        content = json.dumps({SHAPES[name].singular: body})
        headers = {"Content-Type": "application/json"}
        path = f"{self.gradebook}/{name}/{body['sourcedId']}"
        return self.client.put(path, content=content, headers=headers).status_code

    def delete(self, name: str, sourced_id: str) -> int:
        """The status that deleting an object brings."""
        return self.client.delete(f"{self.gradebook}/{name}/{sourced_id}").status_code


@pytest.fixture(scope="module", params=["1.2", "1.1"])
def suite(
    request: pytest.FixtureRequest, fresh: Callable[[], AbstractContextManager[Settings]]
) -> Iterator[Suite]:
    """On a board that has what the suite looks for."""
    roster = gradebook_board()
    for user in roster["users"]:
        user["email"] = f"{user['sourcedId']}@mihon.example"
    roster["users"][2]["email"] = TEACHER
    second = {"sourcedId": "e-t1-2", "classSourcedId": "class2"}
    roster["enrollments"].append(enrollment("t1", "teacher") | second)
    roster["categories"] = [{"sourcedId": "homework", "title": "宿題"}]
    with fresh() as config:
        assert send(config, package(roster))["state"] == "completed"
        client = add_client(config, *SCOPES)
        with serving(config) as api:
            api.headers["Authorization"] = f"Bearer {token(api, request.param, *client)}"
            yield Suite(api, request.param)


def token(api: httpx.Client, version: str, client_id: str, secret: str) -> str:
    """A token by HTTP Basic, asked for with full scope URIs, as the standard says."""
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    scopes = " ".join((URI if version == "1.2" else URI_1_1) + name for name in SCOPES)
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


def classes(suite: Suite) -> list[Object]:
    """The classes of the teacher whose address the suite was told."""
    [one] = suite.whole(f"{suite.rostering}/teachers?limit=1")["users"]
    mail = f"filter=email='{TEACHER}'&limit={LIMIT}"
    [teacher] = suite.whole(f"{suite.rostering}/teachers?{mail}")["users"]
    assert (teacher["sourcedId"], teacher["email"]) == ("t1", TEACHER)
    assert one["sourcedId"]
    path = f"{suite.rostering}/teachers/t1/classes?limit={LIMIT}&filter=status='active'"
    return suite.whole(path)["classes"]


def test_the_suite_reads_the_roster(suite: Suite) -> None:
    found = classes(suite)
    assert ids(found) == ["class", "class2"]
    for one in found:
        path = f"{suite.rostering}/classes/{one['sourcedId']}/students"
        students = suite.objects(path, "users")
        assert ids(students) == (["p1", "p2"] if one["sourcedId"] == "class" else [])
        assert all(student["email"] for student in students)
        again = f"{suite.rostering}/classes?filter=sourcedId='{one['sourcedId']}'&limit={LIMIT}"
        [alone] = suite.whole(again)["classes"]
        path = f"{suite.rostering}/terms/{alone['terms'][0]['sourcedId']}/gradingPeriods"
        [period] = suite.objects(path, "academicSessions")
        assert period["type"] == "gradingPeriod"
        assert {"sourcedId", "title", "startDate", "endDate", "schoolYear"} <= set(period)
    answer = suite.get(f"{suite.rostering}/users", limit=LIMIT)
    assert answer.headers["X-Total-Count"] == "3"


def test_the_suite_finds_a_category_before_there_is_a_line_item(suite: Suite) -> None:
    for path in ("/categories", "/classes/class/categories"):
        assert ids(suite.objects(suite.gradebook + path, "categories")) == ["homework"]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = suite.client.request("GET", suite.gradebook + path, content=FORM, headers=form)
        assert ids(answer.json()["categories"]) == ["homework"]


def line_item(suite: Suite, **more: Object) -> Object:
    """A line item as the suite makes one: bare references, whole numbers, times of this moment."""
    [one, _] = classes(suite)
    now = datetime.now(UTC)
    made: Object = {
        "sourcedId": str(uuid4()),
        "title": "漢字",
        "description": "1 から 10 まで",
        "resultValueMin": 0,
        "resultValueMax": 100,
        "assignDate": moment(now),
        "dueDate": moment(now + timedelta(minutes=1)),
        "class": {"sourcedId": one["sourcedId"]},
    }
    if suite.version == "1.2":
        made["category"] = {"sourcedId": "homework"}
        made["school"] = {"sourcedId": one["school"]["sourcedId"]}
    return made | more


def moment(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_suite_keeps_line_items(suite: Suite) -> None:
    path = f"{suite.gradebook}/classes/class/lineItems"
    item = line_item(suite)
    assert suite.put("lineItems", item) == 201
    assert item["sourcedId"] in ids(suite.objects(path, "lineItems"))
    for title in ("漢字テスト", "題" * 10_000):
        assert suite.put("lineItems", item | {"title": title}) == 200
        [found] = (
            one for one in suite.objects(path, "lineItems") if one["sourcedId"] == item["sourcedId"]
        )
        assert found["title"] == title
        assert suite.one("lineItems", item["sourcedId"]) == found
    for _ in range(2):
        assert suite.delete("lineItems", item["sourcedId"]) == 204
        assert item["sourcedId"] not in ids(suite.objects(path, "lineItems"))
        assert suite.one("lineItems", item["sourcedId"])["status"] == "tobedeleted"


def test_the_suite_puts_a_line_item_in_a_category(suite: Suite) -> None:
    item = line_item(suite, category={"sourcedId": "homework"})
    assert suite.put("lineItems", item) == 201
    found = suite.objects(f"{suite.gradebook}/classes/class/lineItems", "lineItems")
    [category] = (one["category"] for one in found if one["sourcedId"] == item["sourcedId"])
    assert category["sourcedId"] == "homework"
    assert suite.delete("lineItems", item["sourcedId"]) == 204


def test_the_suite_keeps_results(suite: Suite) -> None:
    item = line_item(suite)
    assert suite.put("lineItems", item) == 201
    result: Object = {
        "sourcedId": str(uuid4()),
        "score": 80,
        "comment": "",
        "scoreStatus": "fully graded",
        "scoreDate": item["assignDate"],
        "lineItem": {"sourcedId": item["sourcedId"]},
        "student": {"sourcedId": "p1"},
    }
    path = f"{suite.gradebook}/classes/class/lineItems/{item['sourcedId']}/results"
    by_student = f"{suite.gradebook}/classes/class/students/p1/results"
    # What is beyond the line item's largest value is extra credit.
    for changes in ({}, {"score": 300}, {"scoreStatus": "exempt"}):
        sent = result | changes
        assert suite.put("results", sent) == (200 if changes else 201)
        [found] = suite.objects(path, "results")
        assert found["score"] == sent["score"]
        assert found["scoreStatus"] == sent["scoreStatus"]
        assert found["scoreDate"] == item["assignDate"][:10]
        assert suite.one("results", result["sourcedId"]) == found
        assert suite.objects(by_student, "results", filter="score>='80'") == [found]
    assert suite.delete("results", result["sourcedId"]) == 204
    assert suite.objects(path, "results") == []
    assert suite.objects(by_student, "results") == []
    assert suite.one("results", result["sourcedId"])["status"] == "tobedeleted"
    assert suite.delete("lineItems", item["sourcedId"]) == 204
