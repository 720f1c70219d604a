"""Changes to data that a major version needs and its schema migrations do not bring, by version
(manual: データ移行スクリプト実行). A step can be run again at any time and then does nothing.
"""

from collections.abc import Callable

from rosterhub.store.connect import Connection

Step = Callable[[Connection], str]
"""Carries out one change and says in a sentence what it did."""

VERSIONS: dict[str, tuple[Step, ...]] = {"v2": ()}
"""The steps of each version, in order."""


class UnknownVersionError(ValueError):
    """There is no such version; the text names those there are."""


def migrate(connection: Connection, version: str) -> list[str]:
    """Carry out the steps of `version`, each in its transaction; what each of them did.

    Raises:
        UnknownVersionError: there is no such version.
    """
    if version not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise UnknownVersionError(
            f"{version!r} is no version with a data migration; known: {known}"
        )
    said: list[str] = []
    for step in VERSIONS[version]:
        with connection.transaction():
            said.append(step(connection))
    return said
