"""Every filter that an object offers, against the same filter in memory; and what is refused."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rosterhub.model import objects
from rosterhub.model.filters import OPERATORS, And, Clause, Node, Or, parse, text_of
from rosterhub.model.objects import Linked, Metadata, Nested, Pairs, Property, Reference, Rows
from rosterhub.model.operations import OPERATIONS, Operation
from tests.conformance.answers import LIMIT, strict
from tests.conformance.conftest import Hub
from tests.conformance.filtering import matches, shown, values
from tests.conformance.model import COLLECTIONS
from tests.conformance.shapes import SHAPES, Path, paths
from tests.errors import minor, whole
from tests.urls import at

ENTITIES = pytest.mark.parametrize("entity", SHAPES)
_FEW = settings(max_examples=20, deadline=None)


@ENTITIES
def test_a_filter_can_name_every_value_of_an_object(entity: str) -> None:
    ours = {name for p in objects.properties(entity) for name in _names(p)}
    theirs = {name for name in paths(entity) if not name.startswith("metadata.")}
    typed = {name for name in paths(entity) if name.startswith("metadata.jp.")}
    assert ours == theirs | typed


def _names(prop: Property) -> Iterator[str]:
    """What a filter may name of a property that our own table offers."""
    match prop:
        case Reference() | Linked():
            yield from (f"{prop.name}.sourcedId", f"{prop.name}.type")
        case Pairs():
            yield from (f"{prop.name}.{prop.left}", f"{prop.name}.{prop.right}")
        case Rows() if prop.group:
            yield f"{prop.name}.{prop.group.name}"
            within = f"{prop.name}.{prop.grouped}"
            if len(prop.parts) == 1:
                yield within
            else:
                yield from (f"{within}.{name}" for p in prop.parts for name in _names(p))
        case Rows() | Nested():
            yield from (f"{prop.name}.{name}" for p in prop.parts for name in _names(p))
        case Metadata():
            yield from (f"metadata.{f.metadata_key}" for f in prop.fields)
        case _:
            yield prop.name


@ENTITIES
def test_every_operator_on_every_value_answers_as_the_model(hub: Hub, entity: str) -> None:
    asked = [
        Clause(name, operator, value)
        for name, path in paths(entity).items()
        for operator in OPERATORS
        for value in _worth_asking(path, operator, _held(hub, entity, name))
    ]
    assert {clause.operator for clause in asked} == set(OPERATORS)
    _same(hub, entity, asked)


def _held(hub: Hub, entity: str, name: str) -> list[list[Any]]:
    """What each object holds at a name, those with most first."""
    held = (values(found, name) for found in hub.model.objects[entity].values())
    return sorted(held, key=lambda some: (-len(set(some)), str(some)))


_OTHERWISE = {
    "flag": ("true", "false"),
    "number": ("0", "1e1"),
    "date": ("2026-04-02T09:00:00.000+09:00", "2026-04-02"),
    "time": ("2026-04-17", "2026-04-17T09:01:00.007+0900", "2026-04-10 00:00:00"),
    "text": ("no such value",),
}
"""Values in the forms that a kind is written in."""


def _worth_asking(path: Path, operator: str, held: list[list[Any]]) -> list[str]:
    """Values that make a difference to an operator: some that are there, and some that are not."""
    some = sorted({shown(v) for values in held for v in values})
    picked = some[len(some) // 2 :][:1]
    if operator in ("=", "!=", "~"):
        picked += _OTHERWISE[path.kind]
        if path.array and path.kind == "text" and some:
            most = [shown(v) for v in held[0]]
            picked += [",".join(most), f"{most[0]},zzz", ",".join(reversed(some))]
    elif path.kind != "text":
        picked += _OTHERWISE[path.kind][:1]
    if operator == "~":
        picked += [value[1:4].upper() for value in picked[:1]]
    return [value for value in dict.fromkeys(picked) if 0 < len(value) < 1_000]


def _same(hub: Hub, entity: str, asked: list[Clause]) -> None:
    """Ask all of `asked` at once, and see that each answer is the model's."""
    path = f"{SHAPES[entity].base}/{entity}"
    answers = asyncio.run(_ask(hub, path, [text_of(clause) for clause in asked]))
    wrong = [
        (clause, got, wanted)
        for clause, got in zip(asked, answers, strict=True)
        if got != (wanted := _wanted(hub, entity, clause))
    ]
    assert not wrong, wrong[:5]


def _wanted(hub: Hub, entity: str, node: Node) -> list[str]:
    found = hub.model.objects[entity]
    return sorted(i for i, record in found.items() if matches(node, entity, record))


async def _ask(hub: Hub, path: str, filters: list[str]) -> list[Any]:
    """The sourcedIds, or the refusal, that each filter brings."""
    client = hub.read.client
    free = asyncio.Semaphore(8)
    async with httpx.AsyncClient(
        base_url=client.base_url, headers=client.headers, timeout=30
    ) as together:

        async def one(text: str) -> Any:
            parameters = {"filter": text, "fields": "sourcedId", "limit": LIMIT}
            async with free:
                answer = await together.get(path, params=parameters)
            if answer.status_code != 200:
                return answer.text
            [records] = strict(answer.content, empty=path.rpartition("/")[2]).values()
            return [record["sourcedId"] for record in records]

        return list(await asyncio.gather(*map(one, filters)))


