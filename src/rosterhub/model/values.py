"""The forms of values (spec/csv.md, "Bulk and delta"), as regular expressions that PostgreSQL and
Python read alike. `…_TOLERANT` is what the level tolerant understands besides.
"""

import re
from datetime import UTC, datetime

BLANKS = " \t\u3000\u00a0\ufeff"
"""What round a value is no part of it: also what Japanese keyboards, web pages and joined files
leave there. A text of nothing else is no text.
"""

GUID_CHARACTERS = "0-9A-Za-z./@_-"
GUID_MAX_LENGTH = 255

_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_D31 = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
_D30 = "(0[469]|11)-(0[1-9]|[12][0-9]|30)"
_D28 = "02-(0[1-9]|1[0-9]|2[0-8])"
_LEAP = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29"
_DATE = f"({_YEAR}-({_D31}|{_D30}|{_D28})|{_LEAP})"
"""A date that exists: month lengths and leap years included."""
_USUAL_DATE = "[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"

DATE = f"^{_DATE}$"
DATETIME = rf"^{_DATE}T{_TIME}\.[0-9]{{3}}Z$"
USUAL_DATE = f"^{_USUAL_DATE}$"
USUAL_DATETIME = rf"^{_USUAL_DATE}T{_TIME}\.[0-9]{{3}}Z$"
"""What nine of ten dates and times match, and what is told in half the time."""
DATETIME_TOLERANT = rf"^{_DATE}([T ]{_TIME}(\.[0-9]{{1,6}})?(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?)?$"
LOOSE_DAY = "^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
"""How a day begins that a person or a spreadsheet wrote: `2026/4/1`."""
MIDNIGHT = "([T ]0{1,2}:00(:00(\\.0+)?)?Z?)?$"
"""What may follow a day without making it another."""
YEAR = "^[0-9]{4}$"
NUMBER = r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$"
INTEGER = "^-?[0-9]{1,9}$"
_BLANK = r"\u0020\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
EXTENSION = rf"^ext:[^{_BLANK}\u0000-\u001f\u007f-\u009f]+$"
"""What extends an enumeration: any characters but blanks and control characters."""
PAIR = r"^\{[^:{}]+:[^{}]*\}$"
PAIRS = r"^\{[^:{}]+:[^{}]*\}(, *\{[^:{}]+:[^{}]*\})*$"
"""`{type:identifier},{type:identifier}`, also `{lhs:rhs}` of score scales."""

UUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
URN_OF_UUID = "urn:uuid:"
URN_OF_OTHER = "urn:sourcedid:"
"""What a sourcedId begins with where the standard wants a URI: that of a UUID, and any other."""

PLACEHOLDER = "rosterhub.placeholder"
"""The metadata of a record that the hub made because others need it; exported and imported like any
other.
"""

METADATA_NAME_MAX_LENGTH = 255
"""Characters of the name of a metadata value, with those that it lies in."""
METADATA_MAX_DEPTH = 10
"""Names that metadata nests at most: what is kept must not be too deep to be shown."""


def names_metadata(name: str) -> bool:
    """Whether `name` (`jp.homeClass`) may name a metadata value."""
    parts = name.split(".")
    short = len(parts) <= METADATA_MAX_DEPTH and len(name) <= METADATA_NAME_MAX_LENGTH
    return short and all(parts)


def named_by(uri: str) -> str:
    """The sourcedId that is shown as `uri`; what is shown so by none comes back as it is."""
    for start, of_uuid in ((URN_OF_UUID, True), (URN_OF_OTHER, False)):
        named = uri.removeprefix(start)
        if named != uri and bool(_UUID.fullmatch(named)) is of_uuid:
            return named
    return uri


_UUID = re.compile(UUID.removeprefix("^").removesuffix("$"))
_MOMENT = re.compile(DATETIME_TOLERANT.removeprefix("^").removesuffix("$"))


def moment(text: str) -> datetime | None:
    """The time that `text` states in a form of `DATETIME_TOLERANT`, in UTC where it does not say
    otherwise; None if it states none.
    """
    if not _MOMENT.fullmatch(text):
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
