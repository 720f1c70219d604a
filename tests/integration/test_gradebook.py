"""The gradebook's writes over HTTP: what is put is what is read, and a request counts whole."""

import json
import random
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given, settings

from rosterhub.settings import Settings
from tests.gradebook import FULL, SINGULAR, Object, any_valid, full, least, ref
from tests.gradebook_hub import GRADEBOOK, V1P1, Hub, at, gradebook_hub, refusal
from tests.rosters import csv_file, rows, send
from tests.serving import add_key, until

LARGEST = 16 * 1024 * 1024
WRITABLE = tuple(FULL)


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Hub]:
    with fresh() as config, gradebook_hub(config) as made:
        yield made


def new_id() -> str:
    return uuid.uuid4().hex


# What is put is what is read.


@pytest.mark.parametrize("entity", WRITABLE)
def test_put_creates_then_replaces(hub: Hub, entity: str) -> None:
    sent = full(entity, sourcedId=new_id())
    answer = hub.put(entity, sent)
    assert (answer.status_code, answer.content) == (201, b"")
    assert hub.get(entity, sent["sourcedId"]) == hub.shown(entity, sent)
    answer = hub.put(entity, sent)
    assert (answer.status_code, answer.content) == (200, b"")
    assert hub.get(entity, sent["sourcedId"]) == hub.shown(entity, sent)


FILLED = {
    "scoreScales": {"course": ref("course", "course")},
    "lineItems": {"academicSession": ref("term1", "academicSession")},
}
"""What the hub knows of an object that leaves it out."""


@pytest.mark.parametrize("entity", WRITABLE)
def test_what_a_replacement_leaves_out_is_gone(hub: Hub, entity: str) -> None:
    sent = full(entity, sourcedId=new_id())
    hub.put(entity, sent)
    bare = least(entity, sourcedId=sent["sourcedId"])
    assert hub.put(entity, bare).status_code == 200
    assert hub.get(entity, bare["sourcedId"]) == hub.shown(entity, FILLED.get(entity, {}) | bare)
    assert hub.put(entity, sent).status_code == 200
    assert hub.get(entity, sent["sourcedId"]) == hub.shown(entity, sent)


@pytest.mark.parametrize("entity", WRITABLE)
def test_whatever_is_put_is_read(hub: Hub, entity: str) -> None:
    @settings(max_examples=30, deadline=None)
    @given(any_valid(entity))
    def check(sent: Object) -> None:
        sent["sourcedId"] = f"r/{sent['sourcedId']}"
        assert hub.put(entity, sent).status_code in (200, 201)
        wanted = FILLED.get(entity, {}) | sent
        if "gradingPeriod" in sent and "academicSession" not in sent:
            wanted["academicSession"] = sent["gradingPeriod"]
        assert hub.get(entity, sent["sourcedId"]) == hub.shown(entity, wanted)

    check()


@pytest.mark.parametrize("entity", WRITABLE)
@pytest.mark.parametrize("blank", ["", " \u3000"])
def test_a_text_that_says_nothing_is_not_shown(hub: Hub, entity: str, blank: str) -> None:
    free = ("description", "comment", "textScore")
    texts = {name: blank for name in free if name in FULL[entity]}
    sent = full(entity, sourcedId=new_id(), metadata={"a": blank, "b": {"c": blank}}, **texts)
    for one in sent.get("learningObjectiveSet", ()):
        for result in one.get("learningObjectiveResults", ()):
            result["textScore"] = blank
    if entity == "scoreScales":
        sent["scoreScaleValue"] = [
            {"itemValueLHS": "1", "itemValueRHS": blank},
            {"itemValueLHS": "2", "itemValueRHS": "A"},
        ]
    assert hub.put(entity, sent).status_code == 201
    found = hub.get(entity, sent["sourcedId"])
    assert not {"metadata", *texts} & set(found)
    assert json.dumps(blank) not in json.dumps(found)
    if entity == "scoreScales":
        assert found["scoreScaleValue"] == [{"itemValueLHS": "2", "itemValueRHS": "A"}]
        held = f"sourcedId='{sent['sourcedId']}' AND scoreScaleValue.itemValueLHS="
        assert hub.ids("/scoreScales", filter=f"{held}'1'") == []
        assert hub.ids("/scoreScales", filter=f"{held}'2'") == [sent["sourcedId"]]
        sent["scoreScaleValue"].pop()
        assert hub.put(entity, sent).status_code == 200
        assert "scoreScaleValue" not in hub.get(entity, sent["sourcedId"])