@ENTITIES
def test_clauses_put_together_answer_as_the_model(hub: Hub, entity: str) -> None:
    path = f"{SHAPES[entity].base}/{entity}"

    @_FEW
    @given(_trees(hub, entity))
    def same(node: Node) -> None:
        assert hub.read.ids(path, entity, filter=text_of(node)) == _wanted(hub, entity, node)

    same()


def _trees(hub: Hub, entity: str) -> st.SearchStrategy[Node]:
    worth = [
        Clause(name, operator, value)
        for name, path in paths(entity).items()
        for operator in OPERATORS
        for value in _worth_asking(path, operator, _held(hub, entity, name))
    ]
    clauses = st.sampled_from(worth)
    return st.recursive(
        clauses,
        lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
            lambda parts: st.sampled_from([And(tuple(parts)), Or(tuple(parts))])
        ),
        max_leaves=6,
    )


@ENTITIES
def test_whatever_is_asked_ends_in_an_answer_or_a_sentence(hub: Hub, entity: str) -> None:
    names = st.sampled_from(list(paths(entity)))
    looks_typed = st.from_regex(r"[0-9T:.Z+ -]{1,30}", fullmatch=True)

    @_FEW
    @given(names, st.sampled_from(OPERATORS), st.text(max_size=12) | looks_typed)
    def ends(name: str, operator: str, value: str) -> None:
        text = text_of(Clause(name, operator, value))
        answer = hub.read.get(f"{SHAPES[entity].base}/{entity}", filter=text, limit="1")
        if answer.status_code != 200:
            assert minor(answer) == (400, "invaliddata")

    ends()


@pytest.mark.parametrize(
    ("kind", "bad", "says"),
    [
        (
            "date",
            ("", "today", "2026-02-29", "2026-4-1", "2026-04-01\n", "10000-01-01", "2026-04-01T"),
            "date",
        ),
        ("time", ("", "2026-04-01T25:00:00Z", "2026-04-01T00:00:00.000Z\n", "now"), "time"),
        ("number", ("", "one", "1,5", "1e999", "NaN", "Infinity", "0x1", "1\n", "٣"), "number"),
        ("flag", ("", "1", "yes", "true\n", "truetrue"), "true or false"),
    ],
)
def test_a_value_that_the_field_cannot_have_is_refused(
    hub: Hub, kind: str, bad: tuple[str, ...], says: str
) -> None:
    for entity in SHAPES:
        for name in (n for n, path in paths(entity).items() if path.kind == kind):
            for value in bad:
                for operator in ("=", "!=", ">="):
                    answer = hub.read.get(
                        f"{SHAPES[entity].base}/{entity}", filter=f"{name}{operator}'{value}'"
                    )
                    status, found, description = whole(answer)
                    assert (status, found) == (400, "invaliddata"), (name, value)
                    assert says in description


@ENTITIES
def test_a_name_that_leads_nowhere_is_refused_with_those_that_do(hub: Hub, entity: str) -> None:
    parts = {name.partition(".")[0] for name in paths(entity)}
    wrong = {"nothing", "password", "roles.password", "sourced_id", "SourcedId", "source_system"}
    wrong |= {f"{name}.more" for name in paths(entity) if not name.startswith("metadata")}
    wrong |= parts - set(paths(entity))
    for name in sorted(wrong):
        answer = hub.read.get(f"{SHAPES[entity].base}/{entity}", filter=f"{name}='x'")
        status, found, description = whole(answer)
        assert (status, found) == (400, "invalid_filter_field"), name
        assert name.partition(".")[0] in description
        for known in _suggested(description):
            assert any(f"{path}.".startswith(f"{known}.") for path in paths(entity)), (name, known)


def _suggested(description: str) -> list[str]:
    """The names that a refusal offers instead; any key of metadata will do."""
    for begin in ("; known: ", ", such as ", "; name one of ", "; name "):
        _, found, names = description.removesuffix(".").partition(begin)
        if found and " without " not in names:
            names = re.sub(r"\bmetadata\.[\w.]+", "metadata", names)
            return re.split(r", | or ", names)
    return []


COLLECTION_READS = [o for o in OPERATIONS if o.method == "GET" and not o.single]


