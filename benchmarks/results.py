"""`make bench BENCH=results`: every benchmark at its sizes, and the table in RESULTS.md.

Takes about twenty minutes, on a machine that does nothing else.
"""

import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
RUNS = (
    ("start", ""),
    ("import", "10000"),
    ("import", "100000"),
    ("import", "1000000"),
    ("board", "200000"),
    ("export", "100000"),
    ("reads", "1000000"),
    ("servers", "100000"),
    ("tokens", "4000"),
)
_MEASURED = re.compile(r"([\w-]+) (\d+): ([\d.]+) (\S+), floor ([\d.]+) \S+, ratio ([\d.]+)")
_OTHER = re.compile(r"(memory|steps|difference|first-start|second-start)\b.*")

_HEAD = """# Results

Each value beside its floor of the same run on the same server, as [README.md](README.md) says. A
ratio is value to floor: for times, less is better; for rates (/s), more. Made by
`make bench BENCH=results`.

"""


def main() -> None:
    """Run everything and write the table."""
    rows: list[str] = []
    notes: list[str] = []
    for name, size in RUNS:
        command = [sys.executable, "-m", f"benchmarks.{name}", *([size] if size else [])]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(text, end="", flush=True)
        for line in text.splitlines():
            if found := _MEASURED.fullmatch(line):
                what, count, value, unit, floor, ratio = found.groups()
                rows.append(
                    f"| {what} | {int(count):,} | {value} {unit} | {floor} {unit} | {ratio} |"
                )
            elif _OTHER.fullmatch(line):
                notes.append(f"- {name}: {line}")
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    lines = [
        _HEAD + f"Measured on {datetime.now(UTC):%Y-%m-%d}, two cores, {machine}.",
        "",
        "| what | size | value | floor | ratio |",
        "|---|---:|---:|---:|---:|",
        *rows,
        "",
        "Memory is the largest resident size of the processes so far.",
        "",
        *notes,
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
