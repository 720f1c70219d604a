"""What a client may ask of a read, and what it is told when it asks for something else
(spec/rest.md, "Query parameters of every collection").
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from rosterhub.access.scopes import READ
from rosterhub.model.operations import OPERATIONS
from rosterhub.settings import Settings
from tests.errors import minor, whole
from tests.rosters import board, package, person, role, send
from tests.serving import KEY, add_key, serving
from tests.urls import at, links

ROSTERING = "/ims/oneroster/rostering/v1p2"
USERS = f"{ROSTERING}/users"


@pytest.fixture(scope="module")
def config(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that these tests read from and never change, but for keys."""
    data = board()
    data["users"] += [
        person("p3", "凛", "佐藤", email="B@mihon.example", grades="P2,P3"),
        person("p4", "葵", "青木", email="a@mihon.example"),
        person("p5", "湊", "佐藤", **{"metadata.jp.kanaGivenName": "ミナト"}),
    ]
    data["roles"] += [role(f"p{n}", "student") for n in (3, 4, 5)]
    data["categories"] = [
        {"sourcedId": f"cat{n}", "title": "t", "weight": weight}
        for n, weight in enumerate(("10", "9.5", "", "-1", "100"))
    ]
    with fresh() as made:
        document = send(made, package(data))
        assert document["state"] == "completed", document
        add_key(made)
        yield made


@pytest.fixture(scope="module")
def client(config: Settings) -> Iterator[httpx.Client]:
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    [records] = answer.json().values()
    return [record["sourcedId"] for record in records]


# limit and offset


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "abc", "", "1e3", " 5", "５", "5,6", "0x5"])
def test_a_limit_that_is_no_positive_number_is_refused(client: httpx.Client, value: str) -> None:
    status, found, description = whole(client.get(USERS, params={"limit": value}))
    assert (status, found) == (400, "invaliddata")
    assert description.startswith("limit is a whole number of 1 or more")


@pytest.mark.parametrize("value", ["-1", "0.5", "last", "", "+1"])
def test_an_offset_that_is_no_number_is_refused(client: httpx.Client, value: str) -> None:
    status, found, description = whole(client.get(USERS, params={"offset": value}))
    assert (status, found) == (400, "invaliddata")
    assert description.startswith("offset is a whole number of 0 or more")


@pytest.mark.parametrize("value", ["10000", "10001", "99999999", "9" * 19])
def test_a_limit_over_the_most_is_cut_and_the_links_say_so(
    client: httpx.Client, value: str
) -> None:
    answer = client.get(USERS, params={"limit": value})
    assert ids(answer) == ["p1", "p2", "p3", "p4", "p5", "t1"]
    assert {link.parameters["limit"] for link in links(answer).values()} == {"10000"}


def test_limit_and_offset_cut_a_page_out(client: httpx.Client) -> None:
    assert ids(client.get(USERS, params={"limit": "2"})) == ["p1", "p2"]
    assert ids(client.get(USERS, params={"limit": "2", "offset": "3"})) == ["p4", "p5"]
    assert ids(client.get(USERS, params={"offset": "5"})) == ["t1"]


@pytest.mark.parametrize("offset", ["6", "1000", str(2**40)])
def test_beyond_the_end_there_is_an_empty_page(client: httpx.Client, offset: str) -> None:
    answer = client.get(USERS, params={"offset": offset})
    assert answer.json() == {"users": []}
    assert answer.headers["X-Total-Count"] == "6"
    assert "next" not in links(answer)


def test_the_total_is_that_of_all_pages_and_of_the_filter(client: httpx.Client) -> None:
    for parameters, total in (
        ({"limit": "1"}, 6),
        ({"limit": "1", "filter": "familyName='佐藤'"}, 3),
        ({"limit": "1", "offset": "2", "filter": "familyName='佐藤'"}, 3),
        ({"filter": "familyName='nobody'"}, 0),
        ({"limit": "2", "fields": "sourcedId", "sort": "email"}, 6),
    ):
        assert client.get(USERS, params=parameters).headers["X-Total-Count"] == str(total)


