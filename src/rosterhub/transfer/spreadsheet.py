"""What a spreadsheet makes of CSV, and how it is kept from it: cells that it would take for
formulas are told as text, and a file made so says that it is for eyes only.
"""

from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a formula, or what hides one, begins with; in their wide forms too."""

EYES_ONLY = "閲覧用（取り込み不可） / for eyes only"
"""The last column of such a file, without values: people read it, and an import knows it by it."""


def harmless(cell: Any) -> Any:
    """A cell that a spreadsheet takes for text, never for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def harmless_sql(cell: str) -> str:
    """The same in SQL."""
    starts = ", ".join(f"U&'\\{ord(start):04x}'" for start in _FORMULA_STARTS)
    return f"CASE WHEN left({cell}, 1) IN ({starts}) THEN '''' || {cell} ELSE {cell} END"
