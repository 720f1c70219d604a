"""The SQL of reads, without a database: what a client says is bound, and never part of the text."""

import re
from itertools import product

import pytest

from rosterhub.model.filters import MAX_LENGTH, OPERATORS, Clause
from rosterhub.model.operations import OPERATIONS, Operation
from rosterhub.store import collections
from rosterhub.store.collections import Cursor, Query, Statement
from rosterhub.store.conditions import UnknownField
from tests.conformance.shapes import SHAPES, Path, paths

COLLECTIONS = {o.collection: o for o in OPERATIONS if o.id.startswith("getAll")}
ODD = "z'q9\"\\%_$1--"
_VALUES = {
    "text": [ODD, f"{ODD},{ODD}w"],
    "date": ["1987-06-05"],
    "time": ["1987-06-05T04:03:02.001Z", "1987-06-05"],
    "number": ["98765432.125"],
    "flag": [],
}
"""Values that no statement holds of itself."""


def statements(operation: Operation, query: Query) -> list[Statement]:
    return [collections.page(operation, query), collections.count(operation, query)]


def numbers(statement: Statement) -> set[int]:
    """The parameters that a statement names."""
    return {int(n) for n in re.findall(rb"\$(\d+)", statement.sql)}


@pytest.mark.parametrize("entity", SHAPES)
def test_a_filters_values_are_bound(entity: str) -> None:
    operation = COLLECTIONS[entity]
    for (name, path), operator in product(paths(entity).items(), OPERATORS):
        for value in _values(path, operator):
            query = Query(filter=Clause(name, operator, value))
            for statement in statements(operation, query):
                sql = statement.sql.decode()
                assert not any(part in sql for part in ("z'q9", 'q9"', "1987", "98765")), name
                assert any("987" in v or "q9" in v for v in statement.values)
                assert numbers(statement) == set(range(1, len(statement.values) + 2))


def _values(path: Path, operator: str) -> list[str]:
    return [ODD] if operator == "~" else _VALUES[path.kind]


@pytest.mark.parametrize("operation", COLLECTIONS.values(), ids=list(COLLECTIONS))
def test_a_cursors_key_is_bound(operation: Operation) -> None:
    moment = "1987-06-05T04:03:02.001Z"
    for time, sort in (("", "sourcedId"), (moment, "dateLastModified"), ("", "status")):
        for backward in (False, True):
            query = Query(sort=sort, cursor=Cursor("zq9", time, backward))
            statement = collections.page(operation, query)
            assert b"zq9" not in statement.sql
            assert b"1987" not in statement.sql
            assert statement.values == (("zq9", time) if time else ("zq9",))


@pytest.mark.parametrize("name", ["metadata.z'q9", 'metadata.z"q9', "metadata.jp.zq9", "metadata."])
def test_a_key_of_metadata_is_bound(name: str) -> None:
    for operator in OPERATORS:
        query = Query(filter=Clause(name, operator, "x"))
        for statement in statements(COLLECTIONS["users"], query):
            assert b"q9" not in statement.sql
            assert name.removeprefix("metadata.") in statement.values


@pytest.mark.parametrize(
    "name", ["'", "sourcedId'", 'sourced_id"', "t.status", "roles.role'", "metadata", "", "."]
)
def test_a_name_that_is_no_fields_makes_no_statement(name: str) -> None:
    with pytest.raises(UnknownField):
        collections.page(COLLECTIONS["users"], Query(filter=Clause(name, "=", "x")))


@pytest.mark.parametrize(
    "name", ["grades", "agents.sourcedId", "resources.sourcedId", "roles.role"]
)
def test_a_long_list_makes_no_long_statement(name: str) -> None:
    for operator in OPERATORS:
        short, long = (
            collections.page(COLLECTIONS["users"], Query(filter=Clause(name, operator, text)))
            for text in ("a,b", ",".join("a" * (MAX_LENGTH // 2)))
        )
        assert short.sql == long.sql
        assert len(long.values) == len(short.values)
