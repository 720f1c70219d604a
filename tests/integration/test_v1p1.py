"""OneRoster 1.1 from the same data: its paths, its objects, its errors, and its clients."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from tests.gradebook import FULL, Object, full, ref, shown
from tests.gradebook_hub import GRADEBOOK, V1P1, Hub, at, gradebook_hub, refusal
from tests.rosters import csv_file, package, person, role, rows, send
from tests.serving import add_key, serving, until
from tests.urls import links
from tests.wire import database_wire

PATHS = [
    "/academicSessions",
    "/academicSessions/{y2026}",
    "/classes",
    "/classes/{class}",
    "/courses",
    "/courses/{course}",
    "/gradingPeriods",
    "/gradingPeriods/{gp1}",
    "/demographics",
    "/demographics/{p1}",
    "/enrollments",
    "/enrollments/{e-p1}",
    "/orgs",
    "/orgs/{school}",
    "/schools",
    "/schools/{school}",
    "/students",
    "/students/{p1}",
    "/teachers",
    "/teachers/{t1}",
    "/terms",
    "/terms/{term1}",
    "/users",
    "/users/{p1}",
    "/schools/{school}/courses",
    "/schools/{school}/classes/{class}/enrollments",
    "/schools/{school}/classes/{class}/students",
    "/schools/{school}/classes/{class}/teachers",
    "/schools/{school}/enrollments",
    "/schools/{school}/students",
    "/schools/{school}/teachers",
    "/schools/{school}/terms",
    "/terms/{term1}/classes",
    "/terms/{term1}/gradingPeriods",
    "/courses/{course}/classes",
    "/students/{p1}/classes",
    "/teachers/{t1}/classes",
    "/schools/{school}/classes",
    "/users/{p1}/classes",
    "/classes/{class}/students",
    "/classes/{class}/teachers",
    "/resources",
    "/resources/{book}",
    "/courses/{course}/resources",
    "/classes/{class}/resources",
    "/categories",
    "/categories/{homework}",
    "/lineItems",
    "/lineItems/{kanji-1}",
    "/results",
    "/results/{kanji-1-p1}",
    "/classes/{class}/results",
    "/classes/{class}/lineItems",
    "/classes/{class}/lineItems/{kanji-1}/results",
    "/classes/{class}/students/{p1}/results",
    "/classes/{class}/categories",
]
"""Every read of spec/rest.md, "OneRoster 1.1", at something that is there; the last one is of 1.2,
and platforms ask for it over 1.1.
"""

SYSTEM = {"sourcedId", "status", "dateLastModified", "metadata"}
PROPERTIES = {
    "academicSessions": "title startDate endDate type parent children schoolYear",
    "orgs": "name type identifier parent children",
    "courses": "title schoolYear courseCode grades subjects org subjectCodes resources",
    "classes": (
        "title classCode classType location grades subjects course school terms subjectCodes"
        " periods resources"
    ),
    "users": (
        "username userIds enabledUser givenName familyName middleName role identifier email sms"
        " phone agents orgs grades password"
    ),
    "enrollments": "user class school role primary beginDate endDate",
    "demographics": (
        "birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican"
        " nativeHawaiianOrOtherPacificIslander white demographicRaceTwoOrMoreRaces"
        " hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth"
        " publicSchoolResidenceStatus"
    ),
    "categories": "title",
    "lineItems": (
        "title description assignDate dueDate class category gradingPeriod resultValueMin"
        " resultValueMax"
    ),
    "results": "lineItem student scoreStatus score scoreDate comment",
    "resources": "title roles importance vendorResourceId vendorId applicationId",
}
"""All that OneRoster 1.1 knows of each object; strict clients refuse more."""

ROLES = {
    "u-aide": ("aide", "aide"),
    "u-counselor": ("counselor", "aide"),
    "u-district": ("districtAdministrator", "administrator"),
    "u-guardian": ("guardian", "guardian"),
    "u-parent": ("parent", "parent"),
    "u-principal": ("principal", "administrator"),
    "u-proctor": ("proctor", "proctor"),
    "u-relative": ("relative", "relative"),
    "u-site": ("siteAdministrator", "administrator"),
    "u-system": ("systemAdministrator", "administrator"),
}
"""A user of each role of 1.2 besides pupils and teachers, and what 1.1 calls it."""

WHOLE = person(
    "u-whole",
    "花",
    "鈴木",
    userIds="{mihon:1},{gakuseki:2}",
    middleName="M",
    identifier="I",
    email="hana@mihon.example",
    sms="090",
    phone="03",
    agentSourcedIds="u-parent,u-guardian",
    grades="P1,P2",
    userMasterIdentifier="123e4567-e89b-42d3-a456-426614174000",
    preferredGivenName="はな",
    preferredFamilyName="すずき",
    pronouns="she",
)


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Hub]:
    with fresh() as config, gradebook_hub(config) as made:
        users = [person(name, "太郎", "見本") for name in ROLES]
        roles = [role(name, given) for name, (given, _) in ROLES.items()]
        # The primary role counts, whatever the sourcedIds say; so do all of the orgs.
        other = {"sourcedId": "a-role", "roleType": "secondary"}
        roles += [role("u-whole", "student"), role("u-whole", "parent", "district") | other]
        resource = {"vendorResourceId": "b1", "title": "本", "roles": "student,teacher"}
        files = {
            "users": [*users, WHOLE],
            "roles": roles,
            "resources": [{"sourcedId": "book", **resource, "importance": "primary"}],
            "classResources": [
                {"sourcedId": "cr", "classSourcedId": "class", "resourceSourcedId": "book"}
            ],
            "courseResources": [
                {"sourcedId": "or", "courseSourcedId": "course", "resourceSourcedId": "book"}
            ],
        }
        job = send(config, package(files), source="others")
        assert job["state"] == "completed", job["errors"]
        yield made


def read(hub: Hub, path: str, **parameters: str) -> Any:
    """What stands in the one member of an answer."""
    answer = hub.client.get(V1P1 + path, params=parameters)
    assert answer.status_code == 200, answer.text
    [found] = answer.json().values()
    return found


def filled(path: str) -> str:
    return path.replace("{", "").replace("}", "")


# Its paths and objects.


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_1_1_answers(hub: Hub, path: str) -> None:
    answer = hub.client.get(V1P1 + filled(path))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    [(wrapper, found)] = answer.json().items()
    collection = path.split("/")[-2 if path.endswith("}") else -1]
    same = {"terms": "academicSessions", "gradingPeriods": "academicSessions", "schools": "orgs"}
    same |= {"students": "users", "teachers": "users"}
    known = PROPERTIES[same.get(collection, collection)].split()
    objects = [found] if path.endswith("}") else found
    assert objects
    for one in objects:
        assert set(one) - SYSTEM <= set(known)
        _is_strict(one, hub.root + V1P1)
    if not path.endswith("}"):
        assert wrapper == same.get(collection, collection)
        assert int(answer.headers["X-Total-Count"]) == len(objects)
        assert links(answer)["first"].base == hub.root + V1P1 + filled(path)
        return
    assert one["sourcedId"] == filled(path).rpartition("/")[2]


def _is_strict(value: Any, base: str) -> None:
    """Nothing empty, and every link absolute and below `base`."""
    assert value not in (None, [], {}, "")
    if isinstance(value, dict):
        if "href" in value:
            assert set(value) == {"href", "sourcedId", "type"}
            assert value["href"].startswith(f"{base}/")
        for inner in value.values():
            _is_strict(inner, base)
    elif isinstance(value, list):
        for inner in value:
            _is_strict(inner, base)


def _hrefs(value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict):
        if "href" in value:
            yield value["href"], value["sourcedId"], value["type"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _hrefs(inner)


def test_every_link_leads_to_its_object_in_1_1(hub: Hub) -> None:
    found: set[tuple[str, str, str]] = set()
    for path in PATHS:
        found.update(_hrefs(read(hub, filled(path))))
    kinds = {"academicSession", "category", "class", "course", "lineItem", "org", "resource"}
    assert {kind for _, _, kind in found} == kinds | {"user"}
    for href, sourced_id, kind in found:
        answer = hub.client.get(urlsplit(href).path)
        assert answer.status_code == 200, href
        assert answer.json()[kind]["sourcedId"] == sourced_id


def test_what_1_1_does_not_know_is_not_there(hub: Hub) -> None:
    paths = ["/scoreScales", "/assessmentLineItems", "/assessmentResults", "/users/p1/resources"]
    paths += ["/classes/class/scoreScales", "/lineItems/kanji-1/results", "/discovery", ""]
    for path in paths:
        assert info(hub.client.get(V1P1 + path)) == (404, "unknownobject")
    assert info(hub.client.post(f"{V1P1}/classes/class/lineItems", json={}))[0] == 405


def test_below_a_term_any_academic_session_may_stand(hub: Hub) -> None:
    """A class may name a school year, or a grading period, among its terms."""
    year = {"sourcedId": "of-year", "termSourcedIds": "y2026"}
    school = {"courseSourcedId": "course", "schoolSourcedId": "school", "title": "1年3組"}
    sent = package({"classes": [year | school | {"classType": "homeroom"}]})
    assert send(hub.config, sent, source="third")["state"] == "completed"
    [term] = read(hub, "/classes/of-year")["terms"]
    assert [one["sourcedId"] for one in read(hub, f"/terms/{term['sourcedId']}/classes")] == [
        "of-year"
    ]
    assert read(hub, "/terms/y2026/gradingPeriods") == []
    assert read(hub, "/terms/gp1/classes") == []
    assert info(hub.client.get(f"{V1P1}/terms/y2026")) == (404, "unknownobject")
    assert info(hub.client.get(f"{V1P1}/terms/class/classes")) == (404, "unknownobject")


@pytest.mark.parametrize("name", ROLES)
def test_a_user_has_the_role_that_1_1_has_a_name_for(hub: Hub, name: str) -> None:
    assert read(hub, f"/users/{name}")["role"] == ROLES[name][1]


def test_a_user_has_one_role_and_every_org(hub: Hub) -> None:
    user = read(hub, "/users/u-whole")
    assert set(user) | {"metadata", "password"} == SYSTEM | set(PROPERTIES["users"].split())
    assert user["role"] == "student"
    orgs = [(org["sourcedId"], org["type"]) for org in user["orgs"]]
    assert sorted(orgs) == [("district", "org"), ("school", "org")]
    assert user["userIds"] == [
        {"type": "mihon", "identifier": "1"},
        {"type": "gakuseki", "identifier": "2"},
    ]
    assert [agent["sourcedId"] for agent in user["agents"]] == ["u-parent", "u-guardian"]


def test_users_are_filtered_by_what_1_1_shows(hub: Hub) -> None:
    def users(text: str) -> set[str]:
        found = {user["sourcedId"] for user in read(hub, "/users", filter=text)}
        assert found == set(hub.ids("/users", V1P1, filter=text))
        return found

    everyone = users("enabledUser='true'")
    assert users("role='student'") == {"p1", "p2", "u-whole"}
    assert users("role='administrator'") == {n for n in ROLES if ROLES[n][1] == "administrator"}
    assert users("role='aide'") == {"u-aide", "u-counselor"}
    assert users("role='principal'") == set()
    assert users("role!='student'") == everyone - {"p1", "p2", "u-whole"}
    assert users("role='parent'") == {"u-parent"}
    assert users("orgs.sourcedId='district'") == {"u-whole"}
    assert users("orgs.sourcedId='school'") == everyone
    assert users("orgs.sourcedId='district,school'") == {"u-whole"}
    assert users("role='student' AND orgs.sourcedId='district'") == {"u-whole"}


def test_fields_and_sort_are_those_of_1_1(hub: Hub) -> None:
    [user] = read(hub, "/users", fields="role,orgs", filter="sourcedId='p1'")
    assert set(user) == {"role", "orgs"}
    assert set(read(hub, "/users/p1", fields="role")) == {"role"}
    names = [user["familyName"] for user in read(hub, "/users", sort="familyName")]
    assert len(set(names)) > 2
    for query, minor in (
        ("fields=roles", "invalid_selection_field"),
        ("fields=primaryOrg", "invalid_selection_field"),
        ("filter=roles.role='student'", "invalid_filter_field"),
        ("sort=pronouns", "invalid_sort_field"),
    ):
        assert info(hub.client.get(f"{V1P1}/users?{query}")) == (400, minor)


def test_a_line_item_has_a_grading_period_whichever_1_2_calls_it(hub: Hub) -> None:
    assert read(hub, "/lineItems/kanji-1")["gradingPeriod"]["sourcedId"] == "gp1"
    item = full("lineItems", sourcedId="in-term", gradingPeriod=None)
    hub.put("lineItems", item)
    assert read(hub, "/lineItems/in-term")["gradingPeriod"] == {
        "href": f"{hub.root}{V1P1}/academicSessions/term1",
        "sourcedId": "term1",
        "type": "academicSession",
    }
    assert hub.ids("/lineItems", V1P1, filter="gradingPeriod.sourcedId='term1'") == ["in-term"]


# Its errors.


def info(answer: httpx.Response) -> tuple[int, str]:
    """Status and codeMinor of an answer that has to be a whole error body of 1.1."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"]
    assert set(answer.json()) == {"statusInfoSet"}
    [found] = answer.json()["statusInfoSet"]
    assert set(found) == {
        "imsx_codeMajor",
        "imsx_severity",
        "imsx_codeMinor",
        "imsx_description",
    }
    assert (found["imsx_codeMajor"], found["imsx_severity"]) == ("failure", "error")
    assert found["imsx_description"].endswith(".")
    return answer.status_code, found["imsx_codeMinor"]