def test_an_empty_result_is_an_empty_array(client: httpx.Client) -> None:
    answer = client.get(USERS, params={"filter": "familyName='nobody'"})
    assert (answer.status_code, answer.json()) == (200, {"users": []})
    assert answer.headers["X-Total-Count"] == "0"
    assert set(links(answer)) == {"first", "last"}
    assert client.get(f"{ROSTERING}/terms").json() == {"academicSessions": []}


# sort and orderBy


def test_without_a_sort_records_come_by_their_sourced_id(client: httpx.Client) -> None:
    assert ids(client.get(USERS, params={"orderBy": "desc"})) == [
        *("t1", "p5", "p4", "p3", "p2", "p1")
    ]


def test_equal_values_come_by_their_sourced_id(client: httpx.Client) -> None:
    rising = ids(client.get(USERS, params={"sort": "familyName"}))
    assert rising == ["p1", "p3", "p5", "p2", "t1", "p4"]
    falling = ids(client.get(USERS, params={"sort": "familyName", "orderBy": "desc"}))
    assert falling == rising[::-1]


def test_records_without_the_value_come_together(client: httpx.Client) -> None:
    rising = ids(client.get(USERS, params={"sort": "email", "orderBy": "asc"}))
    assert rising == ["p3", "p4", "p1", "p2", "p5", "t1"]
    assert ids(client.get(USERS, params={"sort": "email", "orderBy": "desc"})) == rising[::-1]


def test_numbers_sort_as_numbers(client: httpx.Client) -> None:
    path = "/ims/oneroster/gradebook/v1p2/categories"
    assert ids(client.get(path, params={"sort": "weight"})) == [
        *("cat3", "cat1", "cat0", "cat4", "cat2")
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("nothing", "", "grades", "roles", "primaryOrg", "primaryOrg.sourcedId", "metadata"),
        *("userIds", "sourced_id", "familyname", "familyName desc", "1", "familyName,givenName"),
        "password",
    ],
)
def test_what_cannot_be_sorted_by_is_refused(client: httpx.Client, name: str) -> None:
    status, found, description = whole(client.get(USERS, params={"sort": name}))
    assert (status, found) == (400, "invalid_sort_field")
    assert "familyName" in description


@pytest.mark.parametrize("value", ["up", "DESC", "", "asc,desc"])
def test_an_order_is_asc_or_desc(client: httpx.Client, value: str) -> None:
    answer = client.get(USERS, params={"sort": "familyName", "orderBy": value})
    assert whole(answer) == (400, "invaliddata", "orderBy is asc or desc.")


# fields


def test_fields_are_all_that_is_shown(client: httpx.Client) -> None:
    for fields, shown in (
        ("sourcedId", {"sourcedId": "p3"}),
        ("sourcedId,grades", {"sourcedId": "p3", "grades": ["P2", "P3"]}),
        (" email , sourcedId,email", {"sourcedId": "p3", "email": "B@mihon.example"}),
        ("familyName", {"familyName": "佐藤"}),
    ):
        parameters = {"fields": fields, "filter": "sourcedId='p3'"}
        assert client.get(USERS, params=parameters).json() == {"users": [shown]}
        assert client.get(f"{USERS}/p3", params={"fields": fields}).json() == {"user": shown}


def test_a_field_that_a_record_does_not_have_is_left_out(client: httpx.Client) -> None:
    assert client.get(f"{USERS}/p4?fields=sms,metadata").json() == {"user": {}}
    kana = {"jp": {"kanaGivenName": "ミナト"}}
    assert client.get(f"{USERS}/p5?fields=sms,metadata").json() == {"user": {"metadata": kana}}


@pytest.mark.parametrize("fields", ["", " ", "%20"])
def test_no_fields_are_all_fields(client: httpx.Client, fields: str) -> None:
    assert client.get(f"{USERS}?fields={fields}").json() == client.get(USERS).json()
    assert client.get(f"{USERS}/p1?fields={fields}").json() == client.get(f"{USERS}/p1").json()


