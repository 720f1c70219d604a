"""Docker Compose as tests ask it what it makes of our files; no engine is needed for that."""

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.fronts import REPOSITORY
from tests.hubs import plain_environment

SECRETS = {"POSTGRES_PASSWORD": "secret-of-postgres", "REDIS_PASSWORD": "secret-of-redis"}

PRIMARY = ("docker-compose.yml", "docker-compose.primary.yml")
SECOND = ("docker-compose.yml", "docker-compose.replica.yml", "docker-compose.api-2.yml")
SECOND_ENVIRONMENT = {
    **SECRETS,
    "POSTGRES_MASTER_HOST": "10.0.0.11",
    "POSTGRES_REPLICATION_PASSWORD": "secret-of-replication",
    "API_BIND": "10.0.0.12",
}


def compose(
    *arguments: str,
    files: tuple[str, ...] = ("docker-compose.yml",),
    folder: Path = REPOSITORY,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run `docker compose …` with nothing set but `environment`, and `.env` of `folder`."""
    chosen = [part for name in files for part in ("--file", str(folder / name))]
    return subprocess.run(
        [_program(), "--project-directory", str(folder), *chosen, *arguments],
        capture_output=True,
        text=True,
        env=plain_environment(**environment),
        cwd=folder,
    )


def services(
    *profiles: str,
    files: tuple[str, ...] = ("docker-compose.yml",),
    folder: Path = REPOSITORY,
    **environment: str,
) -> dict[str, Any]:
    """The services as they come out, by name."""
    given = [part for profile in profiles for part in ("--profile", profile)]
    done = compose(*given, "config", "--format", "json", files=files, folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def _program() -> str:
    folders = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))
    program = shutil.which("docker-compose", path=folders)
    if program is None:
        pytest.skip("needs docker-compose; there is no wheel of it for this kind of machine")
    return program
