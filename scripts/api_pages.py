"""The reference pages of the API: every operation and every object, read off the documents that
discovery serves, so that they say the same.
"""

from typing import Any

from rosterhub.api.discovery import document
from rosterhub.api.services import HOUSE, SERVICES
from rosterhub.model import schemas, values
from rosterhub.model.entities import RECORDS
from rosterhub.model.objects import Version, by_name

_ROOT = "https://rosterhub.example.com"


def operations() -> str:
    """The page of every operation."""
    lines = [
        "# Operations",
        "",
        "What is served, by service; how to call it is in [the API](../api.md). Any one of the",
        "scopes lets a caller in, by its name or by its URI, which is",
        "`https://purl.imsglobal.org/spec/or/v1p2/scope/NAME` (`v1p1` in OneRoster 1.1). Made from",
        "the discovery documents by `make docs`.",
    ]
    for name in (*SERVICES, HOUSE):
        found = document(name, _ROOT)
        lines += ["", f"## {found['info']['title']}", ""]
        if name != HOUSE:
            lines += [
                f"At `{SERVICES[name].bases[0]}`. Document: `{SERVICES[name].discovery}`.",
                "",
            ]
        lines += ["| operation | | path | answers | scopes |", "|---|---|---|---|---|"]
        lines += [
            _operation(method, path, operation)
            for path, methods in found["paths"].items()
            for method, operation in methods.items()
        ]
    return "\n".join(lines) + "\n"


def objects() -> str:
    """The page of every object."""
    lines = [
        "# Objects",
        "",
        "The JSON objects of OneRoster 1.2 as RosterHub answers them, and what OneRoster 1.1 shows",
        "otherwise. `R`: always there; everything else is left out where there is no value. `W`:",
        "required in a body that is written. `[]`: a list, never an empty one. References are",
        "`{href, sourcedId, type}`. Made from `model/objects.py` by `make docs`.",
    ]
    written = {o.kind.entity for s in SERVICES.values() for o in s.operations if o.method == "PUT"}
    in_11 = {o.kind.entity for o in SERVICES["v1p1"].operations}
    for entity in (e.name for e in RECORDS.values() if not e.embedded_in):
        lines += [
            "",
            f"## {RECORDS[entity].singular}",
            "",
            "| property | | value |",
            "|---|---|---|",
        ]
        lines += _properties(entity, "1.2", entity in written)
        if entity in in_11:
            lines += _in_11(entity)
    return "\n".join(lines) + "\n"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    scopes = [
        f"`{scope.rpartition('/')[2]}`"
        for way in operation["security"]
        for scope in way.get("OAuth2", ())
    ]
    cells = (
        f"`{operation['operationId']}`",
        method.upper(),
        f"`{path}`",
        ", ".join(sorted(operation["responses"])),
        ", ".join(scopes) or "none",
    )
    return f"| {' | '.join(cells)} |"


def _properties(entity: str, version: Version, written: bool) -> list[str]:
    schema = schemas.schema(entity, version)
    needed = schemas.schema(entity, version, "body").get("required", ()) if written else ()
    return [
        _property(name, said, name in schema["required"], name in needed)
        for name, said in schema["properties"].items()
    ]


def _in_11(entity: str) -> list[str]:
    """What a client of OneRoster 1.1 sees otherwise."""
    now, then = by_name(entity, "1.2"), by_name(entity, "1.1")
    gone = [f"`{name}`" for name in now if name not in then]
    schema = schemas.schema(entity, "1.1")
    other = [
        f"`{name}` ({_value(schema['properties'][name])})"
        for name, prop in then.items()
        if now.get(name) != prop
    ]
    if not gone and not other:
        return []
    parts = [f"no {', '.join(gone)}"] if gone else []
    parts += [", ".join(other)] if other else []
    return ["", f"In OneRoster 1.1: {'; '.join(parts)}."]


def _property(name: str, said: dict[str, Any], always: bool, needed: bool) -> str:
    marks = " ".join(mark for mark, holds in (("R", always), ("W", needed)) if holds)
    return f"| `{name}` | {marks} | {_value(said)} |"


def _value(said: dict[str, Any]) -> str:
    """What a schema takes, in a few words."""
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        return _SHARED.get(name) or f"→ {name.removesuffix('Ref')[:1].lower()}{name[1:-3]}"
    if "anyOf" in said:
        return f"{_value(said['anyOf'][0])}, `ext:…`"
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])
    if said["type"] == "array":
        return f"{_value(said['items'])} []"
    if "properties" in said:
        return f"{{{', '.join(_member(said, name) for name in said['properties'])}}}"
    if said.get("pattern") == values.YEAR:
        return "year"
    return said.get("format") or {"string": "text"}.get(said["type"], said["type"])


def _member(said: dict[str, Any], name: str) -> str:
    mark = "" if name in said.get("required", ()) else "?"
    return f"{name}{mark}: {_value(said['properties'][name])}"


_SHARED = {
    "Guid": "sourcedId",
    "Text": "text",
    "FilledText": "text",
    "Number": "number",
    "Boolean": '`"true"`, `"false"`',
    "DateTime": "date-time",
    "Metadata": "anything",
}
