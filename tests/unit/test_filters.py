"""The filter's grammar: what is one, what is none and where it goes wrong, and that nothing that
anybody sends makes the parser fail otherwise.
"""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rosterhub.model.filters import (
    MAX_CLAUSES,
    MAX_DEPTH,
    MAX_LENGTH,
    OPERATORS,
    And,
    Clause,
    FilterError,
    Node,
    Or,
    clauses,
    parse,
    text_of,
)

A, B, C = (Clause(name, "=", name) for name in "abc")
EVERY_TEXT = st.text(st.characters(), max_size=60)
"""Surrogates and NUL included."""
_TREES = settings(max_examples=200, deadline=None)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a='a'", A),
        ("a = 'a'", A),
        ("\n a\t=\u3000'a' \n", A),
        ("a='a' AND b='b'", And((A, B))),
        ("a='a' OR b='b'", Or((A, B))),
        ("a='a' AND b='b' AND c='c'", And((A, B, C))),
        ("a='a' OR b='b' AND c='c'", Or((A, And((B, C))))),
        ("a='a' AND b='b' OR c='c'", Or((And((A, B)), C))),
        ("(a='a' OR b='b') AND c='c'", And((Or((A, B)), C))),
        ("a='a' AND (b='b' OR c='c')", And((A, Or((B, C))))),
        ("a='a' AND (b='b' AND c='c')", And((A, And((B, C))))),
        ("((((a='a'))))", A),
        ("a='a'AND b='b'OR(c='c')", Or((And((A, B)), C))),
        ("a=''", Clause("a", "=", "")),
        ("a=''''", Clause("a", "=", "'")),
        ("a='o''k'", Clause("a", "=", "o'k")),
        ("a='x'' OR ''1''=''1'", Clause("a", "=", "x' OR '1'='1")),
        ("a='\" \\ % _ \n \u2028 𠮷'", Clause("a", "=", '" \\ % _ \n \u2028 𠮷')),
        ("roles.role~'teacher'", Clause("roles.role", "~", "teacher")),
        ("metadata.jp.a-b/c,d;e\"f='1'", Clause('metadata.jp.a-b/c,d;e"f', "=", "1")),
        ("名前='佐藤'", Clause("名前", "=", "佐藤")),
        # Keywords are such between clauses alone, and in capitals.
        ("AND='1' AND OR='2'", And((Clause("AND", "=", "1"), Clause("OR", "=", "2")))),
    ],
)
def test_this_is_a_filter(text: str, tree: Node) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_is_read(operator: str) -> None:
    assert parse(f"x{operator}'1'") == parse(f"x {operator} '1'") == Clause("x", operator, "1")


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 1, "name of a field"),
        ("   ", 4, "name of a field"),
        ("a", 2, "= != > >= < <= ~"),
        ("a 'x'", 3, "= != > >= < <= ~"),
        ("a=", 3, "single quotes"),
        ("a=x", 3, "single quotes"),
        ('a="x"', 3, "single quotes"),
        ("a=='x'", 3, "single quotes"),
        ("a!'x'", 2, "cannot stand here"),
        ("a<>'x'", 3, "single quotes"),
        ("='x'", 1, "name of a field"),
        ("'x'='x'", 1, "name of a field"),
        ("a='x", 3, "closing quote"),
        ("a='x''", 6, "closing quote"),
        ("a= 'x", 4, "closing quote"),
        ("a='x' b='y'", 7, "AND, OR or the end"),
        ("a='x' and b='y'", 7, "AND, OR or the end"),
        ("a='x' AND", 10, "name of a field"),
        ("a='x' AND AND b='y'", 15, "= != > >= < <= ~"),
        ("a='x' ANDb='y'", 7, "AND, OR or the end"),
        ("AND a='x'", 5, "= != > >= < <= ~"),
        ("(a='x'", 7, "closing parenthesis"),
        ("(a='x' b='y')", 8, "closing parenthesis"),
        ("a='x')", 6, "AND, OR or the end"),
        ("()", 2, "name of a field"),
        ("NOT (a='x')", 5, "= != > >= < <= ~"),
        ("a='x';DROP TABLE users", 6, "AND, OR or the end"),
        ("a='x'--", 6, "AND, OR or the end"),
        ("a='\x00'", 4, "cannot be part of any value"),
        ("a='é' AND b='\ud800'", 14, "cannot be part of any value"),
        ("\x00", 1, "cannot be part of any value"),
    ],
)
def test_this_is_none_and_the_error_says_where(text: str, position: int, says: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)
    assert refused.value.position == position
    assert says in str(refused.value)
    assert str(refused.value).endswith(f"(at character {position} of the filter).")


