"""A person approves, rejects or takes back an import, over HTTP and on the command line."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rosterhub.jobs.decide import CannotDecideError, Decision, decide
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer import records
from rosterhub.transfer.run import run_import
from tests.integration.test_guard import many
from tests.integration.test_jobs import queue
from tests.rosters import csv_file, job, package, person, rows, send
from tests.serving import add_key, serving

REQUEST = records.Request("users.csv", "users")
JOBS = "/api/v1.2/csv/import/jobs"


@pytest.fixture
def client(config: Settings) -> Iterator[httpx.Client]:
    send(config, package(many(100)))
    with serving(config) as client:
        client.headers["X-API-Key"] = add_key(config)
        yield client


@pytest.fixture
def waiting(config: Settings, client: httpx.Client) -> str:
    """The id of an import that waits."""
    document = send(config, package(many(79)))
    assert document["state"] == "waiting"
    return document["jobId"]


def active(config: Settings) -> int:
    return rows(config, "SELECT count(*) FROM users WHERE status = 'active'")[0][0]


def hold_more(config: Settings) -> None:
    """Let the source come to hold five more people."""
    people = [person(f"n{n}", "花", "山田") for n in range(5)]
    send(config, csv_file("users", people), "users", source="b")
    with connect(config.write_url) as connection:
        connection.execute("UPDATE users SET source_system = 'default' WHERE source_system = 'b'")


def did_nothing(document: dict[str, Any]) -> bool:
    """Whether an import says that it did nothing to any record."""
    counts = document["counts"]
    names = ("created", "updated", "unchanged", "deleted")
    return not document["files"] and not any(counts[name] for name in names)


def test_approved_it_is_applied(config: Settings, client: httpx.Client, waiting: str) -> None:
    answer = client.post(f"{JOBS}/{waiting}/approve")
    assert (answer.status_code, answer.json()["job"]["state"]) == (202, "queued")
    run_import(int(waiting), config)
    document = client.get(f"{JOBS}/{waiting}").json()["job"]
    assert document["state"] == "completed"
    assert "guard_deleted" not in {w["code"] for w in document["warnings"]}
    assert active(config) == 82


def test_approved_it_waits_again_if_it_would_do_more_by_now(
    config: Settings, client: httpx.Client, waiting: str
) -> None:
    assert client.post(f"{JOBS}/{waiting}/approve").status_code == 202
    # Before the worker takes it.
    hold_more(config)
    run_import(int(waiting), config)
    assert client.get(f"{JOBS}/{waiting}").json()["job"]["state"] == "waiting"
    assert active(config) == 108


def test_approved_it_waits_again_if_it_would_do_as_much_to_others(
    config: Settings, client: httpx.Client, waiting: str
) -> None:
    """Five more people would be deleted, and five enrollments less: as many as was approved."""
    assert client.post(f"{JOBS}/{waiting}/approve").status_code == 202
    hold_more(config)
    with connect(config.write_url) as connection:
        connection.execute(
            "UPDATE enrollments SET status = 'tobedeleted' WHERE user_sourced_id ~ '^q09[5-9]$'"
        )
    run_import(int(waiting), config)
    document = client.get(f"{JOBS}/{waiting}").json()["job"]
    assert (document["state"], document["counts"]["deleted"]) == ("waiting", 63)
    assert active(config) == 108


def test_approved_it_stays_when_its_worker_dies(
    config: Settings, client: httpx.Client, waiting: str
) -> None:
    assert client.post(f"{JOBS}/{waiting}/approve").status_code == 202
    with connect(config.write_url) as connection:
        records.begin(connection, int(waiting))
    run_import(int(waiting), config)
    assert client.get(f"{JOBS}/{waiting}").json()["job"]["state"] == "completed"


def test_approved_before_a_newer_one_is_applied_it_does_not_take_its_place(
    config: Settings, client: httpx.Client, waiting: str
) -> None:
    newer = queue(config, csv_file("users", [person("n", "花", "山田")]), "users")
    assert client.post(f"{JOBS}/{waiting}/approve").status_code == 202
    run_import(newer, config)
    run_import(int(waiting), config)
    document = client.get(f"{JOBS}/{waiting}").json()["job"]
    assert (document["state"], document["reasonCode"]) == ("failed", "import_superseded")
    assert did_nothing(document)
    assert active(config) == 104


def kept(config: Settings, name: str, **options: Any) -> int:
    """An import that calls a pupil `name`, and that nobody has begun; its id."""
    request = records.Request("users.csv", "users", **options)
    with connect(config.write_url) as connection:
        found = records.create(
            connection, request, [csv_file("users", [person("p1", name, "佐藤")])]
        )
    assert found is not None
    return found


def test_a_kept_import_does_not_take_the_place_of_a_newer_one(config: Settings) -> None:
    """Its job was lost, say, and is made anew after the newer one's."""
    send(config, package(many(1)))
    old, tried, newer = (kept(config, name, dry_run=name == "試") for name in "古試新")
    for import_id in (newer, tried, old):
        run_import(import_id, config)
    states = [(job(config, i)["state"], job(config, i)["reasonCode"]) for i in (old, tried, newer)]
    assert states == [("failed", "import_superseded"), ("completed", None), ("completed", None)]
    assert rows(config, "SELECT given_name FROM users WHERE sourced_id = 'p1'") == [("新",)]


