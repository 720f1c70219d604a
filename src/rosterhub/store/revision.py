"""Which revision the schema has and which one this version of RosterHub needs, without Alembic.

Alembic takes longer to load than a whole start should; here is all that a start needs to know.
"""

import re
from dataclasses import dataclass
from importlib import resources

from rosterhub.store.connect import connect

_REVISION = re.compile(r'^(down_)?revision(?:: [^=]+)? = (?:"([^"]+)"|None)', re.MULTILINE)


def head() -> str:
    """The revision this version of RosterHub needs: the one that no other follows."""
    revisions, followed = _scripts()
    [newest] = revisions - followed
    return newest


@dataclass(frozen=True, slots=True)
class Difference:
    """The schema is not the one of this version: which of the two is older, and what to do."""

    older: bool
    en: str
    ja: str


def difference(has: str | None) -> Difference | None:
    """How a database at revision `has` differs from what this version needs; None if it does not.

    An older schema may lack what this version asks for. A newer one has all that the version
    before it asks for, so that this one may go on with it (docs/adr/0016).
    """
    needs = head()
    if has == needs:
        return None
    if has in {None, *known()}:
        return Difference(
            True,
            f"The schema is at revision {has or 'base'}, and this version of RosterHub needs "
            f"{needs}. Run: rosterhub db upgrade",
            f"スキーマが {has or 'base'} で、この版が必要とする {needs} ではありません。"
            "rosterhub db upgrade を実行してください。",
        )
    return Difference(
        False,
        f"The schema is at revision {has}, of a newer RosterHub; the newest that this version knows"
        f" is {needs}. Run the newer version, or go back with it: rosterhub db downgrade {needs}",
        f"スキーマ {has} は新しい版のもので、この版が知る最新は {needs} です。新しい版を使うか、"
        f"新しい版で rosterhub db downgrade {needs} を実行してください。",
    )


def known() -> set[str]:
    """Every revision that this version of RosterHub can bring up to its own."""
    return _scripts()[0]


def _scripts() -> tuple[set[str], set[str]]:
    """All revisions, and those that another one follows."""
    revisions: set[str] = set()
    followed: set[str] = set()
    for script in resources.files("rosterhub.store.migrations").joinpath("versions").iterdir():
        if script.name.endswith(".py"):
            for down, name in _REVISION.findall(script.read_text("utf-8")):
                (followed if down else revisions).add(name)
    return revisions, followed


def find_difference(url: str) -> Difference | None:
    """The `difference` of the database at `url`; errors as below."""
    return difference(current(url))


def current(url: str) -> str | None:
    """The revision of the database at `url`, None when it has no schema of ours.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    with connect(url) as connection:
        found = connection.execute("SELECT to_regclass('public.alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
        return row[0] if row else None
