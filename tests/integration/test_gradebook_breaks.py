"""Writes of the gradebook that something comes between: done again, or told as it is."""

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.gradebook import full
from tests.gradebook_hub import Hub, at, gradebook_hub
from tests.rosters import rows
from tests.serving import until

ONCE = """
CREATE SEQUENCE tried;
CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tried') = 1 THEN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER once BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION once();
"""
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep(20); RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
"""
COMMITTING = (
    "SELECT pid FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'PgSleep'"
    " AND datname = current_database()"
)


@pytest.fixture
def hub(config: Settings) -> Iterator[Hub]:
    with gradebook_hub(config) as made:
        yield made


WRITES: dict[str, tuple[str, Callable[[Hub], httpx.Response], int]] = {
    "PUT": ("line_items", lambda hub: hub.put("lineItems", full("lineItems", title="別")), 200),
    "DELETE": ("line_items", lambda hub: hub.client.delete(at("lineItems", "kanji-1")), 204),
    "POST": ("results", lambda hub: hub.post("/lineItems/kanji-1/results", full("results")), 201),
}


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("method", WRITES)
def test_what_stood_in_the_way_of_another_is_done_again(hub: Hub, method: str, code: str) -> None:
    table, write, status = WRITES[method]
    with connect(hub.config.write_url) as connection:
        connection.execute(ONCE.format(table=table, code=code).encode())
    assert write(hub).status_code == status
    assert rows(hub.config, "SELECT last_value > 1 FROM tried") == [(True,)]


@pytest.mark.parametrize("method", WRITES)
def test_nobody_is_told_that_nothing_changed_where_nobody_knows(hub: Hub, method: str) -> None:
    """The connection is lost while the transaction is committed."""
    table, write, _ = WRITES[method]
    answers: list[httpx.Response] = []
    with connect(hub.config.write_url) as connection:
        connection.execute(SLOW.format(table=table).encode())
        writing = threading.Thread(target=lambda: answers.append(write(hub)))
        writing.start()
        until(lambda: bool(rows(hub.config, COMMITTING)))
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({COMMITTING}) c".encode())
        writing.join(60)
    [answer] = answers
    assert answer.status_code == 503
    assert "not known whether it was done" in answer.json()["imsx_description"]
    assert answer.headers["Retry-After"]
