"""certbot's deploy hook and `scripts/block-address`, with real certificates before a real nginx."""

import shlex
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.fronts import REPOSITORY, Front, certificate, front, programs
from tests.hubs import plain_environment
from tests.serving import until

HOOK = "deploy/certbot/deploy-hook"
NGINX = list(programs().values())

pytestmark = pytest.mark.skipif(
    not NGINX or not shutil.which("openssl"), reason="needs nginx and openssl"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Front]:
    """nginx, laid out as an installation; nobody is behind it."""
    with front(tmp_path / "nginx-root", NGINX[0], ["127.0.0.1:1"]) as made:
        (tmp_path / "nginx").symlink_to(made.folder)
        (made.folder / "ssl").symlink_to(made.root / "ssl")
        yield made


@pytest.fixture
def lineage(tmp_path: Path) -> Path:
    """A folder as certbot keeps one, links and all."""
    live, archive = tmp_path / "live", tmp_path / "archive"
    for folder in (live, archive):
        folder.mkdir()
    certificate(archive)
    (live / "fullchain.pem").symlink_to(archive / "cert.pem")
    (live / "privkey.pem").symlink_to(archive / "key.pem")
    return live


def run(site: Front, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of our scripts on this installation."""
    chosen = site.environment["NGINX_GLOBALS"]
    more = {
        "ROSTERHUB_HOME": str(site.root.parent),
        "NGINX_RELOAD": f"{shlex.quote(site.program)} -c {site.folder}/nginx.conf"
        f" -g '{chosen} daemon off;' -s reload",
    }
    return subprocess.run(
        [str(REPOSITORY / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        env=plain_environment(**(more | environment)),
    )


def presented(site: Front) -> str:
    """The certificate that nginx shows to who comes."""
    return ssl.get_server_certificate(("127.0.0.1", site.tls_port))


def leaf(path: Path) -> str:
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(path.read_text()))


def test_a_renewed_certificate_is_what_nginx_presents(site: Front, lineage: Path) -> None:
    folder = site.root / "ssl"
    with socket.create_connection(("127.0.0.1", site.port)) as before:
        done = run(site, HOOK, RENEWED_LINEAGE=str(lineage))
        assert done.returncode == 0, done.stderr
        until(lambda: presented(site) == leaf(lineage / "fullchain.pem"))
        before.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 301 " in before.recv(1_000)
    assert "valid until" in done.stdout
    assert {p.name for p in folder.iterdir()} == {"cert.pem", "key.pem"}
    modes = {p.name: stat.S_IMODE(p.lstat().st_mode) for p in folder.iterdir()}
    assert modes == {"cert.pem": 0o644, "key.pem": 0o600}
    assert not (folder / "cert.pem").is_symlink()


@pytest.mark.parametrize("wrong", ["another key", "no key", "ended", "not there"])
def test_what_nginx_could_not_use_is_left_alone(site: Front, lineage: Path, wrong: str) -> None:
    folder = site.root / "ssl"
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    if wrong == "another key":
        shutil.copy(folder / "key.pem", lineage / "privkey.pem")
    elif wrong == "no key":
        (lineage / "privkey.pem").write_text("nothing")
    elif wrong == "ended":
        _end(lineage)
    else:
        (lineage / "fullchain.pem").unlink()
    done = run(site, HOOK, RENEWED_LINEAGE=str(lineage))
    assert done.returncode == 1
    assert "stays as it is" in done.stderr
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def _end(lineage: Path) -> None:
    """A certificate of the same key that has ended already."""
    request = ["openssl", "req", "-new", "-key", "privkey.pem", "-subj", "/CN=hub", "-out", "csr"]
    sign = ["openssl", "x509", "-req", "-in", "csr", "-signkey", "privkey.pem", "-days", "-1"]
    for command in (request, [*sign, "-out", "ended.pem"]):
        subprocess.run(command, cwd=lineage, check=True, capture_output=True)
    (lineage / "ended.pem").replace(lineage / "fullchain.pem")


def test_when_nginx_refuses_its_files_the_old_certificate_is_put_back(
    site: Front, lineage: Path
) -> None:
    folder = site.root / "ssl"
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    site.drop("blocked.conf", "denny 192.0.2.1;")
    done = run(site, HOOK, RENEWED_LINEAGE=str(lineage))
    assert done.returncode == 1
    assert "nginx does not take the new certificate" in done.stderr
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_in_containers_nginx_is_reloaded_within_its_own(site: Front, lineage: Path) -> None:
    """With a stand-in for docker, which cannot run everywhere."""
    bin_ = site.root.parent / "bin"
    bin_.mkdir()
    docker = '#!/bin/sh\ncase "$*" in *" ps "*) cat running ;; *) pwd; echo "$@" ;; esac\n'
    (bin_ / "docker").write_text(docker)
    (bin_ / "docker").chmod(0o755)
    (site.root.parent / "running").write_text("a container\n")
    path = f"{bin_}:{plain_environment()['PATH']}"
    said = run(site, HOOK, RENEWED_LINEAGE=str(lineage), NGINX_RELOAD="", PATH=path).stdout
    folder, command, _ = said.splitlines()
    assert folder == str(site.root.parent)
    assert command == (
        "compose --profile production exec -T nginx"
        " nginx -c /etc/nginx/rosterhub/nginx.conf -g daemon off; -s reload"
    )


def test_where_nginx_does_not_run_it_has_the_certificate_when_it_starts(
    site: Front, lineage: Path
) -> None:
    bin_ = site.root.parent / "bin"
    bin_.mkdir()
    (bin_ / "docker").write_text('#!/bin/sh\ncase "$*" in *" ps "*) ;; *) exit 1 ;; esac\n')
    (bin_ / "docker").chmod(0o755)
    stopped = {"NGINX_RELOAD": "", "PATH": f"{bin_}:{plain_environment()['PATH']}"}
    done = run(site, HOOK, RENEWED_LINEAGE=str(lineage), **stopped)
    assert done.returncode == 0
    assert done.stdout == "It has the new certificate when it starts.\n"
    assert leaf(site.root / "ssl" / "cert.pem") == leaf(lineage / "fullchain.pem")
    # An address is only refused by one that runs, and might be nothing that it takes.
    done = run(site, "scripts/block-address", "192.0.2.1", **stopped)
    assert done.returncode == 1
    assert "blocked.conf is as it was" in done.stderr
    assert (site.folder / "blocked.conf").read_text() == ""


def test_an_address_is_blocked_at_once_and_let_in_again(site: Front) -> None:
    def status(source: str) -> int:
        with site.client(source) as client:
            return client.get("/health").status_code

    def block(*arguments: str) -> None:
        done = run(site, "scripts/block-address", *arguments)
        assert done.returncode == 0, done.stderr

    block("127.0.0.66")
    until(lambda: status("127.0.0.66") == 403)
    assert status("127.0.0.67") == 503
    block("127.0.0.66")
    block("2001:db8:7::/48")
    assert (site.folder / "blocked.conf").read_text() == "deny 127.0.0.66;\ndeny 2001:db8:7::/48;\n"
    block("--lift", "127.0.0.66")
    until(lambda: status("127.0.0.66") == 503)
    assert {p.name for p in site.folder.glob("blocked*")} == {"blocked.conf"}


@pytest.mark.parametrize("address", ["", "example.com", "127.0.0.1;", "1.2.3.4 5", "--lift"])
def test_what_is_no_address_is_no_line_of_nginx(site: Front, address: str) -> None:
    done = run(site, "scripts/block-address", address)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert not (site.folder / "blocked.conf").exists()


def test_what_nginx_does_not_take_is_taken_back(site: Front) -> None:
    done = run(site, "scripts/block-address", "999.0.0.1")
    assert done.returncode == 1
    assert (site.folder / "blocked.conf").read_text() == ""
