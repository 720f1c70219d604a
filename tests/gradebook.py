"""Gradebook objects as clients send them: one whole object of each kind, and any valid one."""

import copy
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from rosterhub.model.values import BLANKS
from tests.rosters import Board, board

Object = dict[str, Any]

STATUSES = ("exempt", "fully graded", "not submitted", "partially graded", "submitted")
OBJECTIVES = [{"source": "case", "learningObjectiveIds": ["co-2", "co-1"]}]
SCORED_OBJECTIVES = [
    {
        "source": "case",
        "learningObjectiveResults": [
            {"learningObjectiveId": "co-2", "score": 3, "textScore": "B"},
            {"learningObjectiveId": "co-1"},
        ],
    },
    {"source": "ext:mihon", "learningObjectiveResults": [{"learningObjectiveId": "見"}]},
]
METADATA = {"mihon": {"color": "赤", "shelf": {"row": "3"}}, "checked": True, "weight": 2.5}


def ref(sourced_id: str, kind: str) -> Object:
    """A reference as a client sends it."""
    return {"href": f"https://lms.example/{kind}/{sourced_id}", "sourcedId": sourced_id} | {
        "type": kind
    }


_OUTCOME = {"inProgress": "false", "incomplete": "true", "late": "false", "missing": "true"}
_SYSTEM = {"status": "active", "dateLastModified": "2026-04-01T00:00:00.000Z", "metadata": METADATA}

FULL: dict[str, Object] = {
    "categories": {"sourcedId": "homework", "title": "宿題", "weight": 0.25, **_SYSTEM},
    "scoreScales": {
        "sourcedId": "abc",
        "title": "三段階",
        "type": "grade",
        "class": ref("class", "class"),
        "course": ref("course", "course"),
        "scoreScaleValue": [
            {"itemValueLHS": "90-100", "itemValueRHS": "A"},
            {"itemValueLHS": "80-89", "itemValueRHS": "B: good"},
            {"itemValueLHS": "0-79", "itemValueRHS": ""},
        ],
        **_SYSTEM,
    },
    "lineItems": {
        "sourcedId": "kanji-1",
        "title": "漢字テスト 1",
        "description": "1 から 10 まで\nくりかえし",
        "assignDate": "2026-04-10T00:00:00.000Z",
        "dueDate": "2026-04-17T08:30:00.123Z",
        "class": ref("class", "class"),
        "school": ref("school", "org"),
        "category": ref("homework", "category"),
        "gradingPeriod": ref("gp1", "academicSession"),
        "academicSession": ref("term1", "academicSession"),
        "scoreScale": ref("abc", "scoreScale"),
        "resultValueMin": 0,
        "resultValueMax": 100.5,
        "learningObjectiveSet": OBJECTIVES,
        **_SYSTEM,
    },
    "results": {
        "sourcedId": "kanji-1-p1",
        "lineItem": ref("kanji-1", "lineItem"),
        "student": ref("p1", "user"),
        "class": ref("class", "class"),
        "scoreScale": ref("abc", "scoreScale"),
        "scoreStatus": "fully graded",
        "score": 87.5,
        "textScore": "よくできました",
        "scoreDate": "2026-04-18",
        "comment": 'とめ, "はね"に注意',
        "learningObjectiveSet": SCORED_OBJECTIVES,
        **_OUTCOME,
        **_SYSTEM,
    },
    "assessmentLineItems": {
        "sourcedId": "survey-1",
        "title": "学力調査",
        "description": "国語",
        "class": ref("class", "class"),
        "parentAssessmentLineItem": ref("survey", "assessmentLineItem"),
        "scoreScale": ref("abc", "scoreScale"),
        "resultValueMin": -1,
        "resultValueMax": 1,
        "learningObjectiveSet": OBJECTIVES,
        **_SYSTEM,
    },
    "assessmentResults": {
        "sourcedId": "survey-1-p1",
        "assessmentLineItem": ref("survey-1", "assessmentLineItem"),
        "student": ref("p1", "user"),
        "score": 1,
        "textScore": "A",
        "scoreDate": "2026-05-01",
        "scoreScale": ref("abc", "scoreScale"),
        "scorePercentile": 99.5,
        "scoreStatus": "submitted",
        "comment": "-",
        "learningObjectiveSet": SCORED_OBJECTIVES,
        **_OUTCOME,
        **_SYSTEM,
    },
}
"""An object with every property there is (spec/models.md), in an order in which what one refers
to comes first."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "categories": ("title",),
    "scoreScales": ("title", "type", "class", "scoreScaleValue"),
    "lineItems": ("title", "assignDate", "dueDate", "class", "school", "category"),
    "results": ("lineItem", "student", "scoreStatus", "scoreDate"),
    "assessmentLineItems": ("title",),
    "assessmentResults": ("assessmentLineItem", "student", "scoreDate", "scoreStatus"),
}
"""What each cannot do without, besides its sourcedId."""

SINGULAR = {
    "categories": "category",
    "scoreScales": "scoreScale",
    "lineItems": "lineItem",
    "results": "result",
    "assessmentLineItems": "assessmentLineItem",
    "assessmentResults": "assessmentResult",
}


def full(entity: str, **changes: Any) -> Object:
    """A whole object of `entity`, one's own to change."""
    return copy.deepcopy(FULL[entity]) | changes