def test_errors_have_the_body_of_1_1(hub: Hub) -> None:
    get, put = hub.client.get, hub.client.put
    no_key = {"X-API-Key": "nobody"}
    assert info(get(f"{V1P1}/users?limit=0")) == (400, "invaliddata")
    assert info(get(f"{V1P1}/users?colour=red")) == (400, "invaliddata")
    assert info(get(f"{V1P1}/users?filter=role")) == (400, "invaliddata")
    assert info(put(f"{V1P1}/lineItems/x", content=b"{")) == (400, "invaliddata")
    assert info(get(f"{V1P1}/users", headers=no_key)) == (401, "unauthorisedrequest")
    assert info(get(f"{V1P1}/users/nobody")) == (404, "unknownobject")
    assert info(get(f"{V1P1}/classes/no/students")) == (404, "unknownobject")
    assert info(get(f"{V1P1}/nothing")) == (404, "unknownobject")
    assert info(get(V1P1)) == (404, "unknownobject")
    answer = put(f"{V1P1}/users/p1", json={})
    assert info(answer) == (405, "unsupported")
    assert answer.headers["Allow"] == "GET, HEAD"
    answer = hub.client.post(f"{V1P1}/lineItems/x", json={})
    assert answer.headers["Allow"] == "GET, HEAD, PUT, DELETE"
    large = b" " * (16 * 1024 * 1024 + 1)
    assert info(put(f"{V1P1}/lineItems/x", content=large)) == (413, "invaliddata")


