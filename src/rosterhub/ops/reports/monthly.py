"""Write the monthly report's files (manual: パフォーマンスレポート作成), whole or not at all."""

import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rosterhub.ops.reports import tables
from rosterhub.ops.reports.numbers import Numbers, Period
from rosterhub.ops.reports.page import page
from rosterhub.transfer.issues import Language

_SIZE_FILE = re.compile(r"monthly-db-size-(\d{6})\.txt")


def write(
    folder: Path,
    numbers: Numbers,
    period: Period,
    this_month: str,
    zone: ZoneInfo,
    language: Language,
) -> list[Path]:
    """Write the statistics, the sizes and the page of `period` to `folder`; what was written.

    Sizes are those of now: of this month, or of the last one if nobody wrote them down then. Those
    of older months cannot be had any more. The page shows what all reports in the folder say.
    """
    statistics = tables.text(numbers.statistics)
    written = [write_file(folder, f"monthly-api-stats-{period.name}.txt", statistics)]
    sizes = f"monthly-db-size-{period.name}.txt"
    late = _follows(this_month, period) and not (folder / sizes).exists()
    if period.name == this_month or late:
        written.append(write_file(folder, sizes, tables.text(numbers.sizes)))
    html = page(numbers, period, _known_sizes(folder, period.name), zone.key, language)
    written.append(write_file(folder, f"monthly-report-{period.name}.html", html))
    return written


def _follows(this_month: str, period: Period) -> bool:
    return f"{period.since.replace(day=1) + timedelta(days=31):%Y%m}" == this_month


def _known_sizes(folder: Path, until: str) -> dict[str, dict[str, int]]:
    """Bytes by table, by month up to `until`, of every report that is still there."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted(folder.iterdir()):
        match = _SIZE_FILE.fullmatch(path.name)
        if match and match[1] <= until:
            found[match[1]] = tables.sizes(path.read_text("utf-8"))
    return {month: sizes for month, sizes in found.items() if sizes}


def write_file(folder: Path, name: str, content: str) -> Path:
    """Write a file that others only ever see whole; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path, fresh = folder / name, folder / f".{name}.part"
    fresh.write_text(content, "utf-8")
    fresh.replace(path)
    return path
