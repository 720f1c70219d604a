"""Requests that schemathesis makes up from each document, with either way in: every answer is one
that the document tells of, whatever is valid is taken, and whatever is not is refused.

No check of schemathesis is left out but where it does not hold. With `fields` an answer lacks what
its object otherwise has to hold: it is held to the document without that. What the server forgives
in bodies on purpose (`tolerated`) is not refused. And a method that a path does not take may be
that of a path with a parameter in its place: POST of `import/jobs` is that of `import/{entity}`.
"""

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, create_test
from schemathesis.generation.hypothesis.builder import HypothesisTestMode as Mode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    negative_data_rejection,
    response_schema_conformance,
    unsupported_method,
)

from rosterhub.access.scopes import ALL
from rosterhub.api.discovery import document, path
from rosterhub.api.services import DOCUMENTS, HOUSE
from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from tests.conformance.contract import Contract
from tests.conformance.requests_of import KNOWN, meet, tolerated
from tests.oauth import add_client, token
from tests.rosters import board, package, send
from tests.serving import add_key, serving

EXAMPLES = 5
"""Requests made up at random for each operation, besides those at the bounds of every schema."""

GRADEBOOK = "/ims/oneroster/gradebook/v1p2"
_REFERENCES = ("class", "school", "category", "student", "lineItem", "assessmentLineItem")
_WRITTEN: dict[str, dict[str, Any]] = {
    "categories": {"title": "Tests", "weight": 0.5},
    "lineItems": {
        "title": "Test 1",
        "assignDate": "2026-05-01T00:00:00.000Z",
        "dueDate": "2026-05-08T00:00:00.000Z",
        "class": "class",
        "school": "school",
        "category": "category",
        "resultValueMax": 100,
    },
    "results": {
        "lineItem": "item",
        "student": "p1",
        "scoreStatus": "fully graded",
        "score": 87.5,
        "scoreDate": "2026-05-08",
        "metadata": {"jp": {"comment": "よくできました"}},
    },
    "scoreScales": {
        "title": "ABC",
        "type": "grade",
        "class": "class",
        "scoreScaleValue": [{"itemValueLHS": "A", "itemValueRHS": "90-100"}],
    },
    "assessmentLineItems": {"title": "National test"},
    "assessmentResults": {
        "assessmentLineItem": "assessment",
        "student": "p1",
        "scoreStatus": "exempt",
        "scoreDate": "2026-05-08",
        "late": "false",
    },
}