@pytest.mark.parametrize(
    "fields", ["nothing", "sourcedId,nothing", "metadata.jp", "roles.role", ",", "sourcedid", "*"]
)
def test_a_field_that_there_is_not_is_refused(client: httpx.Client, fields: str) -> None:
    for path in (USERS, f"{USERS}/p1"):
        status, found, description = whole(client.get(path, params={"fields": fields}))
        assert (status, found) == (400, "invalid_selection_field")
        assert "familyName" in description


# filter: the grammar is tested by itself, and what filters mean in tests/conformance


def test_a_filter_with_a_fault_is_refused_with_its_place(client: httpx.Client) -> None:
    status, found, description = whole(client.get(USERS, params={"filter": "status='active"}))
    assert (status, found) == (400, "invaliddata")
    assert "at character 8" in description
    assert minor(client.get(USERS, params={"filter": ""})) == (400, "invaliddata")


def test_a_filter_by_an_unknown_field_is_refused(client: httpx.Client) -> None:
    status, found, description = whole(client.get(USERS, params={"filter": "colour='red'"}))
    assert (status, found) == (400, "invalid_filter_field")
    assert "'colour'" in description
    assert "familyName" in description


def test_what_is_wrong_is_said_without_quoting_it_all(client: httpx.Client) -> None:
    for parameters in ({"filter": f"{'x' * 5_000}='1'"}, {"sort": "x" * 5_000}):
        assert len(client.get(USERS, params=parameters).text) < 2_000


# parameters themselves


@pytest.mark.parametrize("name", ["Limit", "select", "filters", "limit ", "page", ""])
def test_an_unknown_parameter_is_refused(client: httpx.Client, name: str) -> None:
    status, found, description = whole(client.get(USERS, params={name: "1"}))
    assert (status, found) == (400, "invaliddata")
    assert f"Unknown parameter {name!r}; known: limit, offset" in description


def test_a_parameter_that_stands_twice_is_refused(client: httpx.Client) -> None:
    for query in ("limit=1&limit=2", "limit=1&limit=1", "fields=&fields=sourcedId"):
        status, found, description = whole(client.get(f"{USERS}?{query}"))
        assert (status, found) == (400, "invaliddata")
        assert "stands twice" in description


def test_one_object_takes_fields_and_nothing_else(client: httpx.Client) -> None:
    for name in ("limit", "offset", "sort", "orderBy", "filter", "cursor"):
        status, found, description = whole(client.get(f"{USERS}/p1", params={name: "1"}))
        assert (status, found) == (400, "invaliddata")
        assert f"Unknown parameter '{name}'; known: fields" in description


def test_hundreds_of_parameters_are_refused(client: httpx.Client) -> None:
    assert minor(client.get(f"{USERS}?{'&'.join(['limit=1'] * 500)}")) == (400, "invaliddata")


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "after", "after~", "before~2026-04-01T00:00:00.000Z~p1", "after~p1 OR 1=1"),
        *("after~p1'", "AFTER~p1", "after~日本", "after~" + "x" * 256, "after~\x00"),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(client: httpx.Client, cursor: str) -> None:
    assert minor(client.get(USERS, params={"cursor": cursor})) == (400, "invaliddata")


@pytest.mark.parametrize(
    "time",
    [
        *("2026-13-01T00:00:00.000Z", "2026-02-30T00:00:00.000Z", "2026-04-01T25:61:00.000Z"),
        *("0000-01-01T00:00:00.000Z", "٢٠٢٦-04-01T00:00:00.000Z", "", "p1"),
    ],
)
def test_a_cursor_with_a_time_that_is_none_is_refused(client: httpx.Client, time: str) -> None:
    parameters = {"sort": "dateLastModified", "cursor": f"after~{time}~p1"}
    assert minor(client.get(USERS, params=parameters)) == (400, "invaliddata")


