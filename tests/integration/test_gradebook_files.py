"""What comes over REST and what comes in files: one gradebook, and neither takes away what the
other said.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rosterhub.model.values import BLANKS
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.exported import exported_package
from tests.gradebook import FULL, Object, any_valid, full, least
from tests.gradebook_hub import GRADEBOOK, V1P1, Hub, at, gradebook_hub
from tests.rosters import csv_file, package, rows, send

FILED = ("categories", "scoreScales", "lineItems", "results")
"""Those of the gradebook that have a file."""

ROW = {
    "sourcedId": "from-file",
    "title": "計算テスト",
    "assignDate": "2026-04-10T00:00:00.000Z",
    "dueDate": "2026-04-17T00:00:00.000Z",
    "classSourcedId": "class",
    "categorySourcedId": "homework",
    "academicSessionSourcedId": "term1",
    "schoolSourcedId": "school",
}


@pytest.fixture
def hub(config: Settings) -> Iterator[Hub]:
    with gradebook_hub(config) as made:
        yield made


def exported(config: Settings, profile: str = "jp-1.2.1") -> bytes:
    return exported_package(config, profile=profile)


def changes(job: Object) -> tuple[int, int, int]:
    """How many records an import created, updated and deleted; it has to be without errors."""
    assert job["state"] == "completed", job["errors"]
    assert job["errors"] == []
    counts = job["counts"]
    return counts["created"], counts["updated"], counts["deleted"]


def trimmed(value: Any) -> Any:
    """The same without blanks round texts, which a file cannot hold (spec/csv.md, "tolerant")."""
    if isinstance(value, dict):
        return {k: trimmed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [trimmed(v) for v in value]
    return value.strip(BLANKS) if isinstance(value, str) else value


def everything(hub: Hub, entity: str) -> list[Object]:
    answer = hub.client.get(f"{GRADEBOOK}/{entity}", params={"limit": "10000"})
    assert answer.status_code == 200
    assert answer.json()[entity]
    return answer.json()[entity]


def test_a_bulk_file_of_another_source_leaves_what_came_over_rest(hub: Hub) -> None:
    files = package({"lineItems": [ROW]})
    assert changes(send(hub.config, files, source="kohmu")) == (1, 0, 0)
    assert changes(send(hub.config, package({"lineItems": []}), source="kohmu")) == (0, 0, 1)
    assert hub.get("lineItems", "kanji-1") == hub.shown("lineItems", full("lineItems"))
    assert hub.get("lineItems", "from-file")["status"] == "tobedeleted"


def test_rest_changes_what_came_in_a_file(hub: Hub) -> None:
    send(hub.config, package({"lineItems": [ROW]}), source="kohmu")
    item = full("lineItems", sourcedId="from-file")
    assert hub.put("lineItems", item).status_code == 200
    assert hub.get("lineItems", "from-file") == hub.shown("lineItems", item)
    # The file is the newer word again.
    assert changes(send(hub.config, package({"lineItems": [ROW]}), source="kohmu")) == (0, 1, 0)
    assert hub.get("lineItems", "from-file")["title"] == ROW["title"]


@pytest.mark.parametrize("profile", ["jp-1.2.1", "ims-1.2.1"])
def test_what_came_over_rest_goes_out_as_csv_and_comes_in_without_a_change(
    hub: Hub, profile: str
) -> None:
    @settings(max_examples=8, deadline=None)
    @given(st.tuples(*map(any_valid, FILED)))
    def put(objects: tuple[Object, ...]) -> None:
        for entity, sent in zip(FILED, map(trimmed, objects), strict=True):
            sent["sourcedId"] = f"r/{sent['sourcedId']}"
            # One column cannot be a value and hold others.
            sent["metadata"] = {"mihon": {"said": repr(sent.get("metadata"))}}
            assert hub.put(entity, sent).status_code in (200, 201)

    put()
    data = exported(hub.config, profile)
    before = [everything(hub, entity) for entity in FULL]
    job = send(hub.config, data)
    after = [everything(hub, entity) for entity in FULL]
    assert after == before
    assert changes(job) == (0, 0, 0)


def test_a_line_item_without_a_category_goes_out_with_one_and_comes_in_again(hub: Hub) -> None:
    item = least("lineItems", sourcedId="bare")
    sent = {name: value for name, value in item.items() if name not in ("category", "school")}
    assert hub.put("lineItems", sent, V1P1).status_code == 201
    before = everything(hub, "categories")
    data = exported(hub.config)
    assert changes(send(hub.config, data)) == (0, 0, 0)
    with connect(hub.config.write_url) as connection:
        connection.execute("TRUNCATE results, line_items, categories")
    assert changes(send(hub.config, data, source="other"))[0] > 0
    [category] = [one for one in before if one["title"] == "Uncategorized"]
    again = hub.get("categories", category["sourcedId"])
    assert again == {n: v for n, v in category.items() if n != "dateLastModified"}
    assert hub.get("lineItems", "bare")["category"]["sourcedId"] == category["sourcedId"]


def test_another_hub_takes_the_export_whole(hub: Hub, config: Settings) -> None:
    """Values of metadata come in as texts (spec/models.md)."""
    texts = {"metadata": {"mihon": {"color": "赤"}}}
    for entity in FILED:
        hub.put(entity, full(entity, **texts))
    hub.client.delete(at("results", "kanji-1-p1"))
    other = full("results", sourcedId="other", **texts)
    hub.put("results", other)
    data = exported(hub.config)
    with connect(hub.config.write_url) as connection:
        connection.execute("TRUNCATE results, line_items, score_scales, categories")
        connection.execute("TRUNCATE line_item_learning_objective_ids, line_item_score_scales")
        connection.execute("TRUNCATE result_learning_objective_ids, result_score_scales")
    changes(send(hub.config, data))
    assert hub.get("results", "other") == hub.shown("results", other)
    for entity in FILED[:-1]:
        wanted = hub.shown(entity, full(entity, **texts))
        wanted.pop("gradingPeriod", None)  # Files have no column for it.
        assert hub.get(entity, wanted["sourcedId"]) == wanted
    assert hub.client.get(at("results", "kanji-1-p1")).status_code == 404


def test_what_belongs_to_a_deleted_object_is_not_exported_without_it(hub: Hub) -> None:
    for entity, sourced_id in (("results", "kanji-1-p1"), ("lineItems", "kanji-1")):
        hub.client.delete(at(entity, sourced_id))
    live = "SELECT count(*) FROM {} WHERE status = 'active'"
    for table in ("line_item_learning_objective_ids", "line_item_score_scales"):
        assert rows(hub.config, live.format(table)) == [(0,)]
    for table in ("result_learning_objective_ids", "result_score_scales"):
        assert rows(hub.config, live.format(table)) == [(0,)]
    job = send(hub.config, exported(hub.config), profile="ims-1.2")
    assert changes(job) == (0, 0, 0)
    # Where all rows are deleted, the file says so by its header alone.
    assert {warning["code"] for warning in job["warnings"]} == {"file_without_rows"}


def test_a_line_item_without_a_session_is_exported_all_the_same(hub: Hub) -> None:
    """The file requires what the object may leave out (spec/csv.md, spec/models.md)."""
    assert hub.put("lineItems", least("lineItems", sourcedId="bare")).status_code == 201
    job = send(hub.config, exported(hub.config))
    assert changes(job) == (0, 0, 0)


def test_writes_go_on_while_the_same_records_are_imported(hub: Hub) -> None:
    many = [ROW | {"sourcedId": f"i{n:04}", "description": "from the file"} for n in range(2_000)]
    send(hub.config, package({"lineItems": [row | {"description": "old"} for row in many]}))
    objectives = [
        {"sourcedId": f"o{n:04}", "lineItemSourcedId": f"i{n:04}", "source": "case"}
        | {"learningObjectiveId": "co"}
        for n in range(2_000)
    ]
    files = package({"lineItems": many, "lineItemLearningObjectiveIds": objectives})

    def put(number: int) -> int:
        item = full("lineItems", sourcedId=f"i{number % 40 * 50:04}", title=f"put {number}")
        return hub.put("lineItems", item).status_code

    unguarded = hub.config.model_copy(update={"guard_least_records": 10_000})
    with ThreadPoolExecutor(5) as threads:
        job = threads.submit(send, unguarded, files)
        statuses: list[int] = []
        while not job.done():
            statuses += threads.map(put, range(len(statuses), len(statuses) + 8))
    assert job.result()["state"] == "completed", job.result()["errors"]
    assert set(statuses) == {200}
    assert statuses
    for number in range(0, 2_000, 50):
        found = hub.get("lineItems", f"i{number:04}")
        assert found["title"].startswith("put ") == (found["description"] != "from the file")


def test_metadata_too_deep_to_be_shown_is_not_taken(hub: Hub) -> None:
    category = {"sourcedId": "deep", "title": "宿題", "metadata.a.b": "kept"}
    for name in (".".join("a" * 3_000), "c" * 300):
        job = send(
            hub.config, csv_file("categories", [category | {f"metadata.{name}": "x"}]), "categories"
        )
        [warning] = job["warnings"]
        assert warning["code"] == "column_ignored"
        assert hub.get("categories", "deep")["metadata"] == {"a": {"b": "kept"}}