def test_a_key_without_the_scope_gets_the_403_of_1_1(hub: Hub) -> None:
    key = add_key(hub.config, "reads-orgs-only", scopes=("roster-core.readonly",))
    headers = {"X-API-Key": key}
    assert hub.client.get(f"{V1P1}/orgs", headers=headers).status_code == 200
    answer = hub.client.get(f"{V1P1}/schools/school/students", headers=headers)
    assert info(answer) == (403, "forbidden")
    answer = hub.client.delete(f"{V1P1}/lineItems/kanji-1", headers=headers)
    assert info(answer) == (403, "forbidden")


def test_a_database_that_is_away_gets_the_503_of_1_1(config: Settings) -> None:
    with (
        database_wire(config.write_url) as (wire, url),
        serving(config.model_copy(update={"database_url": url})) as client,
    ):
        key = {"X-API-Key": "any"}
        assert client.get(f"{V1P1}/users", headers=key).status_code == 401
        wire.cut()
        until(lambda: client.get(f"{V1P1}/users", headers=key).status_code != 401)
        answer = client.get(f"{V1P1}/users", headers=key)
        wire.mend()
    assert info(answer) == (503, "server_busy")
    assert int(answer.headers["Retry-After"]) > 0


# Its writes.

NEWER = {
    "categories": {"weight"},
    "lineItems": {"academicSession", "school", "scoreScale", "learningObjectiveSet"},
    "results": {
        *("class", "scoreScale", "textScore", "learningObjectiveSet"),
        *("inProgress", "incomplete", "late", "missing"),
    },
}
"""What a gradebook object has only in 1.2."""