def test_an_import_that_was_long_on_its_way_is_no_older_one(config: Settings) -> None:
    """Its number is given when its upload begins; what counts is when it was there."""
    send(config, package(many(1)))
    with connect(config.write_url) as slow, slow.transaction():
        [old] = slow.execute(records.CREATE, records.parameters(REQUEST)).fetchone() or ()
        sent = send(config, csv_file("users", [person("p2", "速", "鈴木")]), "users")
        assert (sent["state"], int(sent["jobId"]) > old) == ("completed", True)
        data = csv_file("users", [person("p1", "遅", "佐藤")])
        with slow.cursor().copy(records.ADD_CHUNKS) as copy:
            copy.set_types(["int8", "int4", "bytea"])
            copy.write_row((old, 0, data))
        slow.execute(records.SEAL, (len(data), b"", old))
    run_import(old, config)
    assert job(config, old)["state"] == "completed"


def test_rejected_it_is_gone(config: Settings, client: httpx.Client, waiting: str) -> None:
    answer = client.post(f"{JOBS}/{waiting}/reject")
    assert (answer.status_code, answer.json()["job"]["state"]) == (200, "rejected")
    kept = "SELECT count(*) FROM import_chunks WHERE import_id = %s"
    assert rows(config, kept, waiting) == [(0,)]
    assert did_nothing(answer.json()["job"])
    assert client.get(f"{JOBS}/{waiting}/difference").json()["changes"]
    again = client.post(f"{JOBS}/{waiting}/approve")
    assert again.status_code == 409
    assert "rejected" in again.json()["imsx_description"]
    assert active(config) == 103


def test_cancelled_it_did_nothing(client: httpx.Client, waiting: str) -> None:
    answer = client.post(f"{JOBS}/{waiting}/cancel")
    assert answer.json()["job"]["state"] == "rejected"
    assert did_nothing(answer.json()["job"])


def test_an_old_file_does_not_take_the_place_of_a_newer_one(
    config: Settings, client: httpx.Client, waiting: str
) -> None:
    later = send(config, package(many(100)))
    answer = client.post(f"{JOBS}/{waiting}/approve", headers={"Accept-Language": "ja"})
    assert answer.status_code == 409
    assert f"({later['jobId']})" in answer.json()["imsx_description"]
    assert "却下してください" in answer.json()["imsx_description"]


def test_the_difference_can_be_read_in_three_ways(client: httpx.Client, waiting: str) -> None:
    path = f"{JOBS}/{waiting}/difference"
    first = client.get(path, params={"limit": 40}).json()
    second = client.get(path, params={"limit": 40, "after": first["next"]}).json()
    assert [len(page["changes"]) for page in (first, second)] == [40, 23]
    assert second["next"] is None
    found = first["changes"] + second["changes"]
    assert {(c["entity"], c["action"]) for c in found} == {
        ("users", "deleted"),
        ("roles", "deleted"),
        ("enrollments", "deleted"),
    }
    only = client.get(path, params={"entity": "roles", "action": "deleted"}).json()
    assert len(only["changes"]) == 21
    assert client.get(path, params={"colour": "red"}).status_code == 400
    table = list(csv.reader(io.StringIO(client.get(f"{path}.csv").content.decode("utf-8-sig"))))
    assert len(table) == 64
    assert table[0][:5] == ["entity", "file", "line", "sourcedId", "action"]
    text = client.get(f"{path}.txt").text
    assert text.count("- users q") == 21