@pytest.mark.parametrize("entity", WRITABLE)
def test_the_time_of_the_last_change_is_the_hubs(hub: Hub, entity: str) -> None:
    sent = full(entity, sourcedId=new_id(), dateLastModified="2999-01-01T00:00:00.000Z")
    times: list[str] = []
    for _ in range(5):
        hub.put(entity, sent)
        [found] = hub.client.get(at(entity, sent["sourcedId"])).json().values()
        times.append(found["dateLastModified"])
    assert times == sorted(set(times))
    assert times[-1] < "2999"
    after = {"filter": f"dateLastModified>'{times[-1]}' AND sourcedId='{sent['sourcedId']}'"}
    assert hub.ids(f"/{entity}", **after) == []
    hub.put(entity, sent)
    assert hub.ids(f"/{entity}", **after) == [sent["sourcedId"]]


def test_the_body_is_of_the_object_in_the_path(hub: Hub) -> None:
    body = full("categories", sourcedId="one")
    text = refusal(hub.client.put(at("categories", "other"), json={"category": body}))
    assert "category.sourcedId" in text
    assert "'other'" in text
    assert hub.client.get(at("categories", "one")).status_code == 404


@pytest.mark.parametrize("sourced_id", ["a/b", "a@b", "/", "a/../b", "a//b/", "-._@/"])
def test_a_sourced_id_in_the_path_is_one_segment(hub: Hub, sourced_id: str) -> None:
    sent = full("categories", sourcedId=sourced_id)
    assert hub.put("categories", sent).status_code == 201
    assert hub.get("categories", sourced_id) == hub.shown("categories", sent)
    item = full("lineItems", sourcedId=new_id(), category=ref(sourced_id, "category"))
    assert hub.put("lineItems", item).status_code == 201
    href = hub.get("lineItems", item["sourcedId"])["category"]["href"]
    assert httpx.get(href, headers=hub.client.headers).json()["category"]["title"] == sent["title"]
    assert hub.client.delete(at("categories", sourced_id)).status_code == 204


def test_the_path_alone_may_not_name_what_is_no_sourced_id(hub: Hub) -> None:
    for name in ("%00", "%E3%81%82", "a%20b", "x" * 256):
        body = {"category": {"sourcedId": "x", "title": "x"}}
        refusal(hub.client.put(f"{GRADEBOOK}/categories/{name}", json=body))
        refusal(hub.client.delete(f"{GRADEBOOK}/categories/{name}"), 404)


def test_a_time_in_place_of_a_date_is_its_date(hub: Hub) -> None:
    for entity in ("results", "assessmentResults"):
        sent = full(entity, sourcedId=new_id(), scoreDate="2026-11-28T13:44:00.000Z")
        assert hub.put(entity, sent).status_code == 201
        assert hub.get(entity, sent["sourcedId"])["scoreDate"] == "2026-11-28"
        for text in (">='2026-11-28T23:59:59.999Z'", "='2026-11-28 00:00:00'"):
            clause = f"sourcedId='{sent['sourcedId']}' AND scoreDate{text}"
            assert hub.ids(f"/{entity}", filter=clause) == [sent["sourcedId"]]
        assert "a date such as" in refusal(hub.put(entity, sent | {"scoreDate": "2026-02-29T"}))


def test_a_title_may_be_long(hub: Hub) -> None:
    for title in ("題" * 10_000, "x" * 131_072):
        sent = full("lineItems", sourcedId=new_id(), title=title)
        assert hub.put("lineItems", sent).status_code == 201
        assert hub.get("lineItems", sent["sourcedId"])["title"] == title
        assert hub.put("lineItems", sent | {"title": "短い"}).status_code == 200
    refusal(hub.put("lineItems", sent | {"title": "x" * 131_073}))


