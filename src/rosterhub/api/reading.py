"""The query parameters of a read, and the links of its answer (spec/rest.md, "Query parameters").

Every parameter that is not known or not well formed is an `ApiError` that says what it takes.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl, quote

from rosterhub.api.errors import ApiError, invalid
from rosterhub.model import filters, values
from rosterhub.model.operations import Operation
from rosterhub.store import collections
from rosterhub.store.collections import MAX_LIMIT, Page, Query, Statement
from rosterhub.store.conditions import BadValue, UnknownField

_COLLECTION = ("limit", "offset", "sort", "orderBy", "filter", "fields", "cursor")
_SINGLE = ("fields",)
_LARGEST = 2**31
_T = TypeVar("_T")


class Read:
    """A read as it is asked for, with its statements: for one query string, made once."""

    __slots__ = ("as_of", "count", "page", "parameters", "query", "version")

    def __init__(self, operation: Operation, query_string: str) -> None:
        given = _given(query_string, parameters(operation))
        self.as_of = _as_of(given)
        self.query = _query(operation, given)
        self.page: Statement = _refusing(lambda: collections.page(operation, self.query))
        self.count: Statement = collections.count(
            operation, Query(filter=self.query.filter, fields=())
        )
        self.version: Statement = collections.version(operation, self.query)
        # What every link begins with, quoted once.
        own = [(n, v) for n, v in given.items() if n not in _IN_EVERY_LINK]
        own.append(("limit", str(self.query.limit)))
        self.parameters = "&".join(f"{name}={quote(value, safe='')}" for name, value in own)


_LONGEST_LINKS = 8_000
"""Characters of a Link header; Node.js takes 16 KB of all headers together."""

_IN_EVERY_LINK = ("limit", "offset", "cursor")


@lru_cache(1_024)
def _read(operation: Operation, query_string: str) -> Read:
    return Read(operation, query_string)


def read(operation: Operation, query_string: str) -> Read:
    """The read that `query_string` asks of `operation`.

    Raises:
        ApiError: 400 with the codeMinor that the parameter deserves.
    """
    if len(query_string) > 2_000:
        return Read(operation, query_string)
    return _read(operation, query_string)


@lru_cache(1_024)
def single(operation: Operation, query_string: str) -> tuple[Statement, Statement, str | None]:
    """The statements for one object and for the version of it, and the moment it is asked for at;
    the same errors as `read`.
    """
    given = _given(query_string, parameters(operation))
    fields = _fields(operation, given)
    version = collections.version(operation, Query(fields=fields))
    return collections.single(operation, fields), version, _as_of(given)


def links(read: Read, url: str, page: Page, total: int) -> str:
    """The Link header (RFC 8288): `next` and `prev` where there are such pages, `first`, `last`.

    A long filter stands in each; what would make the header longer than proxies and clients take
    is left out, `next` never.
    """
    query, begin = read.query, f"<{url}?{read.parameters}&offset="
    found: list[str] = []
    backward = query.cursor is not None and query.cursor.backward
    if page.more or backward:
        found.append(f'{begin}{query.offset + page.records}{_after(page.last)}>; rel="next"')
    # On the way back `more` is what lies before; an import may have made that more than we came by.
    if page.more if backward else query.offset > 0:
        before = max(query.offset - query.limit, 0)
        found.append(f'{begin}{before}{_before(page.first)}>; rel="prev"')
    found.append(f'{begin}0>; rel="first"')
    last = max((total - 1) // query.limit * query.limit, 0)
    found.append(f'{begin}{last}>; rel="last"')
    while len(found) > 1 and sum(map(len, found)) > _LONGEST_LINKS:
        found.pop()
    return ", ".join(found)


def _after(key: str) -> str:
    return f"&cursor=after~{quote(key, safe='')}" if key else ""


def _before(key: str) -> str:
    return f"&cursor=before~{quote(key, safe='')}" if key else ""


def _given(query_string: str, known: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise invalid("There are too many query parameters.") from error
    for name, value in pairs:
        if name not in known:
            raise invalid(f"Unknown parameter {name[:40]!r}; known: {', '.join(known)}.")
        if name in given:
            raise invalid(f"The parameter {name} stands twice.")
        given[name] = value
    return given


def _query(operation: Operation, given: dict[str, str]) -> Query:
    order = given.get("orderBy", "asc")
    if order not in ("asc", "desc"):
        raise invalid("orderBy is asc or desc.")
    sort = given.get("sort", "sourcedId")
    text = given.get("filter")
    cursor = given.get("cursor")
    return Query(
        fields=_fields(operation, given),
        filter=_refusing(lambda: filters.parse(text)) if text is not None else None,
        sort=sort,
        descending=order == "desc",
        limit=min(_whole("limit", given, collections.DEFAULT_LIMIT, 1), MAX_LIMIT),
        offset=_whole("offset", given, 0, 0),
        cursor=None if cursor is None else _refusing(lambda: collections.cursor(cursor, sort)),
    )


def parameters(operation: Operation) -> tuple[str, ...]:
    """The query parameters that a read takes: rosters can be read as they were."""
    names = _SINGLE if operation.single else _COLLECTION
    return (*names, "asOf") if operation.service == "rostering" else names


def _as_of(given: dict[str, str]) -> str | None:
    """The moment in the past that is asked for, as PostgreSQL reads it."""
    text = given.get("asOf")
    if text is None:
        return None
    moment = values.moment(text)
    if moment is None:
        raise invalid(f"asOf is a time such as 2026-05-01T00:00:00Z, not {text[:40]!r}.")
    if moment > datetime.now(UTC):
        raise invalid("asOf lies in the future.")
    return moment.isoformat()


def see_kept(as_of: str | None, days: int) -> None:
    """See that the moment `as_of` is one of the last `days`, of which the history is kept.

    Raises:
        ApiError: 400, it is not.
    """
    if as_of and datetime.fromisoformat(as_of) < datetime.now(UTC) - timedelta(days=days):
        raise invalid(f"What was more than {days} days ago (HISTORY_DAYS) is not kept.")


def _fields(operation: Operation, given: dict[str, str]) -> tuple[str, ...] | None:
    text = given.get("fields", "")
    if not text.strip():
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    _refusing(lambda: collections.selection(operation, names))
    return names


def _whole(name: str, given: dict[str, str], default: int, least: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    # One of any length is a number; beyond twenty digits it makes no difference.
    digits = text.lstrip("0")[:20] or "0" if text.isascii() and text.isdigit() else "-1"
    number = int(digits)
    if number < least:
        raise invalid(f"{name} is a whole number of {least} or more, not {text[:40]!r}.")
    return min(number, _LARGEST)


def _refusing(what: Callable[[], _T]) -> _T:
    """The value of `what`; what it refuses, as the API says it."""
    try:
        return what()
    except UnknownField as error:
        raise ApiError(400, "invalid_filter_field", str(error)) from error
    except collections.UnknownSort as error:
        raise ApiError(400, "invalid_sort_field", str(error)) from error
    except collections.UnknownSelection as error:
        raise ApiError(400, "invalid_selection_field", str(error)) from error
    except (filters.FilterError, BadValue, collections.BadCursor) as error:
        raise invalid(str(error)) from error