def least(entity: str, **changes: Any) -> Object:
    """An object of `entity` with what is required and no more."""
    whole = full(entity)
    return {name: whole[name] for name in ("sourcedId", *REQUIRED[entity])} | changes


def gradebook_board() -> Board:
    """The small roster with a term, a grading period in it, and a second class to confuse with."""
    made = board()
    made["academicSessions"] += [
        {
            "sourcedId": "term1",
            "title": "1学期",
            "type": "term",
            "startDate": "2026-04-01",
            "endDate": "2026-08-31",
            "parentSourcedId": "y2026",
            "schoolYear": "2026",
        },
        {
            "sourcedId": "gp1",
            "title": "4月",
            "type": "gradingPeriod",
            "startDate": "2026-04-01",
            "endDate": "2026-04-30",
            "parentSourcedId": "term1",
            "schoolYear": "2026",
        },
    ]
    [homeroom] = made["classes"]
    homeroom["termSourcedIds"] = "term1"
    made["classes"] += [homeroom | {"sourcedId": "class2", "title": "1年2組"}]
    return made


def shown(entity: str, sent: Object, root: str, base: str = "1.2") -> Object:
    """What a read should show of an object that was put, `dateLastModified` left out."""
    made = {k: _shown(v, root, base) for k, v in sent.items() if v is not None}
    made.pop("dateLastModified", None)
    made.setdefault("status", "active")
    for name in ("assignDate", "dueDate"):
        if name in made:
            made[name] = _instant(made[name])
    if "scoreScaleValue" in made:
        made["scoreScaleValue"] = [p for p in made["scoreScaleValue"] if p["itemValueRHS"]]
        made = {k: v for k, v in made.items() if v != []}
    if "learningObjectiveSet" in made:
        made["learningObjectiveSet"].sort(key=lambda one: one["source"])
    return made


def _shown(value: Any, root: str, base: str) -> Any:
    if isinstance(value, dict) and {"sourcedId", "type"} <= set(value):
        place = _PLACES[base][value["type"]]
        sourced_id = value["sourcedId"].replace("/", "%2F")
        return value | {"href": f"{root}{place}/{sourced_id}"}
    if isinstance(value, dict):
        return {k: _shown(v, root, base) for k, v in value.items()}
    return [_shown(v, root, base) for v in value] if isinstance(value, list) else value


_ROSTERING = {
    "class": "classes",
    "course": "courses",
    "org": "orgs",
    "user": "users",
    "academicSession": "academicSessions",
}
_GRADEBOOK = {single: many for many, single in SINGULAR.items()}
_PLACES = {
    "1.2": {k: f"/ims/oneroster/rostering/v1p2/{v}" for k, v in _ROSTERING.items()}
    | {k: f"/ims/oneroster/gradebook/v1p2/{v}" for k, v in _GRADEBOOK.items()},
    "1.1": {k: f"/ims/oneroster/v1p1/{v}" for k, v in (_ROSTERING | _GRADEBOOK).items()},
}


def _instant(text: str) -> str:
    """A time of any form that is taken, as reads show it: UTC and milliseconds."""
    text = text.replace("Z", "+00:00")
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=40
).filter(lambda text: text.strip(BLANKS))
"""Any text that is not blank."""

