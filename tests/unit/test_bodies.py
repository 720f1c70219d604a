"""Objects that somebody sends: what is right is taken whole, and what is wrong is named."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosterhub.model.bodies import LONGEST_TEXT, BodyError, Record, record
from tests.gradebook import FULL, REQUIRED, SINGULAR, any_valid, full, least, ref

Object = dict[str, Any]
WRITABLE = tuple(FULL)


def problem(entity: str, body: object) -> str:
    """What is said to be wrong with `body`, which must be something."""
    with pytest.raises(BodyError) as caught:
        record(entity, body, path=SINGULAR[entity])
    return str(caught.value)


def refused(entity: str, place: str, **changes: Any) -> str:
    """See that a whole object with `changes` is refused for what is at `place`, alone right."""
    record(entity, full(entity))
    text = problem(entity, full(entity, **changes))
    assert text.startswith(f"{SINGULAR[entity]}.{place} "), text
    assert text.endswith(".")
    assert len(text) < 1_000
    return text


def having(*names: str) -> list[tuple[str, str]]:
    """Each entity with each of the properties `names` that it has."""
    return [(entity, n) for entity, whole in FULL.items() for n in names if n in whole]


@pytest.mark.parametrize("entity", WRITABLE)
def test_a_whole_object_is_taken(entity: str) -> None:
    made = record(entity, full(entity))
    assert (made.entity, made.sourced_id) == (entity, FULL[entity]["sourcedId"])
    assert made.values["metadata"] == {
        "mihon.color": "赤",
        "mihon.shelf.row": "3",
        "checked": True,
        "weight": 2.5,
    }


def test_a_line_item_becomes_values_by_column_and_rows_of_its_files() -> None:
    made = record("lineItems", full("lineItems", metadata=None), path="lineItem")
    assert made.values == {
        "sourced_id": "kanji-1",
        "status": "active",
        "title": "漢字テスト 1",
        "description": "1 から 10 まで\nくりかえし",
        "assign_date": "2026-04-10T00:00:00.000+00:00",
        "due_date": "2026-04-17T08:30:00.123+00:00",
        "class_sourced_id": "class",
        "school_sourced_id": "school",
        "category_sourced_id": "homework",
        "grading_period_sourced_id": "gp1",
        "academic_session_sourced_id": "term1",
        "result_value_min": 0,
        "result_value_max": 100.5,
    }
    objectives = made.parts["lineItemLearningObjectiveIds"]
    assert [(o["source"], o["learning_objective_id"]) for o in objectives] == [
        ("case", "co-2"),
        ("case", "co-1"),
    ]
    [scale] = made.parts["lineItemScoreScales"]
    assert scale["score_scale_sourced_id"] == "abc"
    assert {row["line_item_sourced_id"] for row in (*objectives, scale)} == {"kanji-1"}
    ids = [row["sourced_id"] for row in (*objectives, scale)]
    assert len(set(ids)) == 3
    again = record("lineItems", full("lineItems"))
    assert again.parts == made.parts
    assert sorted(made.refers) == [
        ("academicSessions", "lineItem.academicSession", "term1"),
        ("academicSessions", "lineItem.gradingPeriod", "gp1"),
        ("categories", "lineItem.category", "homework"),
        ("classes", "lineItem.class", "class"),
        ("orgs", "lineItem.school", "school"),
        ("scoreScales", "lineItem.scoreScale", "abc"),
    ]


def _parts(made: Record) -> list[Object]:
    return [row for rows in made.parts.values() for row in rows]


@pytest.mark.parametrize("entity", WRITABLE)
def test_what_is_not_required_may_be_left_out_or_null(entity: str) -> None:
    bare = record(entity, least(entity))
    nulls = dict.fromkeys(name for name in FULL[entity] if name not in least(entity))
    assert record(entity, least(entity, **nulls)) == bare
    assert not bare.parts
    assert bare.values["status"] == "active"


@pytest.mark.parametrize(
    ("entity", "name"), [(e, n) for e in WRITABLE for n in (*REQUIRED[e], "sourcedId")]
)
def test_what_is_required_may_not_be_missing_or_null(entity: str, name: str) -> None:
    missing = full(entity)
    del missing[name]
    place = f"{SINGULAR[entity]}.{name} "
    for body in (missing, full(entity, **{name: None})):
        assert problem(entity, body).startswith(place)


@pytest.mark.parametrize("entity", WRITABLE)
def test_an_unknown_property_is_refused_and_the_known_ones_listed(entity: str) -> None:
    text = refused(entity, "colour", colour="red")
    for name in FULL[entity]:
        assert name in text
    refused(entity, "SourcedId", SourcedId="x")
    assert len(problem(entity, full(entity, **{"x" * 100_000: 1}))) < 1_000


@pytest.mark.parametrize("entity", WRITABLE)
@pytest.mark.parametrize("body", [None, [], "{}", 1, True])
def test_a_body_that_is_no_object_is_refused(entity: str, body: object) -> None:
    assert problem(entity, body) == f"{SINGULAR[entity]} is an object."
    with pytest.raises(BodyError, match=r"^The body is an object\.$"):
        record(entity, body)


@pytest.mark.parametrize(
    ("entity", "name"),
    having(*("title", "type", "description", "comment", "textScore", "scoreStatus", "status")),
)
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["x"]])
def test_a_text_is_a_text(entity: str, name: str, value: object) -> None:
    refused(entity, name, **{name: value})


@pytest.mark.parametrize(
    ("entity", "name"), having("title", "type", "description", "comment", "textScore")
)
def test_no_text_holds_what_cannot_be_stored(entity: str, name: str) -> None:
    for value in ("a\0b", "a\ud800b", "\udfff"):
        refused(entity, name, **{name: value})
    refused(entity, name, **{name: "あ" * (LONGEST_TEXT + 1)})
    record(entity, full(entity, **{name: "あ" * LONGEST_TEXT}))


@pytest.mark.parametrize(
    ("entity", "name"), having("title", "type", "description", "comment", "textScore")
)
def test_a_blank_text_is_none(entity: str, name: str) -> None:
    """A CSV cell holds no blank, so what is taken here could not be sent on."""
    for value in ("", " ", "\t", "\u3000 "):
        if name in REQUIRED[entity]:
            refused(entity, name, **{name: value})
        else:
            made = record(entity, full(entity, **{name: value}))
            assert made == record(entity, full(entity, **{name: None}))


@pytest.mark.parametrize(("entity", "name"), having("scoreStatus", "status"))
def test_an_enumeration_lists_what_it_takes(entity: str, name: str) -> None:
    text = refused(entity, name, **{name: "Active"})
    assert ("tobedeleted" if name == "status" else "not submitted") in text
    for value in ("", "ext:", " exempt", "x" * 10_000):
        refused(entity, name, **{name: value})


def test_only_an_open_enumeration_takes_more() -> None:
    for value in ("ext:lost", "ext:紛失", "ext:a.b_c-d/e:f"):
        record("results", full("results", scoreStatus=value))
    for odd in (
        " \n外",
        "a b",
        "lost ",
        "lost\n",
        "\u3000",
        "a\u00a0",
        "\x00",
        "a\x7fb",
        "\ufeffa",
    ):
        refused("results", "scoreStatus", scoreStatus=f"ext:{odd}")
    refused("results", "status", status="ext:lost")


@pytest.mark.parametrize(
    ("entity", "name"),
    having("weight", "score", "scorePercentile", "resultValueMin", "resultValueMax"),
)
def test_a_number_is_a_number_that_a_file_can_hold(entity: str, name: str) -> None:
    odd = ["1", "", True, [], {}, [1], float("nan"), float("inf"), -float("inf")]
    for value in (*odd, 10**400, 1e31, -(10**31), 1e-31, 1e300):
        refused(entity, name, **{name: value})
    for value in (0, -0.0, 7, 1e-7, 123456789.25):
        others = {"resultValueMin": None, "resultValueMax": None}
        if name not in others:
            others = {}
        record(entity, full(entity, **{**others, name: value}))


@pytest.mark.parametrize("entity", ["lineItems", "assessmentLineItems"])
def test_the_least_value_is_not_more_than_the_greatest(entity: str) -> None:
    refused(entity, "resultValueMin", resultValueMin=5, resultValueMax=4.5)
    record(entity, full(entity, resultValueMin=5, resultValueMax=5))


@pytest.mark.parametrize(("entity", "name"), having("inProgress", "incomplete", "late", "missing"))
def test_a_boolean_is_true_or_false(entity: str, name: str) -> None:
    for value in ("True", "yes", "", 1, 0, [], {}):
        refused(entity, name, **{name: value})
    for value, kept in (("true", True), ("false", False), (True, True), (False, False)):
        assert kept in record(entity, full(entity, **{name: value})).values.values()


@pytest.mark.parametrize(("entity", "name"), having("scoreDate"))
def test_a_date_exists(entity: str, name: str) -> None:
    odd = ["2026-02-29", "2026-4-1", "2026/04/01", "2026-04-01T24:00:00.000Z", "0000-01-01"]
    odd += ["2026-02-29T00:00:00.000Z", "2026-04-01T"]
    for value in (*odd, "2026-04-01\n", " 2026-04-01", "２０２６-04-01", 20260401, [], {}, ""):
        refused(entity, name, **{name: value})
    record(entity, full(entity, **{name: "2024-02-29"}))


@pytest.mark.parametrize(("entity", "name"), having("scoreDate"))
@pytest.mark.parametrize("time", ["T13:44:00.000Z", " 23:59:59", "T00:00:00+09:00"])
def test_a_time_in_place_of_a_date_is_its_date(entity: str, name: str, time: str) -> None:
    made = record(entity, full(entity, **{name: f"2026-04-18{time}"}))
    assert made.values["score_date"] == "2026-04-18"


@pytest.mark.parametrize(("entity", "name"), having("assignDate", "dueDate", "dateLastModified"))
def test_a_time_exists(entity: str, name: str) -> None:
    odd = ["2026-02-29T00:00:00.000Z", "2026-04-01T24:00:00.000Z", "2026-04-01T00:00:00.000Z\n"]
    odd += ["9999-12-31T23:30:00-01:00", "0001-01-01T00:30:00+01:00", "10:00", "soon", ""]
    for value in (*odd, 1775000000, [], {}, ["2026-04-01T00:00:00.000Z"]):
        refused(entity, name, **{name: value})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-04-01T09:00:00.000Z", "2026-04-01T09:00:00.000"),
        ("2026-04-01T09:00:00", "2026-04-01T09:00:00.000"),
        ("2026-04-01 09:00:00.5+09:00", "2026-04-01T00:00:00.500"),
        ("2026-04-01T09:00:00-0930", "2026-04-01T18:30:00.000"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999"),
        ("2026-04-01", "2026-04-01T00:00:00.000"),
    ],
)
def test_a_time_without_a_zone_is_utc(given: str, kept: str) -> None:
    made = record("lineItems", full("lineItems", dueDate=given))
    assert made.values["due_date"] == f"{kept}+00:00"


@pytest.mark.parametrize("entity", WRITABLE)
@pytest.mark.parametrize(
    "value", ["", " ", "a b", "あ", "a\0", "a#b", "a\n", "x" * 256, 1, True, [], {}]
)
def test_a_sourced_id_is_made_of_few_characters(entity: str, value: object) -> None:
    text = refused(entity, "sourcedId", sourcedId=value)
    assert "0-9 A-Z a-z . / @ _ and -." in text


@pytest.mark.parametrize("entity", WRITABLE)
def test_every_character_of_a_sourced_id_is_taken(entity: str) -> None:
    for value in ("a/b@c.d_e-f", "0", "x" * 255):
        assert record(entity, full(entity, sourcedId=value)).sourced_id == value


REFERENCES = [
    (entity, name)
    for entity, whole in FULL.items()
    for name, value in whole.items()
    if isinstance(value, dict) and "href" in value
]


@pytest.mark.parametrize(("entity", "name"), REFERENCES)
def test_a_reference_is_an_object_of_the_right_type(entity: str, name: str) -> None:
    right = FULL[entity][name]
    for value in ("class", 1, True, [], [right]):
        assert "is an object" in refused(entity, name, **{name: value})
    for odd in ("a b", "", None, 1, [], {}):
        refused(entity, f"{name}.sourcedId", **{name: right | {"sourcedId": odd}})
    refused(entity, f"{name}.sourcedId", **{name: {}})
    for odd in ("resource", "", 1, [], right["type"].upper()):
        text = refused(entity, f"{name}.type", **{name: right | {"type": odd}})
        assert right["type"] in text
    refused(entity, f"{name}.name", **{name: right | {"name": "x"}})
    whole = record(entity, full(entity))
    assert record(entity, full(entity, **{name: {"sourcedId": right["sourcedId"]}})) == whole


OTHER_TYPES = {
    "user": ("student", "teacher"),
    "academicSession": ("term", "gradingPeriod"),
    "org": ("school",),
}
"""What else OneRoster 1.1, and paths, call some of these."""


@pytest.mark.parametrize(("entity", "name"), REFERENCES)
def test_a_reference_may_have_a_more_specific_type(entity: str, name: str) -> None:
    right = FULL[entity][name]
    kinds = OTHER_TYPES.get(right["type"], ())
    for kind in kinds:
        sent = full(entity, **{name: right | {"type": kind}})
        assert record(entity, sent) == record(entity, full(entity))
    for kind in {k for kinds in OTHER_TYPES.values() for k in kinds} - set(kinds):
        refused(entity, f"{name}.type", **{name: right | {"type": kind}})


def test_a_scale_is_pairs_that_its_file_can_hold() -> None:
    pair = {"itemValueLHS": "1", "itemValueRHS": "A"}
    for value in ("{1:A}", {}, 1, pair):
        refused("scoreScales", "scoreScaleValue", scoreScaleValue=value)
    refused("scoreScales", "scoreScaleValue", scoreScaleValue=[])
    for odd in ("x", None, [], 1):
        refused("scoreScales", "scoreScaleValue[1]", scoreScaleValue=[pair, odd])
    for name in pair:
        for odd in (1, None, [], "\0"):
            place = f"scoreScaleValue[1].{name}"
            refused("scoreScales", place, scoreScaleValue=[pair, pair | {name: odd}])
        for odd in ("{", "}", "a}b"):
            place = "scoreScaleValue[1]"
            refused("scoreScales", place, scoreScaleValue=[pair, pair | {name: odd}])
    for odd in ("", "a:b"):
        place = "scoreScaleValue[0]"
        refused("scoreScales", place, scoreScaleValue=[pair | {"itemValueLHS": odd}])
    place = "scoreScaleValue[0].itemValue"
    refused("scoreScales", place, scoreScaleValue=[pair | {"itemValue": "x"}])
    made = record("scoreScales", full("scoreScales", scoreScaleValue=[pair, pair]))
    assert made.values["score_scale_value"] == ["1:A", "1:A"]


@pytest.mark.parametrize("entity", ["lineItems", "assessmentLineItems"])
def test_learning_objectives_are_texts_by_their_source(entity: str) -> None:
    name, inner = "learningObjectiveSet", "learningObjectiveIds"
    right: Object = {"source": "case", inner: ["a"]}
    _sets_are_checked(entity, name, inner, right)
    for odd in (1, None, {}, [], "", "\0"):
        place = f"{name}[0].{inner}[1]"
        refused(entity, place, learningObjectiveSet=[right | {inner: ["a", odd]}])


@pytest.mark.parametrize("entity", ["results", "assessmentResults"])
def test_learning_objectives_of_results_have_scores(entity: str) -> None:
    name, inner = "learningObjectiveSet", "learningObjectiveResults"
    scored: Object = {"learningObjectiveId": "a", "score": 1, "textScore": "A"}
    right: Object = {"source": "case", inner: [scored]}
    _sets_are_checked(entity, name, inner, right)
    place = f"{name}[0].{inner}[0]"
    for odd in ("a", None, [], 1):
        refused(entity, place, learningObjectiveSet=[right | {inner: [odd]}])
    wrong = {"learningObjectiveId": 1, "score": "1", "textScore": 1, "colour": "x"}
    for part, odd in wrong.items():
        sets = [right | {inner: [scored | {part: odd}]}]
        refused(entity, f"{place}.{part}", learningObjectiveSet=sets)
    refused(entity, f"{place}.learningObjectiveId", learningObjectiveSet=[right | {inner: [{}]}])
    nulls = scored | {"score": None, "textScore": None}
    made = record(entity, full(entity, learningObjectiveSet=[right | {inner: [nulls]}]))
    assert all("score" not in row for row in _parts(made) if "learning_objective_id" in row)


def _sets_are_checked(entity: str, name: str, inner: str, right: Object) -> None:
    for odd in ("x", {}, 1):
        refused(entity, name, **{name: odd})
    for odd in ("x", None, 1, []):
        refused(entity, f"{name}[1]", **{name: [right, odd]})
    for odd in ("CASE", "", None, 1, "ext:"):
        refused(entity, f"{name}[0].source", **{name: [right | {"source": odd}]})
    for odd in ("a", None, {}, 1):
        refused(entity, f"{name}[0].{inner}", **{name: [right | {inner: odd}]})
    refused(entity, f"{name}[0].colour", **{name: [right | {"colour": "red"}]})


@pytest.mark.parametrize("entity", WRITABLE)
def test_metadata_is_values_under_names(entity: str) -> None:
    for value in ("x", 1, [], [{}]):
        refused(entity, "metadata", metadata=value)
    odd: list[tuple[str, object]] = [
        ("metadata.a", {"a": [1]}),
        ("metadata.a.b", {"a": {"b": ["x"]}}),
        ("metadata.a", {"a": float("nan")}),
        ("metadata.a", {"a": 10**400}),
        ("metadata.a", {"a": "x\0"}),
        ("metadata.a", {"a": "x" * (LONGEST_TEXT + 1)}),
        ("metadata.", {"": "x"}),
        ("metadata.a.", {"a": {"": "x"}}),
        ("metadata.a.", {"a.": "x"}),
        ("metadata..a", {".a": "x"}),
        ("metadata.a..b", {"a..b": "x"}),
    ]
    for place, value in odd:
        refused(entity, place, metadata=value)
    for name in ("\0", "\ud800"):
        assert "metadata" in problem(entity, full(entity, metadata={name: "x"}))


@pytest.mark.parametrize(
    "value",
    [
        {"a": "x", "a.b": "y"},
        {"a.b": "y", "a": "x"},
        {"a.b": "x", "a": {"b": "y"}},
        {"a": {"b.c": "x", "b": "y"}},
    ],
)
def test_metadata_names_do_not_stand_in_each_others_way(value: Object) -> None:
    assert problem("categories", full("categories", metadata=value)).startswith(
        "category.metadata.a"
    )


def test_metadata_has_bounds() -> None:
    nested: Object = {"a": "x"}
    for _ in range(5):
        nested = {"a": nested}
    record("categories", full("categories", metadata=nested))
    for _ in range(100_000):
        nested = {"a": nested}
    for value in (nested, {".".join("a" * 5_000): "x"}, {"x" * 100_000: "y"}):
        text = problem("categories", full("categories", metadata=value))
        assert text.startswith("category.metadata.")
        assert len(text) < 1_000


def test_metadata_without_values_is_none() -> None:
    for value in ({}, {"a": {}}, {"a": None}, {"a": {"b": None}}, {"a": "", "b": " "}):
        assert record("categories", full("categories", metadata=value)).values["metadata"] is None


def test_line_items_of_1_1_may_have_a_grading_period_and_nothing_newer() -> None:
    sent = least("lineItems", gradingPeriod=ref("term1", "academicSession"))
    with pytest.raises(BodyError, match=r"^lineItem\.school is not known"):
        record("lineItems", sent, "1.1", "lineItem")
    del sent["school"]
    made = record("lineItems", sent, "1.1", "lineItem")
    assert made.values["grading_period_sourced_id"] == "term1"
    for name in ("gradingPeriod", "category"):
        del sent[name]
        assert f"{name}_sourced_id" not in record("lineItems", sent, "1.1").values
    del sent["class"]
    with pytest.raises(BodyError, match=r"^lineItem\.class is required"):
        record("lineItems", sent, "1.1", "lineItem")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(st.sampled_from(WRITABLE), json)
def test_any_json_is_a_record_or_a_body_error(entity: str, body: object) -> None:
    with pytest.raises(BodyError):
        record(entity, body)


@given(st.data(), json)
def test_a_whole_object_with_anything_anywhere_is_a_record_or_a_body_error(
    data: st.DataObject, value: object
) -> None:
    entity = data.draw(st.sampled_from(WRITABLE))
    whole = full(entity)
    places = list(_places(whole))
    data.draw(st.sampled_from(places))(value)
    with contextlib.suppress(BodyError):
        assert record(entity, whole).entity == entity


def _places(value: Any) -> Iterator[Callable[[object], None]]:
    """Ways to put something in place of each value within `value`."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in members:
        yield lambda new, name=name: value.__setitem__(name, new)
        if isinstance(inner, dict | list):
            yield from _places(inner)


@given(st.sampled_from(WRITABLE).flatmap(lambda e: st.tuples(st.just(e), any_valid(e))))
def test_every_valid_object_is_taken(made: tuple[str, Object]) -> None:
    entity, body = made
    assert record(entity, body).sourced_id == body["sourcedId"]
