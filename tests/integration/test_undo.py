"""An import taken back: exactly what was before, and never at the cost of something later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg.errors
import pytest

from rosterhub.jobs.decide import decide
from rosterhub.model.entities import RECORDS
from rosterhub.settings import Settings
from rosterhub.store import history
from rosterhub.store.connect import connect
from rosterhub.transfer.run import run_import
from rosterhub.transfer.undo import Undone, undo
from tests.rosters import board, csv_file, enrollment, job, package, person, role, rows, send


def state(config: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Every record as it is, but for since when."""
    return {
        e.name: rows(config, f"SELECT to_jsonb(t) - 'valid_from' FROM {e.table} t ORDER BY 1")
        for e in RECORDS.values()
    }


def take_back(config: Settings, document: dict[str, Any], *, force: bool = False) -> Undone:
    with connect(config.write_url) as connection:
        return undo(connection, int(document["jobId"]), force=force)


@pytest.fixture
def loaded(config: Settings) -> Settings:
    send(config, package(board()))
    return config


def test_a_first_load_is_taken_back_to_nothing(config: Settings) -> None:
    before = state(config)
    document = send(config, package(board()))
    assert take_back(config, document) == Undone(True, 0, 15, (), 0)
    assert state(config) == before
    assert rows(config, "SELECT state FROM imports") == [("undone",)]


def test_everything_an_import_did_is_taken_back(loaded: Settings) -> None:
    before = state(loaded)
    data = board()
    data["users"][0]["username"], data["users"][1]["username"] = "p2@x", "p1@mihon.example"
    data["users"][0]["metadata.jp.homeClass"] = ""
    data["users"] = [*data["users"][:2], person("p3", "翔", "高橋", grades="P1")]
    data["roles"] = [role("p1", "student"), role("p2", "student"), role("p3", "student")]
    data["enrollments"] = [enrollment("p1", "student"), enrollment("p3", "student")]
    data["demographics"] = [{"sourcedId": "p3", "sex": "male"}]
    document = send(loaded, package(data))
    assert document["counts"]["deleted"] > 0
    assert state(loaded) != before
    done = take_back(loaded, document)
    assert done.done
    assert not done.conflicts
    assert state(loaded) == before


def test_two_who_swapped_their_names_get_them_back(loaded: Settings) -> None:
    before = state(loaded)
    names = ["p2@mihon.example", "p1@mihon.example"]
    data = [
        person("p1", "陽菜", "佐藤", grades="P1", username=names[0]),
        person("p2", "蓮", "渡邉", grades="P1", username=names[1]),
    ]
    document = send(loaded, csv_file("users", data), "users")
    assert document["counts"]["updated"] == 2
    assert take_back(loaded, document).restored == 2
    assert state(loaded) == before


def test_imports_are_taken_back_one_after_the_other(loaded: Settings) -> None:
    states, documents = [state(loaded)], []
    for name in ("陽葵", "陽太"):
        rows_ = [person("p1", name, "佐藤", grades="P1")]
        documents.append(send(loaded, csv_file("users", rows_), "users"))
        states.append(state(loaded))
    assert take_back(loaded, documents[1]).done
    assert state(loaded) == states[1]
    assert take_back(loaded, documents[0]).done
    assert state(loaded) == states[0]


def test_a_record_that_a_later_import_changed_is_refused(loaded: Settings) -> None:
    both = [person("p1", "陽葵", "佐藤", grades="P1"), person("p2", "廉", "渡邉", grades="P1")]
    document = send(loaded, csv_file("users", both), "users")
    later = send(loaded, csv_file("users", [person("p1", "陽太", "佐藤", grades="P1")]), "users")
    before = state(loaded)
    refused = take_back(loaded, document)
    assert not refused.done
    (conflict,) = refused.conflicts
    assert (conflict.entity, conflict.sourced_id, conflict.why) == ("users", "p1", "changed")
    assert conflict.import_id == int(later["jobId"])
    assert state(loaded) == before
    forced = take_back(loaded, document, force=True)
    assert (forced.done, forced.restored, forced.conflicts_in_all) == (True, 1, 1)
    names = rows(loaded, "SELECT sourced_id, given_name FROM users ORDER BY 1")
    assert names[:2] == [("p1", "陽太"), ("p2", "蓮")]


