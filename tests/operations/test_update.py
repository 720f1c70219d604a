"""The manual's updates and ways back (アップデート手順), from the release before.

Both versions run as processes on one database, the older one from its own source.
"""

import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from rosterhub.model.operations import OPERATIONS, OPERATIONS_11
from rosterhub.model.values import BLANKS, named_by
from rosterhub.settings import Settings
from rosterhub.store import revision
from tests.conformance.board import before, board, files
from tests.deploy.conftest import NGINX
from tests.deploy.fronts import front
from tests.deploy.test_nginx import MAINTENANCE, MAINTENANCE_TEXT
from tests.hubs import ROSTERHUB
from tests.integration.test_serve import JOBS, Api
from tests.operations.releases import OURS, Release, previous
from tests.operations.servers import Installation, installation, succeeded
from tests.rosters import csv_file, package, person
from tests.serving import until

COLLECTIONS = [
    base + operation.path
    for operation in (*OPERATIONS, *OPERATIONS_11)
    if operation.method == "GET" and not operation.single and not operation.parents
    for base in operation.bases
]
BOARD = before(files(board()))
USERS = "/ims/oneroster/rostering/v1p2/users"
READ = {"grant_type": "client_credentials"}

Contents = dict[str, Any]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release before this tree."""
    found = previous(tmp_path_factory.mktemp("release"))
    if found is None:
        pytest.skip("the history of this tree does not reach back to a release (shallow clone?)")
    return found


def _in_form(value: Any) -> Any:
    """A part of an answer as either version may have it: since 0.1.0 ids that the standard wants as
    URIs are URNs, and pairs of which one text is blank are left out.
    """
    if isinstance(value, list):
        return [_in_form(item) for item in cast("list[Any]", value) if not _has_blank(item)]
    if isinstance(value, dict):
        members = {k: _in_form(v) for k, v in cast("dict[str, Any]", value).items()}
        for name in {"profileId", "userProfile"} & members.keys():
            members[name] = named_by(members[name])
        return {k: v for k, v in members.items() if v != [] or value[k] == []}
    return value


def _has_blank(item: Any) -> bool:
    """Whether one of its texts is blank, which is so in pairs only."""
    texts = cast("dict[str, Any]", item).values() if isinstance(item, dict) else ()
    return any(isinstance(text, str) and not text.strip(BLANKS) for text in texts)


@dataclass(slots=True)
class Caller:
    """A system that has a key and a client's secret, and knows nothing of versions."""

    key: str
    client: tuple[str, str]
    url: str = ""
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    def at(self, api: Api) -> "Caller":
        self.url = api.url
        return self

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self.http.get(self.url + path, params=parameters, headers={"X-API-Key": self.key})

    def contents(self) -> Contents:
        """Every collection; what this version does not have is left out."""
        answers = {path: self.get(path, limit="10000") for path in COLLECTIONS}
        assert {answer.status_code for answer in answers.values()} <= {200, 404}
        return {path: _in_form(a.json()) for path, a in answers.items() if a.status_code == 200}

    def users(self, **parameters: str) -> dict[str, str]:
        """Family names by sourcedId, read with a token of the client."""
        token = self.http.post(f"{self.url}/oauth/token", data=READ, auth=self.client)
        assert token.status_code == 200, token.text
        bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
        parameters |= {"limit": "10000"}
        answer = self.http.get(self.url + USERS, params=parameters, headers=bearer)
        assert answer.status_code == 200, answer.text
        return {user["sourcedId"]: user["familyName"] for user in answer.json()["users"]}

    def send(self, *people: dict[str, str]) -> str:
        """Import `people`; the id of the job, which may still be under way."""
        return self._post("/api/v1.2/csv/import/users", "users.csv", csv_file("users", people))

    def send_board(self) -> str:
        return self._post("/api/v1.2/csv/import", "board.zip", package(BOARD))

    def _post(self, path: str, name: str, data: bytes) -> str:
        sent = self.http.post(
            self.url + path, files={"file": (name, data)}, headers={"X-API-Key": self.key}
        )
        assert sent.status_code == 202, sent.text
        return sent.json()["jobId"]

    def wait(self, job: str, state: str = "completed") -> None:
        """Until the import is there; that it ends elsewhere is no reason to wait longer."""
        ends = {"completed", "failed", "rejected", "undone", "waiting"} - {state}

        def there() -> bool:
            document = self.get(f"{JOBS}/{job}").json()["job"]
            assert document["state"] not in ends or state == "undone", document
            return document["state"] == state

        until(there)

    def undo(self, job: str) -> None:
        asked = self.http.post(f"{self.url}{JOBS}/{job}/undo", headers={"X-API-Key": self.key})
        assert asked.is_success, asked.text
        self.wait(job, "undone")


def newcomer(sourced_id: str) -> dict[str, str]:
    """Who comes while the hub is updated, and belongs to no school yet."""
    return person(sourced_id, "新", "人", primaryOrgSourcedId="")


@pytest.fixture
def hub(empty_url: str, tmp_path: Path) -> Installation:
    return installation(tmp_path / "opt", Settings(database_url=empty_url))


def set_up(version: Release, hub: Installation) -> Caller:
    """A new hub of `version`, and who calls it."""
    succeeded(version.rosterhub(hub, "db", "upgrade"))
    key = json.loads(succeeded(version.rosterhub(hub, "keys", "create", "--json")))
    made = version.rosterhub(hub, "clients", "create", "--json", "--all-scopes")
    client = json.loads(succeeded(made))
    return Caller(key["apiKey"], (client["clientId"], client["clientSecret"]))


