"""What a check found: fine, worth a look, or broken, as a sentence in both languages."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is the same in every language; the sentence of a warning says what to do."""

    check: str
    level: Level
    en: str
    ja: str


def ok(check: str, en: str, ja: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", en, ja)


def warn(check: str, en: str, ja: str) -> Finding:
    """It works, and should be looked at."""
    return Finding(check, "warn", en, ja)


def fail(check: str, en: str, ja: str) -> Finding:
    """It does not work, or nobody would like how it does."""
    return Finding(check, "fail", en, ja)
