"""What goes out as CSV, and that it comes in again without a change."""

import csv
import io
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rosterhub.model.entities import ENTITIES
from rosterhub.model.profiles import PROFILES
from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from rosterhub.transfer.export import export_package, package_name
from rosterhub.transfer.export_options import Choice
from tests.everything import ROWS, boards
from tests.exported import begun_package, exported, exported_package, manifest, table, tables
from tests.gradebook import gradebook_board
from tests.rosters import Board, board, contents, csv_file, enrollment, package, rows, send


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that holds the small board, for tests that leave it as it is."""
    with fresh() as config:
        assert send(config, package(board()))["state"] == "completed"
        yield config


@pytest.mark.parametrize("profile", PROFILES)
def test_a_file_has_the_header_of_its_profile(hub: Settings, profile: str) -> None:
    end = "\r\n" if PROFILES[profile].japanese else "\n"
    for name, entity in ENTITIES.items():
        header = exported(hub, name, profile=profile).decode().split(end)[0].split(",")
        expected = entity.header(profile)
        assert header[: len(expected)] == expected


def test_japanese_profiles_quote_every_value_and_end_rows_with_crlf(hub: Settings) -> None:
    lines = exported(hub, "orgs").decode().split("\r\n")
    assert '"school","","","みどり小学校","school","","district"' in lines
    assert lines[-1] == ""


def test_the_others_quote_what_needs_it_and_end_rows_with_lf(hub: Settings) -> None:
    lines = exported(hub, "orgs", profile="ims-1.2.1").decode().split("\n")
    assert "school,,,みどり小学校,school,,district" in lines
    assert lines[-1] == ""


def test_the_bom_is_written_when_asked_for(hub: Settings) -> None:
    assert exported(hub, "orgs", bom=True).startswith(b"\xef\xbb\xbfsourcedId,")
    assert exported(hub, "orgs").startswith(b"sourcedId,")


def test_an_entity_without_rows_is_a_header(hub: Settings) -> None:
    assert exported(hub, "results").count(b"\r\n") == 1


def test_the_package_says_what_it_holds(hub: Settings) -> None:
    with zipfile.ZipFile(io.BytesIO(exported_package(hub))) as archive:
        assert archive.testzip() is None
        manifest = dict(csv.reader(io.StringIO(archive.read("manifest.csv").decode())))
        names = set(archive.namelist())
    assert manifest["oneroster.version"] == "1.2"
    for name, entity in ENTITIES.items():
        expected = "bulk" if name in board() else "absent"
        assert manifest[f"file.{name}"] == expected
        assert (entity.file in names) == (expected == "bulk")


@pytest.mark.parametrize(
    ("profile", "code", "since", "name"),
    [
        ("jp-1.2.1", "011000", None, "RO_20260401_011000.zip"),
        ("interop-6", "D-1/..", None, "RO_20260401.zip"),
        ("jp-1.1", None, None, "RO_20260401.zip"),
        ("jp-1.1", "011000", datetime(2026, 3, 31, tzinfo=UTC), "RO_20260401_011000_delta.zip"),
        ("jp-k12-1", None, datetime(2026, 3, 31, tzinfo=UTC), "RO_20260401_delta.zip"),
        ("ims-1.2", "011000", None, "oneroster-20260401.zip"),
        ("ims-1.2", None, datetime(2026, 3, 31, tzinfo=UTC), "oneroster-20260401-delta.zip"),
    ],
)
def test_the_name_of_a_package(
    profile: str, code: str | None, since: datetime | None, name: str
) -> None:
    choice = Choice(PROFILES[profile], since=since)
    assert package_name(choice, date(2026, 4, 1), code) == name


def test_a_package_is_called_by_the_day_of_its_zone(
    hub: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    days: list[str] = []
    try:
        # 26 hours apart: never the same day.
        for hours in (-12, 14):
            monkeypatch.setenv("TZ", f"Etc/GMT{-hours:+}")
            time.tzset()
            name = begun_package(hub)[1].name
            assert name == f"RO_{datetime.now().astimezone():%Y%m%d}.zip"
            days.append(name)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert days[0] < days[1]


@pytest.mark.parametrize("hours", [-11, 0, 14])
def test_a_package_of_the_past_is_called_by_the_day_that_was_stated(
    hub: Settings, hours: int
) -> None:
    zone = timezone(timedelta(hours=hours))
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begun = begun_package(hub, asOf=midnight.isoformat())[1]
    assert begun.name == f"RO_{midnight:%Y%m%d}.zip"


def test_what_was_deleted_is_not_exported(config: Settings) -> None:
    send(config, package(board()))
    data = board()
    data["demographics"] = []
    send(config, package(data))
    assert table(exported(config, "demographics")) == []


def test_where_all_was_deleted_a_package_says_so(
    config: Settings, fresh: Callable[[], AbstractContextManager[Settings]]
) -> None:
    send(config, package(board()))
    with fresh() as other:
        send(other, exported_package(config))
        send(config, package({**board(), "demographics": []}))
        whole = exported_package(config)
        said = manifest(whole)
        assert (said["file.demographics"], said["file.results"]) == ("bulk", "absent")
        document = send(other, whole)
        assert (document["state"], document["counts"]["deleted"]) == ("completed", 1)
        assert tables(exported_package(other)) == tables(whole)


def test_metadata_of_any_name_goes_out_again(config: Settings) -> None:
    data = board()
    data["users"][0]["metadata.color.hair"] = "黒"
    data["users"][0]['metadata.a"b,c'] = "'"
    send(config, package(data))
    (row,) = [r for r in table(exported(config, "users")) if r["sourcedId"] == "p1"]
    assert (row["metadata.color.hair"], row['metadata.a"b,c']) == ("黒", "'")
    assert row["metadata.jp.homeClass"] == "class"


def test_a_package_is_of_one_moment(config: Settings) -> None:
    """An import that ends while an export goes on is not in it, and is not held up by it."""
    send(config, package(board()))
    with connect(config.read_url) as connection:
        chunks = export_package(connection, Choice())
        first = next(chunks)
        later = board()
        later["demographics"] = []
        later["roles"][0]["role"] = "aide"
        assert send(config, package(later))["state"] == "completed"
        whole = first + b"".join(chunks)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert len(table(archive.read("demographics.csv"))) == 1
        assert table(archive.read("roles.csv"))[0]["role"] == "student"


def test_what_refers_to_what_is_deleted_is_left_out(
    config: Settings, fresh: Callable[[], AbstractContextManager[Settings]]
) -> None:
    """Whoever has nothing but the export can import it: rows go with what they need, and so on."""
    data = gradebook_board()
    data["users"][0]["agentSourcedIds"] = "p2,t1"
    data["courses"].append({**data["courses"][0], "sourcedId": "kept"})
    data["classes"].append({**data["classes"][0], "sourcedId": "kept", "courseSourcedId": "kept"})
    kept = enrollment("p1", "student", sourcedId="kept", classSourcedId="kept")
    data["enrollments"] += [kept, {**kept, "sourcedId": "e-p2-kept", "userSourcedId": "p2"}]
    send(config, package(data))
    for name, lost in (("courses", "course"), ("users", "p2")):
        less = [row for row in data[name] if row["sourcedId"] != lost]
        document = send(config, csv_file(name, less), name, mode="bulk")
        assert "deleted_still_referred" in {w["code"] for w in document["warnings"]}
    whole = exported_package(config)
    out = tables(whole)
    with fresh() as other:
        again = send(other, whole)
        assert (again["state"], again["errors"]) == ("completed", [])
        assert tables(exported_package(other)) == out
    ids = {name: [row["sourcedId"] for row in found] for name, found in out.items()}
    assert (ids["courses"], ids["classes"], ids["enrollments"]) == (["kept"], ["kept"], ["kept"])
    assert ids["users"] == ["p1", "t1"]
    assert out["users"][0]["agentSourcedIds"] == "t1"
    assert "metadata.jp.homeClass" not in out["users"][0]
    assert table(exported(config, "roles")) == table(_member(whole, "roles.csv"))


def _member(whole: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return archive.read(name)


def test_a_roster_as_it_was_is_closed_too(
    config: Settings, fresh: Callable[[], AbstractContextManager[Settings]]
) -> None:
    send(config, package(board()))
    less = [one for one in board()["users"] if one["sourcedId"] != "p1"]
    send(config, csv_file("users", less), "users", mode="bulk")
    then = datetime.now(UTC)
    send(config, package(board()))
    with fresh() as other:
        again = send(other, exported_package(config, asOf=then.isoformat()))
    assert (again["state"], again["counts"]["total"]) == ("completed", 11)


@pytest.fixture(scope="module")
def full(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub for boards with rows in every file."""
    with fresh() as config:
        yield config


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=boards(), profile=st.sampled_from(sorted(PROFILES)))
def test_any_board_survives_the_round_trip(full: Settings, data: Board, profile: str) -> None:
    first = send(full, package(data))
    assert first["state"] == "completed", first["errors"]
    before = contents(full)
    again = send(full, exported_package(full, profile=profile))
    assert again["state"] == "completed", again["errors"]
    assert again["counts"]["unchanged"] == again["counts"]["total"] == ROWS * len(ENTITIES)
    assert again["counts"]["deleted"] == 0
    assert contents(full) == before


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_survives_the_round_trip(full: Settings, profile: str) -> None:
    data = {name: [_whole_row(name)] for name in ENTITIES}
    assert send(full, package(data))["state"] == "completed"
    before = contents(full)
    again = send(full, exported_package(full, profile=profile))
    assert again["counts"] | {"unchanged": 21, "total": 21} == again["counts"], again
    assert contents(full) == before


def _whole_row(name: str) -> dict[str, str]:
    """A row with a value in every column."""
    values = {
        "date": "2026-04-01",
        "dateTime": "2026-04-01T09:00:00.123Z",
        "year": "2026",
        "boolean": "true",
        "float": "1.50",
        "integer": "7",
        "userIds": "{a:1},{Koumu:x@y.z}",
        "scaleValues": "{A:90-100},{B:80}",
        "guid": "",
        "text": '一, "二"\n三\t\\N',
    }
    entity = ENTITIES[name]
    row = {"sourcedId": f"{entity.identity_of or name}-w"}
    for field in entity.fields:
        if not field.filed or field.kind.value == "password":
            continue
        value = values[field.kind.value]
        if field.reference:
            value = f"{ENTITIES[field.reference].identity_of or field.reference}-w"
        elif field.enumeration:
            value = field.enumeration.values[0]
        elif field.many:
            value = "一,二"
        row[field.csv] = value
    return row


def test_rows_are_whole(hub: Settings) -> None:
    """The number of rows that go out is the number of active records."""
    for name, entity in ENTITIES.items():
        ((count,),) = rows(hub, f"SELECT count(*) FROM {entity.table} WHERE status = 'active'")
        assert len(table(exported(hub, name))) == count
