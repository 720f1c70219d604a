"""The manifests of deploy/kubernetes: valid, closed, and true to the program and to compose."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import kubernetes_validate
import pytest
import yaml

from rosterhub.api import discovery, docs, house, oneroster
from rosterhub.ops.embedded import KEPT_MEMORY
from rosterhub.settings import Settings
from tests.deploy.composing import SECRETS, services
from tests.deploy.fronts import REPOSITORY
from tests.hubs import ROSTERHUB, plain_environment
from tests.integration.test_serve import answers
from tests.operations.servers import Installation, installation, succeeded
from tests.ports import free_port
from tests.serving import until

FOLDER = REPOSITORY / "deploy" / "kubernetes"
Manifest = dict[str, Any]

VERSIONS = ("1.30", "1.37")
"""The oldest that we mean, and the newest whose schema there is."""
PAGE = (REPOSITORY / "docs" / "kubernetes.md").read_text("utf-8")
OVERLAY, RESTORE = (
    yaml.safe_load(text) for text in re.findall(r"<<'YAML'\n(.*?)^YAML$", PAGE, re.M | re.S)
)
"""What the page prints to be typed."""

OF_OPERATORS = {"Cluster"}
"""Kinds whose schemas come with their operators, so that they cannot be looked at here."""


def manifests() -> list[Manifest]:
    chosen = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {*chosen, "kustomization.yaml", "secret.example.yaml"} == {
        path.name for path in FOLDER.iterdir()
    }
    return [m for name in chosen for m in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))]


ALL = manifests()


[PART] = (
    label["pairs"]
    for label in yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["labels"]
)
"""What kustomize labels all with."""


def one(kind: str, name: str) -> Manifest:
    [found] = [m for m in ALL if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> dict[str, Manifest]:
    """The pod of each thing that runs some, by the pod's name."""
    found: dict[str, Manifest] = {}
    for manifest in ALL:
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            pod = spec["template"]
            found[pod["metadata"]["labels"]["app.kubernetes.io/name"]] = pod
    return found


def containers() -> Iterator[tuple[Manifest, Manifest]]:
    """Every container, with the spec of its pod."""
    for pod in (*pods().values(), RESTORE["spec"]["template"]):
        spec = pod["spec"]
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            yield spec, container


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_kubernetes_takes(version: str) -> None:
    secret = yaml.safe_load((FOLDER / "secret.example.yaml").read_text("utf-8"))
    for manifest in (*ALL, secret, RESTORE):
        if manifest["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(manifest, version, strict=True)
    wrong = one("Service", "api")["spec"] | {"prots": []}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one("Service", "api") | {"spec": wrong}, version, strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
def test_kustomize_puts_them_together() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True
    )
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(ALL)
    for manifest in built:
        kind = manifest["kind"]
        assert kind == "Namespace" or manifest["metadata"]["namespace"] == "rosterhub"
    images = set(re.findall(r"image: (\S+)", done.stdout))
    assert "registry.example.com/rosterhub-api:v1.0.0" in images
    assert "rosterhub-api" not in images


def test_every_container_is_closed_and_bounded() -> None:
    assert len(list(containers())) == 7
    for spec, container in containers():
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert "memory" in resources["limits"]
    user = re.search(r"^USER (\d+):\1$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    for name in ("api", "worker", "migrate"):
        assert pods()[name]["spec"]["securityContext"]["runAsUser"] == int(user[1])


def test_images_are_those_of_compose() -> None:
    composed = services(**SECRETS)
    used = {container["image"] for _, container in containers()}
    ours = {"rosterhub-api", image_of_the_page()}
    assert used == ours | {composed["redis"]["image"], composed["postgres"]["image"]}
    major = composed["postgres"]["image"].partition(":")[2].partition("-")[0]
    assert f"postgresql:{major}-" in one("Cluster", "rosterhub-db")["spec"]["imageName"]


def image_of_the_page() -> str:
    [image] = OVERLAY["images"]
    return f"{image['newName']}:{image['newTag']}"


def test_the_page_builds_pushes_and_runs_one_image() -> None:
    [ours] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["images"]
    assert OVERLAY["images"][0]["name"] == ours["newName"]
    assert re.findall(r"docker (?:build -t|push) (\S+)", PAGE) == [image_of_the_page()] * 2


def test_a_job_that_has_run_goes_before_another_image_comes() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)
    changing = [block for block in blocks if re.search("^# .*newTag: ", block, re.M)]
    assert len(changing) == 3
    for block in changing:
        assert re.search(r"delete job (\w+ )?migrate\n.*kubectl apply -k", block, re.S), block


