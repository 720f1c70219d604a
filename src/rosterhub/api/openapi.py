"""OpenAPI 3.0 documents of the OneRoster services, as served under `discovery/` (spec/rest.md).

Made from the table of operations and the schemas of `model/schemas.py`; nothing is described by
hand that those know. A document says what this server does, with its real URLs.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

from rosterhub.access import scopes
from rosterhub.api import openapi_answers, openapi_parameters
from rosterhub.api.oauth import PATH as TOKEN_PATH
from rosterhub.api.services import Service
from rosterhub.model import schemas
from rosterhub.model.entities import RECORDS
from rosterhub.model.operations import Operation
from rosterhub.model.schemas import named, type_name

Document = dict[str, Any]

_INTRODUCTION = (
    "The OneRoster {version} service of a RosterHub: what it really serves, with its own URLs.\n\n"
    "Callers show an OAuth 2 access token (client credentials, one of the scopes that the operation"
    " names) or an API key. Every collection takes the same parameters and pages by the links of"
    " its `Link` header. Records with the status `tobedeleted` are returned, too, unless a filter"
    " leaves them out. Values that a record does not have are left out, never null."
)


def document(service: Service, root: str) -> Document:
    """The document of `service` on the server whose root URL is `root`."""
    paths: dict[str, Any] = {}
    for operation in service.operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    collections = dict.fromkeys(o.collection for o in service.operations)
    return pruned(
        {
            "openapi": "3.0.3",
            "info": {
                "title": service.title,
                "version": service.version,
                "description": _INTRODUCTION.format(version=service.version),
            },
            "servers": [{"url": root + base} for base in service.bases],
            "tags": [{"name": name} for name in collections],
            "paths": paths,
            "components": {
                "schemas": _schemas(service),
                "parameters": openapi_parameters.components(service),
                "headers": openapi_answers.HEADERS,
                "responses": openapi_answers.errors(),
                "securitySchemes": security_schemes(root, _scopes(service)),
            },
        }
    )


def security_schemes(root: str, known: dict[str, str]) -> dict[str, Any]:
    """The two ways in; `known` are the OAuth scopes with what they allow."""
    flow = {"tokenUrl": root + TOKEN_PATH, "scopes": known}
    return {
        "OAuth2": {"type": "oauth2", "flows": {"clientCredentials": flow}},
        "ApiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "Holds the same scopes as an OAuth client does.",
        },
    }


def pruned(whole: Document) -> Document:
    """`whole` without the components that nothing in it refers to."""
    components = whole["components"]
    kept: set[tuple[str, str]] = set()
    waiting: list[object] = [whole["paths"]]
    while waiting:
        for kind, name in _references(waiting.pop()):
            if (kind, name) not in kept:
                kept.add((kind, name))
                waiting.append(components[kind][name])
    found = {
        kind: {name: made for name, made in parts.items() if (kind, name) in kept}
        for kind, parts in components.items()
    }
    # These are referred to by their names alone.
    found["securitySchemes"] = components["securitySchemes"]
    return {**whole, "components": {kind: parts for kind, parts in found.items() if parts}}


def _references(part: object) -> Iterable[tuple[str, str]]:
    """Kind and name of each component that is referred to within `part`."""
    if isinstance(part, dict):
        for name, value in cast("dict[str, object]", part).items():
            if name == "$ref":
                _, _, kind, component = str(value).split("/")
                yield kind, component
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in cast("list[object]", part):
            yield from _references(value)


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.id,
        "summary": _summary(operation),
        "tags": [operation.collection],
        "parameters": openapi_parameters.of(operation),
        "responses": openapi_answers.of(operation),
        # Any one of the scopes lets a caller in.
        "security": [
            *({"OAuth2": [_uri(operation, name)]} for name in _wanted(operation)),
            {"ApiKey": []},
        ],
    }
    if operation.method in ("PUT", "POST"):
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": named(_body_name(operation))}},
        }
    return made


def _summary(operation: Operation) -> str:
    """`Get students for class in school`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", operation.id).capitalize()


def _wanted(operation: Operation) -> tuple[str, ...]:
    if operation.version == "1.1":
        return tuple(name for name in operation.scopes if name in scopes.IN_1_1)
    return operation.scopes


def _uri(operation: Operation, name: str) -> str:
    return f"{scopes.URI_1_1}{name}" if operation.version == "1.1" else scopes.full(name)


def _scopes(service: Service) -> dict[str, str]:
    return {
        _uri(operation, name): scopes.MEANING[name]
        for operation in service.operations
        for name in _wanted(operation)
    }


def _body_name(operation: Operation) -> str:
    """The standard's name for what is put; a set's own, for its path states a part of each."""
    if operation.method == "PUT":
        return f"Single{type_name(operation.kind.entity)}"
    return f"{operation.id[:1].upper()}{operation.id[1:]}Body"


def _schemas(service: Service) -> dict[str, Any]:
    made: dict[str, Any] = {**schemas.SHARED, **openapi_answers.schemas(service.version)}
    for target in RECORDS:
        for use in ("answer", "body"):
            made[schemas.reference_name(target, use)] = schemas.references(target, use)
    for operation in service.operations:
        entity = operation.kind.entity
        name = type_name(entity)
        if operation.method == "GET":
            made[name] = schemas.schema(entity, service.version)
            made[f"{name}Singleton"] = _wrapped(RECORDS[entity].singular, named(name))
            several = {"type": "array", "items": named(name)}
            made[f"{name}Collection"] = _wrapped(entity, several)
        elif operation.method == "PUT":
            made[f"{name}Body"] = schemas.schema(entity, service.version, "body")
            made[_body_name(operation)] = _wrapped(operation.wrapper, named(f"{name}Body"))
        elif operation.method == "POST":
            stated = [prop for prop, _ in operation.stated]
            one = schemas.schema(entity, service.version, "body", ["sourcedId", *stated])
            several = {"type": "array", "items": one, "minItems": 1}
            made[_body_name(operation)] = _wrapped(operation.wrapper, several)
    return made


def _wrapped(wrapper: str, held: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {wrapper: held},
        "required": [wrapper],
        "additionalProperties": False,
    }
