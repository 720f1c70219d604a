"""The filter of a read, from text to a tree (spec/rest.md, "Filter grammar").

Knows the grammar and nothing of fields or SQL. Raises `FilterError` and never anything else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute

OPERATORS = ("=", "!=", ">", ">=", "<", "<=", "~")
MAX_CLAUSES = 100
MAX_DEPTH = 20
MAX_LENGTH = 20_000


class FilterError(ValueError):
    """The text is no filter. `position` counts characters from 1."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"{problem} (at character {position} of the filter).")
        self.position = position


@dataclass(frozen=True, slots=True)
class Clause:
    """`field op 'value'`; `position` is where the field's name begins, from 1, and no part of what
    the clause says.
    """

    field: str
    operator: str
    value: str
    position: int = attribute(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """All of `parts`, of which there are two or more."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of `parts`, of which there are two or more."""

    parts: "tuple[Node, ...]"


Node = Clause | And | Or


def parse(text: str) -> Node:
    """The tree of a filter: AND binds closer than OR, parentheses group, a quote is doubled.

    Raises:
        FilterError: `text` is no filter, or one longer or deeper than anybody writes.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"The filter is longer than {MAX_LENGTH:,} characters", MAX_LENGTH)
    unstorable = _UNSTORABLE.search(text)
    if unstorable:
        raise FilterError("This character cannot be part of any value", unstorable.start() + 1)
    reader = _Reader(text)
    node = _or(reader, 0)
    if not reader.at("end"):
        raise reader.error("AND, OR or the end is expected")
    return node


def text_of(node: Node) -> str:
    """A filter that parses to `node` again."""
    match node:
        case Clause():
            return f"{node.field}{node.operator}'{node.value.replace(chr(39), chr(39) * 2)}'"
        case And():
            return " AND ".join(
                f"({text_of(p)})" if isinstance(p, And | Or) else text_of(p) for p in node.parts
            )
        case Or():
            return " OR ".join(
                f"({text_of(p)})" if isinstance(p, Or) else text_of(p) for p in node.parts
            )


def clauses(node: Node) -> Iterator[Clause]:
    """Every clause of the tree, from left to right."""
    if isinstance(node, Clause):
        yield node
    else:
        for part in node.parts:
            yield from clauses(part)


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates: what no text in the database can hold."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<open>\() | (?P<close>\)) | (?P<operator>!=|>=|<=|[=><~]) |
    '(?P<value>(?:[^']|'')*)' |
    (?P<name>[^\s()!=><~']+) |
    (?P<end>$)
    )""",
    re.VERBOSE,
)


class _Reader:
    """The tokens of a filter, one at a time: `kind`, `value`, and the `position` of it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.clauses = 0
        self.kind = ""
        self.value = ""
        self.position = 1
        self.advance()

    def advance(self) -> str:
        """Go on to the next token; returns the value of the one left behind."""
        left = self.value
        found = _TOKEN.match(self._text, self._at)
        if not found or not found.lastgroup:
            start = self._at + len(self._text[self._at :]) - len(self._text[self._at :].lstrip())
            quote = self._text[start : start + 1] == "'"
            problem = "The value's closing quote is missing" if quote else "This cannot stand here"
            raise FilterError(problem, start + 1)
        self.kind = found.lastgroup
        self.value = found[self.kind]
        # A value begins with its quote, which is no part of it.
        self.position = found.start(self.kind) + (self.kind != "value")
        self._at = found.end()
        return left

    def at(self, kind: str) -> bool:
        """Whether the token is of `kind`."""
        return self.kind == kind

    def error(self, problem: str) -> FilterError:
        return FilterError(problem, self.position)

    def takes(self, word: str) -> bool:
        """Whether the token is the keyword `word`, which is then left behind."""
        if self.kind == "name" and self.value == word:
            self.advance()
            return True
        return False


def _or(reader: _Reader, depth: int) -> Node:
    parts = [_and(reader, depth)]
    while reader.takes("OR"):
        parts.append(_and(reader, depth))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _and(reader: _Reader, depth: int) -> Node:
    parts = [_term(reader, depth)]
    while reader.takes("AND"):
        parts.append(_term(reader, depth))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _term(reader: _Reader, depth: int) -> Node:
    if reader.at("open"):
        if depth == MAX_DEPTH:
            raise reader.error(f"Parentheses are nested deeper than {MAX_DEPTH}")
        reader.advance()
        node = _or(reader, depth + 1)
        if not reader.at("close"):
            raise reader.error("A closing parenthesis is expected")
        reader.advance()
        return node
    if not reader.at("name"):
        raise reader.error("The name of a field is expected")
    reader.clauses += 1
    if reader.clauses > MAX_CLAUSES:
        raise reader.error(f"The filter has more than {MAX_CLAUSES} clauses")
    position = reader.position
    field = reader.advance()
    if not reader.at("operator"):
        raise reader.error(f"One of {' '.join(OPERATORS)} is expected")
    operator = reader.advance()
    if not reader.at("value"):
        raise reader.error("A value in single quotes is expected, such as 'active'")
    return Clause(field, operator, reader.advance().replace("''", "'"), position)
