"""The documents of discovery say what the server does: all of it, and nothing else."""

import json
import re
from collections.abc import Mapping
from itertools import islice, product
from typing import Any

import pytest
from openapi_spec_validator import validate

from rosterhub.api.services import DOCUMENTS, SERVICES
from rosterhub.model.operations import OPERATIONS, OPERATIONS_11, Operation
from tests.conformance.conftest import Hub
from tests.conformance.contract import Contract
from tests.urls import at

URI = {
    "1.2": "https://purl.imsglobal.org/spec/or/v1p2/scope/",
    "1.1": "https://purl.imsglobal.org/spec/or/v1p1/scope/",
}
PLACES = {
    "rostering": (
        "/ims/oneroster/rostering/v1p2/discovery/onerosterv1p2rostersservice_openapi3_v1p0.json",
        "/ims/oneroster/rostering/v1p2/discovery/imsorv1p2_rostering_openapi3_v1p0.json",
        "/api/v1.2/discovery/imsorv1p2_rostering_openapi3_v1p0.json",
    ),
    "gradebook": (
        "/ims/oneroster/gradebook/v1p2/discovery/onerosterv1p2gradebookservice_openapi3_v1p0.json",
        "/ims/oneroster/gradebook/v1p2/discovery/imsorv1p2_gradebook_openapi3_v1p0.json",
    ),
    "resources": (
        "/ims/oneroster/resources/v1p2/discovery/onerosterv1p2resourcesservice_openapi3_v1p0.json",
        "/ims/oneroster/resources/v1p2/discovery/imsorv1p2_resources_openapi3_v1p0.json",
    ),
    "v1p1": ("/ims/oneroster/v1p1/discovery/onerosterv1p1_openapi3_v1p0.json",),
    "house": ("/openapi.json",),
}
"""Where spec/rest.md wants them, and ours."""
MOST = 25
"""Records of each kind that are read one by one."""


@pytest.fixture(scope="module")
def contracts(hub: Hub) -> dict[str, Contract]:
    return {name: Contract(hub.read.get(PLACES[name][0]).json()) for name in DOCUMENTS}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_anybody_finds_a_document_under_each_of_its_names(hub: Hub, name: str) -> None:
    first, *others = [
        hub.read.client.get(place, headers={"X-API-Key": ""}) for place in PLACES[name]
    ]
    assert first.status_code == 200
    assert first.headers["Content-Type"] == "application/json"
    assert "public" in first.headers["Cache-Control"]
    assert all(other.content == first.content for other in others)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_valid(contracts: dict[str, Contract], name: str) -> None:
    validate(contracts[name].document)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_component_is_there_for_nothing(contracts: dict[str, Contract], name: str) -> None:
    text = json.dumps(contracts[name].document)
    for kind, parts in contracts[name].document["components"].items():
        for part in parts if kind != "securitySchemes" else ():
            assert f'"#/components/{kind}/{part}"' in text


@pytest.mark.parametrize("name", SERVICES)
def test_a_document_describes_the_operations_of_its_service(
    contracts: dict[str, Contract], name: str
) -> None:
    told = {
        (method.upper(), path, operation["operationId"], frozenset(_scopes(operation)))
        for path, methods in contracts[name].document["paths"].items()
        for method, operation in methods.items()
    }
    table = OPERATIONS_11 if name == "v1p1" else [o for o in OPERATIONS if o.service == name]
    assert told == {(o.method, o.path, o.id, frozenset(_uris(o))) for o in table}


def _scopes(operation: Mapping[str, Any]) -> list[str]:
    """What lets a caller in: any one scope, or a key."""
    *tokens, key = operation["security"]
    assert key == {"ApiKey": []}
    return [scope for token in tokens for scope in token["OAuth2"]]


def _uris(operation: Operation) -> list[str]:
    of_12_only = ("gradebook-core.readonly", "resource-core.readonly")
    return [
        URI[operation.version] + scope
        for scope in operation.scopes
        if operation.version == "1.2" or scope not in of_12_only
    ]


