"""What a caller may do: the scopes of OneRoster by their short names, and three of our own.

A short name is the last part of a scope's URI (spec/rest.md, "Authentication").
"""

from collections.abc import Iterable

URI = "https://purl.imsglobal.org/spec/or/v1p2/scope/"
"""What stands before the short name in a scope of OneRoster 1.2."""

URI_1_1 = "https://purl.imsglobal.org/spec/or/v1p1/scope/"
"""The same in OneRoster 1.1."""

READ = frozenset(
    {
        "roster.readonly",
        "roster-core.readonly",
        "roster-demographics.readonly",
        "gradebook.readonly",
        "gradebook-core.readonly",
        "assessment.readonly",
        "resource.readonly",
        "resource-core.readonly",
    }
)
"""Everything that OneRoster lets a caller read."""

WRITE = frozenset(
    {
        "gradebook.createput",
        "gradebook.createpost",
        "gradebook.delete",
        "assessment.createput",
        "assessment.delete",
    }
)
"""What changes the gradebook over REST."""

IN_1_1 = frozenset(
    {
        "roster.readonly",
        "roster-core.readonly",
        "roster-demographics.readonly",
        "resource.readonly",
        "gradebook.readonly",
        "gradebook.createput",
        "gradebook.delete",
    }
)
"""Those that OneRoster 1.1 has too."""

IMPORT = "import"
"""Send rosters in, and follow and decide those imports."""

EXPORT = "export"
"""Read whole rosters out as CSV."""

ADMIN = "admin"
"""Manage the hub itself."""

ALL = READ | WRITE | {IMPORT, EXPORT, ADMIN}

MEANING = {
    "roster-core.readonly": "Read sessions, orgs, courses, classes, users, enrollments.",
    "roster.readonly": "The same, and the nested paths.",
    "roster-demographics.readonly": "Read demographics.",
    "gradebook-core.readonly": "Read categories, line items, results, score scales.",
    "gradebook.readonly": "The same, and the nested paths.",
    "gradebook.createput": "Put categories, line items, results, score scales.",
    "gradebook.createpost": "Post sets of line items and results.",
    "gradebook.delete": "Delete categories, line items, results, score scales.",
    "assessment.readonly": "Read assessment line items and results.",
    "assessment.createput": "Put assessment line items and results.",
    "assessment.delete": "Delete assessment line items and results.",
    "resource-core.readonly": "Read resources.",
    "resource.readonly": "The same, and the nested paths.",
    IMPORT: "Send rosters in, and follow and decide those imports.",
    EXPORT: "Take whole rosters out as CSV.",
    ADMIN: "Manage the hub itself.",
}
"""What each scope lets its holder do, for people."""

DEFAULT = READ | {IMPORT, EXPORT}
"""What a key without scopes may do, so that a key made by the manual's plain INSERT works."""


class UnknownScope(ValueError):  # noqa: N818
    """A scope that there is not; the text lists those there are."""


def granted(stored: Iterable[str]) -> frozenset[str]:
    """What the scopes stored with a key let its holder do."""
    return frozenset(stored) or DEFAULT


def short(asked: str) -> str | None:
    """The short name of a scope given by it or by its URI, None if it is none of ours."""
    if asked.startswith(URI):
        name = asked.removeprefix(URI)
        return name if name in READ or name in WRITE else None
    if asked.startswith(URI_1_1):
        name = asked.removeprefix(URI_1_1)
        return name if name in IN_1_1 else None
    return asked if asked in ALL else None


def full(name: str) -> str:
    """How an access token's answer calls the scope `name`: our own have no URI."""
    return f"{URI}{name}" if name in READ or name in WRITE else name


def checked(asked: Iterable[str]) -> list[str]:
    """The short names of `asked`, each once and in order.

    Raises:
        UnknownScope: one of them is none of ours.
    """
    wanted: set[str] = set()
    for text in asked:
        name = short(text)
        if name is None:
            raise UnknownScope(f"Unknown scope {text[:100]!r}; known: {', '.join(sorted(ALL))}.")
        wanted.add(name)
    return sorted(wanted)
