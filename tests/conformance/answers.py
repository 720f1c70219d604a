"""Answers of the API, read as strictly as the strictest client reads them."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

LIMIT = "10000"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads through `client`; what it returns has no null, no empty array and no name twice."""

    client: httpx.Client

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """The bare answer."""
        return self.client.get(path, params=parameters or None)

    def whole(self, path: str, **parameters: str) -> dict[str, Any]:
        """The JSON of an answer that has to be 200."""
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, (path, parameters, answer.text)
        assert answer.headers["Content-Type"] in (
            "application/json",
            "application/json; charset=utf-8",
        )
        return strict(answer.content)

    def collection(self, path: str, name: str, **parameters: str) -> list[dict[str, Any]]:
        """All objects of a collection that fits a page, whose wrapper has to be `name`."""
        answer = self.get(path, limit=LIMIT, **parameters)
        assert answer.status_code == 200, (path, parameters, answer.text)
        body = strict(answer.content, empty=name)
        assert list(body) == [name]
        assert answer.headers["X-Total-Count"] == str(len(body[name]))
        return body[name]

    def ids(self, path: str, name: str, **parameters: str) -> list[str]:
        """The sourcedIds of a collection."""
        found = self.collection(path, name, fields="sourcedId", **parameters)
        assert all(list(record) == ["sourcedId"] for record in found)
        return [record["sourcedId"] for record in found]


def strict(text: bytes, empty: str = "") -> dict[str, Any]:
    """JSON by the letter of spec/models.md; only the member `empty` at the top may be empty."""
    body = json.loads(text.decode(), object_pairs_hook=_object, parse_float=Decimal)
    for name, value in body.items():
        if name != empty:
            _full(value)
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a name stands twice: {names}"
    for name, value in pairs:
        assert value is not None, f"{name} is null"
        assert not isinstance(value, bool), f"{name} is a bare boolean"
    return dict(pairs)


def _full(value: Any) -> None:
    if isinstance(value, list | dict):
        assert value, "an empty array or object"
        for item in value.values() if isinstance(value, dict) else value:
            _full(item)