def test_settings_are_ours_and_take_these_values() -> None:
    data = one("ConfigMap", "rosterhub-settings")["data"]
    names = {name.upper() for name in Settings.model_fields}
    assert set(data) <= names
    given = Settings.model_validate({name.lower(): value for name, value in data.items()})
    assert given.web_concurrency * 4 * (2 * given.database_pool_size) < 200
    script = (REPOSITORY / "scripts" / "backup-database.sh").read_text("utf-8")
    of_the_backup = set(re.findall(r"^#   ([A-Z_]+) ", script, re.MULTILINE)) | {
        "DATABASE_WRITE_URL"
    }
    for _, container in containers():
        variables = {variable["name"] for variable in container.get("env", ())}
        known = of_the_backup if container["name"] == "backup" else names
        assert variables <= known | {"PGPASSWORD"}, container["name"]


def test_what_is_referred_to_is_there() -> None:
    secret = yaml.safe_load((FOLDER / "secret.example.yaml").read_text("utf-8"))
    secrets = {
        secret["metadata"]["name"]: set(secret["stringData"]),
        # The operator makes this one for a Cluster of that name.
        f"{one('Cluster', 'rosterhub-db')['metadata']['name']}-app": {"password"},
    }
    for spec, container in containers():
        for variable in container.get("env", ()):
            source = variable.get("valueFrom", {})
            if wanted := source.get("secretKeyRef"):
                assert wanted["key"] in secrets[wanted["name"]]
            if wanted := source.get("configMapKeyRef"):
                assert wanted["key"] in one("ConfigMap", wanted["name"])["data"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    for spec in (pods()["backup"]["spec"], RESTORE["spec"]["template"]["spec"]):
        assert one(
            "PersistentVolumeClaim", spec["volumes"][1]["persistentVolumeClaim"]["claimName"]
        )


def test_urls_lead_to_services_that_are_there() -> None:
    data = one("ConfigMap", "rosterhub-settings")["data"]
    cluster = one("Cluster", "rosterhub-db")
    database = cluster["spec"]["bootstrap"]["initdb"]
    for name, service in (("DATABASE_URL", "-ro"), ("DATABASE_WRITE_URL", "-rw")):
        url = urlsplit(data[name])
        assert url.hostname == cluster["metadata"]["name"] + service
        assert url.path == f"/{database['database']}"
        assert (url.username, url.password) == (database["owner"], None)
    redis = urlsplit(data["REDIS_URL"])
    assert redis.port == one("Service", redis.hostname or "")["spec"]["ports"][0]["port"]


def test_sessions_of_the_database_keep_the_memory_of_a_page() -> None:
    given = one("Cluster", "rosterhub-db")["spec"]["env"]
    assert {variable["name"]: variable["value"] for variable in given} == KEPT_MEMORY


def test_probes_ask_what_the_api_answers_at_its_port() -> None:
    [container] = pods()["api"]["spec"]["containers"]
    [port] = container["ports"]
    assert str(port["containerPort"]) == one("ConfigMap", "rosterhub-settings")["data"]["API_PORT"]
    assert one("Service", "api")["spec"]["ports"][0]["targetPort"] == port["name"]
    served = house.document("https://hub")["paths"]
    for probe, path in (
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ):
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}
        assert "get" in served[path]
    annotations = pods()["api"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] in served
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_selectors_find_the_pods_they_mean() -> None:
    for manifest in ALL:
        selector = manifest.get("spec", {}).get("selector")
        if isinstance(selector, dict):
            labels = selector.get("matchLabels", selector)
            named = labels["app.kubernetes.io/name"]
            assert named == manifest["metadata"]["name"]
            assert named in pods()
    policies = [m for m in ALL if m["kind"] == "NetworkPolicy"]
    text = yaml.safe_dump_all(policies)
    assert set(re.findall(r"app.kubernetes.io/name: (\S+)", text)) <= set(pods())
    # And who needs the database or Redis may reach it.
    restoring = RESTORE["spec"]["template"]["metadata"]["labels"]
    assert restoring == pods()["backup"]["metadata"]["labels"] | PART
    [hub] = one("NetworkPolicy", "hub")["spec"]["podSelector"]["matchExpressions"]
    assert set(hub["values"]) == set(pods()) - {"redis"}


