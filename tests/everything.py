"""A board with rows in every file and whatever values their fields may have: for round trips."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from rosterhub.model.entities import ENTITIES, Entity, Field, Kind
from rosterhub.model.values import BLANKS
from tests.rosters import Board

ROWS = 2
"""Rows of each file."""

_ANY = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
_DENSE = ("Cs", "Zs", "Cc", "Zl", "Zp")
_TEXT = st.text(_ANY, max_size=12).map(lambda s: s.strip(BLANKS))
_ITEM = st.text(
    st.characters(exclude_categories=_DENSE, exclude_characters="\x00,"), min_size=1, max_size=6
)
_PART = st.text(
    st.characters(exclude_categories=_DENSE, exclude_characters="\x00{}:,"), min_size=1, max_size=5
)
_PAIRS = st.lists(st.tuples(_PART, _PART), min_size=1, max_size=3).map(
    lambda pairs: ",".join(f"{{{left}:{right}}}" for left, right in pairs)
)
_VALUES: dict[Kind, st.SearchStrategy[str]] = {
    Kind.TEXT: _TEXT,
    Kind.DATE: st.dates().map(str),
    Kind.DATETIME: st.integers(0, 4_000_000_000_000).map(lambda ms: _time(ms)),
    Kind.YEAR: st.integers(1900, 2100).map(str),
    Kind.BOOLEAN: st.sampled_from(["true", "false"]),
    Kind.FLOAT: st.decimals(-999, 999, allow_nan=False, places=3).map(str),
    Kind.INTEGER: st.integers(0, 99).map(str),
    Kind.USER_IDS: _PAIRS,
    Kind.SCALE_VALUES: _PAIRS,
}


def _time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


@st.composite
def boards(draw: st.DrawFn) -> Board:
    """Some board."""
    return {name: [_row(draw, entity, n) for n in range(ROWS)] for name, entity in ENTITIES.items()}


def sourced_id(entity: Entity, number: int) -> str:
    """The sourcedId of a row; that of its user, where the two share it."""
    return f"{entity.identity_of or entity.name}-{number}"


def _row(draw: st.DrawFn, entity: Entity, number: int) -> dict[str, str]:
    row = {"sourcedId": sourced_id(entity, number)}
    for field in entity.fields:
        if field.filed and field.kind is not Kind.PASSWORD:
            needed = field.required or field.unique
            if needed or draw(st.booleans()):
                row[field.csv] = _value(draw, field, number)
    row[draw(st.sampled_from(["metadata.x", "metadata.any.thing", "metadata.学校"]))] = draw(_TEXT)
    if entity.name == "roles":
        # One primary role for a user in an org, and a profile of the same user.
        row |= {"userSourcedId": f"users-{number}", "roleType": "primary"}
        if row.get("userProfileSourcedId"):
            row["userProfileSourcedId"] = f"userProfiles-{number}"
    if entity.name == "userProfiles":
        row["userSourcedId"] = f"users-{number}"
    if entity.name == "lineItems":
        row |= {"resultValueMin": "-1.50", "resultValueMax": "1e3"}
    return row


def _value(draw: st.DrawFn, field: Field, number: int) -> str:
    if field.many:
        least = 1 if field.required else 0
        chosen = draw(st.lists(_one(field), min_size=least, max_size=3, unique=True))
        return ",".join(chosen)
    value = draw(_one(field))
    if field.unique:
        return f"{number}{value}"
    return value or ("-" if field.required else "")


def _one(field: Field) -> st.SearchStrategy[str]:
    if field.reference:
        target = ENTITIES[field.reference]
        return st.integers(0, ROWS - 1).map(lambda n: sourced_id(target, n))
    if field.enumeration:
        more = ("ext:other",) if field.enumeration.extensible else ()
        return st.sampled_from((*field.enumeration.values, *more))
    return _ITEM if field.many else _VALUES[field.kind]
