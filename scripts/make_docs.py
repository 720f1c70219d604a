"""Write the reference pages that derive from the code: `make docs`. A test holds them in step."""

from pathlib import Path

from pydantic.fields import FieldInfo

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS, Field
from rosterhub.ops.conformance.checks import CHECKS
from rosterhub.settings import Settings
from rosterhub.transfer.issues import CODES
from scripts import api_pages

DOCS = Path(__file__).parent.parent / "docs"


def messages() -> str:
    """The page of every message an import may give."""
    lines = [
        "# Import messages",
        "",
        "Every code that an import's errors and warnings may carry, in both languages. Parts in",
        "braces are filled with what was found. Made from `transfer/sentences.py` by `make docs`.",
        "",
        "A second text is what the code says as an error of the level",
        "[strict](../imports.md#levels); tolerant takes what it speaks of with a warning.",
        "",
        "| code | English | 日本語 |",
        "|---|---|---|",
    ]
    lines += [
        f"| <a id='{code}'></a>`{code}` | {_cell(_both(text.en, text.strict_en))}"
        f" | {_cell(_both(text.ja, text.strict_ja))} |"
        for code, text in CODES.items()
    ]
    return "\n".join(lines) + "\n"


def _both(text: str, strict: str) -> str:
    return f"{text}<br>strict: {strict}" if strict else text


def entities() -> str:
    """The page of every file with its columns."""
    lines = [
        "# Files and fields",
        "",
        "The 21 CSV files of OneRoster 1.2 as RosterHub reads, stores, serves and writes them.",
        "Made from `model/entities.py` by `make docs`. `R`: a value is required. Columns named",
        "`metadata.jp.…` belong to the Japanese profiles.",
        "",
        "Every file begins with "
        + ", ".join(f"`{f.csv}`" for f in SYSTEM_FIELDS)
        + ". Any further `metadata.…` column is kept as text.",
    ]
    for entity in ENTITIES.values():
        lines += ["", f"## {entity.file}", "", f"Table `{entity.table}`, service {entity.service}."]
        lines += ["", "| column | | kind | values, target | JSON | SQL column |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_row(f) for f in entity.fields]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """The page of every setting."""
    lines = [
        "# Settings",
        "",
        "Every setting is a variable in the environment; an empty one counts as not set. A value",
        "that does not fit stops the program at once, with the name of the variable. A file of",
        "`NAME=value` lines that `ROSTERHUB_ENV_FILE` names counts for what is not set.",
        "Made from `settings.py` by `make docs`; how they go together is in [running](running.md).",
        "",
        "| variable | default | takes | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_setting(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(lines) + "\n"


def checks() -> str:
    """The page of every check that `rosterhub check` makes."""
    on = {
        "token": "the token endpoint",
        "service": "each service",
        "collection": "each collection",
        "nested": "each nested path",
    }
    lines = [
        "# Checks",
        "",
        "What `rosterhub check` checks, by ids that stay the same from release to release. Made",
        "from `ops/conformance/checks/` by `make docs`; how to use them is in",
        "[check](../check.md).",
    ]
    for reach, where in on.items():
        lines += ["", f"## On {where}", "", "| id | expected | level |", "|---|---|---|"]
        lines += [
            f"| `{c.id}` | {_cell(c.expects)} | {c.level} |" for c in CHECKS if c.reach == reach
        ]
    return "\n".join(lines) + "\n"


def _setting(name: str, field: FieldInfo) -> str:
    default = field.default
    if field.default_factory or default is None or not str(default):
        default = ""
    elif isinstance(default, bool):
        default = str(default).lower()
    limits = {type(limit).__name__: limit for limit in field.metadata}
    takes = {bool: "`true`, `false`"}.get(field.annotation, "")  # type: ignore[arg-type]
    if "Ge" in limits:
        most = f" to {limits['Le'].le:,}" if "Le" in limits else " or more"
        takes = f"{limits['Ge'].ge:,}{most}"
    shown = f"`{default}`" if default != "" else ""
    return f"| `{name.upper()}` | {shown} | {takes} | {field.description} |"


def _row(field: Field) -> str:
    kind = field.kind.value + (" list" if field.many else "")
    what = ""
    if field.enumeration:
        extra = ", `ext:…`" if field.enumeration.extensible else ""
        what = ", ".join(f"`{v}`" for v in field.enumeration.values) + extra
    elif field.reference:
        what = f"→ {field.reference}"
    column = (
        f"`{field.column}`"
        if field.stored
        else ("never stored" if not field.metadata_key else "`metadata`")
    )
    cells = (f"`{field.csv}`", "R" if field.required else "", kind, what, f"`{field.json}`", column)
    return "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}").replace("|", "\\|")


PAGES = {
    "reference/import-messages.md": messages,
    "reference/entities.md": entities,
    "reference/checks.md": checks,
    "reference/operations.md": api_pages.operations,
    "reference/objects.md": api_pages.objects,
    "settings.md": settings,
}
"""Each page by its place under docs/."""


def main() -> None:
    """Write every page."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
