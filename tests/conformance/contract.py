"""What an OpenAPI document demands of answers and bodies, for tests to hold a server to it."""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from jsonschema.protocols import Validator
from openapi_schema_validator import (
    OAS30Validator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)


class Answer(Protocol):
    """An answer as httpx and requests both have it."""

    status_code: int
    content: bytes

    @property
    def headers(self) -> Any: ...

    def json(self) -> Any: ...


@dataclass(frozen=True)
class Contract:
    """`document` is an OpenAPI document of version 3.0 or 3.1."""

    document: dict[str, Any]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """What the document says of an operation."""
        return self.document["paths"][path][method.lower()]

    def breaches(self, method: str, path: str, answer: Answer) -> list[str]:
        """Everything about `answer` that the document does not allow."""
        responses = self.operation(method, path)["responses"]
        if str(answer.status_code) not in responses:
            return [f"{answer.status_code} is not among {sorted(responses)}"]
        said = self.whole(responses[str(answer.status_code)])
        found = [
            f"no header {name}"
            for name, header in said.get("headers", {}).items()
            if self.whole(header).get("required") and name not in answer.headers
        ]
        if "content" not in said:
            return found + (["a body where there is none"] if answer.content else [])
        [(media_type, content)] = said["content"].items()
        if not answer.headers.get("Content-Type", "").startswith(media_type):
            return [*found, f"Content-Type is {answer.headers.get('Content-Type')}"]
        if media_type == "application/json":
            found += self.errors(content["schema"], answer.json())
        return found

    def schema(self, method: str, path: str, status: int = 200) -> dict[str, Any]:
        """The schema of the JSON that an operation answers with `status`."""
        said = self.whole(self.operation(method, path)["responses"][str(status)])
        return said["content"]["application/json"]["schema"]

    def errors(self, schema: dict[str, Any], value: object) -> list[str]:
        """Why `value` is not what `schema` demands."""
        validator = self._validator({**schema, "components": self.document["components"]})
        return [
            f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)
        ]

    def whole(self, part: dict[str, Any]) -> dict[str, Any]:
        """`part`, or what it refers to."""
        if "$ref" not in part:
            return part
        _, _, kind, name = part["$ref"].split("/")
        return self.document["components"][kind][name]

    @cached_property
    def partial(self) -> "Contract":
        """The same without what objects have to hold, for answers with a part of each."""
        document = copy.deepcopy(self.document)
        schemas = document["components"]["schemas"]
        for name in schemas:
            if f"{name}Singleton" in schemas:
                schemas[name].pop("required", None)
        return Contract(document)

    def _validator(self, schema: dict[str, Any]) -> Validator:
        if self.document["openapi"].startswith("3.0"):
            return OAS30Validator(schema, format_checker=oas30_format_checker)
        return OAS31Validator(schema, format_checker=oas31_format_checker)