@pytest.mark.parametrize("operation", COLLECTION_READS, ids=[o.id for o in COLLECTION_READS])
def test_or_in_a_filter_never_widens_the_path(hub: Hub, operation: Operation) -> None:
    entity, _ = COLLECTIONS[operation.collection]
    name = next(n for n in ("title", "familyName", "role", "name", "status") if n in paths(entity))
    places = [
        at(operation.bases[0] + operation.path, *ids) for ids in _some_parents(hub, operation)
    ]
    for place in places:
        plain, whole = (
            hub.read.ids(place, entity, **asked) for asked in ({}, {"filter": "status!='x'"})
        )
        everything = f"{name}='x' OR {name}!='x'"
        assert hub.read.ids(place, entity, filter=everything) == (
            whole if name == "status" else plain
        )
        assert hub.read.ids(place, entity, filter=f"({everything}) OR status='active'") == whole
        nothing = f"sourcedId='x' AND sourcedId='y' OR {name}='x' AND {name}!='x'"
        assert hub.read.ids(place, entity, filter=nothing) == []


def _some_parents(hub: Hub, operation: Operation) -> list[tuple[str, ...]]:
    """Parents by hand, which have most in them, and some generated ones."""
    known = {
        "classes": ["class/2@a", "class/bare"],
        "schools": ["west/school@2", "school/closed"],
        "courses": ["course/2"],
        "students": ["both/1"],
        "teachers": ["both/1"],
        "terms": ["term/1", "term/unused"],
        "users": ["full.user"],
        "lineItems": ["li/1"],
    }
    found: list[tuple[str, ...]] = [()]
    for parent in operation.parents:
        found = [(*ids, i) for ids in found for i in known[parent.collection]]
    return found


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("givenName", "=", """O'Neil "Q" \\ 100%_é<&> 𠮷"""),
        ("givenName", "~", "o'neil"),
        ("givenName", "~", "%"),
        ("givenName", "~", "_"),
        ("givenName", "~", "\\"),
        ("givenName", "~", "100%_é"),
        ("givenName", "~", "𠮷"),
        ("familyName", "=", "o'odd"),
        ("familyName", "~", "'"),
        ("phone", "=", "100%"),
        ("metadata.vendor.plan.level", "~", "_1%"),
        ("userIds.identifier", "=", "a:b/c"),
        ("email", "=", "full.user@odd.example"),
        ("email", "~", "full.user@odd.example"),
    ],
)
def test_values_mean_themselves(hub: Hub, name: str, operator: str, value: str) -> None:
    clause = Clause(name, operator, value)
    path = "/ims/oneroster/rostering/v1p2/users"
    found = hub.read.ids(path, "users", filter=text_of(clause))
    assert found == _wanted(hub, "users", clause)
    assert bool(found) == (value != "full.user@odd.example" or operator == "~")


def test_a_profile_is_found_by_its_urn_and_by_its_sourced_id(hub: Hub) -> None:
    path = "/ims/oneroster/rostering/v1p2/users"
    [given, *_] = sorted(hub.model.ids("roles", userProfileSourcedId="profile/1"))
    [role] = hub.model.where("roles", sourcedId=given)
    generated = next(r for r in hub.model.rows("userProfiles") if len(r["sourcedId"]) == 36)

    def found(name: str, operator: str, value: str) -> list[str]:
        return hub.read.ids(path, "users", filter=f"{name}{operator}'{value}'")

    for name in ("roles.userProfile", "userProfiles.profileId"):
        assert found(name, "=", "urn:sourcedid:profile/1") == [role["userSourcedId"]]
        assert found(name, "=", "profile/1") == [role["userSourcedId"]]
        assert found(name, "~", "file/1") == found(name, "~", "sourcedid:profile/1")
        everyone = set(found("status", "!=", ""))
        assert set(found(name, "!=", "profile/1")) == everyone - {role["userSourcedId"]}
        # What is shown so by none.
        for other in ("urn:uuid:profile/1", f"urn:sourcedid:{generated['sourcedId']}", "urn:"):
            assert found(name, "=", other) == []
    both = found("userProfiles.profileId", "=", "urn:sourcedid:profile/1,profile/2")
    assert both == [role["userSourcedId"]]
    for value in (generated["sourcedId"], f"urn:uuid:{generated['sourcedId']}"):
        assert found("userProfiles.profileId", "=", value) == [generated["userSourcedId"]]


def test_nul_and_half_characters_are_refused(hub: Hub) -> None:
    path = "/ims/oneroster/rostering/v1p2/users?filter=givenName%3D%27"
    assert minor(hub.read.get(path + "a%00b%27")) == (400, "invaliddata")
    assert hub.read.client.get(path + "%ED%A0%80%27").status_code == 200


def test_the_standards_own_examples_work(hub: Hub) -> None:
    """Spaces round the operator, AND and OR, and precedence."""
    path = "/ims/oneroster/rostering/v1p2/users"
    for text in (
        "familyName = 'Odd' AND status='active'",
        "familyName='Odd' OR givenName ~ 'given'",
        "status='tobedeleted' AND familyName='x' OR familyName='Odd'",
        "status='tobedeleted' AND (familyName='x' OR familyName='Odd')",
        "  ( ( status = 'tobedeleted' ) )  ",
        "dateLastModified>'2026-04-06T00:10:00.070Z'",
    ):
        found = hub.read.ids(path, "users", filter=text)
        assert found == _wanted(hub, "users", parse(text))
        assert 0 < len(found) < len(hub.model.objects["users"])