def test_a_new_record_that_a_later_one_refers_to_is_refused(loaded: Settings) -> None:
    document = send(
        loaded, csv_file("users", [person("p9", "翔", "高橋", primaryOrgSourcedId="")]), "users"
    )
    later = send(loaded, csv_file("enrollments", [enrollment("p9", "student")]), "enrollments")
    refused = take_back(loaded, document)
    (conflict,) = refused.conflicts
    assert (conflict.sourced_id, conflict.why) == ("p9", "referred")
    assert conflict.import_id == int(later["jobId"])
    assert take_back(loaded, later).done
    assert take_back(loaded, document).done
    assert rows(loaded, "SELECT FROM users WHERE sourced_id = 'p9'") == []


def test_what_is_forgotten_is_not_taken_back(loaded: Settings) -> None:
    """What the import replaced is pruned from the history; its records are not taken for new."""
    changed = csv_file("enrollments", [enrollment("p1", "student", endDate="2026-12-31")])
    import_id = int(send(loaded, changed, "enrollments")["jobId"])
    long_ago = datetime.now(UTC) - timedelta(days=loaded.history_days + 1)
    with connect(loaded.write_url) as connection:
        connection.execute("DELETE FROM history.enrollments")
        connection.execute(
            "UPDATE imports SET finished_at = %s WHERE id = %s", [long_ago, import_id]
        )
        decide(connection, import_id, "undo")
    before = state(loaded)
    run_import(import_id, loaded)
    document = job(loaded, import_id)
    assert document["state"] == "completed"
    assert (document["undo"]["state"], document["undo"]["code"]) == ("refused", "undo_too_late")
    assert "HISTORY_DAYS" in document["undo"]["reason"]
    assert state(loaded) == before


