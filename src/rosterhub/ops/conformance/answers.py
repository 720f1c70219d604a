"""Answers read by the letter: JSON, Link headers, and the two forms of OneRoster's errors.

Whatever a server sends is data to judge; nothing here raises anything but `Malformed`.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from urllib.parse import parse_qsl, urljoin, urlsplit

from rosterhub.model.objects import Version
from rosterhub.ops.conformance.wire import Answer

Object = dict[str, Any]

MAJORS = ("success", "processing", "failure", "unsupported")
SEVERITIES = ("status", "warning", "error")
MINORS = (
    *("fullsuccess", "invalid_filter_field", "invalid_selection_field", "invalid_sort_field"),
    *("invaliddata", "unauthorisedrequest", "forbidden", "unknownobject", "server_busy"),
    *("internal_server_error", "deletefailure", "unsupported"),
)
"""The words of an error (spec/rest.md, "Error body")."""


class Malformed(Exception):  # noqa: N818
    """A body is no JSON as OneRoster has it; the text says how."""


def is_json(answer: Answer) -> bool:
    """Whether the answer says that it is JSON, in UTF-8 if it says in what."""
    kind, *parameters = answer.headers.get("Content-Type", "").lower().split(";")
    charsets = [p.partition("=")[2].strip(' "') for p in parameters if "charset" in p]
    return kind.strip() == "application/json" and all(c == "utf-8" for c in charsets)


def parsed(answer: Answer) -> object:
    """The JSON of a body, numbers exact.

    Raises:
        Malformed: it is none, or ambiguous.
    """
    try:
        return json.loads(
            answer.body.decode(),
            object_pairs_hook=_object,
            parse_float=Decimal,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"the body is not JSON: {error.msg}, {where}") from None
    except (ValueError, RecursionError):
        raise Malformed("the JSON has a number too long or is nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"an object has the member {twice[:60]} twice")
    return found


def _constant(name: str) -> object:
    raise Malformed(f"{name} stands where a number should, which JSON does not know")


def wrapped(answer: Answer, name: str, kind: type) -> Any:
    """The one member of the body, called `name` and of the type `kind`.

    Raises:
        Malformed: the body is something else.
    """
    body = parsed(answer)
    if not isinstance(body, dict):
        raise Malformed(f"the body is {form(body)}")
    members = list(cast("Object", body))
    if members != [name]:
        listed = ", ".join(m[:60] for m in members[:5]) or "nothing"
        raise Malformed(f"the body has the members: {listed}")
    value = cast("Object", body)[name]
    if not isinstance(value, kind):
        raise Malformed(f"{name} is {form(value)}")
    return value


def form(value: object) -> str:
    """What a value is, without saying what it says."""
    match value:
        case None:
            return "null"
        case bool():
            return "a bare boolean"
        case int() | float() | Decimal():
            return "a number"
        case "":
            return "an empty text"
        case str():
            return f"a text of {len(value)} characters"
        case list():
            return f"an array of {len(cast('list[object]', value))}" if value else "an empty array"
        case dict():
            return "an object" if value else "an empty object"
        case _:
            return "something else"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of an answer: as it was written, and whole."""

    written: str
    url: str

    @property
    def absolute(self) -> bool:
        """Whether it was written with scheme and host."""
        return absolute(self.written)

    @property
    def parameters(self) -> dict[str, str]:
        """Its query parameters."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


def absolute(url: str) -> bool:
    """Whether a URL has scheme and host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))', re.IGNORECASE)


def links(answer: Answer) -> dict[str, Link]:
    """The links by their rel (RFC 8288), the first of each."""
    found: dict[str, Link] = {}
    for match in _LINK.finditer(answer.headers.get("Link", "")):
        rel = _REL.search(match[2])
        for name in (rel[1] or rel[2] or "").lower().split() if rel else []:
            try:
                found.setdefault(name, Link(match[1], urljoin(answer.url, match[1])))
            except ValueError:
                continue
    return found


def minor(answer: Answer) -> str | None:
    """The codeMinor of an error, in whichever form; None where it has none."""
    try:
        body = parsed(answer)
    except Malformed:
        return None
    if not isinstance(body, dict):
        return None
    found = cast("Object", body)
    infos = found.get("statusInfoSet")
    if isinstance(infos, list) and infos and isinstance(infos[0], dict):
        found = cast("Object", infos[0])
    for name in ("imsx_CodeMinor", "imsx_codeMinor"):
        value = found.get(name)
        if isinstance(value, str):
            return value
        fields = cast("Object", value).get("imsx_codeMinorField") if isinstance(value, dict) else 0
        if isinstance(fields, list) and fields and isinstance(fields[0], dict):
            code = cast("Object", fields[0]).get("imsx_codeMinorFieldValue")
            return code if isinstance(code, str) else None
    return None


def error_problem(answer: Answer, version: Version) -> str | None:
    """What is wrong with the form of an error; None where nothing is."""
    if not is_json(answer):
        return f"the Content-Type is {header(answer, 'Content-Type')}"
    try:
        if version == "1.1":
            infos: list[Any] = wrapped(answer, "statusInfoSet", list)
            if not infos or not isinstance(infos[0], dict):
                return "statusInfoSet holds no object"
            info = cast("Object", infos[0])
            return _words(info) or _word(info, "imsx_codeMinor", MINORS)
        body = parsed(answer)
    except Malformed as error:
        return str(error)
    if not isinstance(body, dict):
        return f"the body is {form(body)}"
    found = cast("Object", body)
    return _words(found) or _minor_fields(found.get("imsx_CodeMinor"))


def _words(info: Object) -> str | None:
    description = info.get("imsx_description", "")
    if not isinstance(description, str):
        return f"imsx_description is {form(description)}"
    return _word(info, "imsx_codeMajor", MAJORS) or _word(info, "imsx_severity", SEVERITIES)


def _word(info: Object, name: str, known: tuple[str, ...]) -> str | None:
    if name not in info:
        return f"{name} is missing"
    if info[name] not in known:
        return f"{name} is none of {', '.join(known)}"
    return None


def _minor_fields(value: object) -> str | None:
    fields = cast("Object", value).get("imsx_codeMinorField") if isinstance(value, dict) else None
    if not isinstance(fields, list) or not fields:
        return "imsx_CodeMinor.imsx_codeMinorField is no array of one object or more"
    for one in cast("list[object]", fields):
        if not isinstance(one, dict):
            return f"imsx_codeMinorField holds {form(one)}"
        found = cast("Object", one)
        if not isinstance(found.get("imsx_codeMinorFieldName"), str):
            return "imsx_codeMinorFieldName is missing"
        problem = _word(found, "imsx_codeMinorFieldValue", MINORS)
        if problem:
            return problem
    return None


def header(answer: Answer, name: str) -> str:
    """A header's value for people, bounded."""
    value = answer.headers.get(name)
    return "missing" if value is None else value[:100] or "empty"
