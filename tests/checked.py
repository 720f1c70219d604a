"""Servers for `rosterhub check`: a hub in which every check finds something to look at, and that
hub behind faults, each of which breaks one rule and no other.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rosterhub.settings import Settings
from tests.gradebook import full, ref
from tests.gradebook_hub import Hub, at, gradebook_hub
from tests.rosters import Board, csv_file, enrollment, package, person, role, send

SECRETS = ("陽菜", "佐藤", "漢字テスト", "みどり小学校", "p1@mihon.example", "よくできました")
"""What is somebody's in the data of the hub."""


def more() -> Board:
    """What the small roster lacks: people enough for pages, courses and resources in the plural."""
    return {
        "orgs": [
            {"sourcedId": "school2", "name": "あおぞら小学校", "type": "school"}
            | {"parentSourcedId": "district", "identifier": "0042"}
        ],
        "courses": [
            {"sourcedId": f"course{n}", "title": f"体育 {n}", "orgSourcedId": "school"}
            | {"grades": f"P{n}", "subjects": "体育", "subjectCodes": f"0{n}"}
            for n in (2, 3)
        ],
        "classes": [
            {"sourcedId": "class3", "title": "体育", "courseSourcedId": "course2"}
            | {"schoolSourcedId": "school", "termSourcedIds": "term1", "classType": "scheduled"}
        ],
        "users": [
            *(person(f"p{n}", "翔", f"山本{n}", grades=f"P{n}") for n in range(3, 7)),
            person("t2", "彩", "伊藤", enabledUser="false"),
            person("t3", "学", "加藤", email="kato@mihon.example", agentSourcedIds="p3"),
        ],
        "roles": [
            *(role(f"p{n}", "student") for n in range(3, 7)),
            *(role(f"t{n}", "teacher", beginDate=f"2026-04-0{n}") for n in (2, 3)),
        ],
        "enrollments": [
            *(enrollment(f"p{n}", "student", beginDate=f"2026-04-0{n}") for n in range(3, 7)),
            enrollment("t2", "teacher", classSourcedId="class2"),
            enrollment("t3", "teacher", classSourcedId="class2"),
        ],
        "demographics": [
            {"sourcedId": "p2", "birthDate": "2019-06-01", "sex": "male", "asian": "true"},
            {"sourcedId": "p3", "birthDate": "2019-07-01", "sex": "female", "asian": "false"},
        ],
        "resources": [
            {"sourcedId": name, "vendorResourceId": f"v-{name}", "title": f"教材 {name}"}
            | {"roles": "student,teacher", "importance": "primary"}
            for name in ("book", "film", "atlas")
        ],
        "classResources": [
            {"sourcedId": "cr", "classSourcedId": "class", "resourceSourcedId": "book"}
        ],
        "courseResources": [
            {"sourcedId": "kr", "courseSourcedId": "course", "resourceSourcedId": "film"}
        ],
        "userResources": [{"sourcedId": "ur", "userSourcedId": "p1", "resourceSourcedId": "atlas"}],
    }


@contextmanager
def hub_to_check(config: Settings) -> Iterator[Hub]:
    """A hub with something of everything, deleted records too."""
    with gradebook_hub(config) as hub:
        rows = more()
        modes = dict.fromkeys(rows, "delta")
        stamp = {"status": "active", "dateLastModified": "2026-04-02T00:00:00.000Z"}
        files = {name: [stamp | row for row in found] for name, found in rows.items()}
        job = send(config, package(files, modes=modes))
        assert (job["state"], job["errors"]) == ("completed", [])
        for entity, changes in (
            ("categories", {"title": "テスト", "weight": 0.75}),
            ("lineItems", {"title": "計算", "resultValueMax": 10}),
            ("results", {"lineItem": ref("second", "lineItem"), "score": 9}),
            ("assessmentLineItems", {"title": "算数", "resultValueMax": 2}),
        ):
            assert hub.put(entity, full(entity, sourcedId="second", **changes)).status_code == 201
        # A line item may outlive its category.
        hub.put("categories", full("categories", sourcedId="outlived", title="小テスト"))
        category = ref("outlived", "category")
        hub.put("lineItems", full("lineItems", sourcedId="outlives", category=category))
        assert hub.client.delete(at("categories", "outlived")).status_code == 204
        gone = person("gone", "空", "林") | {"role": "student", "orgSourcedIds": "school"}
        sent = csv_file("users", [gone | {"status": "tobedeleted"}])
        assert send(config, sent, "users")["state"] == "completed"
        yield hub


@dataclass
class Exchange:
    """One request and its answer, for a fault to change."""

    path: str
    query: dict[str, str]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects in the answer."""
        if self.status != 200 or not isinstance(self.body, dict):
            return []
        [held] = self.body.values()
        return held if isinstance(held, list) else [held]


Change = Callable[[Exchange], None]


@dataclass(frozen=True)
class Fault:
    """What is wrong where: `asked` changes the request before it is served, `answered` its answer.

    At the `paths` that end so, or for all objects under one of the `wrappers`.
    """

    answered: Change | None = None
    asked: Change | None = None
    paths: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()

    def fits(self, exchange: Exchange) -> bool:
        if self.wrappers:
            return any(name in self.wrappers for name in exchange.body or ())
        return not self.paths or exchange.path.endswith(self.paths)


class Wrong:
    """`app` with `faults`, by their names; keeps the requests that it was sent."""

    def __init__(self, app: ASGIApp, faults: Mapping[str, Fault]) -> None:
        self._app = app
        self.faults = dict(faults)
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["method"], scope["path"], sent))
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        exchange = Exchange(scope["path"], query)
        for fault in self.faults.values():
            if fault.asked and fault.fits(exchange):
                fault.asked(exchange)
        # An answer that is compressed could not be changed.
        headers = [(n, v) for n, v in scope["headers"] if n != b"accept-encoding"]
        path = exchange.path
        inner = {**scope, "headers": headers, "path": path, "raw_path": path.encode()}
        inner["query_string"] = urlencode(exchange.query).encode()
        parts: list[Message] = []

        async def keep(message: Message) -> None:
            parts.append(message)

        await self._app(inner, receive, keep)
        exchange.status = parts[0]["status"]
        exchange.headers = dict(MutableHeaders(raw=parts[0]["headers"]).items())
        text = b"".join(part.get("body", b"") for part in parts[1:])
        is_json = exchange.headers.get("content-type", "").startswith("application/json")
        exchange.body = json.loads(text) if is_json and text else None
        for fault in self.faults.values():
            if fault.answered and fault.fits(exchange):
                fault.answered(exchange)
        await _send(exchange, text, send)


async def _send(exchange: Exchange, text: bytes, send: Send) -> None:
    if exchange.body is not None:
        text = json.dumps(exchange.body, ensure_ascii=False).encode()
    exchange.headers["content-length"] = str(len(text))
    headers = [(n.encode(), v.encode()) for n, v in exchange.headers.items()]
    await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def each(change: Callable[[dict[str, Any]], object], *wrappers: str) -> Fault:
    """Every object under these names, changed."""

    def answered(exchange: Exchange) -> None:
        if not exchange.query.get("fields"):
            for item in exchange.objects:
                change(item)

    return Fault(answered, wrappers=wrappers)