def in_11(entity: str, **changes: Any) -> Object:
    """A whole object as a client of 1.1 knows it."""
    whole = full(entity, **changes)
    return {name: value for name, value in whole.items() if name not in NEWER[entity]}


@pytest.mark.parametrize("entity", NEWER)
def test_put_over_1_1_creates_then_replaces(hub: Hub, entity: str) -> None:
    sent = in_11(entity, sourcedId=f"v11-{entity}")
    for status in (201, 200):
        assert hub.put(entity, sent, V1P1).status_code == status
        found = hub.get(entity, sent["sourcedId"], V1P1)
        assert found == shown(entity, sent, hub.root, "1.1")
    for status in ("tobedeleted", "tobedeleted"):
        assert hub.client.delete(at(entity, sent["sourcedId"], V1P1)).status_code == 204
        assert hub.get(entity, sent["sourcedId"], V1P1)["status"] == status


def test_what_is_put_over_1_1_is_whole_in_1_2(hub: Hub) -> None:
    sent = in_11("lineItems", sourcedId="from-11")
    hub.put("lineItems", sent, V1P1)
    more = {"school": ref("school", "org"), "academicSession": ref("gp1", "academicSession")}
    assert hub.get("lineItems", "from-11") == hub.shown("lineItems", sent | more)
    result = in_11("results", sourcedId="from-11-p1", lineItem=ref("from-11", "lineItem"))
    hub.put("results", result, V1P1)
    assert hub.get("results", "from-11-p1") == hub.shown("results", result)
    assert hub.ids("/classes/class/lineItems/from-11/results") == ["from-11-p1"]


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("entity", NEWER)
def test_put_over_1_1_keeps_what_it_does_not_know(hub: Hub, entity: str, deleted: bool) -> None:
    """A client that changes a title cannot have meant to take a weight away."""
    whole = full(entity, sourcedId=f"kept-{entity}-{deleted}")
    hub.put(entity, whole)
    if deleted:
        assert hub.client.delete(at(entity, whole["sourcedId"])).status_code == 204
    changed = in_11(entity, sourcedId=whole["sourcedId"], metadata={"by": "1.1"})
    name = "comment" if entity == "results" else "title"
    changed[name] = "変更"
    assert hub.put(entity, changed, V1P1).status_code == 200
    wanted = whole | {"metadata": {"by": "1.1"}, name: "変更"}
    assert hub.get(entity, whole["sourcedId"]) == hub.shown(entity, wanted)


