"""Walking a collection page by page, by the links of its answers (RFC 8288), to and fro."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import product

import httpx
import pytest

from rosterhub.settings import Settings
from tests.rosters import Rows, board, package, person, rows, send
from tests.serving import KEY, add_key, serving
from tests.urls import Link, links

USERS = "/ims/oneroster/rostering/v1p2/users"
PEOPLE = 23
ORDERS = list(product(("", "dateLastModified", "familyName", "email"), ("asc", "desc")))


def people(names: list[str], hour: int = 0, **more: str) -> Rows:
    """Users for a delta file; four share each time, five each name, every third has no address."""
    return [
        person(
            name,
            f"G{n % 4}",
            f"Yama{n % 5}",
            email=f"{n % 7}@mihon.example" if n % 3 else "",
            dateLastModified=f"2026-05-01T{hour:02d}:{n // 4:02d}:00.000Z",
            **{"status": "active", "primaryOrgSourcedId": "", **more},
        )
        for n, name in enumerate(names)
    ]


EVERYONE = [f"u/{n:02d}@x" for n in range(PEOPLE)]


def load(config: Settings, users: Rows) -> None:
    document = send(config, package({"users": users}, modes={"users": "delta"}))
    assert document["state"] == "completed", document


@pytest.fixture(scope="module")
def client(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[httpx.Client]:
    """A hub with PEOPLE users, which these tests only read."""
    with fresh() as config:
        load(config, people(EVERYONE))
        add_key(config)
        with serving(config) as client:
            client.headers["X-API-Key"] = KEY
            yield client


def get(client: httpx.Client, url: str = USERS, **parameters: str | int) -> httpx.Response:
    given = {name: str(value) for name, value in parameters.items() if value != ""}
    answer = client.get(url, params=given or None)
    assert answer.status_code == 200, answer.text
    return answer


def ids(answer: httpx.Response) -> list[str]:
    return [user["sourcedId"] for user in answer.json()["users"]]


def walk(client: httpx.Client, answer: httpx.Response, rel: str) -> Iterator[httpx.Response]:
    """The answer, and those that its link `rel` leads to."""
    for _ in range(100):
        yield answer
        link = links(answer).get(rel)
        if not link:
            return
        answer = get(client, link.url)
    pytest.fail("there is no end to it")


def places(answer: httpx.Response) -> dict[str, tuple[int, int]]:
    return {rel: link.place for rel, link in links(answer).items()}


def test_each_link_carries_its_true_limit_and_offset(client: httpx.Client) -> None:
    pages = [places(a) for a in walk(client, get(client, limit=10), "next")]
    ends = {"first": (10, 0), "last": (10, 20)}
    assert pages == [
        {"next": (10, 10), **ends},
        {"prev": (10, 0), "next": (10, 20), **ends},
        {"prev": (10, 10), **ends},
    ]


def test_the_default_limit_stands_in_the_links(client: httpx.Client) -> None:
    assert places(get(client)) == {"first": (100, 0), "last": (100, 0)}


def test_a_full_last_page_has_no_next(client: httpx.Client) -> None:
    assert set(links(get(client, limit=PEOPLE))) == {"first", "last"}
    *_, last = walk(client, get(client, limit=10, filter="sourcedId<'u/20@x'"), "next")
    assert len(ids(last)) == 10
    assert places(last) == {"prev": (10, 0), "first": (10, 0), "last": (10, 10)}


def test_beyond_the_end_prev_leads_back(client: httpx.Client) -> None:
    for sort in ("", "familyName"):
        beyond = get(client, limit=10, offset=40, sort=sort)
        assert places(beyond) == {"prev": (10, 30), "first": (10, 0), "last": (10, 20)}
        *_, first = walk(client, beyond, "prev")
        assert ids(first) == ids(get(client, limit=10, sort=sort))


def test_links_are_absolute_and_keep_every_other_parameter(client: httpx.Client) -> None:
    asked = {
        "filter": "familyName!='a&b=c' AND givenName~'G' OR email='+ %25;#<>\"'",
        "fields": "sourcedId,email",
        "sort": "dateLastModified",
        "orderBy": "desc",
        "limit": 3,
    }
    for path in (USERS, "/api/v1.2/users"):
        answers = list(walk(client, get(client, path, **asked), "next"))
        assert len(answers) == 8
        for answer in answers:
            assert all(set(user) <= {"sourcedId", "email"} for user in answer.json()["users"])
            for link in links(answer).values():
                assert link.base == str(client.base_url.join(path))
                kept = {k: v for k, v in link.parameters.items() if k not in ("offset", "cursor")}
                assert kept == {**asked, "limit": "3"}


def test_links_keep_an_escaped_path(config: Settings) -> None:
    data = board()
    data["orgs"].append({"sourcedId": "s/1", "name": "S", "type": "school"})
    data["courses"].append({"sourcedId": "c", "title": "C", "orgSourcedId": "s/1"})
    data["courses"].append({"sourcedId": "d", "title": "D", "orgSourcedId": "s/1"})
    send(config, package(data))
    add_key(config)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        path = "/ims/oneroster/rostering/v1p2/schools/s%2F1/courses"
        answer = get(client, path, limit=1)
        assert {link.base for link in links(answer).values()} == {
            str(client.base_url).rstrip("/") + path
        }
        assert get(client, links(answer)["next"].url).json()["courses"][0]["sourcedId"] == "d"


@pytest.mark.parametrize(("sort", "order"), ORDERS)
@pytest.mark.parametrize("limit", [1, 5, 7, 22, 23])
def test_next_shows_each_record_once_and_prev_the_same_pages_back(
    client: httpx.Client, sort: str, order: str, limit: int
) -> None:
    asked = {"sort": sort, "orderBy": order}
    whole = ids(get(client, **asked))
    assert sorted(whole) == EVERYONE
    there = list(walk(client, get(client, limit=limit, **asked), "next"))
    assert [i for answer in there for i in ids(answer)] == whole
    back = list(walk(client, there[-1], "prev"))
    assert [ids(answer) for answer in back] == [ids(answer) for answer in there[::-1]]
    assert [places(answer) for answer in back] == [places(answer) for answer in there[::-1]]
    assert {answer.headers["X-Total-Count"] for answer in there + back} == {str(PEOPLE)}


@pytest.mark.parametrize(("sort", "order"), ORDERS)
def test_prev_from_the_last_page_shows_each_record_once(
    client: httpx.Client, sort: str, order: str
) -> None:
    asked = {"sort": sort, "orderBy": order}
    last = get(client, links(get(client, limit=5, **asked))["last"].url)
    pages = [ids(answer) for answer in walk(client, last, "prev")]
    assert [i for page in pages[::-1] for i in page] == ids(get(client, **asked))


@pytest.mark.parametrize(("sort", "order"), ORDERS)
@pytest.mark.parametrize("offset", [1, 4, 13])
def test_prev_from_anywhere_shows_each_record_once(
    client: httpx.Client, sort: str, order: str, offset: int
) -> None:
    asked = {"sort": sort, "orderBy": order}
    begun = get(client, limit=5, offset=offset, **asked)
    pages = [ids(answer) for answer in walk(client, begun, "prev")]
    whole = ids(get(client, **asked))
    assert [i for page in pages[::-1] for i in page] == whole[: offset + 5]
    *_, first = walk(client, begun, "prev")
    there = [i for answer in walk(client, first, "next") for i in ids(answer)]
    assert there == whole


@pytest.mark.parametrize(("sort", "order"), ORDERS)
def test_a_client_that_reads_only_limit_and_offset_gets_everything(
    client: httpx.Client, sort: str, order: str
) -> None:
    asked = {"sort": sort, "orderBy": order}
    found: list[str] = []
    link: Link | None = links(get(client, limit=6, **asked))["first"]
    while link:
        limit, offset = link.place
        answer = get(client, limit=limit, offset=offset, **asked)
        found += ids(answer)
        link = links(answer).get("next")
    assert found == ids(get(client, **asked))


def test_no_personal_value_stands_in_a_link(client: httpx.Client) -> None:
    for sort in ("familyName", "email", "username", "givenName"):
        for answer in walk(client, get(client, limit=5, sort=sort), "next"):
            for user in answer.json()["users"]:
                for value in (user["familyName"], user["username"], user.get("email", "@@")):
                    assert value not in answer.headers["Link"]


@pytest.mark.parametrize(
    ("sort", "order", "filtered"),
    [
        *((sort, order, "") for sort, order in ORDERS),
        ("", "asc", "status='active'"),
        ("dateLastModified", "desc", "status='active'"),
    ],
)
def test_an_import_meanwhile_hides_and_repeats_nothing(
    config: Settings, sort: str, order: str, filtered: str
) -> None:
    """Records that were there all along come once, whatever is inserted and deleted round them."""
    load(config, people(EVERYONE, hour=12))
    add_key(config)
    leave = EVERYONE[::4]
    stay = [i for i in EVERYONE if i not in leave]
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        begun = get(client, limit=5, sort=sort, orderBy=order, filter=filtered)
        seen: list[str] = []
        for number, answer in enumerate(walk(client, begun, "next")):
            seen += ids(answer)
            total = "SELECT count(*) FROM users" + (f" WHERE {filtered}" if filtered else "")
            assert answer.headers["X-Total-Count"] == str(rows(config, total)[0][0])
            if number < 4:
                # Before all, after all and in between, by their ids and by their times.
                names = [f"{where}{number}" for where in ("a", "u/05@x", "u/12@x", "u/20@x", "z")]
                load(config, people(names, hour=(number * 5) % 24))
                gone = people(leave[number : number + 1], 13, status="tobedeleted")
                load(config, gone)
        assert number >= 4
        assert sorted(i for i in seen if i in stay) == stay
        new = [i for i in seen if i not in EVERYONE]
        assert new
        assert len(new) == len(set(new))


def test_the_way_back_survives_an_import_too(config: Settings) -> None:
    load(config, people(EVERYONE))
    add_key(config)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        answer = get(client, links(get(client, limit=5))["last"].url)
        seen: list[str] = []
        for number, page in enumerate(walk(client, answer, "prev")):
            seen += ids(page)
            load(config, people([f"u/0{number}{x}" for x in "abc"], hour=1))
        assert sorted(i for i in seen if i in EVERYONE) == EVERYONE
        assert len(seen) == len(set(seen))


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_page_after_a_record_that_changed_begins_at_its_new_place(
    config: Settings, order: str
) -> None:
    load(config, people(EVERYONE))
    add_key(config)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        whole = get(client, sort="familyName", orderBy=order)
        first = get(client, limit=5, sort="familyName", orderBy=order)
        moved = ids(first)[-1]
        # To the end of the order: nothing is left to see.
        name = "Z" if order == "asc" else "A"
        [row] = people([moved], hour=2, familyName=name)
        load(config, [row])
        after = get(client, links(first)["next"].url)
        assert ids(after) == []
        assert len(ids(whole)) == PEOPLE


def test_a_cursor_at_a_record_that_is_no_more_is_refused(config: Settings) -> None:
    load(config, people(EVERYONE))
    add_key(config)
    with serving(config) as client:
        client.headers["X-API-Key"] = KEY
        first = get(client, limit=5, sort="familyName")
        rows(config, "DELETE FROM users WHERE sourced_id = %s RETURNING 1", ids(first)[-1])
        answer = client.get(links(first)["next"].url)
        assert answer.status_code == 400
        assert "begin again without it" in answer.json()["imsx_description"]
        # By sourcedId the place is known without the record.
        first = get(client, limit=5)
        rows(config, "DELETE FROM users WHERE sourced_id = %s RETURNING 1", ids(first)[-1])
        assert len(ids(get(client, links(first)["next"].url))) == 5