def test_an_import_is_taken_back(config: Settings, client: httpx.Client, waiting: str) -> None:
    assert client.post(f"{JOBS}/{waiting}/undo").status_code == 409
    client.post(f"{JOBS}/{waiting}/approve")
    run_import(int(waiting), config)
    answer = client.post(f"{JOBS}/{waiting}/undo")
    assert (answer.status_code, answer.json()["job"]["undo"]["state"]) == (202, "queued")
    assert client.post(f"{JOBS}/{waiting}/undo").status_code == 409
    run_import(int(waiting), config)
    document = client.get(f"{JOBS}/{waiting}").json()["job"]
    assert (document["state"], document["undo"]["state"]) == ("undone", "done")
    assert active(config) == 103


def test_a_refused_undo_names_what_stands_in_its_way(
    config: Settings, client: httpx.Client
) -> None:
    document = send(config, csv_file("users", [person("n1", "花", "山田")]), "users")
    later = send(config, csv_file("users", [person("n1", "華", "山田")]), "users")
    client.post(f"{JOBS}/{document['jobId']}/undo")
    run_import(int(document["jobId"]), config)
    shown = client.get(f"{JOBS}/{document['jobId']}").json()["job"]
    assert shown["state"] == "completed"
    assert shown["undo"]["state"] == "refused"
    assert shown["undo"]["conflicts"] == [
        {"entity": "users", "sourcedId": "n1", "why": "changed", "jobId": int(later["jobId"])}
    ]
    assert client.post(f"{JOBS}/{document['jobId']}/undo?force=true").status_code == 202


@pytest.mark.parametrize("decision", ["approve", "reject", "undo"])
def test_what_is_not_there_cannot_be_decided(client: httpx.Client, decision: str) -> None:
    assert client.post(f"{JOBS}/999999/{decision}").status_code == 404
    assert client.post(f"{JOBS}/999999/{decision}?colour=red").status_code == 400


def test_a_key_that_may_only_read_decides_nothing(
    config: Settings, client: httpx.Client, waiting: str
) -> None:
    key = add_key(config, "reader", scopes=("roster.readonly",))
    for decision in ("approve", "reject", "undo"):
        answer = client.post(f"{JOBS}/{waiting}/{decision}", headers={"X-API-Key": key})
        assert answer.status_code == 403
    assert client.get(f"{JOBS}/{waiting}/difference", headers={"X-API-Key": key}).status_code == 403


def test_a_job_is_queued_with_the_decision(config: Settings, waiting: str) -> None:
    with connect(config.write_url) as connection:
        decide(connection, int(waiting), "approve")
    jobs: list[tuple[Any, ...]] = rows(
        config, "SELECT args FROM procrastinate.procrastinate_jobs WHERE status = 'todo'"
    )
    assert json.loads(json.dumps(jobs[-1][0])) == {"import_id": int(waiting)}


def test_each_reason_against_a_decision_has_its_code(config: Settings, waiting: str) -> None:
    later = send(config, package(many(100)))["jobId"]
    tried = send(config, package(many(100)), dry_run=True)["jobId"]
    undoing = send(config, package(many(100)))["jobId"]
    refusals: tuple[tuple[str, Decision, str], ...] = (
        ("999", "approve", "import_unknown"),
        (later, "approve", "import_state"),
        (waiting, "approve", "import_superseded"),
        (later, "cancel", "import_ended"),
        (waiting, "undo", "import_state"),
        (tried, "undo", "undo_dry_run"),
        (undoing, "undo", "undo_queued"),
    )
    with connect(config.write_url) as connection:
        decide(connection, int(undoing), "undo")
        for import_id, decision, code in refusals:
            with pytest.raises(CannotDecideError) as refused:
                decide(connection, int(import_id), decision)
            assert refused.value.issue.code == code