def test_what_a_line_item_had_lost_before_it_was_deleted_stays_lost(hub: Hub) -> None:
    whole = full("lineItems", sourcedId="lost")
    hub.put("lineItems", whole)
    lines = ["sourcedId,status,dateLastModified,lineItemSourcedId,source,learningObjectiveId"]
    [(gone, _), _] = rows(
        hub.config,
        "SELECT sourced_id, learning_objective_id FROM line_item_learning_objective_ids"
        " WHERE line_item_sourced_id = 'lost' ORDER BY learning_objective_id",
    )
    lines.append(f"{gone},tobedeleted,2026-05-01T00:00:00.000Z,lost,case,co-1")
    delta = send(
        hub.config, "\n".join(lines).encode(), "lineItemLearningObjectiveIds", mode="delta"
    )
    assert delta["counts"]["deleted"] == 1, delta
    assert hub.client.delete(at("lineItems", "lost")).status_code == 204
    hub.put("lineItems", in_11("lineItems", sourcedId="lost"), V1P1)
    objectives = [{"source": "case", "learningObjectiveIds": ["co-2"]}]
    assert hub.get("lineItems", "lost")["learningObjectiveSet"] == objectives


def test_what_the_hub_added_for_1_1_goes_with_what_it_is_of(hub: Hub) -> None:
    """Nobody over 1.1 could see it, or mend it."""
    hub.put("lineItems", in_11("lineItems", sourcedId="moves"), V1P1)
    period = ref("term1", "academicSession")
    moved = in_11("lineItems", sourcedId="moves", gradingPeriod=period)
    hub.put("lineItems", moved, V1P1)
    found = hub.get("lineItems", "moves")
    assert found["academicSession"]["sourcedId"] == "term1"
    with connect(hub.config.write_url) as connection:
        connection.execute(
            "INSERT INTO orgs SELECT (o).* FROM (SELECT jsonb_populate_record(o,"
            """ '{"sourced_id": "school2"}') AS o FROM orgs o WHERE sourced_id = 'school') x"""
        )
        connection.execute(
            "UPDATE classes SET school_sourced_id = 'school2' WHERE sourced_id = 'class2'"
        )
    hub.put("lineItems", moved | {"class": ref("class2", "class")}, V1P1)
    assert hub.get("lineItems", "moves")["school"]["sourcedId"] == "school2"
    # What a client of 1.2 said of the same class and period stays.
    said = full("lineItems", sourcedId="stays", academicSession=ref("y2026", "academicSession"))
    hub.put("lineItems", said)
    hub.put("lineItems", in_11("lineItems", sourcedId="stays"), V1P1)
    assert hub.get("lineItems", "stays")["academicSession"]["sourcedId"] == "y2026"


