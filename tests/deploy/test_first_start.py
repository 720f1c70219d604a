"""The order of the manual: the services start first, the schema comes after."""

import subprocess
from pathlib import Path

import httpx

from rosterhub.settings import Settings
from tests.hubs import ROSTERHUB, plain_environment
from tests.integration.test_serve import running, serving
from tests.rosters import board, csv_file
from tests.serving import KEY, add_key, until


def rosterhub(config: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `docker compose exec api rosterhub …` does."""
    environment = plain_environment(DATABASE_URL=config.read_url)
    return subprocess.run(
        [*ROSTERHUB, *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


def test_services_that_started_before_the_schema_work_once_it_is_there(
    empty_url: str, tmp_path: Path
) -> None:
    config = Settings(database_url=empty_url)
    with (
        serving(config, tmp_path) as api,
        (tmp_path / "worker").open("wb") as out,
        running(config, "worker", out=out) as worker,
    ):
        assert httpx.get(f"{api.url}/health/live").status_code == 200
        early = httpx.get(
            f"{api.url}/ims/oneroster/rostering/v1p2/users", headers={"X-API-Key": KEY}
        )
        assert early.status_code == 503
        assert "rosterhub db upgrade" in early.json()["imsx_description"]
        until(lambda: "rosterhub db upgrade" in api.log.read_text())
        until(lambda: "the worker waits" in (tmp_path / "worker").read_text())
        no_worker = rosterhub(config, "worker", "--check")
        assert no_worker.returncode == 1
        assert no_worker.stderr == "rosterhub: No worker has been heard of in the last minute.\n"

        assert rosterhub(config, "db", "upgrade").returncode == 0

        add_key(config)
        upload = {"file": ("orgs.csv", csv_file("orgs", board()["orgs"]))}
        headers = {"X-API-Key": KEY}
        sent = httpx.post(f"{api.url}/api/v1.2/csv/import/orgs", files=upload, headers=headers)
        assert sent.status_code == 202
        job = sent.json()["statusUrl"]
        until(lambda: httpx.get(job, headers=headers).json()["job"]["state"] == "completed")
        at_work = rosterhub(config, "worker", "--check")
        assert (at_work.stdout, at_work.stderr) == ("A worker is at work.\n", "")
        assert worker.poll() is None