def test_clients_reach_all_that_is_served_but_the_numbers() -> None:
    ingress = one("Ingress", "rosterhub")
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    routes = (*oneroster.routes(), *discovery.routes(), *docs.routes())
    served = {route.path for route in routes} | set(house.document("https://hub")["paths"])

    def reached(path: str) -> bool:
        return any(path == p["path"] or path.startswith(f"{p['path']}/") for p in paths)

    assert {path for path in served if not reached(path)} == {"/metrics"}
    said = {n.rpartition("/")[2]: v for n, v in ingress["metadata"]["annotations"].items()}
    largest = Settings.model_fields["csv_upload_max_size"].default + 1_048_576
    assert int(said["proxy-body-size"]) == largest
    # An answer to a change is an answer, whatever it says.
    assert said["proxy-next-upstream"] == "error timeout"


def test_the_database_is_tuned_as_on_a_server_of_its_size() -> None:
    wanted: dict[str, str] = {}
    for name in ("common.conf", "16gb.conf"):
        text = (REPOSITORY / "deploy" / "postgresql" / name).read_text("utf-8")
        wanted |= re.findall(r"^([a-z_]+) = '?([^'\n]*)'?$", text, re.MULTILINE)
    # The operator keeps these to itself.
    for fixed in ("listen_addresses", "wal_level", "hot_standby", "password_encryption"):
        del wanted[fixed]
    for replication in ("max_wal_senders", "max_replication_slots"):
        del wanted[replication]
    parameters = one("Cluster", "rosterhub-db")["spec"]["postgresql"]["parameters"]
    assert parameters == wanted


def test_the_volume_of_the_wal_holds_what_is_kept_for_a_standby_that_is_away() -> None:
    spec = one("Cluster", "rosterhub-db")["spec"]
    parameters = spec["postgresql"]["parameters"]
    kept = gigabytes(parameters["max_slot_wal_keep_size"])
    assert gigabytes(spec["walStorage"]["size"]) >= kept + 2 * gigabytes(parameters["max_wal_size"])


def gigabytes(size: str) -> int:
    """Kubernetes says Gi, PostgreSQL GB; both mean 1024³."""
    found = re.fullmatch(r"(\d+)(Gi|GB)", size)
    assert found, size
    return int(found[1])


