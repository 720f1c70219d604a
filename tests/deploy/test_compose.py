"""The compose files, as Docker Compose itself reads them."""

import re
from typing import Any

import pytest

from rosterhub.ops.embedded import KEPT_MEMORY
from tests.deploy.composing import (
    PRIMARY,
    SECOND,
    SECOND_ENVIRONMENT,
    SECRETS,
    compose,
    services,
)
from tests.deploy.fronts import REPOSITORY

GB = 1024**3
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")


@pytest.fixture(scope="module")
def production() -> dict[str, Any]:
    return services("production", **SECRETS)


def memory(service: dict[str, Any], kind: str) -> int:
    return int(service["deploy"]["resources"][kind]["memory"])


def published(found: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """Ports of the host, by service, with the address they are on."""
    return {
        name: {(port.get("host_ip", ""), port["published"]) for port in service["ports"]}
        for name, service in found.items()
        if "ports" in service
    }


def test_a_server_runs_these_services(production: dict[str, Any]) -> None:
    assert set(production) == {"api", "worker", "postgres", "redis", "nginx"}
    assert set(services(**SECRETS)) == {"api", "worker", "postgres", "redis"}


def test_only_nginx_is_reached_from_outside(production: dict[str, Any]) -> None:
    assert published(production) == {"nginx": {("", "80"), ("", "443")}}


def test_the_api_has_the_memory_that_the_manual_gives_it(production: dict[str, Any]) -> None:
    api = production["api"]
    assert (memory(api, "limits"), memory(api, "reservations")) == (2 * GB, 1 * GB)


def test_every_service_is_bounded_watched_and_kept_running(production: dict[str, Any]) -> None:
    for name, service in production.items():
        assert memory(service, "limits") > memory(service, "reservations") > 0, name
        assert service["logging"]["driver"] == "json-file"
        assert {"max-size", "max-file"} <= set(service["logging"]["options"])
        assert service["restart"] == "unless-stopped"
        assert "no-new-privileges:true" in service["security_opt"]
        # The image of the API brings its own check.
        assert "healthcheck" in service or name == "api"
    assert re.search(r"^HEALTHCHECK .*\n.*/health/live", DOCKERFILE, re.MULTILINE)


def test_images_are_pinned(production: dict[str, Any]) -> None:
    images = [s["image"] for s in production.values() if "image" in s]
    assert len(images) == 3
    images += re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(images) == 4
    assert all(re.search(r":\d+\.?\d*", image) for image in images)


@pytest.mark.parametrize("missing", SECRETS)
def test_no_secret_has_a_default(missing: str) -> None:
    rest = {name: value for name, value in SECRETS.items() if name != missing}
    for environment in (rest, {**rest, missing: ""}):
        refused = compose("config", **environment)
        assert refused.returncode != 0
        assert f"{missing} is missing a value: is not set in .env" in refused.stderr


def test_the_database_is_the_one_of_the_manual(production: dict[str, Any]) -> None:
    postgres, api = production["postgres"], production["api"]
    assert postgres["environment"]["POSTGRES_USER"] == "rosterhub"
    assert postgres["environment"]["POSTGRES_DB"] == "rosterhub_production"
    url = "postgresql://rosterhub:secret-of-postgres@postgres:5432/rosterhub_production"
    for service in (api, production["worker"]):
        assert service["environment"]["DATABASE_URL"] == url


def test_sessions_of_the_database_keep_the_memory_of_a_page(production: dict[str, Any]) -> None:
    assert production["postgres"]["environment"].items() >= KEPT_MEMORY.items()


@pytest.mark.parametrize("size", ["8gb", "16gb", "32gb"])
def test_the_memory_of_the_server_chooses_the_tuning_files(size: str) -> None:
    found = services(MEMORY=size, **SECRETS)
    names = {"postgres": f"postgresql/{size}.conf", "redis": f"redis/{size}.conf"}
    for service, name in names.items():
        assert re.search(rf"/etc/rosterhub/{name}\b", " ".join(found[service]["command"]))
        assert (REPOSITORY / "deploy" / name).is_file()
        [folder] = [v for v in found[service]["volumes"] if v["target"].startswith("/etc/")]
        assert folder["source"] == str((REPOSITORY / "deploy" / name).parent)


def test_redis_wants_its_password(production: dict[str, Any]) -> None:
    assert production["redis"]["command"][-2:] == ["--requirepass", "secret-of-redis"]


def test_settings_of_the_env_file_count_after_a_restart(production: dict[str, Any]) -> None:
    """They must not be in the environment, which a container keeps from when it was made."""
    from rosterhub.settings import ENV_FILE

    for service in (production["api"], production["worker"]):
        mounted = {v["target"]: v["source"] for v in service["volumes"]}
        assert mounted[service["environment"][ENV_FILE]] == str(REPOSITORY / ".env")
        assert not {"CSV_BATCH_SIZE", "WEB_CONCURRENCY"} & set(service["environment"])
    # The manual restarts the API alone, and it is the worker that writes in batches.
    assert production["worker"]["depends_on"]["api"]["restart"] is True


def test_files_lie_where_the_manual_looks_for_them(production: dict[str, Any]) -> None:
    api, nginx = production["api"], production["nginx"]
    assert api["environment"]["LOG_DIR"] == "/opt/rosterhub/apps/api/logs"
    places = {v["target"]: v["source"] for v in (*api["volumes"], *nginx["volumes"])}
    for name in ("apps/api/logs", "reports", "backups"):
        assert places[f"/opt/rosterhub/{name}"] == str(REPOSITORY / name)
    assert places["/etc/nginx/ssl"] == str(REPOSITORY / "nginx/ssl")
    assert places["/etc/nginx/rosterhub"] == str(REPOSITORY / "nginx")


def test_the_first_of_two_servers_shows_its_database_on_one_address_only() -> None:
    found = services("production", files=PRIMARY, POSTGRES_BIND="10.0.0.11", **SECRETS)
    assert published(found)["postgres"] == {("10.0.0.11", "5432")}
    assert "POSTGRES_BIND" in compose("config", files=PRIMARY, **SECRETS).stderr


def test_the_second_server_reads_here_and_writes_there() -> None:
    found = services(files=SECOND, **SECOND_ENVIRONMENT)
    for name in ("api", "worker"):
        environment = found[name]["environment"]
        assert "@postgres:5432/" in environment["DATABASE_URL"]
        assert "@10.0.0.11:5432/" in environment["DATABASE_WRITE_URL"]
        assert environment["ROSTERHUB_ENV_FILE"]
    assert published(found) == {"api": {("10.0.0.12", "3000")}}
    postgres = found["postgres"]
    assert postgres["entrypoint"] == ["/etc/rosterhub/postgresql/standby"]
    assert postgres["command"][0] == "postgres"
    assert postgres["environment"]["POSTGRES_MASTER_HOST"] == "10.0.0.11"


@pytest.mark.parametrize("missing", sorted(set(SECOND_ENVIRONMENT) - set(SECRETS)))
def test_the_second_server_says_what_it_lacks(missing: str) -> None:
    rest = {name: value for name, value in SECOND_ENVIRONMENT.items() if name != missing}
    refused = compose("config", files=SECOND, **rest)
    assert refused.returncode != 0
    assert missing in refused.stderr


def test_the_image_is_named_as_the_manual_names_it(production: dict[str, Any]) -> None:
    assert "image" not in production["api"]
    assert compose("config", "--images", **SECRETS).stdout.count("rosterhub-api") == 1