sourced_ids = st.text(string.ascii_letters + string.digits + "./@_-", min_size=1, max_size=40)
numbers = (
    st.integers(-(10**12), 10**12)
    | st.decimals(-1000, 1000, places=3).map(float)
    | st.floats(1e-6, 1e6, allow_subnormal=False)
)
dates = st.dates().map(lambda day: day.isoformat())
times = st.datetimes(
    datetime(1000, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)
).map(lambda time: _instant(time.isoformat()))  # fmt: skip
_keys = st.text(string.ascii_letters + "_-あ", min_size=1, max_size=8)
metadata = st.recursive(
    st.dictionaries(_keys, texts | numbers | st.booleans(), min_size=1, max_size=3),
    lambda inner: st.dictionaries(_keys, inner | texts, min_size=1, max_size=3),
    max_leaves=6,
)
booleans = st.sampled_from(["true", "false"])
_halves = texts.map(lambda text: re.sub("[:{}]", "-", text))
_sources = st.sampled_from(["case", "unknown", "ext:mihon"])


def _sets(name: str, members: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Object]]:
    one = st.fixed_dictionaries(
        {"source": _sources, name: st.lists(members, min_size=1, max_size=4)}
    )
    return st.lists(one, min_size=1, max_size=3, unique_by=lambda one: one["source"])


_scored = st.fixed_dictionaries(
    {"learningObjectiveId": texts}, optional={"score": numbers, "textScore": texts}
)


def _refs(kind: str, *ids: str) -> st.SearchStrategy[Object]:
    return st.sampled_from([ref(sourced_id, kind) for sourced_id in ids])


_bounds = st.tuples(numbers, numbers).map(sorted)
_of = {
    "title": texts,
    "type": texts,
    "description": texts,
    "comment": texts,
    "textScore": texts,
    "weight": numbers,
    "score": numbers,
    "scorePercentile": numbers,
    "scoreDate": dates,
    "assignDate": times,
    "dueDate": times,
    "scoreStatus": st.sampled_from([*STATUSES, "ext:lost"]),
    "status": st.sampled_from(["active", "tobedeleted"]),
    "dateLastModified": times,
    "metadata": metadata,
    "inProgress": booleans,
    "incomplete": booleans,
    "late": booleans,
    "missing": booleans,
    "class": _refs("class", "class", "class2"),
    "course": _refs("course", "course"),
    "school": _refs("org", "school"),
    "student": _refs("user", "p1", "p2"),
    "category": _refs("category", "homework"),
    "gradingPeriod": _refs("academicSession", "gp1", "term1"),
    "academicSession": _refs("academicSession", "term1", "y2026"),
    "scoreScale": _refs("scoreScale", "abc"),
    "lineItem": _refs("lineItem", "kanji-1"),
    "assessmentLineItem": _refs("assessmentLineItem", "survey"),
    "parentAssessmentLineItem": _refs("assessmentLineItem", "survey"),
    "scoreScaleValue": st.lists(
        st.fixed_dictionaries({"itemValueLHS": _halves, "itemValueRHS": _halves | st.just("")}),
        min_size=1,
        max_size=4,
    ),
}


def _bounded(bounds: bool) -> Callable[[tuple[Object, list[Any]]], Object]:
    def add(found: tuple[Object, list[Any]]) -> Object:
        made, (low, high) = found
        return made | ({"resultValueMin": low, "resultValueMax": high} if bounds else {})

    return add


def any_valid(entity: str) -> st.SearchStrategy[Object]:
    """Any object of `entity` that may be put; what it refers to is of `FULL` and the board."""
    names = [n for n in FULL[entity] if n not in ("sourcedId", "resultValueMin", "resultValueMax")]
    known = dict(_of)
    scored = entity in ("results", "assessmentResults")
    known["learningObjectiveSet"] = (
        _sets("learningObjectiveResults", _scored)
        if scored
        else _sets("learningObjectiveIds", texts)
    )
    required = {n: known[n] for n in names if n in REQUIRED[entity]} | {"sourcedId": sourced_ids}
    optional = {n: known[n] for n in names if n not in REQUIRED[entity]}
    plain = st.fixed_dictionaries(required, optional=optional)
    if "resultValueMin" not in FULL[entity]:
        return plain
    return st.booleans().flatmap(lambda both: st.tuples(plain, _bounds).map(_bounded(both)))
