"""Generated requests, made to meet a real board: what no schema can say, said here.

A schema knows the form of a sourcedId and not which records there are; nor that a cursor belongs to
one order, that a sourcedId stands in the path and in the body, or that metadata has no blank names.
"""

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation as Place

from rosterhub.model import values
from tests.conformance.contract import Contract

KNOWN = {
    "academicSessions": "y2026",
    "assessmentLineItems": "assessment",
    "assessmentResults": "assessed",
    "categories": "category",
    "classes": "class",
    "courses": "course",
    "demographics": "p1",
    "enrollments": "e-p1",
    "gradingPeriods": "period",
    "jobs": "1",
    "lineItems": "item",
    "orgs": "district",
    "resources": "resource",
    "results": "result",
    "schools": "school",
    "scoreScales": "scale",
    "students": "p1",
    "teachers": "t1",
    "terms": "term",
    "users": "p1",
}
"""A record of each collection that the board has."""

_KIND = {
    "academicSession": "period",
    "assessmentLineItem": "assessment",
    "category": "category",
    "class": "class",
    "course": "course",
    "lineItem": "item",
    "org": "school",
    "scoreScale": "scale",
    "user": "p1",
}
"""A record for each type of reference."""

_GUID = re.compile(rf"[{values.GUID_CHARACTERS}]{{1,{values.GUID_MAX_LENGTH}}}")
_TIME = "2026-04-01T00:00:00.000Z"


def meet(case: Case) -> None:
    """Let the valid parts of `case` meet the board, so that it is answered by what it is about."""
    wrong = {place for place, part in case.meta.components.items() if part.mode.is_negative}
    if isinstance(case.body, dict) and Place.PATH not in wrong:
        _point(case.body)
    if Place.PATH not in wrong:
        _walk_on_known_paths(case)
    if Place.QUERY not in wrong and isinstance(case.query, dict):
        _keep_cursor_to_its_order(case.query)
        _keep_export_to_the_board(case.query)
    if Place.BODY not in wrong:
        _mend(case.body)
    if not wrong and isinstance(case.query, dict) and isinstance(case.body, dict):
        # An option of an import is given once.
        for name in case.query.keys() & case.body.keys():
            del case.query[name]
        if "strict" in (case.query.get("level"), case.body.get("level")):
            # Which takes UTF-8 alone.
            for given in (case.query, case.body):
                given.pop("encoding", None)


def _keep_export_to_the_board(query: dict[str, Any]) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    for name in ("asOf", "since"):
        if name in query:
            query[name] = now
    if "asOf" in query:
        # A delta ends now.
        query.pop("since", None)
    if "org" in query:
        query["org"] = [KNOWN["orgs"]]


def tolerated(case: Case, contract: Contract) -> bool:
    """Whether the body is wrong only in ways that the server forgives (docs/api.md)."""
    said = contract.document["paths"][case.path].get(case.method.lower(), {}).get("requestBody")
    if not said or "application/json" not in said["content"]:
        return False
    return not contract.errors(said["content"]["application/json"]["schema"], _strict(case.body))


def _walk_on_known_paths(case: Case) -> None:
    segments = case.path.split("/")
    for before, segment in pairwise(segments):
        if not segment.startswith("{") or before not in KNOWN:
            continue
        name = segment[1:-1]
        if case.method == "PUT":
            held = next(iter(case.body.values()), None) if isinstance(case.body, dict) else None
            stated = held.get("sourcedId") if isinstance(held, dict) else None
            if isinstance(held, dict) and isinstance(stated, str) and _GUID.fullmatch(stated):
                # Clients take . and .. out of a path before they send it.
                held["sourcedId"] = stated.strip(".") or "dots"
                case.path_parameters[name] = quote(held["sourcedId"], safe="")
        else:
            case.path_parameters[name] = KNOWN[before]


def _point(found: Any, name: str = "") -> None:
    """Have each reference lead to a record that there is."""
    if isinstance(found, list):
        for item in found:
            _point(item, name)
    elif isinstance(found, dict):
        target = _KIND.get(_TYPES.get(name, name))
        stated = found.get("sourcedId")
        if target and isinstance(stated, str) and _GUID.fullmatch(stated):
            found["sourcedId"] = target
        for member, value in found.items():
            if member != "metadata":
                _point(value, member)


_TYPES = {
    "academicSession": "academicSession",
    "gradingPeriod": "academicSession",
    "parentAssessmentLineItem": "assessmentLineItem",
    "school": "org",
    "student": "user",
}


def _keep_cursor_to_its_order(query: dict[str, Any]) -> None:
    cursor, sort = query.get("cursor"), query.get("sort", "sourcedId")
    if isinstance(cursor, str):
        query["cursor"], timed = re.subn(r"~\d{4}-\d\d-\d\dT[\d:.]{12}Z~", f"~{_TIME}~", cursor)
        if sort != ("dateLastModified" if timed else "sourcedId"):
            del query["cursor"]


def _mend(found: Any) -> None:
    if isinstance(found, list):
        for item in found:
            _mend(item)
    elif isinstance(found, dict):
        if isinstance(found.get("metadata"), dict):
            found["metadata"] = _named(found["metadata"])
        low, high = found.get("resultValueMin"), found.get("resultValueMax")
        if low is not None and high is not None and low > high:
            found["resultValueMin"], found["resultValueMax"] = high, low
        for name, value in found.items():
            if isinstance(value, float):
                found[name] = round(value, 6)
            elif name != "metadata":
                _mend(value)


def _named(metadata: dict[str, Any]) -> dict[str, Any]:
    """The same values under names that metadata can have."""
    made: dict[str, Any] = {}
    for number, value in enumerate(metadata.values()):
        if isinstance(value, dict):
            value = _named(value)
        elif isinstance(value, float):
            value = round(value, 6)
        made[f"name{number}"] = value
    return made


def _strict(found: Any, name: str = "") -> Any:
    """`found` without what is forgiven: null and empty lists for nothing, JSON booleans, times in
    other forms and in place of dates.
    """
    if isinstance(found, dict):
        strict = {member: _strict(value, member) for member, value in found.items()}
        return {name: value for name, value in strict.items() if value is not None and value != []}
    if isinstance(found, list):
        return [_strict(item) for item in found]
    if isinstance(found, bool):
        return str(found).lower()
    if name in _MOMENTS and isinstance(found, str) and re.match(values.DATETIME_TOLERANT, found):
        return _TIME
    if name in _DATES and isinstance(found, str) and re.match(values.DATETIME_TOLERANT, found):
        return found[:10]
    return found


_MOMENTS = ("assignDate", "dueDate", "dateLastModified")
_DATES = ("scoreDate",)
