"""What an import has to say about a file: codes, places, sentences in Japanese and English.

The sentences of the codes are in `sentences`; docs/reference/import-messages.md lists them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rosterhub.transfer.sentences import CODES

Severity = Literal["error", "warning"]
Level = Literal["tolerant", "strict"]
"""How strictly an import reads (docs/imports.md, "Levels")."""
Language = Literal["ja", "en"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to say, with its place. `line` is the physical line, the header being line 1."""

    code: str
    severity: Severity = "error"
    file: str | None = None
    line: int | None = None
    column: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def at(self, level: Level) -> "Issue":
        """The issue as it counts at `level`."""
        return self if self.severity == "error" else replace(self, severity=at(level, self.code))


def at(level: Level, code: str) -> Severity:
    """What a warning is at `level`: an error where strict asks for more."""
    return "error" if level == "strict" and CODES[code].strict else "warning"


class RefusedError(Exception):
    """The import cannot go on; `issue` says why."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.code)
        self.issue = issue


def sentence(
    code: str,
    details: Mapping[str, Any],
    language: Language = "en",
    severity: Severity = "warning",
) -> str:
    """The text for `code`, filled with `details`; as an error of strict where it is one."""
    text = CODES[code]
    if text.strict and severity == "error":
        template = text.strict_ja if language == "ja" else text.strict_en
    else:
        template = text.ja if language == "ja" else text.en
    more = _MORE[language].format_map(details) if details.get("count", 1) > 1 else ""
    known = {name: value for name, value in details.items() if value is not None}
    return template.format_map(_Details(known)) + more


_MORE: dict[Language, str] = {
    "en": " ({count} rows; this is the first.)",
    "ja": "(全部で {count} 行、これが最初です。)",
}
"""What a warning adds when it stands for many rows."""


class _Details(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""
