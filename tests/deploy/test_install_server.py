"""`scripts/install-server`, run in a copy of the repository."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.composing import services
from tests.deploy.fronts import NAME, REPOSITORY

NEEDED = ("scripts/install-server", ".env.docker.example", "docker-compose.yml", "nginx", "deploy")


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """What a checkout holds."""
    for name in NEEDED:
        source, target = REPOSITORY / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            leave = shutil.ignore_patterns("*.pem", "acme", "local.conf", "maintenance.conf")
            shutil.copytree(source, target, ignore=leave)
        else:
            shutil.copy2(source, target)
    return tmp_path


def install(server: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = [str(server / "scripts" / "install-server"), *arguments]
    return subprocess.run(
        script, capture_output=True, text=True, cwd="/", env=os.environ | environment
    )


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("not a name",), ("-h",)])
def test_it_wants_the_name_of_the_hub(server: Path, arguments: tuple[str, ...]) -> None:
    refused = install(server, *arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: install-server NAME")


if os.geteuid() != 0:

    def test_it_wants_to_be_root(server: Path) -> None:
        refused = install(server, NAME)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Run this as root")
        assert not (server / ".env").exists()

else:

    def test_compose_has_all_it_needs_after_it(server: Path) -> None:
        assert install(server, NAME).returncode == 0
        # Without a variable in the environment: everything is in .env.
        found = services("production", folder=server)
        for service in found.values():
            for volume in service.get("volumes", ()):
                assert volume["type"] == "volume" or Path(volume["source"]).exists(), volume
        environment = found["api"]["environment"]
        secrets = {
            environment["REDIS_PASSWORD"],
            found["postgres"]["environment"]["POSTGRES_PASSWORD"],
        }
        assert len(secrets) == 2
        assert all(len(secret) == 48 for secret in secrets)
        assert f"PUBLIC_URL=https://{NAME}\n" in (server / ".env").read_text()
        # As it is without `--profile`, too: `docker compose pull` and `down` of the manual.
        assert services(folder=server).keys() == found.keys() > {"nginx"}

    @pytest.mark.parametrize(
        ("gigabytes", "cores", "memory", "postgres", "redis", "processes"),
        [(8, 4, "8gb", 6, 2, 4), (15, 6, "16gb", 12, 4, 6), (62, 32, "32gb", 24, 8, 6)],
    )
    def test_sizes_are_those_of_the_server(
        server: Path,
        gigabytes: int,
        cores: int,
        memory: str,
        postgres: int,
        redis: int,
        processes: int,
    ) -> None:
        for name, said in (
            ("awk", f"echo 'MemTotal: {gigabytes << 20} kB' | {shutil.which('awk')} \"$1\""),
            ("nproc", f"echo {cores}"),
        ):
            program = server / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\n{said}\n")
            program.chmod(0o755)
        assert install(server, NAME, PATH=f"{server / 'bin'}:{os.environ['PATH']}").returncode == 0
        found = services("production", folder=server)
        for name, limit in (("postgres", postgres), ("redis", redis)):
            assert int(found[name]["deploy"]["resources"]["limits"]["memory"]) == limit << 30
            assert any(f"/{memory}.conf" in word for word in found[name]["command"])
        assert f"\nWEB_CONCURRENCY={processes}\n" in (server / ".env").read_text()

    def test_the_user_of_the_image_can_write_its_folders_and_nobody_else_can_read_secrets(
        server: Path,
    ) -> None:
        assert install(server, NAME).returncode == 0
        for name in ("apps/api/logs", "reports"):
            assert (server / name).stat().st_uid == 10001
        for name, mode in ((".env", 0o640), ("nginx/ssl/key.pem", 0o600), ("backups", 0o750)):
            assert (server / name).stat().st_mode & 0o777 == mode
        assert (server / ".env").stat().st_gid == 10001

    def test_a_second_run_changes_nothing(server: Path) -> None:
        install(server, NAME)
        kept = [server / name for name in (".env", "nginx/ssl/cert.pem", "nginx/ssl/key.pem")]
        before = [path.read_bytes() for path in kept]
        assert install(server, "other.example.com").returncode == 0
        assert [path.read_bytes() for path in kept] == before
