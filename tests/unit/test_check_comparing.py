"""What a filter certainly and possibly finds, and when an order is none."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.model.entities import Kind
from rosterhub.model.filters import OPERATORS
from rosterhub.ops.conformance.comparing import (
    Path,
    certainly,
    disorder,
    held,
    paths,
    possibly,
)

TITLE = Path("title", "text")
GRADES = Path("grades", "list")
WEIGHT = Path("weight", "number", Kind.FLOAT)
ENABLED = Path("enabledUser", "boolean", Kind.BOOLEAN)
DAY = Path("startDate", "date", Kind.DATE)
TIME = Path("dateLastModified", "dateTime", Kind.DATETIME)
ROLE = Path("roles.role", "within")


@pytest.mark.parametrize(
    ("path", "sign", "text", "item", "certain", "possible"),
    [
        (TITLE, "=", "Math", {"title": "Math"}, True, True),
        # Whether case counts is the provider's own decision.
        (TITLE, "=", "math", {"title": "Math"}, False, True),
        (TITLE, "!=", "math", {"title": "Math"}, False, True),
        (TITLE, "!=", "Math", {"title": "Math"}, False, False),
        (TITLE, "!=", "Art", {"title": "Math"}, True, True),
        # So is whether what is absent differs from something.
        (TITLE, "!=", "Art", {}, False, True),
        (TITLE, "~", "at", {"title": "Math"}, True, True),
        (TITLE, "~", "AT", {"title": "Math"}, False, True),
        (TITLE, "~", "x", {"title": "Math"}, False, False),
        (TITLE, "=", "Math", {}, False, False),
        (GRADES, "=", "P1", {"grades": ["P1", "P2"]}, True, True),
        (GRADES, "~", "P1", {"grades": ["P2"]}, False, False),
        (WEIGHT, "=", "0.50", {"weight": Decimal("0.5")}, True, True),
        (WEIGHT, ">", "0.5", {"weight": 10}, True, True),
        (WEIGHT, ">", "9", {"weight": Decimal(10)}, True, True),
        (WEIGHT, "<", "1", {"weight": "NaN"}, False, False),
        (ENABLED, "=", "true", {"enabledUser": "true"}, True, True),
        (ENABLED, "!=", "true", {"enabledUser": "false"}, True, True),
        (DAY, "<=", "2026-04-01", {"startDate": "2026-04-01"}, True, True),
        (DAY, "<", "2026-04-01", {"startDate": "2026-04-01"}, False, False),
        (TIME, "=", "2026-04-01T09:00:00.000+09:00", None, True, True),
        (TIME, ">", "2026-03-31", None, True, True),
        (ROLE, "=", "teacher", {"roles": [{"role": "student"}, {"role": "teacher"}]}, True, True),
    ],
)
def test_what_a_filter_finds(
    path: Path, sign: str, text: str, item: Any, certain: bool, possible: bool
) -> None:
    item = {"dateLastModified": "2026-04-01T00:00:00.000Z"} if item is None else item
    assert certainly(path, sign, text, item) is certain
    assert possibly(path, sign, text, item) is possible


_values = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals()
_items = st.recursive(
    _values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "sourcedId", "x"]), inner)
    ),
    max_leaves=5,
)
_PATHS = [*paths("users", "1.2"), *paths("users", "1.1"), *paths("lineItems", "1.2"), WEIGHT]


@given(st.sampled_from(_PATHS), st.sampled_from(OPERATORS), st.text(max_size=8), _items)
def test_what_is_certain_is_possible_whatever_came(
    path: Path, sign: str, text: str, value: Any
) -> None:
    item = {path.name.partition(".")[0]: value}
    assert possibly(path, sign, text, item) or not certainly(path, sign, text, item)


@pytest.mark.parametrize(
    ("kind", "values", "descending", "place"),
    [
        (Kind.FLOAT, [1, 2, 10], False, None),
        (Kind.FLOAT, [1, 10, 2], False, 2),
        (Kind.FLOAT, [10, 2, 2, 1], True, None),
        (Kind.FLOAT, [1, 2], True, 1),
        (Kind.DATE, ["2026-04-01", "2026-03-31"], False, 1),
        (Kind.DATETIME, ["2026-04-01T09:00:00.000+09:00", "2026-04-01T00:00:00.001Z"], False, None),
        (Kind.TEXT, ["a", "b1", "b2"], False, None),
        (Kind.TEXT, ["b", "a"], False, 1),
        # These depend on a collation; only that equal ones stand together does not.
        (Kind.TEXT, ["b", "A"], False, None),
        (Kind.TEXT, ["山", "川", "川"], False, None),
        (Kind.TEXT, ["山", "川", "山"], False, 2),
        (Kind.FLOAT, ["x", 1], False, None),
        (Kind.TEXT, [], False, None),
    ],
)
def test_an_order(kind: Kind, values: list[Any], descending: bool, place: int | None) -> None:
    assert disorder(kind, values, descending=descending) == place


@given(st.sampled_from(list(Kind)), st.lists(_values), st.booleans())
def test_any_values_have_an_order_or_not(kind: Kind, values: list[Any], descending: bool) -> None:
    disorder(kind, values, descending=descending)


def test_values_are_found_through_arrays() -> None:
    item = {"roles": [{"org": {"sourcedId": "a"}}, {"org": {"sourcedId": "b"}}, {"org": None}]}
    assert held(item, "roles.org.sourcedId") == ["a", "b"]
    assert held(item, "roles.none.sourcedId") == []
    assert held(item, "none") == []