def test_a_cursor_with_a_time_belongs_to_one_order(client: httpx.Client) -> None:
    parameters = {"sort": "familyName", "cursor": "after~2026-05-01T00:00:00.000Z~p1"}
    assert minor(client.get(USERS, params=parameters)) == (400, "invaliddata")


# the request round them


def test_a_body_on_get_is_tolerated(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"{"
        yield b"}"

    for path in (USERS, f"{USERS}/p1"):
        plain = client.get(path)
        for content in (b'{"filter": "x"}', b"x" * 100_000, chunks()):
            answer = client.request("GET", path, content=content)
            assert answer.status_code == 200
            assert answer.content == plain.content
    assert client.get(USERS).status_code == 200


def test_the_short_base_answers_as_the_long_one(client: httpx.Client) -> None:
    for operation in (o for o in OPERATIONS if o.service == "rostering" and o.method == "GET"):
        known = {"users": "p1", "students": "p1", "teachers": "t1", "terms": "none"}
        known |= {"schools": "school", "orgs": "district", "classes": "class", "courses": "course"}
        known |= {"academicSessions": "y2026", "gradingPeriods": "none", "enrollments": "e-p1"}
        known |= {"demographics": "p1"}
        names = [parent.collection for parent in operation.parents]
        names += [operation.collection] if operation.single else []
        path = at(operation.path, *(known[name] for name in names))
        long, short = client.get(ROSTERING + path), client.get("/api/v1.2" + path)
        assert long.status_code == (404 if "none" in path else 200)
        assert (short.status_code, short.content) == (long.status_code, long.content)
        if long.is_success and not operation.single:
            bases = {link.base for link in links(short).values()}
            assert bases == {str(client.base_url.join("/api/v1.2" + path))}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_rosters_are_not_written_over_rest(client: httpx.Client, method: str) -> None:
    for path in (USERS, f"{USERS}/p1", f"{ROSTERING}/classes/class/students"):
        answer = client.request(method, path, json={"user": {}})
        assert minor(answer) == (405, "unsupported")
        assert answer.headers["Allow"] == "GET, HEAD"


def test_a_head_is_a_get_without_the_body(client: httpx.Client) -> None:
    got, head = client.get(USERS), client.head(USERS)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("X-Total-Count", "Link", "Content-Type", "ETag"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", [f"{USERS}//", f"/{USERS}", f"{USERS}/p1//", "/users"])
def test_a_path_is_taken_as_it_stands(client: httpx.Client, path: str) -> None:
    assert minor(client.get(path)) == (404, "unknownobject")


def test_each_operation_wants_one_of_its_scopes(config: Settings, client: httpx.Client) -> None:
    reads = [o for o in OPERATIONS if o.method == "GET"]
    for number, scopes in enumerate(sorted({o.scopes for o in reads})):
        others = add_key(config, f"all-but-{number}", scopes=tuple(sorted(READ - set(scopes))))
        each = [add_key(config, f"only-{number}-{s}", scopes=(s,)) for s in scopes]
        for operation in (o for o in reads if o.scopes == scopes):
            path = operation.bases[0] + operation.path.replace("{", "").replace("}", "")
            refused = client.get(path, headers={"X-API-Key": others})
            status, found, description = whole(refused)
            assert (status, found) == (403, "forbidden"), operation.id
            assert " or ".join(scopes) in description
            for key in each:
                assert client.get(path, headers={"X-API-Key": key}).status_code in (200, 404)


def test_without_a_key_nothing_is_said_of_what_there_is(client: httpx.Client) -> None:
    for path in (USERS, f"{USERS}/p1", f"{USERS}/nobody", f"{USERS}?limit=x", f"{USERS}?filter=x"):
        answer = client.get(path, headers={"X-API-Key": "no-such-key"})
        assert minor(answer) == (401, "unauthorisedrequest")


def test_what_there_is_not_is_404_whatever_the_client_has(client: httpx.Client) -> None:
    for path in (f"{USERS}/nobody", f"{ROSTERING}/schools/nobody/classes"):
        answer = client.get(path, headers={"If-None-Match": "*"})
        assert minor(answer) == (404, "unknownobject")