def test_a_clause_knows_where_it_begins() -> None:
    found = clauses(parse(" a='1' AND ( bc = '2' OR d='3')"))
    assert [(c.field, c.position) for c in found] == [("a", 2), ("bc", 14), ("d", 26)]


def test_depth_has_a_bound() -> None:
    deep = "(" * MAX_DEPTH + "a='a'" + ")" * MAX_DEPTH
    assert parse(deep) == A
    with pytest.raises(FilterError, match="nested deeper") as refused:
        parse(f"({deep})")
    assert refused.value.position == MAX_DEPTH + 1
    with pytest.raises(FilterError, match="nested deeper"):
        parse("(" * MAX_LENGTH)


def test_the_number_of_clauses_has_a_bound() -> None:
    most = " OR ".join(["a='a'"] * MAX_CLAUSES)
    assert parse(most) == Or((A,) * MAX_CLAUSES)
    with pytest.raises(FilterError, match="more than 100 clauses") as refused:
        parse(f"{most} OR a='a'")
    assert refused.value.position == len(most) + len(" OR ") + 1
    with pytest.raises(FilterError, match="more than 100 clauses"):
        parse(f"({most}) AND a='a'")


def test_length_has_a_bound() -> None:
    value = "'" * 2 * ((MAX_LENGTH - 4) // 2)
    assert parse(f"a='{value}'") == Clause("a", "=", value[::2])
    with pytest.raises(FilterError, match="longer than 20,000"):
        parse("a='" + "x" * MAX_LENGTH + "'")


@settings(max_examples=500, deadline=None)
@given(EVERY_TEXT | st.lists(st.sampled_from([*"()'= \x00\ud83d", *OPERATORS, "AND", " OR "])))
@example("'" * (MAX_LENGTH - 1))
@example("''" * (MAX_LENGTH // 2))
@example(" " * MAX_LENGTH)
@example("a=" * (MAX_LENGTH // 2))
@example("\x1c=''")
def test_any_text_is_a_filter_or_a_filter_error(text: str | list[str]) -> None:
    whole = text if isinstance(text, str) else "".join(text)
    try:
        tree = parse(whole)
    except FilterError as error:
        position = error.position
    else:
        assert parse(text_of(tree)) == tree
        return
    assert 1 <= position <= len(whole) + 1


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00()!=><~'"), min_size=1
).filter(lambda name: not any(c.isspace() for c in name))
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
CLAUSES = st.builds(Clause, NAMES, st.sampled_from(OPERATORS), VALUES)


def _groups(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(And, parts) | st.builds(Or, parts)


@_TREES
@given(st.recursive(CLAUSES, _groups, max_leaves=25))
def test_what_is_written_is_read(tree: Node) -> None:
    assert parse(text_of(tree)) == tree


@_TREES
@given(st.recursive(CLAUSES, _groups, max_leaves=10), st.sampled_from(["x", "(", "'", " AND "]))
def test_what_stands_behind_a_filter_is_refused(tree: Node, more: str) -> None:
    with pytest.raises(FilterError):
        parse(f"{text_of(tree)} {more}")