# References.


@pytest.mark.parametrize(
    ("entity", "name"),
    [(e, n) for e, o in FULL.items() for n, v in o.items() if isinstance(v, dict) and "href" in v],
)
def test_a_reference_to_nothing_is_named(hub: Hub, entity: str, name: str) -> None:
    sent = full(entity, sourcedId=new_id())
    sent[name] = sent[name] | {"sourcedId": "no/such"}
    text = refusal(hub.put(entity, sent))
    assert text.startswith(f"{SINGULAR[entity]}.{name} ")
    assert "'no/such'" in text
    assert hub.client.get(at(entity, sent["sourcedId"])).status_code == 404


def test_a_reference_may_be_more_specific_and_is_shown_as_ever(hub: Hub) -> None:
    for entity, kinds in {
        "lineItems": {"school": "school", "gradingPeriod": "gradingPeriod"}
        | {"academicSession": "term"},
        "results": {"student": "student"},
    }.items():
        sent = full(entity, sourcedId=new_id())
        named = {name: sent[name] | {"type": kind} for name, kind in kinds.items()}
        assert hub.put(entity, sent | named).status_code == 201
        assert hub.get(entity, sent["sourcedId"]) == hub.shown(entity, sent)


def test_a_reference_to_another_kind_of_object_leads_nowhere(hub: Hub) -> None:
    sent = full("lineItems", sourcedId=new_id(), category={"sourcedId": "abc"})
    assert "lineItem.category" in refusal(hub.put("lineItems", sent))


def test_what_the_files_require_is_filled_in_from_the_class(hub: Hub) -> None:
    scale = least("scoreScales", sourcedId=new_id())
    hub.put("scoreScales", scale)
    assert hub.get("scoreScales", scale["sourcedId"])["course"]["sourcedId"] == "course"
    assert scale["sourcedId"] in hub.ids("/schools/school/scoreScales")
    session = ref("gp1", "academicSession")
    item = least("lineItems", sourcedId=new_id(), gradingPeriod=session)
    hub.put("lineItems", item)
    assert hub.get("lineItems", item["sourcedId"])["academicSession"]["sourcedId"] == "gp1"
    del item["gradingPeriod"]
    hub.put("lineItems", item)
    assert hub.get("lineItems", item["sourcedId"])["academicSession"]["sourcedId"] == "term1"


# Sets.


