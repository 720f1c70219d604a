"""What `rosterhub check` says of an object: each rule by itself, and nothing of whole objects."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.model.entities import RECORDS
from rosterhub.ops.conformance.shapes import problems

SYSTEM = {
    "sourcedId": "id-1",
    "status": "active",
    "dateLastModified": "2026-04-01T00:00:00.000Z",
}


def ref(kind: str, sourced_id: str = "x") -> dict[str, str]:
    return {"href": f"https://a.example/{sourced_id}", "sourcedId": sourced_id, "type": kind}


WHOLE: dict[str, dict[str, Any]] = {
    "users": {
        **SYSTEM,
        "enabledUser": "true",
        "username": "u",
        "givenName": "G",
        "familyName": "F",
        "userIds": [{"type": "LDAP", "identifier": "1"}],
        "grades": ["P1", "P2"],
        "agents": [ref("user")],
        "primaryOrg": ref("org"),
        "roles": [
            {
                "roleType": "primary",
                "role": "student",
                "org": ref("org"),
                "beginDate": "2026-04-01",
            },
            {
                "roleType": "secondary",
                "role": "ext:helper",
                "org": ref("org"),
                "userProfile": "urn:sourcedid:p",
            },
        ],
        "userProfiles": [
            {
                "profileId": "urn:sourcedid:p",
                "profileType": "t",
                "vendorId": "v",
                "credentials": [{"type": "sso", "username": "u"}],
            }
        ],
        "metadata": {"jp": {"kanaGivenName": "カナ"}, "other": {"any": [1, True, {"x": 2}]}},
    },
    "academicSessions": {
        **SYSTEM,
        "title": "2026",
        "startDate": "2026-04-01",
        "endDate": "2027-04-01",
        "type": "schoolYear",
        "schoolYear": "2026",
        "children": [ref("academicSession")],
    },
    "lineItems": {
        **SYSTEM,
        "title": "T",
        "assignDate": "2026-04-01T00:00:00.000Z",
        "dueDate": "2026-04-02T00:00:00.000Z",
        "class": ref("class"),
        "school": ref("org"),
        "category": ref("category"),
        "scoreScale": ref("scoreScale"),
        "resultValueMin": 0,
        "resultValueMax": 1,
        "learningObjectiveSet": [{"source": "case", "learningObjectiveIds": ["a", "b"]}],
    },
    "results": {
        **SYSTEM,
        "lineItem": ref("lineItem"),
        "student": ref("user"),
        "scoreStatus": "fully graded",
        "scoreDate": "2026-04-01",
        "late": "false",
        "learningObjectiveSet": [
            {
                "source": "ext:own",
                "learningObjectiveResults": [{"learningObjectiveId": "a", "score": 1}],
            }
        ],
    },
}


def broken(entity: str, item: object, version: str = "1.2") -> set[tuple[str, str]]:
    return {(p.rule, p.place) for p in problems(item, entity, version)}  # type: ignore[arg-type]


@pytest.mark.parametrize("entity", WHOLE)
def test_there_is_nothing_to_say_of_a_whole_object(entity: str) -> None:
    assert broken(entity, WHOLE[entity]) == set()


Change = Callable[[dict[str, Any]], object]


def but(entity: str, change: Change) -> dict[str, Any]:
    """A whole object but for one change."""
    import copy

    made = copy.deepcopy(WHOLE[entity])
    change(made)
    return made


def put(name: str, value: Any) -> Change:
    return lambda item: item.update({name: value})


@pytest.mark.parametrize(
    ("entity", "change", "rule", "place"),
    [
        ("users", lambda u: u.pop("familyName"), "required", "familyName"),
        ("users", lambda u: u.pop("status"), "required", "status"),
        ("users", lambda u: u.pop("roles"), "required", "roles"),
        ("users", lambda u: u["roles"][1].pop("org"), "required", "roles.org"),
        ("users", put("email", None), "null", "email"),
        ("users", lambda u: u["roles"][0].update(endDate=None), "null", "roles.endDate"),
        ("users", put("metadata", {"a": {"b": None}}), "null", "metadata.a.b"),
        ("users", put("grades", [None]), "null", "grades"),
        ("users", put("agents", []), "empty", "agents"),
        ("users", put("metadata", {}), "empty", "metadata"),
        ("users", put("grades", "P1"), "type", "grades"),
        ("users", put("givenName", 7), "type", "givenName"),
        ("users", put("roles", {"role": "student"}), "type", "roles"),
        ("users", put("roles", ["student"]), "type", "roles"),
        ("users", put("metadata", "text"), "type", "metadata"),
        ("users", put("enabledUser", True), "boolean", "enabledUser"),
        ("users", put("enabledUser", "True"), "boolean", "enabledUser"),
        ("users", put("status", "inactive"), "enumeration", "status"),
        ("users", lambda u: u["roles"][0].update(role="Student"), "enumeration", "roles.role"),
        ("users", lambda u: u["roles"][0].update(role="ext:"), "enumeration", "roles.role"),
        ("users", lambda u: u["roles"][0].update(role="ext: x"), "enumeration", "roles.role"),
        (
            "users",
            lambda u: u["roles"][0].update(roleType="ext:x"),
            "enumeration",
            "roles.roleType",
        ),
        ("users", lambda u: u["roles"][0].update(beginDate="1.4.2026"), "date", "roles.beginDate"),
        ("users", put("dateLastModified", "2026-04-01"), "date", "dateLastModified"),
        ("users", put("dateLastModified", "2026-04-01T00:00:00Z"), "date-form", "dateLastModified"),
        ("users", put("dateLastModified", "2026-04-01T09:00:00.000+09:00"), "date-form", None),
        ("users", put("sourcedId", "a b"), "sourced-id", "sourcedId"),
        ("users", put("sourcedId", "a" * 256), "sourced-id", "sourcedId"),
        ("users", put("primaryOrg", "school"), "reference", "primaryOrg"),
        ("users", put("primaryOrg", ref("school")), "reference", "primaryOrg.type"),
        ("users", lambda u: u["agents"][0].pop("href"), "reference", "agents.href"),
        ("users", lambda u: u["agents"][0].update(name="x"), "unknown", "agents.name"),
        ("users", lambda u: u["roles"][1].update(userProfile="p"), "uri", "roles.userProfile"),
        ("users", lambda u: u["roles"][1].update(userProfile=1), "type", "roles.userProfile"),
        (
            "users",
            lambda u: u["userProfiles"][0].update(profileId="https:"),
            "uri",
            "userProfiles.profileId",
        ),
        ("users", put("password", "x"), "password", "password"),
        ("users", put("shoeSize", "27"), "unknown", "shoeSize"),
        ("users", lambda u: u["userIds"][0].pop("identifier"), "required", "userIds.identifier"),
        (
            "users",
            put("metadata", {"jp": {"kanaGivenName": 1}}),
            "type",
            "metadata.jp.kanaGivenName",
        ),
        (
            "users",
            lambda u: u["userProfiles"][0]["credentials"][0].update(password="x"),
            "password",
            "userProfiles.credentials.password",
        ),
        ("academicSessions", put("endDate", "2026-02-29"), "date", "endDate"),
        ("academicSessions", put("schoolYear", "26"), "date", "schoolYear"),
        ("academicSessions", put("schoolYear", 2026), "type", "schoolYear"),
        ("academicSessions", put("children", ref("academicSession")), "type", "children"),
        ("lineItems", put("resultValueMax", "1"), "type", "resultValueMax"),
        ("lineItems", put("resultValueMax", True), "type", "resultValueMax"),
        ("lineItems", put("scoreScale", [ref("scoreScale")]), "reference", "scoreScale"),
        (
            "lineItems",
            lambda i: i["learningObjectiveSet"][0].update(learningObjectiveIds="a"),
            "type",
            "learningObjectiveSet.learningObjectiveIds",
        ),
        (
            "lineItems",
            lambda i: i["learningObjectiveSet"][0].pop("learningObjectiveIds"),
            "required",
            "learningObjectiveSet.learningObjectiveIds",
        ),
        (
            "results",
            lambda r: r["learningObjectiveSet"][0]["learningObjectiveResults"][0].update(score="1"),
            "type",
            "learningObjectiveSet.learningObjectiveResults.score",
        ),
    ],
)
def test_each_rule(entity: str, change: Change, rule: str, place: str | None) -> None:
    found = broken(entity, but(entity, change))
    assert {one for one, _ in found} == {rule}
    assert place is None or found == {(rule, place)}


@pytest.mark.parametrize(
    "uri",
    ["urn:uuid:5f0a4d2e-8a61-4c57-9d1b-0c2f4a1be7a3", "https://a.example/p?q=1#x", "tag:a,2026:p"],
)
def test_a_profile_is_named_by_any_uri(uri: str) -> None:
    named = but("users", lambda u: u["userProfiles"][0].update(profileId=uri))
    assert broken("users", named) == set()


def test_an_object_of_oneroster_1_1_is_another() -> None:
    old = but("users", lambda u: [u.pop(n) for n in ("roles", "userProfiles", "primaryOrg")])
    old |= {"role": "student", "orgs": [ref("org")]}
    assert broken("users", old, "1.1") == set()
    assert broken("users", old | {"role": "principal"}, "1.1") == {("enumeration", "role")}
    assert broken("users", old | {"role": "ext:x"}, "1.1") == {("enumeration", "role")}
    of_both = broken("users", WHOLE["users"], "1.1")
    assert {("required", "role"), ("required", "orgs"), ("unknown", "roles")} <= of_both
    assert {("required", "roles"), ("unknown", "role"), ("unknown", "orgs")} == broken("users", old)


def test_references_of_oneroster_1_1_may_be_more_specific() -> None:
    for name, kind in (("student", "student"), ("student", "user"), ("student", "teacher")):
        assert ("reference", f"{name}.type") not in broken(
            "results", but("results", put(name, ref(kind))), "1.1"
        )
    for kind in ("student", "school"):
        course = but("academicSessions", put("parent", ref(kind)))
        assert broken("academicSessions", course, "1.1") == {("reference", "parent.type")}
    term = but("academicSessions", put("parent", ref("term")))
    assert broken("academicSessions", term, "1.1") == set()
    assert broken("academicSessions", term) == {("reference", "parent.type")}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from([e.name for e in RECORDS.values() if not e.embedded_in]), _json, st.data())
def test_whatever_comes_is_judged(entity: str, value: object, data: st.DataObject) -> None:
    list(problems(value, entity, "1.2"))
    whole = WHOLE[data.draw(st.sampled_from(list(WHOLE)))]
    name = data.draw(st.sampled_from(list(whole)))
    for version in ("1.2", "1.1"):
        list(problems(whole | {name: value}, entity, version))  # type: ignore[arg-type]