def bare(sourced_id: str, **changes: Any) -> Object:
    """A line item as clients of 1.1 send it: with neither category nor grading period."""
    names = ("title", "description", "resultValueMin", "resultValueMax", "assignDate", "dueDate")
    whole = full("lineItems", sourcedId=sourced_id)
    linked = {"class": {"sourcedId": "class"}}
    return {"sourcedId": sourced_id} | {n: whole[n] for n in names} | linked | changes


def test_a_line_item_over_1_1_may_leave_out_category_and_grading_period(hub: Hub) -> None:
    for name in ("bare-0", "bare-1"):
        assert hub.put("lineItems", bare(name), V1P1).status_code == 201
    assert hub.put("lineItems", bare("bare-0", title="変更"), V1P1).status_code == 200
    found = hub.get("lineItems", "bare-0")
    assert (found["title"], found["school"]["sourcedId"]) == ("変更", "school")
    assert found["academicSession"]["sourcedId"] == "term1"
    assert "gradingPeriod" not in found
    seen = hub.get("lineItems", "bare-0", V1P1)
    assert seen["gradingPeriod"]["sourcedId"] == "term1"
    assert seen["category"]["sourcedId"] == found["category"]["sourcedId"]
    category = hub.get("categories", found["category"]["sourcedId"])
    assert category == {
        "sourcedId": hub.get("lineItems", "bare-1")["category"]["sourcedId"],
        "status": "active",
        "title": "Uncategorized",
        "metadata": {"rosterhub": {"placeholder": "true"}},
    }
    own = bare("of-homework", category={"sourcedId": "homework"})
    assert hub.put("lineItems", own, V1P1).status_code == 201
    assert hub.get("lineItems", "of-homework")["category"]["sourcedId"] == "homework"