@dataclass(frozen=True, slots=True)
class Served:
    """Where the hub is, and what each way in sends."""

    client: httpx.Client
    ways: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A document as it is served, and how its operations are called."""

    contract: Contract
    schema: BaseSchema
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Served]:
    with fresh() as config:
        assert send(config, package(_board()))["state"] == "completed"
        key = add_key(config, scopes=tuple(ALL))
        with serving(config) as client:
            ways = {
                "key": {"X-API-Key": key},
                "token": {"Authorization": f"Bearer {token(client, add_client(config, *ALL))}"},
            }
            _write_gradebook(client, ways["key"])
            yield Served(client, ways)


@pytest.fixture(scope="module")
def subjects(served: Served) -> Callable[[str, str], Subject]:
    @cache
    def subject(name: str, way: str) -> Subject:
        whole = served.client.get(path(name)).json()
        schema = schemathesis.openapi.from_dict(_light(whole))
        schema.config.update(base_url=whole["servers"][0]["url"])
        schema.config.generation.update(deterministic=True, with_security_parameters=False)
        return Subject(Contract(whole), schema, served.ways[way])

    return subject


def _light(whole: dict[str, Any]) -> dict[str, Any]:
    """The document without what schemathesis takes minutes to think about: the length of a text of
    131,072 characters beside its form, and the form of a time beside its format.
    """
    light = copy.deepcopy(whole)
    schemas = light["components"]["schemas"]
    for name in ("Text", "FilledText"):
        schemas.get(name, {}).pop("maxLength", None)
    if "DateTime" in schemas:
        schemas["DateTime"] = {"type": "string", "format": "oneroster-time"}
    return light


def _board() -> dict[str, list[dict[str, str]]]:
    whole = board()
    year = whole["academicSessions"][0]
    whole["academicSessions"] += [
        {**year, "sourcedId": name, "type": kind, "parentSourcedId": parent}
        for name, kind, parent in (("term", "term", "y2026"), ("period", "gradingPeriod", "term"))
    ]
    whole["classes"][0]["termSourcedIds"] = "y2026,term"
    whole["resources"] = [{"sourcedId": "resource", "vendorResourceId": "book", "roles": "student"}]
    whole["classResources"] = [
        {"sourcedId": "cr", "classSourcedId": "class", "resourceSourcedId": "resource"}
    ]
    return whole


def _write_gradebook(client: httpx.Client, headers: dict[str, str]) -> None:
    for entity, said in _WRITTEN.items():
        held = {n: {"sourcedId": v} if n in _REFERENCES else v for n, v in said.items()}
        body = {RECORDS[entity].singular: {"sourcedId": KNOWN[entity], **held}}
        url = f"{GRADEBOOK}/{entity}/{KNOWN[entity]}"
        answer = client.put(url, json=body, headers=headers)
        assert answer.status_code == 201, answer.text


_CLAUSE = st.builds(
    "{}{}'{}'".format,
    st.sampled_from(("sourcedId", "metadata.jp.any", "status")),
    st.sampled_from(("=", "!=", ">", "<=", "~")),
    st.text(st.characters(codec="utf-8", exclude_characters="'\0"), min_size=1, max_size=8),
) | st.just("dateLastModified>'2026-04-01'")
_TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda at: f"{at.isoformat(timespec='milliseconds')}Z"
)
schemathesis.openapi.format(
    "oneroster-filter", st.lists(_CLAUSE, min_size=1, max_size=3).map(" OR ".join)
)
schemathesis.openapi.format("oneroster-time", _TIMES)


_SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_OPERATIONS = [
    pytest.param(name, where, method, way, id=f"{name}-{operation['operationId']}-{way}")
    for name in DOCUMENTS
    for where, methods in document(name, "http://rosterhub.test")["paths"].items()
    for method, operation in methods.items()
    for way in ("key", "token")
]


def _is_the_first_of_its_kind(name: str, where: str, method: str) -> bool:
    """Whether no other operation takes the same parameters or body; then their bounds are tried."""
    if name == HOUSE or method in ("put", "delete"):
        return True
    if method == "post":
        return where.count("{") == 1 and not where.startswith("/schools")
    whole = re.fullmatch(r"/(\w+)(/\{\w+\})?", where)
    return name != "v1p1" and bool(whole and whole[1] in RECORDS)


@pytest.mark.parametrize(("name", "where", "method", "way"), _OPERATIONS)
def test_every_answer_is_one_that_the_document_tells_of(
    subjects: Callable[[str, str], Subject], name: str, where: str, method: str, way: str
) -> None:
    subject = subjects(name, way)
    contract = subject.contract
    statuses: set[int] = set()

    def ask(case: Case) -> None:
        meet(case)
        excluded = [negative_data_rejection] if tolerated(case, contract) else []
        selected = isinstance(case.query, dict) and "fields" in case.query
        if selected:
            excluded.append(response_schema_conformance)
        if where.endswith("/import/jobs"):
            excluded += [unsupported_method, allow_header_conformance]
        answer = case.call_and_validate(headers=subject.headers, excluded_checks=excluded)
        statuses.add(answer.status_code)
        if selected and answer.status_code == 200:
            said = contract.schema(case.method, case.path)
            assert contract.partial.errors(said, answer.json()) == []

    modes = [Mode.EXAMPLES, Mode.FUZZING]
    if way == "key" and _is_the_first_of_its_kind(name, where, method):
        modes.append(Mode.COVERAGE)
    # Not by the decorator of schemathesis: it thinks of the cases of all operations before the
    # first test runs.
    create_test(
        operation=subject.schema[where][method],
        test_func=ask,
        config=HypothesisTestConfig(
            modes=modes, project=subject.schema.config, settings=_SETTINGS, seed=1
        ),
    )()
    # Refusals alone would prove nothing.
    assert name == HOUSE or min(statuses) < 300, statuses
