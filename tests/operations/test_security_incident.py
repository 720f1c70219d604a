"""The commands for an incident in docs/security.md, run as printed; and what `make sbom` writes."""

import csv
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from rosterhub.settings import Settings
from rosterhub.store.connect import connect
from scripts import make_sbom
from tests.deploy.fronts import REPOSITORY
from tests.operations.servers import Installation, installation, succeeded
from tests.serving import add_key, serving, until

PAGE = (REPOSITORY / "docs" / "security.md").read_text("utf-8")
KEY = "the-key-that-somebody-took"
USERS = "/ims/oneroster/rostering/v1p2/users"

DOCKER = """#!/bin/bash
# Runs what a container would run; the database is the one of the test.
echo "$*" >>asked
case "$*" in
"compose exec -T api "*) shift 4; exec "$@" ;;
"compose exec -T postgres psql -U rosterhub rosterhub_production "*)
    shift 7; exec psql -X "$DATABASE_URL" "$@" ;;
"compose exec -T postgres "*) shift 4; exec "$@" ;;
"compose logs"*nginx) echo "what nginx said" ;;
"compose logs") echo "what all said" ;;
"compose --profile production stop nginx api worker") ;;
*) exit 99 ;;
esac
"""


def blocks(heading: str) -> list[str]:
    """The commands under a heading of the page."""
    section = re.split(r"^###? ", PAGE.split(f"### {heading}\n")[1], maxsplit=1, flags=re.M)[0]
    found = re.findall(r"^( *)```bash\n(.*?)^\1```", section, re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


@pytest.fixture
def server(config: Settings, tmp_path: Path) -> Installation:
    """An installation with stand-ins for what cannot run everywhere."""
    made = installation(tmp_path, config)
    (tmp_path / "scripts").symlink_to(REPOSITORY / "scripts")
    (tmp_path / "nginx" / "blocked.conf").touch()
    (tmp_path / "docker-compose.yml").touch()
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    rosterhub = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m rosterhub "$@"\n'
    for name, text in {
        "docker": DOCKER,
        "rosterhub": rosterhub,
    }.items():
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    made.more.update(PATH=f"{bin_}:{made.environment['PATH']}", NGINX_RELOAD="true")
    return made


def run(server: Installation, commands: str) -> str:
    """Run commands of the page, on this installation and with this key."""
    commands = commands.replace("/opt/rosterhub", str(server.home))
    commands = commands.replace("rh_1f2e3d4c5b6a7988", KEY).replace("203.0.113.100", "127.0.0.1")
    return succeeded(server.shell(f"set -euo pipefail\n{commands}"))


def test_every_command_against_a_key_that_is_misused_does_what_the_page_says(
    server: Installation, config: Settings
) -> None:
    add_key(config, KEY)
    headers = {"X-API-Key": KEY}
    with connect(config.write_url) as connection:
        connection.execute("INSERT INTO imports (file_name, api_key) VALUES ('a.zip', %s)", [KEY])
        connection.execute(
            "INSERT INTO users (sourced_id, status, date_last_modified, enabled_user,"
            " given_name, family_name) VALUES ('u1', 'active', now(), true, 'g', 'f')"
        )
    with serving(config) as api:
        assert api.get(f"{USERS}/u1", headers=headers).status_code == 200
        assert api.get(USERS, headers=headers).status_code == 200
        begin, stop, keep, what, whose, others, wrote, go_on = blocks("A key is misused")
        run(server, begin + stop)
        seen = [200]
        while seen[-1] == 200:
            assert len(seen) < 1000, "the key is still good"
            seen.append(api.get(USERS, headers=headers).status_code)
        assert seen[-1] == 401
    assert (server.home / "nginx" / "blocked.conf").read_text() == "deny 127.0.0.1;\n"

    run(server, begin + keep)
    kept = server.home / "incident"
    with (kept / "audit.csv").open() as lines:
        requests = list(csv.DictReader(lines))
    # The two above, and what was still answered until the server heard that the key is off.
    answered = [200, *seen[:-1]]
    assert [int(r["response_status"]) for r in requests if r["api_key"] == KEY] == answered
    assert (kept / "nginx.log").read_text() == "what nginx said\n"
    assert (kept / "audit.csv").stat().st_mode & 0o077 == 0
    assert server.backups

    assert "/users/{sourcedId}" in run(server, begin + what)
    assert f"{USERS}/u1\n" in run(server, begin + whose)
    assert KEY in run(server, begin + others)
    assert "a.zip" in run(server, begin + wrote)
    assert run(server, begin + go_on).strip().startswith("rh_")


def test_when_data_may_have_leaked_nobody_gets_in_any_more(
    server: Installation, config: Settings
) -> None:
    add_key(config, KEY)
    stop, keep, close = blocks("Data may have leaked")
    run(server, stop)
    run(server, keep)
    kept = server.home / "incident" / "all.log"
    assert kept.read_text() == "what all said\n"
    assert kept.stat().st_mode & 0o077 == 0
    assert server.backups
    with serving(config) as api:
        assert api.get(USERS, headers={"X-API-Key": KEY}).status_code == 200
        run(server, close)
        until(lambda: api.get(USERS, headers={"X-API-Key": KEY}).status_code == 401)
    assert (server.home / "asked").read_text().startswith("compose --profile production stop")


def test_what_is_kept_of_an_incident_stays_out_of_git() -> None:
    assert "/incident/" in (REPOSITORY / ".gitignore").read_text("utf-8").splitlines()


def test_the_inventory_names_all_that_is_installed_and_who_needs_it() -> None:
    lock = make_sbom.LOCK.read_text("utf-8")
    text = make_sbom.document(lock)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    pinned = re.findall(r"^([0-9A-Za-z._-]+)==([^ ;]+)", lock, re.MULTILINE)
    assert sorted((c["name"], c["version"]) for c in document["components"]) == sorted(pinned)
    assert sum(len(c["hashes"]) for c in document["components"]) == lock.count("--hash=sha256:")
    needs = {d["ref"]: d.get("dependsOn", []) for d in document["dependencies"]}
    [fastapi] = [ref for ref in needs if ref.startswith("pkg:pypi/fastapi@")]
    assert any(ref.startswith("pkg:pypi/starlette@") for ref in needs[fastapi])
    assert fastapi in needs[document["metadata"]["component"]["bom-ref"]]
