"""What makes an empty hub one to try: a sample board, imported as any roster is, and a key."""

import tempfile
from pathlib import Path

from rosterhub.access import keys
from rosterhub.jobs.submit import submit
from rosterhub.model.profiles import DEFAULT_PROFILE
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.options import request

KEY_NAME = "demo"
KEY_DESCRIPTION = "Made by rosterhub up --sample; replaced at its next start."
SOURCE = "sample"
_SEED = 1

_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM orgs) AND NOT EXISTS (SELECT FROM users)"
_UNDER_WAY = """
SELECT id FROM imports WHERE source_system = %s AND state <> ALL (%s) ORDER BY id DESC LIMIT 1
"""


def under_way(config: Settings) -> int | None:
    """The import of a sample that an earlier start began and did not see the end of."""
    with connect(config.write_url) as connection:
        row = connection.execute(_UNDER_WAY, [SOURCE, sorted(records.FINAL)]).fetchone()
        return row[0] if row else None


def is_empty(config: Settings) -> bool:
    """Whether the hub has no roster yet."""
    with connect(config.write_url) as connection:
        row = connection.execute(_IS_EMPTY).fetchone()
        return bool(row and row[0])


def import_sample(config: Settings, people: int) -> int:
    """Make a sample board of `people` and hand it to the worker; the import's id."""
    from rosterhub.ops.sample import write_package  # only the first start needs it

    with tempfile.TemporaryDirectory() as folder, connect(config.write_url) as connection:
        path = Path(folder) / "sample.zip"
        write_package(path, people, DEFAULT_PROFILE, _SEED)
        asked = request(path.name, None, {"source": SOURCE}, None)
        with path.open("rb") as stream:
            return submit(connection, asked, stream)


def fresh_key(config: Settings) -> str:
    """A new key for the one who tries the hub; the one of the last time is disabled."""
    with connect(config.write_url) as connection, connection.transaction():
        for key in keys.every(connection):
            if key.is_active and (key.name, key.description) == (KEY_NAME, KEY_DESCRIPTION):
                keys.disable(connection, key.key)
        return keys.create(connection, KEY_NAME, KEY_DESCRIPTION, ())[1]