def test_a_category_of_the_hub_that_was_deleted_comes_back_when_it_is_needed(hub: Hub) -> None:
    hub.put("lineItems", bare("first-bare"), V1P1)
    category = hub.get("lineItems", "first-bare")["category"]["sourcedId"]
    assert hub.client.delete(at("categories", category)).status_code == 204
    assert category not in hub.ids("/classes/class/categories")
    assert hub.put("lineItems", bare("second-bare"), V1P1).status_code == 201
    assert hub.get("categories", category)["status"] == "active"
    assert category in hub.ids("/classes/class/categories")


def test_what_a_client_of_1_1_reads_and_puts_again_is_the_same_in_1_2(hub: Hub) -> None:
    hub.put("lineItems", bare("again-bare"), V1P1)
    hub.put("lineItems", full("lineItems", sourcedId="again-session", gradingPeriod=None))
    hub.put("lineItems", full("lineItems", sourcedId="again-period"))
    for name in ("again-bare", "again-session", "again-period"):
        before = hub.get("lineItems", name)
        for _ in range(2):
            seen = hub.get("lineItems", name, V1P1)
            assert hub.put("lineItems", seen, V1P1).status_code == 200
            assert hub.get("lineItems", name) == before
    # One that is chosen is kept.
    period = {"gradingPeriod": ref("gp1", "academicSession")}
    hub.put("lineItems", bare("again-bare", **period), V1P1)
    assert hub.get("lineItems", "again-bare")["gradingPeriod"]["sourcedId"] == "gp1"


def test_what_1_1_requires_and_is_left_out_stays(hub: Hub) -> None:
    """A client that never sends a category cannot have meant to take one away."""
    whole = full("lineItems", sourcedId="left-out")
    hub.put("lineItems", whole)
    assert hub.put("lineItems", bare("left-out", title="変更"), V1P1).status_code == 200
    wanted = {**whole, "title": "変更"}
    del wanted["metadata"]
    assert hub.get("lineItems", "left-out") == hub.shown("lineItems", wanted)
    # The grading period is one of its class, as far as anybody knows.
    moved = bare("left-out", **{"class": {"sourcedId": "class2"}})
    assert hub.put("lineItems", moved, V1P1).status_code == 200
    found = hub.get("lineItems", "left-out")
    assert "gradingPeriod" not in found
    assert found["category"]["sourcedId"] == "homework"


def test_1_2_still_wants_a_category(hub: Hub) -> None:
    answer = hub.put("lineItems", bare("no-category", school={"sourcedId": "school"}))
    assert "lineItem.category is required" in refusal(answer)


def test_a_result_that_moves_to_another_line_item_leaves_the_class_of_the_old(hub: Hub) -> None:
    hub.put("results", full("results", sourcedId="leaves"))
    assert hub.get("results", "leaves")["class"]["sourcedId"] == "class"
    other = in_11("lineItems", sourcedId="of-class2", **{"class": ref("class2", "class")})
    hub.put("lineItems", other, V1P1)
    moved = in_11("results", sourcedId="leaves", lineItem=ref("of-class2", "lineItem"))
    assert hub.put("results", moved, V1P1).status_code == 200
    assert "class" not in hub.get("results", "leaves")
    by_class = "class.sourcedId='class'"
    assert "leaves" not in hub.ids("/results", filter=by_class)
    assert "leaves" in hub.ids("/classes/class2/results")


