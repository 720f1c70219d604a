"""A hub whose small roster has a gradebook, and a client of it that may do everything."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from rosterhub.access.scopes import ALL
from rosterhub.settings import Settings
from tests.errors import whole
from tests.gradebook import FULL, SINGULAR, Object, full, gradebook_board, shown
from tests.rosters import package, send
from tests.serving import KEY, add_key, serving

GRADEBOOK = "/ims/oneroster/gradebook/v1p2"
ROSTERING = "/ims/oneroster/rostering/v1p2"
V1P1 = "/ims/oneroster/v1p1"
_MINOR = {400: "invaliddata", 403: "forbidden", 404: "unknownobject", 413: "invaliddata"}


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub's settings and the client, whose requests carry its key."""

    config: Settings
    client: httpx.Client

    @property
    def root(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def put(self, entity: str, body: Object, base: str = GRADEBOOK) -> httpx.Response:
        """Put an object at its sourcedId."""
        place = at(entity, body["sourcedId"], base)
        return self.client.put(place, content=json.dumps({SINGULAR[entity]: body}))

    def get(self, entity: str, sourced_id: str, base: str = GRADEBOOK) -> Object:
        """An object as it is read, without the time of its last change."""
        answer = self.client.get(at(entity, sourced_id, base))
        assert answer.status_code == 200, answer.text
        [(name, found)] = answer.json().items()
        assert name == SINGULAR[entity]
        assert found.pop("dateLastModified")
        return found

    def post(self, path: str, *items: object) -> httpx.Response:
        """Post a set below the base of the gradebook."""
        wrapper = path.rpartition("/")[2]
        return self.client.post(GRADEBOOK + path, content=json.dumps({wrapper: items}))

    def shown(self, entity: str, sent: Object) -> Object:
        """What `get` should return of an object that was put."""
        return shown(entity, sent, self.root)

    def ids(self, path: str, base: str = GRADEBOOK, **parameters: str) -> list[str]:
        """The sourcedIds that a collection holds."""
        answer = self.client.get(base + path, params={"limit": "10000", **parameters})
        assert answer.status_code == 200, answer.text
        [found] = answer.json().values()
        return [one["sourcedId"] for one in found]


def at(entity: str, sourced_id: str, base: str = GRADEBOOK) -> str:
    """The path of an object."""
    return f"{base}/{entity}/{quote(sourced_id, safe='')}"


def refusal(answer: httpx.Response, status: int = 400) -> str:
    """What an error answer of OneRoster 1.2 says, which has to have `status`."""
    found, minor, text = whole(answer)
    assert (found, minor) == (status, _MINOR[status]), text
    return text


@contextmanager
def gradebook_hub(config: Settings) -> Iterator[Hub]:
    """A hub on `config` with every object of `FULL` in its gradebook."""
    assert send(config, package(gradebook_board()))["state"] == "completed"
    add_key(config, scopes=tuple(ALL))
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        hub = Hub(config, client)
        survey = {"sourcedId": "survey", "title": "学力調査"}
        assert hub.put("assessmentLineItems", survey).status_code == 201
        for entity in FULL:
            assert hub.put(entity, full(entity)).status_code == 201
        yield hub
