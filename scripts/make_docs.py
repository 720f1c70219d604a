"""Write the reference pages that derive from the code: `make docs`. A test holds them in step."""

from pathlib import Path

from rosterhub.model.entities import ENTITIES, SYSTEM_FIELDS, Field
from rosterhub.transfer.issues import CODES

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def messages() -> str:
    """The page of every message an import may give."""
    lines = [
        "# Import messages",
        "",
        "Every code that an import's errors and warnings may carry, in both languages. Parts in",
        "braces are filled with what was found. Made from `transfer/issues.py` by `make docs`.",
        "",
        "| code | English | 日本語 |",
        "|---|---|---|",
    ]
    lines += [
        f"| <a id='{code}'></a>`{code}` | {_cell(text.en)} | {_cell(text.ja)} |"
        for code, text in CODES.items()
    ]
    return "\n".join(lines) + "\n"


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


PAGES = {"import-messages.md": messages, "entities.md": entities}


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