def test_the_old_programs_are_not_ours(old: Release) -> None:
    assert old.package == old.source / "rosterhub"
    assert OURS.package != old.package


def test_an_update_and_both_ways_back(old: Release, hub: Installation, tmp_path: Path) -> None:
    config = Settings(database_url=hub.url)
    caller = set_up(old, hub)
    its_revision = revision.current(hub.url)
    assert its_revision
    row = BOARD["users"][0]
    someone, name = row["sourcedId"], row["familyName"]

    # The old version at work: a board, then a change, which is undone below.
    with old.started(config, tmp_path / "old") as api:
        caller.at(api).wait(caller.send_board())
        first = datetime.now().astimezone()
        changed = caller.send(row | {"familyName": "結婚"})
        caller.wait(changed)
        at_backup = caller.contents()
        assert len(at_backup) > 30
        empty = {path for path, page in at_backup.items() if not next(iter(page.values()))}
        # These come over REST alone.
        assert {path.rpartition("/")[2] for path in empty} == {
            "assessmentLineItems",
            "assessmentResults",
        }
        backup = Path(succeeded(old.backup(hub)).strip())

        # The new schema comes while the old version serves, and stays under it.
        upgrade = subprocess.Popen(
            [*ROSTERHUB, "db", "upgrade"], env=hub.environment, stdout=subprocess.PIPE, text=True
        )
        during = ""
        while upgrade.poll() is None:
            assert caller.get(USERS, limit="10").status_code == 200
            during = during or caller.send(newcomer("p-during"))
        assert upgrade.communicate()[0] == f"The database is at revision {revision.head()}.\n"
        assert upgrade.returncode == 0
        assert during
        caller.wait(during)
        caller.wait(caller.send(newcomer("p-after")))
        at_update = caller.contents()
    assert at_update != at_backup

    # The new version: all is there, and can be taken back.
    with OURS.started(config, tmp_path / "new") as api:
        new = caller.at(api).contents()
        assert {path: new[path] for path in at_update} == at_update
        now = caller.users()
        assert now[someone] == "結婚"
        assert {"p-during", "p-after"} <= now.keys()
        then = caller.users(asOf=first.isoformat())
        assert then[someone] == name
        assert "p-during" not in then
        caller.undo(changed)
        assert caller.users() == now | {someone: name}
        caller.wait(caller.send(newcomer("p-new")))
        at_the_end = caller.contents()

    # Back to the old program with all that was written since, at first on the new schema.
    with old.started(config, tmp_path / "back") as api:
        written = {path: at_the_end[path] for path in at_update}
        assert caller.at(api).contents() == written
        caller.wait(caller.send(newcomer("p-new")))
        # Then only what is new of the schema goes.
        succeeded(OURS.rosterhub(hub, "db", "downgrade", its_revision))
        assert revision.current(hub.url) == its_revision
        assert caller.contents() == written
        caller.wait(caller.send(newcomer("p-old")))
        assert {"p-during", "p-after", "p-new", "p-old"} <= caller.users().keys()

    # Back to the backup, into the database that there is.
    succeeded(OURS.rosterhub(hub, "db", "upgrade"))
    succeeded(hub.shell(f"gunzip < {backup} | psql {hub.url}"))
    assert revision.current(hub.url) == its_revision
    with old.started(config, tmp_path / "restored") as api:
        assert caller.at(api).contents() == at_backup
        assert caller.users()[someone] == "結婚"


def test_a_major_update_in_the_order_of_the_manual(
    old: Release, hub: Installation, tmp_path: Path
) -> None:
    if not NGINX:
        pytest.skip("needs nginx and openssl: apt-get install nginx-light openssl")
    config = Settings(database_url=hub.url)
    program = next(iter(NGINX.values()))
    caller = set_up(old, hub)
    (tmp_path / "nginx").mkdir()

    with ExitStack() as old_version, ExitStack() as new_version:
        api = old_version.enter_context(old.started(config, tmp_path / "old"))
        caller.at(api).wait(caller.send_board())
        contents = caller.contents()
        servers = [api.url.removeprefix("http://")]
        site = new_version.enter_context(front(tmp_path / "nginx", program, servers))
        outside = new_version.enter_context(site.client())

        def outside_says() -> tuple[int, str]:
            answer = outside.get(USERS, headers={"X-API-Key": caller.key})
            return answer.status_code, answer.text

        assert outside_says()[0] == 200
        site.drop("maintenance.conf", MAINTENANCE)
        site.restart()
        assert outside_says() == (503, MAINTENANCE_TEXT)
        succeeded(old.backup(hub))
        old_version.close()
        # As the manual has it: the new version starts, and its schema comes after.
        api = new_version.enter_context(OURS.started(config, tmp_path / "new"))
        succeeded(hub.rosterhub("db", "upgrade"))
        assert "no data was changed" in succeeded(hub.rosterhub("db", "migrate-data", "v2"))
        health = f"{api.url}/health"
        until(lambda: httpx.get(health, timeout=60).json()["status"] == "ok")
        new = caller.at(api).contents()
        assert {path: new[path] for path in contents} == contents
        caller.wait(caller.send(newcomer("p-new")))
        assert outside_says() == (503, MAINTENANCE_TEXT)
        (site.folder / "maintenance.conf").unlink()
        # The container of the API keeps its name; here it is another port.
        site.environment["API_SERVERS"] = api.url.removeprefix("http://")
        site.restart()
        status, text = outside_says()
        assert status == 200
        assert "p-new" in text
