"""How strictly an import reads: what tolerant takes with a warning and strict refuses."""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from rosterhub.transfer.sentences import CODES
from tests.rosters import Board, board, csv_file, package, places, send

Broken = tuple[Callable[[], bytes], tuple[str, int | None, str | None]]
"""A package, and where it is not as the standard has it."""


def changed(entity: str, **values: str) -> Callable[[], bytes]:
    """The small board with other values in the first row of a file."""

    def make() -> bytes:
        data = board()
        data[entity][0] |= {name.replace("__", "."): value for name, value in values.items()}
        return package(data)

    return make


def rewritten(entity: str, change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """The small board with the bytes of a file changed."""

    def make() -> bytes:
        data = board()
        return package(data | {entity: change(csv_file(entity, data[entity]))})

    return make


def gradebook() -> Board:
    """The small board with a line item of its class and a result."""
    item = {
        "sourcedId": "item",
        "title": "漢字",
        "assignDate": "2026-05-01T00:00:00.000Z",
        "dueDate": "2026-05-08T00:00:00.000Z",
        "classSourcedId": "class",
        "categorySourcedId": "category",
        "academicSessionSourcedId": "y2026",
        "resultValueMin": "0",
        "resultValueMax": "100",
        "schoolSourcedId": "school",
    }
    result = {
        "sourcedId": "result",
        "lineItemSourcedId": "item",
        "studentSourcedId": "p1",
        "scoreStatus": "fully graded",
        "score": "80",
        "scoreDate": "2026-05-09",
        "classSourcedId": "class",
    }
    data = board()
    data["classes"].append(data["classes"][0] | {"sourcedId": "other"})
    category = {"sourcedId": "category", "title": "小テスト"}
    return data | {"categories": [category], "lineItems": [item], "results": [result]}


def with_result(**values: str) -> Callable[[], bytes]:
    def make() -> bytes:
        data = gradebook()
        data["results"][0] |= values
        return package(data)

    return make


def manifest(*lines: str, without: str = "") -> Callable[[], bytes]:
    """The small board with lines added to its manifest, or one left out."""
    modes = {name: "bulk" if name in board() else "absent" for name in ENTITIES}
    said = ["manifest.version,1.0", "oneroster.version,1.2"]
    said += [f"file.{name},{mode}" for name, mode in modes.items()]
    text = "\r\n".join(["propertyName,value", *(s for s in said if s != without), *lines, ""])
    return lambda: package(board(), manifest=text.encode())


def renamed(old: str, new: str) -> Callable[[], bytes]:
    """The small board with a piece of its manifest written otherwise."""
    text = zipfile.ZipFile(io.BytesIO(package(board()))).read("manifest.csv").decode()
    return lambda: package(board(), manifest=text.replace(old, new).encode())


def reordered(data: bytes) -> bytes:
    """The first two columns of a file changed about."""
    rows = (row.split(b",", 2) for row in data.splitlines())
    return b"".join(b",".join((b, a, rest)) + b"\r\n" for a, b, rest in rows)


def wider(column: str) -> Callable[[bytes], bytes]:
    """A file with one more column."""

    def change(data: bytes) -> bytes:
        header, *rows = data.splitlines()
        more = [header + f",{column}".encode(), *(row + b",x" for row in rows)]
        return b"\r\n".join([*more, b""])

    return change


LOOSE: dict[str, Broken] = {
    "manifest_property_missing": (
        manifest(without="file.results,absent"),
        ("manifest.csv", None, None),
    ),
    "manifest_property_unknown": (
        manifest("digitalkoumu.oneroster.version,1.2"),
        ("manifest.csv", 25, None),
    ),
    "manifest_value_form": (
        renamed("manifest.version,1.0", "manifest.version,1"),
        ("manifest.csv", 2, "value"),
    ),
    "manifest_property_case": (
        renamed("file.users,", "file.Users,"),
        ("manifest.csv", 8, "propertyName"),
    ),
    "file_extra": (
        lambda: package(board(), extra={"readme.txt": b"x"}),
        ("readme.txt", None, None),
    ),
    "file_name_case": (
        lambda: package(board(), names={"users": "Users.csv"}),
        ("Users.csv", None, None),
    ),
    "column_ignored": (rewritten("orgs", wider("sns")), ("orgs.csv", 1, "sns")),
    "column_similar": (rewritten("orgs", wider("identifer")), ("orgs.csv", 1, "identifer")),
    "column_unnamed": (
        rewritten("orgs", lambda data: data.replace(b",identifier,", b",,")),
        ("orgs.csv", 1, None),
    ),
    "column_order": (rewritten("orgs", reordered), ("orgs.csv", 1, None)),
    "bom": (rewritten("orgs", lambda data: b"\xef\xbb\xbf" + data), ("orgs.csv", 1, None)),
    "encoding_marked": (
        rewritten("orgs", lambda data: data.decode().encode("utf-16")),
        ("orgs.csv", 1, None),
    ),
    "reference_type": (
        changed("classes", schoolSourcedId="district"),
        ("classes.csv", 2, "schoolSourcedId"),
    ),
    "spaces_trimmed": (changed("users", givenName=" 陽菜"), ("users.csv", 2, "givenName")),
    "boolean_case": (changed("users", enabledUser="TRUE"), ("users.csv", 2, "enabledUser")),
    "enumeration_case": (
        changed("classes", classType="Homeroom"),
        ("classes.csv", 2, "classType"),
    ),
    "date_form": (
        changed("academicSessions", startDate="2026/4/1"),
        ("academicSessions.csv", 2, "startDate"),
    ),
    "list_spaces": (changed("users", grades="P1, P2"), ("users.csv", 2, "grades")),
    "bulk_status": (changed("users", status="active"), ("users.csv", 2, "status")),
    "bulk_date": (
        changed("users", dateLastModified="2026-04-01T00:00:00.000Z"),
        ("users.csv", 2, "dateLastModified"),
    ),
    "list_lengths_differ": (
        changed("courses", subjects="国語,算数", subjectCodes="P010"),
        ("courses.csv", 2, "subjectCodes"),
    ),
    "score_out_of_bounds": (with_result(score="101"), ("results.csv", 2, "score")),
    "class_of_another": (
        with_result(classSourcedId="other"),
        ("results.csv", 2, "classSourcedId"),
    ),
    "datetime_form": (
        lambda: package(
            board() | {"orgs": [org | {"status": "active"} | STAMPED for org in board()["orgs"]]},
            modes={"orgs": "delta"},
        ),
        ("orgs.csv", 2, "dateLastModified"),
    ),
}
STAMPED = {"dateLastModified": "2026-04-01T09:00:00+09:00"}


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """An empty hub, for tests that leave it so."""
    with fresh() as config:
        yield config


def found(document: dict[str, Any], severity: str) -> list[tuple[object, ...]]:
    return sorted(set(places(document[severity])), key=str)


def test_every_such_thing_is_tried() -> None:
    strict = {code for code, text in CODES.items() if text.strict}
    assert LOOSE.keys() == {c for c in strict if not c.startswith(("jp_", "profile_"))}


@pytest.mark.parametrize("code", LOOSE)
def test_tolerant_takes_it_with_a_warning(hub: Settings, code: str) -> None:
    data, place = LOOSE[code]
    document = send(hub, data(), dry_run=True)
    assert (document["state"], document["level"]) == ("completed", "tolerant"), document["errors"]
    assert found(document, "warnings") == [(*place, code)]


@pytest.mark.parametrize("code", LOOSE)
def test_strict_refuses_it(hub: Settings, code: str) -> None:
    data, place = LOOSE[code]
    document = send(hub, data(), level="strict")
    assert (document["state"], document["level"]) == ("failed", "strict")
    errors = found(document, "errors")
    assert errors[0] == (*place, code)
    assert {error[3] for error in errors} == {code}
    assert document["warnings"] == []


def test_strict_lists_every_row(hub: Settings) -> None:
    data = board()
    for user in data["users"]:
        user["enabledUser"] = "True"
    document = send(hub, package(data), level="strict")
    assert [e["line"] for e in document["errors"]] == [2, 3, 4]
    assert document["counts"]["failed"] == 3
    assert document["errors"][0]["message"] == "Write true, not True."


def test_strict_passes_over_no_row(hub: Settings) -> None:
    data = csv_file("orgs", [*board()["orgs"], {}])
    document = send(hub, data, "orgs", level="strict")
    assert ("orgs.csv", 4, "sourcedId", "required_blank") in places(document["errors"])


@pytest.mark.parametrize("version", ["1.2", "1.2.1", "1.2_JP"])
def test_strict_takes_what_is_as_the_standard_has_it(config: Settings, version: str) -> None:
    document = send(config, package(gradebook(), version=version), level="strict")
    assert (document["errors"], document["warnings"]) == ([], [])
    assert document["state"] == "completed"


def test_strict_asks_for_nothing_beyond_the_standard(config: Settings) -> None:
    data = board()
    data["enrollments"][0]["role"] = "teacher"
    data["users"][0] |= {"grades": "7", "metadata.vendor.colour": "青"}
    data["orgs"][1]["parentSourcedId"] = ""
    data["courses"][0] |= {"orgSourcedId": "district", "schoolYearSourcedId": ""}
    data_of = package(data, version="1.2.1")
    document = send(config, data_of, level="strict", profile="ims-1.2.1")
    assert document["state"] == "completed", document["errors"]


def test_the_word_null_is_no_error_for_strict(config: Settings) -> None:
    data = board()
    data["orgs"][0]["parentSourcedId"] = "NULL"
    document = send(config, package(data), level="strict")
    assert document["state"] == "completed", document["errors"]
    assert places(document["warnings"]) == [("orgs.csv", 2, "parentSourcedId", "null_literal")]