READ_ONLY = """
mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mount -o remount,bind,ro / || exit 9
touch /written 2>/dev/null && exit 8
exec "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a file system read-only")
def test_the_api_needs_to_write_to_its_temporary_folder_alone(config: Settings) -> None:
    """As its container has it: a root that cannot be written, and a volume at /tmp."""
    port = free_port()
    data = one("ConfigMap", "rosterhub-settings")["data"]
    of_the_test = {"API_PORT": str(port), "TMPDIR": "/mnt", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = (
        data
        | of_the_test
        | {
            "DATABASE_URL": config.read_url,
            "DATABASE_WRITE_URL": config.write_url,
            "REDIS_URL": config.redis_url,
        }
    )
    [container] = pods()["api"]["spec"]["containers"]
    command = [*ROSTERHUB, *container["args"][1:]]
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *command],
        env=plain_environment(**environment),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None
        ready = f"{url}{container['readinessProbe']['httpGet']['path']}"
        until(lambda: httpx.get(ready, timeout=60).is_success)
        assert "rosterhub_pool_connections_max" in httpx.get(f"{url}/metrics").text
    finally:
        process.terminate()
        process.wait(60)


def without_password(url: str) -> tuple[str, str]:
    """As the manifests have it: the URL, and the password beside it."""
    parts = urlsplit(url)
    place = f"{parts.username}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=place)), parts.password or ""


@pytest.fixture
def server(config: Settings, tmp_path: Path) -> Installation:
    return installation(tmp_path, config)


def test_a_url_without_a_password_and_the_password_beside_it_will_do(server: Installation) -> None:
    url, password = without_password(server.url)
    [container] = pods()["migrate"]["spec"]["containers"]
    program, *arguments = container["args"]
    assert program == "rosterhub"
    secret = {"DATABASE_URL": url, "PGPASSWORD": password}
    succeeded(server.rosterhub(*arguments, **secret))
    assert server.rosterhub(*arguments, **secret | {"PGPASSWORD": "wrong"}).returncode != 0


def test_the_backup_job_writes_a_backup(server: Installation) -> None:
    spec = pods()["backup"]["spec"]
    [script], [container] = spec["initContainers"], spec["containers"]
    source = re.search(r"/site-packages/(rosterhub/\S+\.sh)", script["command"][-1])
    assert source
    url, password = without_password(server.url)
    given = {v["name"]: v.get("value", "") for v in container["env"]}
    given |= {"DATABASE_WRITE_URL": url, "DATABASE_URL": "", "PGPASSWORD": password}
    place = str(server.home / "backups")
    given = {name: value.replace("/backups", place) for name, value in given.items()}
    program, path = container["command"]
    assert Path(path).name == Path(source[1]).name
    said = succeeded(server.run(program, str(REPOSITORY / "src" / source[1]), **given))
    assert "Backup completed: db-backup-" in said
    assert len(server.backups) == 1


def test_the_restore_job_of_the_page_restores_a_backup(server: Installation) -> None:
    succeeded(server.rosterhub("db", "backup"))
    [backup] = server.backups
    [container] = RESTORE["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["args"]
    assert program == "rosterhub"
    arguments = [re.sub(r"^/backups/db-backup-\S+$", str(backup), a) for a in arguments]
    assert str(backup) in arguments
    url, password = without_password(server.url)
    given = {"DATABASE_URL": url, "PGPASSWORD": password}
    assert "Restored" in succeeded(server.rosterhub(*arguments, **given))


KUBECTL = """#!/bin/bash
# kubectl: what is run in a pod, run here.
[[ "$1 $2 $3 $4 $5" == "-n rosterhub exec deploy/api --" ]] || exit 99
exec "${@:6}"
"""


def test_reports_come_out_of_pods_that_cannot_write_their_folder(
    server: Installation, tmp_path: Path
) -> None:
    programs, pod = tmp_path / "bin", tmp_path / "tmp"
    for folder in (programs, pod):
        folder.mkdir()
    rosterhub = f'#!/bin/sh\nexec {shlex.join(ROSTERHUB)} "$@"\n'
    for name, text in {"kubectl": KUBECTL, "rosterhub": rosterhub}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    [block] = re.findall(r"^## Reports\n.*?^```bash\n(.*?)^```$", PAGE, re.M | re.S)
    given = {"PATH": f"{programs}:{server.environment['PATH']}", "ROSTERHUB_HOME": "/proc/none"}
    said = succeeded(server.run("bash", "-euc", block.replace("/tmp", str(pod)), **given))
    assert "weekly-security-" in said
    names = {path.name for path in (tmp_path / "reports").iterdir()}
    assert "monthly-report-202604.html" in names
