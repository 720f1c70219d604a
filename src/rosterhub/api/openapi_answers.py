"""The answers in OpenAPI documents: what a success holds, and every error that can really come.

A status stands here once, with its headers; when the server learns another, it is one row.
"""

from typing import Any

from rosterhub.model.objects import Version
from rosterhub.model.operations import Operation
from rosterhub.model.schemas import named, type_name

_ERRORS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "A parameter or the body is not what it should be; the text says where."),
    401: ("Unauthorised", "Without a valid access token or API key."),
    403: ("Forbidden", "The caller lacks the scope."),
    404: ("UnknownObject", "There is no such record, or none to go through in the path."),
    413: ("TooLarge", "The body is larger than may be sent at once."),
    429: ("TooMany", "As many of these are under way as may be at once; try again."),
    500: ("InternalError", "Something went wrong inside; the text holds the id of the request."),
    503: ("Busy", "The database cannot be reached just now; try again."),
}
_MORE_HEADERS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}

_CODE_MAJOR = ("failure", "success", "processing", "unsupported")
_SEVERITY = ("error", "warning", "status")
_CODE_MINOR = (
    *("invaliddata", "invalid_filter_field", "invalid_selection_field", "invalid_sort_field"),
    *("unauthorisedrequest", "forbidden", "unknownobject", "server_busy"),
    *("internal_server_error", "deletefailure", "unsupported", "fullsuccess"),
)


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "required": True, "schema": {"type": kind}}


HEADERS: dict[str, Any] = {
    "X-Request-ID": _header("The id of the request; ours, or the one that was sent."),
    "X-Total-Count": _header("How many records all pages hold.", "integer"),
    "Link": _header('Pages by RFC 8288: `rel` is "next", "prev", "first", "last".'),
    "ETag": _header("Send it as If-None-Match: 304 says that nothing has changed."),
    "WWW-Authenticate": _header("How to identify oneself (RFC 6750)."),
    "Retry-After": _header("Seconds to wait before another try.", "integer"),
}
"""Every header that an answer of the services may have."""


def of(operation: Operation) -> dict[str, Any]:
    """The answers of `operation` by their status."""
    return {**_successes(operation), **{str(s): error(s) for s in _statuses(operation)}}


def error(status: int) -> dict[str, Any]:
    """The answer of one error, which stands among the document's."""
    return {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}


def errors() -> dict[str, Any]:
    """The answer of each error, by its name."""
    return {
        name: _answer(text, named("Error"), *_MORE_HEADERS.get(status, ()))
        for status, (name, text) in _ERRORS.items()
    }


def schemas(version: Version) -> dict[str, Any]:
    """The schemas of errors, and of what a set that was posted is answered with."""
    text = {"type": "string"}
    minor = {"type": "string", "enum": list(_CODE_MINOR)}
    info = {
        "imsx_codeMajor": {"type": "string", "enum": list(_CODE_MAJOR)},
        "imsx_severity": {"type": "string", "enum": list(_SEVERITY)},
        "imsx_description": text,
    }
    if version == "1.1":
        body = _all(statusInfoSet=_some(_all(**info, imsx_codeMinor=minor)))
    else:
        field = _all(imsx_codeMinorFieldName=text, imsx_codeMinorFieldValue=minor)
        body = _all(**info, imsx_CodeMinor=_all(imsx_codeMinorField=_some(field)))
    pair = _all(suppliedSourcedId=text, allocatedSourcedId=named("Guid"))
    return {"Error": body, "GuidPairSet": _all(sourcedIdPairs=_some(pair))}


def _successes(operation: Operation) -> dict[str, Any]:
    name = type_name(operation.kind.entity)
    unchanged = _answer("What the client has is still right.", None, "ETag")
    match operation.method:
        case "GET" if operation.single:
            text = "The object; with `fields`, only what was selected of it."
            return {"200": _answer(text, named(f"{name}Singleton"), "ETag"), "304": unchanged}
        case "GET":
            text = "A page of the collection; with `fields`, only what was selected of each."
            page = _answer(text, named(f"{name}Collection"), "X-Total-Count", "Link", "ETag")
            return {"200": page, "304": unchanged}
        case "PUT":
            return {
                "200": _answer("The record was there and is replaced.", None),
                "201": _answer("The record is new.", None),
            }
        case "POST":
            text = "All are kept, each under the sourcedId that it was allocated."
            return {"201": _answer(text, named("GuidPairSet"))}
        case "DELETE":
            return {"204": _answer("The record's status is `tobedeleted` now.", None)}


def _statuses(operation: Operation) -> list[int]:
    found = [400, 401, 403, 500, 503]
    # A PUT makes what it does not find.
    if operation.parameters and operation.method != "PUT":
        found.append(404)
    if operation.method in ("PUT", "POST"):
        found.append(413)
    return sorted(found)


def _answer(text: str, schema: dict[str, Any] | None, *headers: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": text,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"} for name in (*headers, "X-Request-ID")
        },
    }
    if schema:
        made["content"] = {"application/json": {"schema": schema}}
    return made


def _some(one: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": one, "minItems": 1}


def _all(**members: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }
