"""What a caller may do: the scopes of OneRoster by their short names, and three of our own.

A short name is the last part of a scope's URI (spec/rest.md, "Authentication").
"""

from collections.abc import Iterable

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

IMPORT = "import"
"""Send rosters in, and follow and decide those imports."""

EXPORT = "export"
"""Read whole rosters out as CSV."""

ADMIN = "admin"
"""Manage the hub itself."""

ALL = READ | WRITE | {IMPORT, EXPORT, ADMIN}

DEFAULT = READ | {IMPORT, EXPORT}
"""What a key without scopes may do, so that a key made by the manual's plain INSERT works."""


class UnknownScope(ValueError):  # noqa: N818
    """A scope that there is not; the text lists those there are."""


def granted(stored: Iterable[str]) -> frozenset[str]:
    """What the scopes stored with a key or client let its holder do."""
    return frozenset(stored) or DEFAULT


def checked(asked: Iterable[str]) -> list[str]:
    """`asked`, each once and in order.

    Raises:
        UnknownScope: one of them is none of ours.
    """
    wanted = sorted(set(asked))
    for name in wanted:
        if name not in ALL:
            raise UnknownScope(f"Unknown scope {name[:60]!r}; known: {', '.join(sorted(ALL))}.")
    return wanted
