"""What a line item that comes over OneRoster 1.1 leaves out, and has to have: a category, which 1.2
and the files require, and the grading period that it had.

1.1 requires both, and its clients send neither: they cannot have meant to take them away.
"""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg
from psycopg.rows import TupleRow

from rosterhub.model.values import PLACEHOLDER

UNCATEGORIZED: dict[str, Any] = {
    "sourced_id": str(uuid5(NAMESPACE_URL, "rosterhub categories uncategorized")),
    "status": "active",
    "title": "Uncategorized",
    "metadata": {PLACEHOLDER: "true"},
}
"""The category, by SQL column, of line items that came without one: the same on every hub, so that
what one exports another imports.
"""

_HELD = (
    "SELECT sourced_id, class_sourced_id, category_sourced_id, grading_period_sourced_id,"
    " academic_session_sourced_id FROM line_items WHERE sourced_id = ANY(%s)"
)


async def complete(
    connection: psycopg.AsyncConnection[TupleRow], rows: list[dict[str, Any]]
) -> bool:
    """Give `rows` (values by SQL column) what is held, or else the category `UNCATEGORIZED`;
    whether any of them is of that.

    1.1 shows the academic session where there is no grading period. One that comes back as it was
    shown is none that anybody chose.
    """
    found = await connection.execute(_HELD, [[row["sourced_id"] for row in rows]])
    held = {row[0]: row[1:] for row in await found.fetchall()}
    for row in rows:
        class_id, category, period, session = held.get(row["sourced_id"], (None,) * 4)
        row.setdefault("category_sourced_id", category or UNCATEGORIZED["sourced_id"])
        said = row.get("grading_period_sourced_id")
        if said is None and class_id == row["class_sourced_id"]:
            row["grading_period_sourced_id"] = period
        elif said == session and period is None:
            row["grading_period_sourced_id"] = None
    return any(row["category_sourced_id"] == UNCATEGORIZED["sourced_id"] for row in rows)