def test_all_81_operations_are_described(contracts: dict[str, Contract]) -> None:
    services = [contracts[name].document["paths"].values() for name in SERVICES if name != "v1p1"]
    assert sum(len(methods) for paths in services for methods in paths) == 81


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_described_is_served_at_every_server(
    hub: Hub, contracts: dict[str, Contract], name: str
) -> None:
    root = str(hub.read.client.base_url).rstrip("/")
    document = contracts[name].document
    for server in document["servers"]:
        assert server["url"].startswith(f"{root}/")
        for path, methods in document["paths"].items():
            for method in methods:
                url = server["url"] + re.sub(r"\{\w+\}", "x", path)
                answer = hub.read.client.request(method, url, headers={"X-API-Key": ""})
                assert answer.status_code == 401, (method, url)


@pytest.mark.parametrize("name", SERVICES)
def test_tokens_come_from_where_the_document_says(
    hub: Hub, contracts: dict[str, Contract], name: str
) -> None:
    schemes = contracts[name].document["components"]["securitySchemes"]
    flow = schemes["OAuth2"]["flows"]["clientCredentials"]
    used = {
        scope
        for methods in contracts[name].document["paths"].values()
        for operation in methods.values()
        for scope in _scopes(operation)
    }
    assert set(flow["scopes"]) == used
    answer = hub.read.client.post(flow["tokenUrl"], data={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


READS = [o for o in (*OPERATIONS, *OPERATIONS_11) if o.method == "GET"]


@pytest.mark.parametrize("operation", READS, ids=[f"{o.version}-{o.id}" for o in READS])
def test_every_answer_is_what_its_document_says(
    hub: Hub, contracts: dict[str, Contract], operation: Operation
) -> None:
    contract = contracts["v1p1" if operation.version == "1.1" else operation.service]
    for url in _urls(hub, operation):
        answer = hub.read.get(url)
        assert answer.status_code == 200
        assert contract.breaches("GET", operation.path, answer) == [], url
    for error in (
        hub.read.get(url, fields="nothing"),
        hub.read.client.get(url, headers={"X-API-Key": "nobody's"}),
        hub.read.get(operation.bases[0] + re.sub(r"\{\w+\}", "nobody", operation.path)),
    ):
        assert contract.breaches("GET", operation.path, error) == [], error.url


@pytest.mark.parametrize(
    "operation",
    [o for o in READS if not o.parents and not o.single],
    ids=lambda o: f"{o.version}-{o.id}",
)
def test_what_is_selected_is_what_its_document_says(
    hub: Hub, contracts: dict[str, Contract], operation: Operation
) -> None:
    contract = contracts["v1p1" if operation.version == "1.1" else operation.service]
    parameters = contract.operation("GET", operation.path)["parameters"]
    said = {p["name"]: p for p in map(contract.whole, parameters)}
    url = operation.bases[0] + operation.path
    shown: set[str] = set()
    for name in said["fields"]["schema"]["items"]["enum"]:
        answer = hub.read.get(url, fields=name, limit="10000")
        assert contract.partial.breaches("GET", operation.path, answer) == []
        names = {member for record in answer.json()[operation.wrapper] for member in record}
        assert names <= {name}
        shown |= names
    assert shown
    for name in said["sort"]["schema"]["enum"]:
        assert hub.read.get(url, sort=name, orderBy="desc").status_code == 200


def _urls(hub: Hub, operation: Operation) -> list[str]:
    """Of each operation the whole, or some of all that may stand in its path."""
    path = operation.bases[0] + operation.path
    found: list[str] = []
    names = [p.collection for p in operation.parents] or [operation.collection]
    if not operation.parameters:
        return [path]
    for ids in islice(product(*(sorted(hub.model.collection(n)) for n in names)), MOST):
        found.append(at(path, *ids))
    return found