def pairs(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 201, answer.text
    [(name, found)] = answer.json().items()
    assert name == "sourcedIdPairs"
    assert all(set(p) == {"suppliedSourcedId", "allocatedSourcedId"} for p in found)
    return [(p["suppliedSourcedId"], p["allocatedSourcedId"]) for p in found]


def test_a_posted_set_gets_ids_in_its_order(hub: Hub) -> None:
    items = [full("lineItems", sourcedId=f"mine-{n}", title=f"題 {n}") for n in range(20)]
    random.Random(1).shuffle(items)
    made = pairs(hub.post("/classes/class/lineItems", *items))
    assert [supplied for supplied, _ in made] == [item["sourcedId"] for item in items]
    assert len({uuid.UUID(allocated) for _, allocated in made}) == 20
    for item, (_, allocated) in zip(items, made, strict=True):
        wanted = hub.shown("lineItems", item | {"sourcedId": allocated})
        assert hub.get("lineItems", allocated) == wanted
    assert hub.client.get(at("lineItems", "mine-0")).status_code == 404


@pytest.mark.parametrize(
    ("path", "entity", "filled"),
    [
        ("/classes/class/lineItems", "lineItems", {"class"}),
        ("/schools/school/lineItems", "lineItems", {"school"}),
        ("/lineItems/kanji-1/results", "results", {"lineItem"}),
        ("/classes/class/academicSessions/term1/results", "results", {"class"}),
    ],
)
def test_the_path_of_a_set_says_what_its_objects_refer_to(
    hub: Hub, path: str, entity: str, filled: set[str]
) -> None:
    item = full(entity)
    bare = {name: value for name, value in item.items() if name not in filled}
    nulls = item | dict.fromkeys(filled)
    for _, allocated in pairs(hub.post(path, item, bare, nulls)):
        assert hub.get(entity, allocated) == hub.shown(entity, item | {"sourcedId": allocated})
    for name in filled:
        other = item | {name: item[name] | {"sourcedId": "class2"}}
        text = refusal(hub.post(path, item, other))
        assert text.startswith(f"{entity}[1].{name} ")
        text = refusal(hub.post(path, item, item | {name: "class2"}))
        assert text.startswith(f"{entity}[1].{name} ")


def test_results_go_below_the_class_of_their_line_item(hub: Hub) -> None:
    result = {n: v for n, v in full("results").items() if n != "class"}
    before = hub.ids("/results")
    text = refusal(hub.post("/classes/class2/academicSessions/term1/results", result))
    assert text == "The line item 'kanji-1' is of another class than the path's."
    assert hub.ids("/results") == before


@pytest.mark.parametrize(
    "path",
    [
        "/classes/no/lineItems",
        "/classes/school/lineItems",
        "/schools/no/lineItems",
        "/schools/district/lineItems",
        "/lineItems/no/results",
        "/classes/no/academicSessions/term1/results",
        "/classes/class/academicSessions/no/results",
        "/classes/%00/academicSessions/term1/results",
    ],
)
def test_a_set_below_nothing_is_404(hub: Hub, path: str) -> None:
    refusal(hub.post(path, full(path.rpartition("/")[2])), 404)


def test_one_bad_object_keeps_a_whole_set_out(hub: Hub) -> None:
    before = hub.ids("/lineItems")
    good, path = full("lineItems"), "/classes/class/lineItems"
    bad: list[tuple[object, str]] = [
        (good | {"colour": "red"}, "lineItems[1].colour "),
        (good | {"title": None}, "lineItems[1].title "),
        (good | {"category": ref("no", "category")}, "lineItems[1].category "),
        (good | {"sourcedId": "a b"}, "lineItems[1].sourcedId "),
        (good | {"sourcedId": "\ud800"}, "lineItems[1].sourcedId "),
        (good | {"sourcedId": 7}, "lineItems[1].sourcedId "),
        ("kanji", "lineItems[1] "),
        (None, "lineItems[1] "),
    ]
    for one, place in bad:
        assert refusal(hub.post(path, good, one, good)).startswith(place)
    assert hub.ids("/lineItems") == before


def test_a_set_is_an_array_of_objects(hub: Hub) -> None:
    path = f"{GRADEBOOK}/classes/class/lineItems"
    for value in ([], {}, "x", None, full("lineItems")):
        refusal(hub.client.post(path, json={"lineItems": value}))
    refusal(hub.client.post(path, json={"lineItem": full("lineItems")}))
    refusal(hub.client.post(path, json=[full("lineItems")]))


def test_an_object_without_a_sourced_id_may_be_in_a_set(hub: Hub) -> None:
    item = full("lineItems")
    del item["sourcedId"]
    [(_, allocated)] = pairs(hub.post("/classes/class/lineItems", item))
    assert hub.get("lineItems", allocated)["title"] == item["title"]


def test_a_large_set_is_written_at_once(hub: Hub) -> None:
    items = [full("results", sourcedId=f"r{n}", score=n) for n in range(2_000)]
    made = pairs(hub.post("/lineItems/kanji-1/results", *items))
    assert len({allocated for _, allocated in made}) == 2_000
    assert hub.get("results", made[1_234][1])["score"] == 1_234


# Deletion.


@pytest.mark.parametrize("entity", WRITABLE)
def test_what_is_deleted_is_shown_as_it_was_until_it_is_put_again(hub: Hub, entity: str) -> None:
    sent = full(entity, sourcedId=new_id())
    hub.put(entity, sent)
    path = at(entity, sent["sourcedId"])
    deleted = hub.shown(entity, sent | {"status": "tobedeleted"})
    times: list[str] = []
    for _ in range(2):
        answer = hub.client.delete(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert hub.get(entity, sent["sourcedId"]) == deleted
        [found] = hub.client.get(path).json().values()
        times.append(found["dateLastModified"])
    assert times[0] == times[1]
    only = {"filter": f"sourcedId='{sent['sourcedId']}' AND status='tobedeleted'"}
    assert hub.ids(f"/{entity}", **only) == [sent["sourcedId"]]
    if "scoreScale" in sent:
        by_scale = {"filter": f"{only['filter']} AND scoreScale.sourcedId='abc'"}
        assert hub.ids(f"/{entity}", **by_scale) == [sent["sourcedId"]]
    assert hub.put(entity, sent).status_code == 200
    assert hub.get(entity, sent["sourcedId"]) == hub.shown(entity, sent)
    assert hub.ids(f"/{entity}", **only) == []


BELOW = {
    "categories": ["/classes/class/categories"],
    "lineItems": ["/classes/class/lineItems"],
    "results": [
        "/classes/class/results",
        "/classes/class/lineItems/kanji-1/results",
        "/classes/class/students/p1/results",
    ],
    "scoreScales": ["/classes/class/scoreScales", "/schools/school/scoreScales"],
}
"""The nested lists of what can be deleted."""


@pytest.mark.parametrize(("entity", "path"), [(e, p) for e, paths in BELOW.items() for p in paths])
def test_a_nested_list_shows_the_deleted_to_who_asks_for_them(
    hub: Hub, entity: str, path: str
) -> None:
    sent = full(entity, sourcedId=new_id())
    hub.put(entity, sent)
    if entity == "categories":
        category = ref(sent["sourcedId"], "category")
        hub.put("lineItems", full("lineItems", sourcedId=new_id(), category=category))
    one = {"filter": f"sourcedId='{sent['sourcedId']}'"}
    before, first = total(hub, path), hub.client.get(GRADEBOOK + path)
    assert hub.ids(path, **one) == [sent["sourcedId"]]
    # Twice, so that it is kept.
    assert hub.client.get(GRADEBOOK + path).text == first.text
    assert hub.client.delete(at(entity, sent["sourcedId"])).status_code == 204
    assert hub.ids(path, **one) == []
    assert sent["sourcedId"] not in hub.ids(path)
    assert total(hub, path) == before - 1
    again = hub.client.get(GRADEBOOK + path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    for asked in ("status='tobedeleted'", "sourcedId='x' OR (status!='active' OR sourcedId='y')"):
        assert sent["sourcedId"] in hub.ids(path, filter=asked)
    assert hub.ids(f"/{entity}", **one) == [sent["sourcedId"]]
    assert hub.get(entity, sent["sourcedId"])["status"] == "tobedeleted"


def test_a_class_has_every_category_until_it_has_a_line_item(hub: Hub) -> None:
    path = "/classes/class2/categories"
    for n in range(2):
        hub.put("categories", full("categories", sourcedId=f"any-{n}"))
    items = hub.ids("/lineItems", filter="class.sourcedId='class2' AND status='active'")
    for sourced_id in items:
        hub.client.delete(at("lineItems", sourced_id))
    every = hub.ids("/categories", filter="status='active'")
    assert {"any-0", "any-1", "homework"} <= set(every)
    for _ in range(2):
        assert hub.ids(path) == every
    assert total(hub, path) == len(every)
    hub.put("categories", full("categories", sourcedId="any-2"))
    assert "any-2" in hub.ids(path)
    in_class2 = {"class": ref("class2", "class"), "category": ref("any-1", "category")}
    hub.put("lineItems", full("lineItems", sourcedId="first-of-class2", **in_class2))
    assert hub.ids(path) == ["any-1"]
    assert hub.client.delete(at("lineItems", "first-of-class2")).status_code == 204
    hub.client.delete(at("categories", "any-0"))
    assert hub.ids(path) == sorted({*every, "any-2"} - {"any-0"})


@pytest.mark.parametrize("entity", WRITABLE)
def test_what_is_not_there_cannot_be_deleted(hub: Hub, entity: str) -> None:
    text = refusal(hub.client.delete(at(entity, "no/such")), 404)
    assert "'no/such'" in text


def test_an_object_may_be_deleted_by_putting_it_so(hub: Hub) -> None:
    sent = full("results", sourcedId=new_id(), status="tobedeleted")
    assert hub.put("results", sent).status_code == 201
    assert hub.get("results", sent["sourcedId"]) == hub.shown("results", sent)


# Bodies.


def put_raw(hub: Hub, content: bytes, **headers: str) -> httpx.Response:
    path = at("categories", "raw")
    return hub.client.put(path, content=content, headers=headers)


def test_bad_json_is_refused_with_its_place(hub: Hub) -> None:
    text = refusal(put_raw(hub, b'{"category":\n {"title": x}}'))
    assert "line 2, column 12" in text
    for content in (b"", b"{", b'{"category": {}} x', b"\xef\xbb\xbf", b"[1,]", b"{'a': 1}"):
        assert refusal(put_raw(hub, content)).startswith("No JSON: ")


def test_what_is_not_utf_8_is_refused_with_its_place(hub: Hub) -> None:
    body = '{"category": {"sourcedId": "raw", "title": "宿題"}}'
    assert "byte 45" in refusal(put_raw(hub, body.encode("shift_jis")))
    for encoding in ("utf-16", "utf-32-le"):
        assert "UTF-8" in refusal(put_raw(hub, body.encode(encoding)))
    assert put_raw(hub, body.encode()).status_code == 201


def test_json_that_no_machine_should_read_is_refused(hub: Hub) -> None:
    refusal(put_raw(hub, b"[" * 1_000_000))
    refusal(put_raw(hub, b'{"category": ' + b'{"a":' * 100_000))
    huge = b'{"category": {"sourcedId": "raw", "title": "x", "weight": %s}}'
    for number in (b"9" * 5_000, b"9" * 400, b"1e400", b"-1e-400", b"NaN", b"-Infinity"):
        if number != b"-1e-400":
            refusal(put_raw(hub, huge % number))
    nested = b'{"category": {"sourcedId": "raw", "title": "x", "metadata": %s}}'
    refusal(put_raw(hub, nested % (b'{"a":' * 900 + b"1" + b"}" * 900)))


@pytest.mark.parametrize("body", [None, [], {}, "x", {"category": {}, "categories": []}])
def test_a_body_is_an_object_with_one_member(hub: Hub, body: object) -> None:
    text = refusal(put_raw(hub, json.dumps(body).encode()))
    assert '"category"' in text


def answered(hub: Hub, headers: str, pieces: Iterator[bytes]) -> tuple[bytes, int]:
    """The answer to a PUT whose body arrives piece by piece, and the bytes sent until it came."""
    sent = 0
    address = (hub.client.base_url.host, hub.client.base_url.port or 0)
    with socket.create_connection(address, timeout=10) as wire:
        request = f"PUT {at('categories', 'raw')} HTTP/1.1\r\nHost: x\r\n"
        request += f"X-API-Key: {hub.client.headers['X-API-Key']}\r\n{headers}\r\n\r\n"
        wire.sendall(request.encode())
        wire.setblocking(False)
        answer = b""
        for piece in pieces:
            if answer := _received(wire):
                break
            wire.settimeout(10)
            try:
                wire.sendall(piece)
            except ConnectionError:
                break  # refused amid the piece
            sent += len(piece)
            wire.setblocking(False)
        wire.settimeout(10)
        return answer or wire.recv(65_536), sent


def _received(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65_536)
    except BlockingIOError:
        return b""


def test_a_body_too_large_is_refused_before_it_is_sent(hub: Hub) -> None:
    answer, sent = answered(hub, f"Content-Length: {LARGEST + 1}", iter(()))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent == 0
    assert b"connection: close" in answer.lower()


def test_a_body_of_unknown_length_is_refused_while_it_arrives(hub: Hub) -> None:
    def pieces() -> Iterator[bytes]:
        """The beginning of a body whose end never comes."""
        for _ in range(4 * LARGEST >> 16):
            yield b"10000\r\n" + b" " * 65_536 + b"\r\n"

    answer, sent = answered(hub, "Transfer-Encoding: chunked", pieces())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent > LARGEST
    assert b"imsx_codeMajor" in answer


def test_a_body_as_large_as_may_be_is_taken(hub: Hub) -> None:
    body = json.dumps({"category": {"sourcedId": "raw", "title": "x"}}).encode()
    for content in (body.ljust(LARGEST), iter([body, b" " * (LARGEST - len(body))])):
        answer = hub.client.put(at("categories", "raw"), content=content)
        assert answer.status_code in (200, 201)
    refusal(put_raw(hub, body.ljust(LARGEST + 1)), 413)


@pytest.mark.parametrize("path", [f"{GRADEBOOK}/lineItems", at("lineItems", "kanji-1")])
def test_a_read_tolerates_a_body(hub: Hub, path: str) -> None:
    plain = hub.client.get(path)
    for content in (b"{}", b"no json", b" " * 1_000_000):
        headers = {"Content-Type": "application/json"}
        answer = hub.client.request("GET", path, content=content, headers=headers)
        assert answer.status_code == 200
        assert answer.json() == plain.json()
    assert hub.client.get(path).status_code == 200


# Who may.


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("PUT", at("lineItems", "kanji-1"), "gradebook.createput"),
        ("PUT", at("assessmentResults", "survey-1-p1"), "assessment.createput"),
        ("DELETE", at("results", "kanji-1-p1"), "gradebook.delete"),
        ("DELETE", at("assessmentLineItems", "survey-1"), "assessment.delete"),
        ("POST", f"{GRADEBOOK}/lineItems/kanji-1/results", "gradebook.createpost"),
    ],
)
def test_a_write_needs_its_scope_before_anything_is_looked_at(
    hub: Hub, method: str, path: str, scope: str
) -> None:
    reader = new_id()
    with httpx.Client(base_url=hub.root, headers={"X-API-Key": reader}) as client:
        assert client.request(method, path, content=b"{").status_code == 401
        add_key(hub.config, reader, scopes=("gradebook.readonly", "assessment.readonly"))
        until(lambda: client.request(method, path, content=b"{").status_code != 401)
        assert scope in refusal(client.request(method, path, content=b"{"), 403)


# At the same time, and afterwards.


def at_once(*requests: Callable[[], httpx.Response]) -> list[int]:
    """The statuses of requests that are sent at the same time."""

    def send(request: Callable[[], httpx.Response]) -> int:
        return request().status_code

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


@pytest.mark.parametrize("entity", ["lineItems", "results"])
def test_one_of_many_puts_at_once_creates(hub: Hub, entity: str) -> None:
    sourced_id = new_id()
    bodies = [full(entity, sourcedId=sourced_id, metadata={"n": n}) for n in range(12)]
    for n, body in enumerate(bodies):
        if n % 3 == 0:
            del body["learningObjectiveSet"]
        elif n % 3 == 1:
            body["learningObjectiveSet"][0]["source"] = "unknown"

    puts = [partial(hub.put, entity, body) for body in bodies]
    assert sorted(at_once(*puts)) == [200] * 11 + [201]
    found = hub.get(entity, sourced_id)
    assert found == hub.shown(entity, bodies[int(found["metadata"]["n"])])


def test_line_items_at_once_share_the_category_that_the_hub_makes_for_them(hub: Hub) -> None:
    sent = [least("lineItems", sourcedId=new_id()) for _ in range(12)]
    for item in sent:
        del item["category"], item["school"]
    puts = [partial(hub.put, "lineItems", item, V1P1) for item in sent]
    assert at_once(*puts) == [201] * 12
    [category] = {hub.get("lineItems", i["sourcedId"])["category"]["sourcedId"] for i in sent}
    assert hub.get("categories", category)["title"] == "Uncategorized"


def test_puts_and_deletes_at_once_leave_a_whole_object(hub: Hub) -> None:
    sent = [full("lineItems", sourcedId=f"c{n}-{new_id()}") for n in range(3)]
    for body in sent:
        hub.put("lineItems", body)
    requests: list[Callable[[], httpx.Response]] = []
    for n in range(24):
        body = sent[n % 3]
        delete = partial(hub.client.delete, at("lineItems", body["sourcedId"]))
        requests.append(delete if n % 4 == 3 else partial(hub.put, "lineItems", body))
    assert set(at_once(*requests)) <= {200, 204}
    for body in sent:
        found = hub.get("lineItems", body["sourcedId"])
        assert found == hub.shown("lineItems", body | {"status": found["status"]})


def total(hub: Hub, path: str, **parameters: str) -> int:
    """How many a collection has, by a page that does not show them all."""
    answer = hub.client.get(GRADEBOOK + path, params={"limit": "1", **parameters})
    assert len(next(iter(answer.json().values()))) == 1
    return int(answer.headers["X-Total-Count"])


def test_totals_are_right_at_once(hub: Hub) -> None:
    item = full("lineItems", sourcedId=new_id())
    result = full("results", lineItem=ref(item["sourcedId"], "lineItem"))
    hub.put("lineItems", item)
    counts: list[Callable[[], int]] = [
        lambda: total(hub, "/results"),
        lambda: total(hub, "/results", filter="status='active'"),
        lambda: total(hub, "/classes/class/results"),
        lambda: total(hub, "/lineItems", filter="learningObjectiveSet.source='unknown'"),
    ]
    other = item | {"learningObjectiveSet": [{"source": "unknown", "learningObjectiveIds": ["a"]}]}
    for n in range(2):
        hub.put("results", result | {"sourcedId": f"t{n}-{new_id()}"})
        hub.put("lineItems", other | {"sourcedId": f"t{n}-{new_id()}"})
    before = [count() for count in counts]
    assert before == [count() for count in counts]
    added = [result | {"sourcedId": new_id()} for _ in range(3)]
    for body in added:
        hub.put("results", body)
    assert [count() for count in counts] == [before[0] + 3, before[1] + 3, before[2] + 3, before[3]]
    hub.client.delete(at("results", added[0]["sourcedId"]))
    assert [count() for count in counts] == [before[0] + 3, before[1] + 2, before[2] + 2, before[3]]
    hub.put("lineItems", other)
    assert counts[3]() == before[3] + 1
    hub.put("lineItems", item)
    assert counts[3]() == before[3]
    hub.post("/lineItems/kanji-1/results", result | {"lineItem": None})
    assert counts[0]() == before[0] + 4


def test_the_audit_log_says_how_many_records_were_written(hub: Hub) -> None:
    sent = full("lineItems", sourcedId=new_id())
    name = {"X-Request-ID": new_id()}

    def logged() -> list[tuple[Any, ...]]:
        query = "SELECT method, response_status, records FROM audit_logs WHERE request_id = %s"
        return rows(hub.config, f"{query} ORDER BY created_at, id", name["X-Request-ID"])

    place, body = at("lineItems", sent["sourcedId"]), {"lineItem": sent}
    posted = {"results": [full("results") for _ in range(3)]}
    hub.client.put(place, json=body, headers=name)
    hub.client.put(place, json={}, headers=name)
    hub.client.delete(place, headers=name)
    hub.client.post(f"{GRADEBOOK}/lineItems/kanji-1/results", json=posted, headers=name)
    until(lambda: len(logged()) == 4)
    assert logged() == [
        ("PUT", 201, 1),
        ("PUT", 400, None),
        ("DELETE", 204, 1),
        ("POST", 201, 3),
    ]


def test_a_write_is_later_than_what_it_replaces_whatever_its_clock_said(hub: Hub) -> None:
    item = {"sourcedId": new_id(), "status": "active", "title": "x", "weight": "1"}
    changed = item | {"dateLastModified": "2999-01-01T00:00:00.000Z"}
    job = send(hub.config, csv_file("categories", [changed]), "categories", mode="delta")
    assert job["state"] == "completed"
    for write in ("put", "delete"):
        place = at("categories", item["sourcedId"])
        seen = hub.client.get(place).json()["category"]["dateLastModified"]
        assert seen >= changed["dateLastModified"]
        if write == "put":
            hub.put("categories", least("categories", sourcedId=item["sourcedId"]))
        else:
            hub.client.delete(place)
        assert hub.client.get(place).json()["category"]["dateLastModified"] > seen
