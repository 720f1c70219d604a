"""What an import has to say about a file: codes, places, sentences in Japanese and English.

The sentences of the codes are in `sentences`; docs/reference/import-messages.md lists them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rosterhub.transfer.sentences import CODES

Severity = Literal["error", "warning"]
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


class RefusedError(Exception):
    """The import cannot go on; `issue` says why."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.code)
        self.issue = issue


def sentence(code: str, details: Mapping[str, Any], language: Language = "en") -> str:
    """The text for `code`, filled with `details`."""
    text = CODES[code]
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
