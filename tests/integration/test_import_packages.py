"""Packages: what is wrong with a zip or its manifest, and the untidiness that we take."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from rosterhub.model.entities import ENTITIES
from rosterhub.settings import Settings
from tests.rosters import (
    board,
    contents,
    csv_file,
    enrollment,
    package,
    person,
    places,
    role,
    rows,
    send,
    zipped,
)


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that holds the small board, for tests that leave it as it is."""
    with fresh() as config:
        assert send(config, package(board()))["state"] == "completed"
        yield config


def refusal(config: Settings, data: bytes) -> list[tuple[str | None, int | None, str]]:
    """File, line and code of each error of a package that changes nothing."""
    before = contents(config)
    document = send(config, data)
    assert document["state"] == "failed", document
    assert contents(config) == before
    return [(e["file"], e["line"], e["code"]) for e in document["errors"]]


def manifest(**changes: str | None) -> bytes:
    """A manifest of the small board with some properties changed, or taken out."""
    rows = {"manifest.version": "1.0", "oneroster.version": "1.2"}
    rows |= {f"file.{name}": "bulk" if name in board() else "absent" for name in ENTITIES}
    rows |= {k.replace("__", "."): v for k, v in changes.items()}  # type: ignore[misc]
    lines = [f"{k},{v}" for k, v in rows.items() if v is not None]
    return "\r\n".join(["propertyName,value", *lines, ""]).encode()


