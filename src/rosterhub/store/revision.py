"""Which revision the schema has and which one this version of RosterHub needs, without Alembic.

Alembic takes longer to load than a whole start should; here is all that a start needs to know.
"""

import re
from importlib import resources

from rosterhub.store.connect import connect

_REVISION = re.compile(r'^(down_)?revision(?:: [^=]+)? = (?:"([^"]+)"|None)', re.MULTILINE)


def head() -> str:
    """The revision this version of RosterHub needs: the one that no other follows."""
    revisions, followed = _scripts()
    [newest] = revisions - followed
    return newest


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
