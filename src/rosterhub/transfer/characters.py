"""Characters that are readable and yet say nothing to anybody else: gaiji in the private-use area,
and what systems put where they had no character. All are kept as they are, and each is listed.
"""

from rosterhub.model.entities import Kind
from rosterhub.transfer.columns import StagedColumn
from rosterhub.transfer.rules import Rule
from rosterhub.transfer.staged import StagedFile

_PRIVATE = r"[\uE000-\uF8FF\U000F0000-\U000FFFFD\U00100000-\U0010FFFD]"
_LOST, _DOUBTFUL = ("〓", "\ufffd"), ("?", "□")
NAMES = frozenset(
    {
        *("name", "givenName", "familyName", "middleName"),
        *("preferredGivenName", "preferredFamilyName", "preferredMiddleName"),
    }
)
"""In a name a question mark is no punctuation."""


def rules(file: StagedFile) -> list[Rule]:
    """The rules for one file: none where its text showed nothing of the kind."""
    found: list[Rule] = []
    for column in file.columns.staged:
        if column.field.kind is not Kind.TEXT or column.field.enumeration:
            continue
        cell = column.cell
        if "private" in file.odd:
            value = _characters(cell, file.encoding)
            odd = f"{cell} ~ '{_PRIVATE}'"
            found.append(Rule("private_use", "warning", column, odd, value=value, each=True))
        signs = _LOST if "lost" in file.odd else ()
        if "doubt" in file.odd and _is_name(column):
            signs += _DOUBTFUL
        if signs:
            odd = " OR ".join(f"strpos({cell}, '{sign}') > 0" for sign in signs)
            found.append(Rule("character_lost", "warning", column, f"({odd})", each=True))
    return found


def _is_name(column: StagedColumn) -> bool:
    return column.field.csv in NAMES or column.field.csv.startswith("metadata.jp.kana")


def _characters(cell: str, encoding: str) -> str:
    """SQL for the private-use characters of a cell with the bytes that they are in the file."""
    one = "m[1]"
    if encoding == "cp932":
        # The user-defined rows F040 to F9FC lie there one after the other (U+E000 and on).
        at = f"(ascii({one}) - 57344)"
        trail = f"64 + mod({at}, 188) + (mod({at}, 188) >= 63)::int"
        bytes_ = f"to_hex((240 + {at} / 188) * 256 + {trail})"
    elif encoding == "utf-16":
        bytes_ = f"lpad(to_hex(ascii({one})), 4, '0')"
    else:
        bytes_ = f"encode(convert_to({one}, 'UTF8'), 'hex')"
    listed = f"'U+' || upper(to_hex(ascii({one}))) || ' (' || upper({bytes_}) || ')'"
    return f"(SELECT string_agg({listed}, ' ') FROM regexp_matches({cell}, '({_PRIVATE})', 'g') m)"