def damaged(data: bytes, name: str) -> bytes:
    """A zip in which one byte of a member's packed data is another."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = archive.getinfo(name)
    at = member.header_offset + 30 + len(name) + member.compress_size // 2
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def packed(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("orgs.csv", csv_file("orgs", board()["orgs"]))
    return out.getvalue()


def lying(data: bytes, name: str, size: int) -> bytes:
    """A zip whose directory says that a member unpacks to `size` bytes."""
    out = bytearray(data)
    at = data.index(b"PK\x01\x02")
    while True:
        length, more, comment = struct.unpack_from("<3H", data, at + 28)
        if data[at + 46 : at + 46 + length] == name.encode():
            struct.pack_into("<I", out, at + 24, size)
            return bytes(out)
        at += 46 + length + more + comment


def crowded() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(60_000):
            archive.writestr(zipfile.ZipInfo(f"{number:030}"), b"")
    return out.getvalue()


ENCRYPTED = b"PK\x01\x02\x14\x03\x14\x00\x01\x00"

BAD_PACKAGES: dict[str, tuple[Callable[[], bytes], tuple[str | None, int | None, str]]] = {
    "a CSV file": (lambda: csv_file("users", board()["users"]), (None, None, "zip_expected")),
    "nonsense": (lambda: b"PK\x03\x04 nonsense", (None, None, "zip_invalid")),
    "half a zip": (lambda: package(board())[:-200], (None, None, "zip_invalid")),
    "nothing in it": (lambda: zipped(), ("manifest.csv", None, "manifest_missing")),
    "encrypted": (
        lambda: zipped(("a", b"x")).replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", ENCRYPTED),
        ("a", None, "zip_encrypted"),
    ),
    "packed with bzip2": (lambda: packed(zipfile.ZIP_BZIP2), ("orgs.csv", None, "zip_method")),
    "packed with LZMA": (lambda: packed(zipfile.ZIP_LZMA), ("orgs.csv", None, "zip_method")),
    "60,000 files": (crowded, (None, None, "zip_members")),
    "no manifest": (
        lambda: package(board(), manifest=b""),
        ("manifest.csv", None, "manifest_missing"),
    ),
    "another header": (
        lambda: package(board(), manifest=b"name,wert\n"),
        ("manifest.csv", 1, "manifest_invalid"),
    ),
    "an endless manifest": (
        lambda: package(board(), manifest=b"propertyName,value\n" + b"x" * (1 << 21)),
        ("manifest.csv", 2, "manifest_invalid"),
    ),
    "a quote in the manifest that never closes": (
        lambda: package(board(), manifest=manifest() + b'source.systemName,"a\nb,c\n'),
        ("manifest.csv", 25, "manifest_invalid"),
    ),
    "a manifest in UTF-16": (
        lambda: package(board(), manifest=manifest().decode().encode("utf-16")),
        ("manifest.csv", 1, "manifest_invalid"),
    ),
    "a damaged manifest": (
        lambda: damaged(package(board()), "manifest.csv"),
        (None, None, "zip_invalid"),
    ),
    "a property twice": (
        lambda: package(board(), manifest=manifest() + b"file.users,bulk\n"),
        ("manifest.csv", 25, "manifest_property_twice"),
    ),
    "three cells": (
        lambda: package(board(), manifest=manifest() + b"a,b,c\n"),
        ("manifest.csv", 25, "manifest_invalid"),
    ),
    "version": (lambda: package(board(), version="2.0"), ("manifest.csv", 3, "manifest_value")),
    "mode": (
        lambda: package(board(), manifest=manifest(file__users="some")),
        ("manifest.csv", 8, "manifest_value"),
    ),
    "a property of no file, and a file without one": (
        lambda: package(board(), manifest=manifest(file__users=None, file__user="delta")),
        ("manifest.csv", 24, "manifest_property_unclear"),
    ),
    "declared absent": (
        lambda: package(board(), modes={"users": "absent"}),
        ("users.csv", None, "file_not_announced"),
    ),
    "declared and missing": (
        lambda: package(board(), modes={"results": "bulk"}),
        ("results.csv", None, "file_missing"),
    ),
    "in a folder": (
        lambda: package(board(), names={"users": "data/users.csv"}),
        ("data/users.csv", None, "zip_path"),
    ),
    "above": (
        lambda: package(board(), names={"users": "../users.csv"}),
        ("../users.csv", None, "zip_path"),
    ),
    "absolute": (
        lambda: package(board(), names={"users": "/users.csv"}),
        ("/users.csv", None, "zip_path"),
    ),
    "of Windows": (
        lambda: package(board(), names={"users": "C:\\users.csv"}),
        ("C:\\users.csv", None, "zip_path"),
    ),
    "nested": (
        lambda: package(board(), extra={"inner.zip": zipped()}),
        ("inner.zip", None, "zip_nested"),
    ),
    "twice": (
        lambda: package(board(), extra={"USERS.CSV": b"x"}),
        ("USERS.CSV", None, "zip_duplicate"),
    ),
    "all absent": (lambda: package({}), ("manifest.csv", None, "package_empty")),
    "a damaged file": (
        lambda: damaged(package(board()), "users.csv"),
        ("users.csv", None, "zip_invalid"),
    ),
    "a file longer than it says": (
        lambda: lying(package(board()), "users.csv", 600),
        ("users.csv", None, "zip_invalid"),
    ),
    "a bad file among good ones": (
        lambda: package(board() | {"orgs": b"%PDF"}),
        ("orgs.csv", 1, "header_not_found"),
    ),
}


@pytest.mark.parametrize("name", BAD_PACKAGES)
def test_bad_packages(hub: Settings, name: str) -> None:
    make, expected = BAD_PACKAGES[name]
    assert refusal(hub, make()) == [expected]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(hub: Settings) -> None:
    small = hub.model_copy(update={"csv_unpacked_max_size": 1_000_000})
    bomb = package({"orgs": csv_file("orgs", board()["orgs"]) + b" " * 2_000_000})
    assert refusal(small, bomb) == [(None, None, "zip_bomb")]
    # What says that it is small is never read further than it says.
    assert refusal(small, lying(bomb, "orgs.csv", 400))[0][2] == "zip_invalid"


def test_a_zip_for_a_single_file_is_refused(hub: Settings) -> None:
    document = send(hub, package(board()), "users")
    assert [e["code"] for e in document["errors"]] == ["zip_for_entity"]


def test_packages_of_every_shape_end_as_they_should(hub: Settings) -> None:
    """Bytes left out, put in or changed: it fails in words, or it is the same package."""
    data = package({"orgs": board()["orgs"]}, modes={"orgs": "delta"})
    for at in range(0, len(data), 61):
        for other in (
            data[:at] + data[at + 1 :],
            data[:at] + b"\x00\xff" + data[at:],
            data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :],
        ):
            document = send(hub, other)
            assert document["state"] == "failed"
            assert document["reasonCode"] != "internal_error", document


# What follows has the untidiness of real exports, in packages of our own.


def codes(document: dict[str, list[dict[str, str]]], kind: str = "warnings") -> set[str]:
    return {issue["code"] for issue in document[kind]}


def test_file_names_in_another_case_and_files_of_the_exporter(config: Settings) -> None:
    data = package(
        board(),
        names={"users": "Users.csv", "academicSessions": "academicsessions.csv"},
        extra={"readme.txt": b"hello", "__MACOSX/._users.csv": b"x", ".DS_Store": b"x"},
    )
    document = send(config, data)
    assert document["state"] == "completed", document
    assert places(document["warnings"]) == [
        ("academicsessions.csv", None, None, "file_name_case"),
        ("Users.csv", None, None, "file_name_case"),
        ("readme.txt", None, None, "file_extra"),
    ]


def called(name: bytes, data: bytes) -> bytes:
    """A package with one more file, whose name is `name` as Windows writes it: not in UTF-8."""
    placeholder = "x" * len(name)
    return package(board(), extra={placeholder: data}).replace(placeholder.encode(), name)


def test_a_file_with_a_japanese_name_from_windows(hub: Settings) -> None:
    name = "表紙ソ.csv"
    document = send(hub, called(name.encode("cp932"), b"x"), dry_run=True)
    assert document["state"] == "completed", document["errors"]
    assert places(document["warnings"]) == [(name, None, None, "file_extra")]


def test_a_folder_with_a_japanese_name_from_windows(hub: Settings) -> None:
    for folder in ("名簿/users.csv", "名簿\\users.csv"):
        document = send(hub, called(folder.encode("cp932"), b"x"))
        assert places(document["errors"]) == [(folder, None, None, "zip_path")]
        assert folder in document["errors"][0]["message"]


def test_a_name_that_is_neither_is_shown_as_it_comes(hub: Settings) -> None:
    document = send(hub, called(b"caf\x82.csv", b"x"), dry_run=True)
    (warning,) = document["warnings"]
    assert (warning["code"], warning["file"]) == ("file_extra", "café.csv")


def test_modes_that_are_empty_in_capitals_or_left_out(config: Settings) -> None:
    text = manifest(file__users="BULK", file__roles="", file__results="", file__resources=None)
    text += "digitalkoumu.oneroster.version,1\nsource.systemName,校務".encode("cp932")
    document = send(config, package(board(), manifest=text))
    assert document["state"] == "completed", document
    said = {(w["code"], w["message"]) for w in document["warnings"]}
    assert ("enumeration_case", "BULK was read as bulk.") in said
    missing = {message for code, message in said if code == "manifest_property_missing"}
    assert missing == {
        "file.roles is missing in the manifest; it is taken as bulk.",
        "file.results is missing in the manifest; it is taken as absent.",
        "file.resources is missing in the manifest; it is taken as absent.",
    }
    assert "manifest_property_unknown" in codes(document)


def one_change() -> bytes:
    """A users.csv as a delta has it."""
    changed = {"status": "active", "dateLastModified": "2026-11-01T00:00:00.000Z"}
    return csv_file("users", [person("p1", "陽", "佐藤", **changed)])


def alone(line: str) -> bytes:
    """A package of `one_change` with `line` in its manifest."""
    said = f"propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n{line}\n"
    return package({"users": one_change()}, manifest=said.encode())


def test_a_file_property_in_another_case_is_the_mode(config: Settings) -> None:
    assert send(config, package(board()))["state"] == "completed"
    document = send(config, alone("file.Users,delta"))
    assert document["state"] == "completed", document["errors"]
    counts = document["counts"]
    assert (counts["updated"], counts["deleted"]) == (1, 0)
    place = ("manifest.csv", 4, "propertyName", "manifest_property_case")
    assert place in places(document["warnings"])


@pytest.mark.parametrize("line", ["file.users,", "source.systemName,x"])
def test_what_looks_like_changes_is_not_taken_as_bulk(hub: Settings, line: str) -> None:
    assert refusal(hub, alone(line)) == [("users.csv", 1, "mode_unsaid")]


def test_an_unknown_property_of_a_file_does_no_harm_where_each_has_its_mode(hub: Settings) -> None:
    text = manifest(file__photos="absent")
    document = send(hub, package(board(), manifest=text), dry_run=True)
    assert document["state"] == "completed", document["errors"]
    assert codes(document) == {"manifest_property_unknown"}


def test_a_manifest_that_says_nothing_of_versions(config: Settings) -> None:
    text = manifest(oneroster__version=None, manifest__version=None)
    document = send(config, package(board(), manifest=text))
    assert document["state"] == "completed"
    assert codes(document) == {"manifest_property_missing"}


def test_a_1_1_package_as_untidy_as_they_come(config: Settings) -> None:
    files = {
        "academicSessions": board()["academicSessions"],
        "orgs": (
            b"sourcedId,status,dateLastModified,name,type,identifier,metadata.boarding,"
            b"parentSourcedId,ext_vendor_databaseId\r\n"
            b'school,active,"2026-05-06 08:01:05",S,School,id,FALSE,,77\r\n'
        ),
        "courses": board()["courses"],
        "classes": (
            b"sourcedId,status,dateLastModified,title,grade,courseSourcedId,classCode,classType,"
            b"location,schoolSourcedId,termSourcedIds,subjects\r\n"
            b"class,active,2026-04-05,C,2,course,,Scheduled,,school,y2026, Science \r\n"
        ),
        "users": (
            b"sourcedId,enabledUser,status,dateLastModified,orgSourcedIds,role,username,userId,"
            b"givenName,familyName,identifier,email,agents,ext_vendor_password,password\r\n"
            b"u1,TRUE,,,school,Teacher,u1,abc,A,B,,,,geheim,geheim\r\n"
            b"u2,True,,,school,administrator,u2,abc,A,B,,,,,\r\n"
        ),
        "enrollments": (
            b"sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,status,"
            b"dateLastModified,primary\r\ne1,class,school,u1,teacher,active,,\r\n"
        ),
    }
    document = send(config, package(files, version="1.1"))
    assert document["state"] == "completed", document["errors"]
    assert rows(config, "SELECT DISTINCT type, metadata FROM orgs") == [
        ("school", {"boarding": "FALSE"})
    ]
    assert rows(config, "SELECT user_sourced_id, role_type, role FROM roles ORDER BY 1") == [
        ("u1", "primary", "teacher"),
        ("u2", "primary", "siteAdministrator"),
    ]
    assert codes(document) == {
        "boolean_case",
        "bulk_date",
        "bulk_status",
        "column_ignored",
        "column_order",
        "column_similar",
        "datetime_form",
        "enumeration_case",
        "password_dropped",
        "spaces_trimmed",
    }
    assert "geheim" not in repr(contents(config))


def test_references_to_files_that_are_not_there_are_said_one_by_one(hub: Settings) -> None:
    data = {
        "users": [person("u1", "A", "B", primaryOrgSourcedId="school")],
        "roles": [role("u1", "student", "elsewhere")],
        "enrollments": [enrollment("u1", "student", classSourcedId="nowhere")],
    }
    document = send(hub, package(data))
    assert places(document["errors"]) == [
        ("roles.csv", 2, "orgSourcedId", "reference_unknown"),
        ("enrollments.csv", 2, "classSourcedId", "reference_unknown"),
    ]
    assert (
        "nowhere is not registered, and no row of classes.csv" in document["errors"][1]["message"]
    )


def test_a_file_with_the_columns_of_another(hub: Settings) -> None:
    data = board() | {"userProfiles": csv_file("roles", board()["roles"])}
    (error,) = send(hub, package(data))["errors"]
    assert places([error]) == [("userProfiles.csv", 1, None, "header_other_file")]
    assert error["message"] == "These are the columns of roles.csv. Send the file as roles.csv."
