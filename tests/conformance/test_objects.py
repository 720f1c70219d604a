"""Every operation that reads, walked over the board: who is in each collection, and every object
to the last member.
"""

from itertools import product

import pytest

from rosterhub.model.operations import OPERATIONS, Operation
from tests.conformance.conftest import Hub
from tests.conformance.model import COLLECTIONS, NESTED
from tests.conformance.shapes import SHAPES
from tests.errors import minor
from tests.urls import at

READS = [o for o in OPERATIONS if o.method == "GET"]
ALL = [o for o in READS if not o.single and not o.parents]
ONE = [o for o in READS if o.single]
BELOW = [o for o in READS if o.parents]


def operations(found: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", found, ids=[o.id for o in found])


def template(operation: Operation) -> str:
    """The path with `{}` where sourcedIds stand."""
    return "/".join("{}" if s.startswith("{") else s for s in operation.path.split("/"))


def test_the_walk_leaves_no_read_out() -> None:
    assert len(READS) == len(ALL) + len(ONE) + len(BELOW) == 41 + 19 + 5
    assert {template(o) for o in BELOW} == set(NESTED)
    assert {o.collection for o in ALL} == {o.collection for o in ONE} == set(COLLECTIONS)


@operations(ALL)
def test_a_collection_is_exactly_the_models(hub: Hub, operation: Operation) -> None:
    entity, _ = COLLECTIONS[operation.collection]
    found = hub.read.collection(operation.bases[0] + operation.path, entity)
    wanted = hub.model.collection(operation.collection)
    assert len(wanted) > 1
    assert [f["sourcedId"] for f in found] == sorted(wanted)
    for record in found:
        assert record == hub.model.objects[entity][record["sourcedId"]]


@operations(ONE)
def test_each_object_is_exactly_the_models_and_others_are_not_there(
    hub: Hub, operation: Operation
) -> None:
    entity, _ = COLLECTIONS[operation.collection]
    wanted = hub.model.collection(operation.collection)
    path = operation.bases[0] + operation.path
    for sourced_id in [*hub.model.objects[entity], "nobody", "no/body", "a" * 255, "\x00", "日本"]:
        place = at(path, sourced_id)
        if sourced_id in wanted:
            body = hub.read.whole(place)
            assert body == {SHAPES[entity].singular: hub.model.objects[entity][sourced_id]}
        else:
            assert minor(hub.read.get(place)) == (404, "unknownobject"), place


@operations(BELOW)
def test_a_nested_collection_is_exactly_the_models(hub: Hub, operation: Operation) -> None:
    entity, _ = COLLECTIONS[operation.collection]
    path = operation.bases[0] + operation.path
    kinds = [COLLECTIONS[parent.collection][0] for parent in operation.parents]
    seen = set[str]()
    parents = [sorted(hub.model.objects[kind]) for kind in kinds]
    if len(parents) > 1:
        # All pairs would be thousands: those made by hand, and a few of the generated ones.
        parents = [sorted(ids, key=lambda i: (len(i) == 36, i))[:15] for ids in parents]
    for ids in product(*([*some, "nobody"] for some in parents)):
        wanted = hub.model.members(template(operation), ids)
        place = at(path, *ids)
        if wanted is None:
            assert minor(hub.read.get(place)) == (404, "unknownobject"), place
        else:
            assert hub.read.ids(place, entity) == sorted(wanted), place
            every = hub.model.members(template(operation), ids, asked=True)
            assert hub.read.ids(place, entity, filter="status!='x'") == sorted(every or ()), place
            seen |= wanted
    assert seen, "this board cannot tell whether the path works"


@operations(BELOW)
def test_a_nested_collection_shows_whole_objects(hub: Hub, operation: Operation) -> None:
    entity, _ = COLLECTIONS[operation.collection]
    kinds = [parent.collection for parent in operation.parents]
    for ids in product(*(sorted(hub.model.collection(kind)) for kind in kinds)):
        if hub.model.members(template(operation), ids):
            place = at(operation.bases[0] + operation.path, *ids)
            found = hub.read.collection(place, entity)
            assert found == [hub.model.objects[entity][f["sourcedId"]] for f in found]
            return
    pytest.fail("nothing is in any of these")


def test_every_reference_can_itself_be_read(hub: Hub) -> None:
    references = {
        reference["href"]: reference
        for objects in hub.model.objects.values()
        for found in objects.values()
        for reference in _references(found)
    }
    assert {r["type"] for r in references.values()} >= {
        *("academicSession", "org", "course", "class", "user", "resource"),
        *("category", "lineItem", "scoreScale"),
    }
    assert any("%2F" in href for href in references)
    for href, reference in references.items():
        [(singular, record)] = hub.read.whole(href).items()
        assert (singular, record["sourcedId"]) == (reference["type"], reference["sourcedId"])


def _references(found: object) -> list[dict[str, str]]:
    if isinstance(found, list):
        return [r for item in found for r in _references(item)]
    if isinstance(found, dict):
        if "href" in found:
            return [found]
        return [r for value in found.values() for r in _references(value)]
    return []


def test_the_words_of_wrong_kind_are_404(hub: Hub) -> None:
    rostering = "/ims/oneroster/rostering/v1p2"
    [district, *_] = hub.model.ids("orgs", type="district")
    [year, *_] = hub.model.ids("academicSessions", type="schoolYear")
    teacher = "full.user"
    for path in (
        f"/schools/{district}",
        f"/schools/{district}/classes",
        f"/terms/{year}",
        f"/gradingPeriods/{year}",
        f"/students/{teacher}",
        f"/students/{teacher}/classes",
        "/teachers/visitor@x",
        "/users/class%2F2@a",
    ):
        assert minor(hub.read.get(rostering + path)) == (404, "unknownobject"), path
