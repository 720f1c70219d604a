"""One hub for all of these tests, which only read: the board imported, served, and in memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.conformance import board
from tests.conformance.answers import Reader
from tests.conformance.model import Model
from tests.rosters import Board, package, rows, send
from tests.serving import KEY, add_key, serving


class Hub:
    """`model` knows what `read` must answer."""

    def __init__(self, read: Reader, model: Model) -> None:
        self.read = read
        self.model = model


@pytest.fixture(scope="session")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Hub]:
    whole = board.board()
    with fresh() as config:
        files = board.files(whole)
        for delta in (board.before(files), board.deletions(files)):
            document = send(config, package(delta, modes=dict.fromkeys(delta, "delta")))
            assert (document["state"], document["errors"]) == ("completed", [])
        _take_times(config, whole)
        _insert(config, {name: found for name, found in whole.items() if name not in files})
        add_key(config)
        with serving(config) as client:
            client.headers["X-API-Key"] = KEY
            root = str(client.base_url).rstrip("/")
            yield Hub(Reader(client), Model(whole, root))


def _take_times(config: Settings, whole: Board) -> None:
    """What carries records that were deleted changed with them, when the import ran."""
    found: dict[str, set[str]] = {}
    for owner in {e.embedded_in for e in RECORDS.values() if e.embedded_in}:
        times = dict(
            rows(
                config,
                'SELECT sourced_id, to_char(date_last_modified, \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'
                f" FROM {RECORDS[owner].table}"
                " WHERE date_last_modified > now() - interval '1 hour'",
            )
        )
        if times:
            found[owner] = set(times)
        for row in whole[owner]:
            row["dateLastModified"] = times.get(row["sourcedId"], row["dateLastModified"])
    assert found == CHANGED


CHANGED = {
    "users": {"both/1", "left_class", "visitor@x"},
    "classes": {"class/bare"},
    "lineItems": {"li/1", "li/2"},
}


def _insert(config: Settings, files: Board) -> None:
    """What no file brings: records that come over REST alone."""
    with connect(config.write_url) as connection:
        for name, found in files.items():
            entity = RECORDS[name]
            columns = {f.csv: f.column for f in entity.stored_fields} | {
                "sourcedId": "sourced_id",
                "status": "status",
                "dateLastModified": "date_last_modified",
            }
            for row in found:
                names = ", ".join(columns[csv] for csv in row)
                values = ", ".join(["%s"] * len(row))
                connection.execute(
                    f"INSERT INTO {entity.table} ({names}) VALUES ({values})".encode(),
                    list(row.values()),
                )