def test_another_change_amid_an_undo_is_not_taken_back(
    loaded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send(loaded, csv_file("users", [person("p1", "甲", "佐藤", grades="P1")]), "users")
    keep, later = history.keep, csv_file("users", [person("p1", "乙", "佐藤", grades="P1")])
    sent: list[dict[str, Any]] = []

    def with_another_before(*args: Any) -> str:
        if not sent:
            sent.append({})  # the one below comes here, too
            sent.append(send(loaded, later, "users", source="another"))
        return keep(*args)

    monkeypatch.setattr(history, "keep", with_another_before)
    with pytest.raises(psycopg.errors.SerializationFailure):
        take_back(loaded, first)
    assert sent[1]["state"] == "completed"
    [conflict] = take_back(loaded, first).conflicts
    assert (conflict.sourced_id, conflict.why) == ("p1", "changed")
    assert rows(loaded, "SELECT given_name FROM users WHERE sourced_id = 'p1'") == [("乙",)]


def test_a_class_changes_with_its_resources_and_back(loaded: Settings) -> None:
    """What a record carries in its JSON object is part of it: whoever follows times is told."""
    book = {"sourcedId": "book", "vendorResourceId": "b1", "title": "本", "importance": "primary"}
    send(loaded, csv_file("resources", [book]), "resources")
    link = {"sourcedId": "l1", "classSourcedId": "class", "resourceSourcedId": "book"}
    held = "SELECT date_last_modified FROM classes"
    [(before,)], whole = rows(loaded, held), state(loaded)
    document = send(loaded, csv_file("classResources", [link]), "classResources")
    [(after,)] = rows(loaded, held)
    assert after > before
    # Where it changes by itself as well, or was sent along by somebody else, it is kept once.
    [first] = board()["classes"]
    kept = "SELECT count(*) FROM history.classes WHERE replaced_by = %s"
    done = [document]
    for title, source in (("教科書", "another"), ("算数", "another"), ("国語", "default")):
        given = {"classResources": [{**link, "title": title}], "resources": [book]}
        given["classes"] = [first | {"title": title if source == "another" else first["title"]}]
        done.append(send(loaded, package({**board(), **given}), source=source))
        assert rows(loaded, kept, int(done[-1]["jobId"])) == [(1,)]
    for one in reversed(done):
        assert take_back(loaded, one).done
    assert state(loaded) == whole


def test_a_new_home_room_class_stays_with_who_is_in_it(loaded: Settings) -> None:
    new = {**board()["classes"][0], "sourcedId": "class2"}
    first = send(loaded, csv_file("classes", [new]), "classes")
    pupil = {**board()["users"][0], "metadata.jp.homeClass": "class2"}
    send(loaded, csv_file("users", [pupil]), "users")
    [conflict] = take_back(loaded, first).conflicts
    assert (conflict.entity, conflict.sourced_id, conflict.why) == ("classes", "class2", "referred")


def test_a_worker_killed_after_an_undo_does_not_undo_it_again(loaded: Settings) -> None:
    document = send(loaded, csv_file("users", [person("p1", "甲", "佐藤", grades="P1")]), "users")
    import_id = int(document["jobId"])
    with connect(loaded.write_url) as connection:
        decide(connection, import_id, "undo")
    take_back(loaded, document)  # and here the worker dies
    run_import(import_id, loaded)
    undone = job(loaded, import_id)
    assert (undone["state"], undone["undo"]["state"]) == ("undone", "done")
    assert undone["undo"]["restored"] == 1


def orgs_of(config: Settings, user: str) -> tuple[list[str], list[str]]:
    """The orgs that a user's row says, and those of their roles."""
    [(said, held)] = rows(
        config,
        "SELECT u.org_sourced_ids, ARRAY(SELECT DISTINCT org_sourced_id FROM roles r"
        " WHERE r.user_sourced_id = u.sourced_id AND r.status = 'active' ORDER BY 1)"
        " FROM users u WHERE u.sourced_id = %s",
        user,
    )
    return said, held


SCHOOL_2 = {"sourcedId": "school2", "name": "あおば小学校", "type": "school"}


def test_who_came_back_in_between_loses_the_org_with_the_role(loaded: Settings) -> None:
    send(loaded, csv_file("orgs", [SCHOOL_2]), "orgs")
    gone = {"sourcedId": "p2", "status": "tobedeleted", "dateLastModified": "2026-05-01T00:00:00Z"}
    send(loaded, csv_file("users", [gone]), "users", mode="delta")
    added = send(loaded, csv_file("roles", [role("p2", "student", "school2")]), "roles")
    back = send(loaded, csv_file("users", [person("p2", "蓮", "渡邉", grades="P1")]), "users")
    assert orgs_of(loaded, "p2") == (["school", "school2"], ["school", "school2"])
    tag = "SELECT version FROM data_versions WHERE entity = 'users'"
    [before], kept = rows(loaded, tag), "SELECT count(*) FROM history.users WHERE sourced_id = 'p2'"
    [(versions,)] = rows(loaded, kept)
    done = take_back(loaded, added)
    assert (done.done, done.conflicts) == (True, ())
    assert orgs_of(loaded, "p2") == (["school"], ["school"])
    assert rows(loaded, kept) == [(versions + 1,)]
    assert [before] != rows(loaded, tag)
    assert take_back(loaded, back).done


@pytest.mark.parametrize("also_the_later_one", [False, True])
def test_who_is_left_as_changed_since_loses_the_org_with_the_role(
    loaded: Settings, *, also_the_later_one: bool
) -> None:
    send(loaded, csv_file("orgs", [SCHOOL_2]), "orgs")
    added = send(loaded, csv_file("roles", [role("p2", "student", "school2")]), "roles")
    later = send(loaded, csv_file("users", [person("p2", "廉", "渡邉", grades="P1")]), "users")
    assert take_back(loaded, added, force=True).done
    if also_the_later_one:
        assert take_back(loaded, later).done
    names = {True: "蓮", False: "廉"}
    assert orgs_of(loaded, "p2") == (["school"], ["school"])
    held = rows(loaded, "SELECT given_name FROM users WHERE sourced_id = 'p2'")
    assert held == [(names[also_the_later_one],)]


@pytest.mark.parametrize("force", [False, True])
def test_a_name_that_is_somebody_elses_now_is_not_taken_back(
    loaded: Settings, *, force: bool
) -> None:
    renamed = [person("p1", "陽菜", "佐藤", grades="P1", username="p1@new.example")]
    import_id = int(send(loaded, csv_file("users", renamed), "users")["jobId"])
    taker = [person("x9", "別", "人", username="p1@mihon.example")]
    send(loaded, csv_file("users", taker), "users")
    before = state(loaded)
    with connect(loaded.write_url) as connection:
        decide(connection, import_id, "undo", force=force)
    run_import(import_id, loaded)
    document = job(loaded, import_id)
    assert document["state"] == "completed"
    assert document["undo"] == {
        "state": "refused",
        "code": "undo_name_taken",
        "reason": "p1 of users would get back a username that belongs to x9 now; nothing was"
        " changed. Give x9 another one, or take back what gave it that, then undo again.",
    }
    assert state(loaded) == before
