"""What the hub logs, and `scripts/rotate-logs.sh` on log files of set ages."""

import gzip
import json
import os
import re
import subprocess
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from rosterhub.logging import DailyFile
from rosterhub.settings import Settings
from tests.integration.test_serve import serving
from tests.operations.servers import Installation, installation, succeeded
from tests.serving import KEY, add_key

DAY = 86_400


@pytest.fixture
def server(tmp_path: Path) -> Installation:
    return installation(tmp_path, Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))


def test_each_request_is_a_line_in_the_file_of_the_day_and_on_standard_output(
    config: Settings, tmp_path: Path
) -> None:
    """As JSON with the request's id, and without a key or anybody's name."""
    add_key(config, KEY)
    folder = tmp_path / "logs"
    headers = {"X-API-Key": KEY, "X-Request-ID": "the-id-of-this-request"}
    with serving(config, tmp_path, LOG_DIR=str(folder)) as api:
        users = f"{api.url}/ims/oneroster/rostering/v1p2/users"
        httpx.get(users, headers=headers, params={"filter": "familyName='渡邉'"})
        httpx.get(f"{users}/渡邉", headers=headers)
        httpx.get(users, headers=headers | {"X-API-Key": "secret-guess"})
        httpx.get(users, headers=headers, params={"filter": "nonsense='渡邉'"})
    written = sorted(folder.iterdir())
    assert all(re.fullmatch(r"rosterhub-\d{4}-\d\d-\d\d\.log", path.name) for path in written)
    text = "".join(path.read_text("utf-8") for path in written)
    of_requests = [line for line in text.splitlines() if "/users" in line]
    assert set(of_requests) <= set(api.log.read_text("utf-8").splitlines())
    requests = [json.loads(line) for line in of_requests]
    assert [(line["status"], line["request_id"]) for line in requests] == [
        (status, "the-id-of-this-request") for status in (200, 404, 401, 400)
    ]
    for line in requests:
        assert datetime.fromisoformat(line["timestamp"]).tzinfo
        assert line["event"] == "request"
    for private in ("渡邉", quote("渡邉"), KEY, "secret-guess", config.write_url):
        assert private not in text


def test_a_file_of_the_day_that_somebody_compressed_is_begun_anew(tmp_path: Path) -> None:
    """As the operations manual's monthly line does with every log file there is."""
    outlet = DailyFile(tmp_path)
    outlet.write_line("first")
    [path] = tmp_path.iterdir()
    subprocess.run(["gzip", path], check=True)
    outlet.write_line("second")
    outlet.close_file()
    assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == b"first\n"
    assert path.read_text() == "second\n"


def log(folder: Path, name: str, days: float) -> Path:
    """A file whose last line is so many days old."""
    path = folder / name
    path.write_bytes(gzip.compress(b"{}\n") if name.endswith(".gz") else b"{}\n")
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def test_logs_are_compressed_after_a_week_and_removed_after_a_month(server: Installation) -> None:
    logs = server.home / "apps" / "api" / "logs"
    log(logs, "rosterhub-today.log", 0)
    log(logs, "rosterhub-6.log", 6.5)
    log(logs, "rosterhub-8.log", 8.5)
    log(logs, "rosterhub-29.log.gz", 29.5)
    log(logs, "rosterhub-31.log.gz", 31.5)
    log(logs, "rosterhub-40.log", 40)
    log(logs, "notes.txt", 400)
    for _ in range(2):
        said = succeeded(server.script("rotate-logs.sh"))
        assert said.startswith("[")
        assert said.endswith("] Log rotation completed\n")
        assert {path.name for path in logs.iterdir()} == {
            *("rosterhub-today.log", "rosterhub-6.log", "notes.txt"),
            *("rosterhub-8.log.gz", "rosterhub-29.log.gz"),
        }
    assert gzip.decompress((logs / "rosterhub-8.log.gz").read_bytes()) == b"{}\n"


def test_a_file_whose_compression_was_broken_off_is_compressed_again(server: Installation) -> None:
    logs = server.home / "apps" / "api" / "logs"
    whole, half = log(logs, "a.log", 8.5), logs / "a.log.gz"
    half.write_bytes(b"\x1f\x8b")
    succeeded(server.script("rotate-logs.sh"))
    assert not whole.exists()
    assert gzip.decompress(half.read_bytes()) == b"{}\n"


def test_where_there_is_no_room_the_old_goes_all_the_same(
    server: Installation, docker: dict[str, str]
) -> None:
    logs = server.home / "apps" / "api" / "logs"
    kept = log(logs, "rosterhub-8.log", 8.5)
    old = log(logs, "rosterhub-31.log.gz", 31.5), log(server.home / "logs", "docker-1.log.gz", 31.5)
    gzip_program = server.home / "bin" / "gzip"
    gzip_program.write_text("#!/bin/sh\necho 'gzip: No space left on device' >&2\nexit 1\n")
    gzip_program.chmod(0o755)
    (server.home / "said").write_text("1 something\n")
    failed = server.script("rotate-logs.sh", **docker)
    assert failed.returncode == 1
    assert failed.stdout.endswith("] Log rotation failed\n")
    assert "No space left on device" in failed.stderr
    assert kept.exists()
    assert not any(path.exists() for path in old)
    assert docker_logs(server) == {}


def test_a_folder_that_is_not_there_is_an_error(server: Installation) -> None:
    failed = server.script("rotate-logs.sh", LOG_DIR="/nowhere")
    assert failed.returncode == 1
    assert "There is no folder /nowhere" in failed.stderr
    assert "Log rotation failed" in failed.stdout


STAND_IN = """#!/bin/bash
# For `docker compose logs …`: what the containers said is in `said`, each line with its second.
[[ "$*" == "compose --profile production logs "* && -e docker-compose.yml ]] || exit 99
since=0
[[ $7 != --since ]] || since=$(date -d "$8" +%s)
while read -r second line; do ((second < since)) || echo "$line"; done <said
[[ ! -e broken ]]
"""


@pytest.fixture
def docker(server: Installation) -> dict[str, str]:
    """The environment with a stand-in for docker, which cannot run everywhere."""
    program = server.home / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    (server.home / "docker-compose.yml").touch()
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def docker_logs(server: Installation) -> dict[str, str]:
    return {
        path.name: gzip.decompress(path.read_bytes()).decode()
        for path in (server.home / "logs").iterdir()
    }


def test_what_the_containers_said_is_kept_each_line_once(
    server: Installation, docker: dict[str, str]
) -> None:
    now = int(time.time())
    said = server.home / "said"
    said.write_text(f"{now - 8 * DAY} first week\n{now - 6 * DAY} second week\n")
    log(server.home / "logs", "docker-20260101.log.gz", 7)
    log(server.home / "logs", "docker-20250101.log.gz", 31.5)
    today = f"docker-{time.strftime('%Y%m%d')}.log.gz"
    succeeded(server.script("rotate-logs.sh", **docker))
    assert docker_logs(server) == {"docker-20260101.log.gz": "{}\n", today: "second week\n"}
    # Again on the same day, when an update has made the containers anew: nothing of it is lost.
    said.write_text(f"{int(time.time()) + 2} today\n")
    succeeded(server.script("rotate-logs.sh", **docker))
    assert docker_logs(server)[today] == "second week\ntoday\n"


def test_when_docker_fails_no_half_file_is_left(
    server: Installation, docker: dict[str, str]
) -> None:
    (server.home / "said").write_text("1 half\n")
    (server.home / "broken").touch()
    failed = server.script("rotate-logs.sh", **docker)
    assert failed.returncode == 1
    assert docker_logs(server) == {}