def test_put_over_1_1_takes_its_properties_alone(hub: Hub) -> None:
    for entity, names in NEWER.items():
        for name in names:
            sent = in_11(entity, sourcedId="odd") | {name: FULL[entity][name]}
            answer = hub.put(entity, sent, V1P1)
            assert info(answer) == (400, "invaliddata")
            assert f".{name} is not known" in answer.text
    sent = in_11("lineItems", sourcedId="odd")
    del sent["class"]
    answer = hub.put("lineItems", sent, V1P1)
    assert info(answer) == (400, "invaliddata")
    assert "lineItem.class is required" in answer.text
    assert hub.client.get(f"{GRADEBOOK}/lineItems/odd").status_code == 404


# Its clients.


def synchronised(hub: Hub, since: str | None = None) -> dict[str, list[str]]:
    """The sourcedIds that Microsoft School Data Sync reads: all that is active, in pages of
    5,000, or what changed since.
    """
    text = f"dateLastModified>'{since}'" if since else "status='active'"
    found: dict[str, list[str]] = {}
    for collection in ("orgs", "users", "classes", "enrollments", "academicSessions"):
        found[collection] = []
        for offset in range(0, 1_000_000, 5_000):
            page = read(hub, f"/{collection}", filter=text, offset=str(offset), limit="5000")
            found[collection] += [one["sourcedId"] for one in page]
            if len(page) < 5_000:
                break
    return found


def moment(seconds: int = 0) -> str:
    """The time in so many seconds."""
    time = datetime.now(UTC) + timedelta(seconds=seconds)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_school_data_sync_reads_all_then_what_changed(
    fresh: Callable[[], AbstractContextManager[Settings]],
) -> None:
    with fresh() as config, gradebook_hub(config) as hub:
        many = [person(f"m{n:05}", "一", "見本") for n in range(5_200)]
        roles = [role(one["sourcedId"], "student") for one in many]
        job = send(config, package({"users": many, "roles": roles}), source="many")
        assert job["state"] == "completed"
        found = synchronised(hub)
        assert sorted(found["orgs"]) == ["district", "school"]
        assert sorted(found["classes"]) == ["class", "class2"]
        assert sorted(found["academicSessions"]) == ["gp1", "term1", "y2026"]
        assert sorted(found["enrollments"]) == ["e-p1", "e-p2", "e-t1"]
        assert sorted(found["users"]) == sorted(
            ["p1", "p2", "t1", *(one["sourcedId"] for one in many)]
        )
        since, later = moment(), moment(60)
        assert synchronised(hub, since) == {name: [] for name in found}
        gone = {"sourcedId": "m00007", "status": "tobedeleted", "dateLastModified": later}
        moved = many[8] | {"givenName": "二", "status": "active", "dateLastModified": later}
        send(config, csv_file("users", [gone, moved]), "users", mode="delta")
        changed = synchronised(hub, since)
        assert sorted(changed.pop("users")) == ["m00007", "m00008"]
        assert changed == {name: [] for name in changed}
        assert read(hub, "/users/m00007")["status"] == "tobedeleted"
        assert "m00007" not in synchronised(hub)["users"]


def test_a_user_who_comes_as_deleted_has_the_role_and_orgs_they_had(hub: Hub) -> None:
    time = moment(-60)
    gone = {
        **person("first-seen-gone", "空", "林"),
        **{"role": "teacher", "orgSourcedIds": "district,school"},
        **{"status": "tobedeleted", "dateLastModified": time},
    }
    sent = send(hub.config, csv_file("users", [gone]), "users", mode="delta", source="leavers")
    assert sent["state"] == "completed", sent
    user = read(hub, "/users/first-seen-gone")
    assert (user["status"], user["role"]) == ("tobedeleted", "teacher")
    assert sorted(org["sourcedId"] for org in user["orgs"]) == ["district", "school"]


def test_the_line_items_of_a_class_are_found_without_their_capital_too(hub: Hub) -> None:
    line_items = read(hub, "/classes/class/lineItems")
    assert line_items
    assert read(hub, "/classes/class/lineitems") == line_items
