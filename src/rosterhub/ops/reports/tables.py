"""Tables of plain text as psql prints them, and back. Wide characters count as two."""

import re
import unicodedata

from rosterhub.ops.reports.numbers import Table

_SIZE = re.compile(r"\s*(\S+)\s*\|\s*(\S+)\s*\|\s*([\d.]+) (bytes|kB|MB|GB|TB|PB)\s*")
_UNITS = {name: 1024**power for power, name in enumerate(("bytes", "kB", "MB", "GB", "TB", "PB"))}


def text(table: Table) -> str:
    """`table` as psql's aligned format has it."""
    shown = [["" if value is None else str(value) for value in row] for row in table.rows]
    numbers = [{i for i, value in enumerate(row) if _is_number(value)} for row in table.rows]
    right = [bool(numbers) and all(i in row for row in numbers) for i in range(len(table.columns))]
    widths = [max(map(_width, column)) for column in zip(table.columns, *shown, strict=True)]
    lines = [
        "|".join(f" {_centred(n, w)} " for n, w in zip(table.columns, widths, strict=True)),
        "+".join("-" * (w + 2) for w in widths),
    ]
    for row in shown:
        cells = zip(row, widths, right, strict=True)
        lines.append("|".join(f" {_padded(value, w, r)} " for value, w, r in cells).rstrip())
    count = len(shown)
    return "\n".join([*lines, f"({count} row{'' if count == 1 else 's'})"]) + "\n"


def sizes(report: str) -> dict[str, int]:
    """Bytes by table in a `monthly-db-size` report, also in one that psql wrote.

    History counts as one table, called `history`.
    """
    found: dict[str, int] = {}
    for line in report.splitlines():
        if match := _SIZE.fullmatch(line):
            schema, table, number, unit = match.groups()
            name = table if schema == "public" else schema
            # The manual's own query shows the partitions apart.
            name = "audit_logs" if name.startswith("audit_logs_") else name
            found[name] = found.get(name, 0) + int(float(number) * _UNITS[unit])
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _width(value: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in value)


def _padded(value: str, width: int, right: bool) -> str:
    space = " " * (width - _width(value))
    return space + value if right else value + space


def _centred(value: str, width: int) -> str:
    space = width - _width(value)
    return " " * (space // 2) + value + " " * (space - space // 2)
