"""fail2ban on nginx's real log: who guesses keys and who scans is shut out, and nobody else."""

import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

import pytest

from rosterhub.api import discovery, docs, house, oneroster
from rosterhub.settings import Settings
from tests.deploy.fronts import Front, front, programs
from tests.operations.bans import MISSING, found, guarding, settled
from tests.serving import KEY, add_key, serving, until

NGINX = list(programs().values())

pytestmark = [
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
    pytest.mark.skipif(not NGINX or not shutil.which("openssl"), reason="needs nginx and openssl"),
]

USERS = "/ims/oneroster/rostering/v1p2/users"
DAY = "25/Nov/2026:03:00:00 +0000"
KEYED = {"X-API-Key": KEY}
NARROW = {"X-API-Key": "may-export-only"}
FORGED = '" 401 5 "-" "x" 0.1 10.0.0.1:3000 401 x\n203.0.113.1 - - [x] "GET / HTTP/1.1" 401 5'

Fresh = Callable[[], AbstractContextManager[Settings]]


@pytest.fixture(scope="module")
def site(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx before an API, laid out as an installation."""
    root = tmp_path_factory.mktemp("site")
    with fresh() as config, serving(config) as api:
        add_key(config)
        add_key(config, NARROW["X-API-Key"], scopes=("export",))
        server = f"127.0.0.1:{api.base_url.port}"
        with front(root / "nginx-root", NGINX[0], [server]) as made:
            (root / "nginx").symlink_to(made.folder)
            (made.folder / "ssl").symlink_to(made.root / "ssl")
            yield made


def home(site: Front) -> Path:
    """What /opt/rosterhub is on a server."""
    return site.root.parent


def reload(site: Front) -> str:
    """The command that lets this nginx read its files again."""
    chosen = site.environment["NGINX_GLOBALS"]
    nginx = f"{shlex.quote(site.program)} -c {site.folder}/nginx.conf"
    return f"{nginx} -g '{chosen} daemon off;' -s reload"


def garbage(site: Front, source: str) -> None:
    """What is no HTTP at all, to the port of HTTPS."""
    with socket.create_connection(("127.0.0.1", site.tls_port), 30, (source, 0)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b" 400 " in raw.recv(1_000)


@pytest.fixture(scope="module")
def log(site: Front, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a day on which everybody was there, by the last number of the address."""
    with site.client("127.0.0.2") as guesser:
        for headers in ({}, {"X-API-Key": "guess"}, {"Authorization": "Bearer guess"}):
            assert guesser.get(USERS, headers=headers).status_code == 401
        assert guesser.post("/oauth/token", data={"grant_type": "client_credentials"}).is_error
    with site.client("127.0.0.3") as narrow:
        assert narrow.get(USERS, headers=NARROW).status_code == 403
    with site.client("127.0.0.4") as platform:
        assert platform.get(USERS, headers=KEYED).status_code == 200
        assert platform.get(f"{USERS}/gone", headers=KEYED).status_code == 404
        assert platform.get("/api/v1.2/users/gone", headers=KEYED).status_code == 404
        assert platform.get("/metrics").status_code == 404
        forged = {"User-Agent": FORGED.replace("\n", " ")}
        assert platform.get("/health", headers=forged).status_code == 200
        assert platform.get(f"{USERS}/{quote(FORGED)}", headers=KEYED | forged).status_code == 404
    with site.client("127.0.0.5") as scanner:
        for path in ("/wp-login.php", "/.env", "/api/v1/pods", "/ims/", "/a%20b%0A401%20"):
            assert scanner.get(path).status_code == 404
    garbage(site, "127.0.0.6")
    until(lambda: "127.0.0.6 " in site.log)
    site.drop("blocked.conf", "deny 127.0.0.7;")
    site.restart()
    with site.client("127.0.0.7") as blocked:
        assert blocked.get(USERS).status_code == 403
    (site.folder / "blocked.conf").unlink()
    site.restart()
    copy = tmp_path_factory.mktemp("log") / "access.log"
    until(lambda: "127.0.0.7 " in site.log)
    copy.write_text(site.log)
    return copy


EXPECTED = {
    "rosterhub-refused[status=401]": ["127.0.0.2"] * 4,
    "rosterhub-refused[status=403]": ["127.0.0.3"],
    "rosterhub-scans": ["127.0.0.5"] * 5 + ["127.0.0.6"],
}


@pytest.mark.parametrize("chosen", EXPECTED)
def test_the_filters_find_who_they_are_for_and_nobody_else(
    log: Path, tmp_path: Path, chosen: str
) -> None:
    assert found(settled(tmp_path), chosen, log) == EXPECTED[chosen]


def test_they_find_the_same_in_the_journal(log: Path, tmp_path: Path) -> None:
    """As docker-compose.fail2ban.yml has it, which is where the jails look."""
    remote = "/lib/systemd/systemd-journal-remote"
    if not Path(remote).exists():
        pytest.skip("needs systemd-journal-remote")
    journal = tmp_path / "containers.journal"
    entries = [
        f"__REALTIME_TIMESTAMP={1_790_000_000_000_000 + n}\n_HOSTNAME=hub\n_PID=7\n"
        f"SYSLOG_IDENTIFIER=rosterhub-nginx\nCONTAINER_TAG={tag}\nMESSAGE={line}\n\n"
        for n, line in enumerate(log.read_text("utf-8").splitlines())
        for tag in ("rosterhub-nginx", "somebody-else")
    ]
    subprocess.run(
        [remote, "-o", str(journal), "-"],
        input="".join(entries).encode(),
        check=True,
        capture_output=True,
    )
    etc = settled(tmp_path)
    matching = ("--journalmatch", "CONTAINER_TAG=rosterhub-nginx")
    for chosen, addresses in EXPECTED.items():
        source = f"systemd-journal[journalfiles={journal}, journalflags=0]"
        assert found(etc, chosen, source, *matching) == addresses


def test_nothing_that_we_serve_counts_as_a_scan(tmp_path: Path) -> None:
    routes = (*oneroster.routes(), *discovery.routes(), *docs.routes())
    served = {route.path for route in routes} | set(house.document("https://hub")["paths"])
    assert len(served) > 100
    served.add("/favicon.ico")  # browsers ask any server for it
    path = tmp_path / "log"
    path.write_text(
        "".join(
            f'192.0.2.1 - - [{DAY}] "GET {one} HTTP/1.1" 404 5 "-" "x" 0 - - x\n' for one in served
        )
    )
    assert found(settled(tmp_path), "rosterhub-scans", path) == []


LOCAL = """
[DEFAULT]
rosterhub_ignoreip =
rosterhub_action = {action}
[rosterhub-keys]
backend = polling
logpath = {log}
maxretry = 5
[rosterhub-scopes]
enabled = false
[rosterhub-scans]
enabled = false
"""


def test_who_guesses_keys_is_shut_out_by_nginx_until_the_ban_is_lifted(
    site: Front, tmp_path: Path
) -> None:
    action = f"rosterhub-nginx[home={home(site)}]"
    (home(site) / "scripts").unlink(missing_ok=True)
    (home(site) / "scripts").symlink_to(Path(__file__).parents[2] / "scripts")
    etc = settled(tmp_path, LOCAL.format(action=action, log=site.root / "log"))
    blocked = site.folder / "blocked.conf"
    environment = {"NGINX_RELOAD": reload(site), "ROSTERHUB_HOME": str(home(site))}

    def status() -> int:
        # On a connection of its own: nginx closes those of before when it is loaded anew.
        with site.client("127.0.0.8") as guesser:
            return guesser.get(USERS, headers=KEYED).status_code

    with guarding(etc, **environment) as guard, site.client("127.0.0.8") as guesser:
        # As many as it takes and no more: what comes on top would count towards the next ban.
        assert [guesser.get(USERS).status_code for _ in range(5)] == [401] * 5
        until(lambda: status() == 403, 60)
        assert blocked.read_text() == "deny 127.0.0.8;\n"
        with site.client("127.0.0.9") as other:
            assert other.get(USERS, headers=KEYED).status_code == 200
        assert "127.0.0.8" in guard.client("status", "rosterhub-keys")
        guard.client("set", "rosterhub-keys", "unbanip", "127.0.0.8")
        until(lambda: status() == 200, 60)
        assert blocked.read_text() == ""


def test_for_containers_the_ban_is_in_the_chain_that_their_packets_pass(
    site: Front, tmp_path: Path
) -> None:
    action = "%(rosterhub_containers)s"
    etc = settled(tmp_path, LOCAL.format(action=action, log=site.root / "log"))
    with guarding(etc) as guard, site.client("127.0.0.10") as guesser:

        def ban() -> bool:
            # In a network of its own, so that the rule does not stop us here.
            assert guesser.get(USERS).status_code == 401
            return "-A f2b-rosterhub-keys -s 127.0.0.10/32 -j DROP" in guard.rules()

        until(ban, 60)
        assert "-A DOCKER-USER -p tcp -j f2b-rosterhub-keys" in guard.rules()


def test_they_start_where_the_package_watches_over_ssh_and_no_log_of_it_is_a_file(
    tmp_path: Path,
) -> None:
    """As on a fresh Debian 12, which enables that jail and has no rsyslog."""
    etc = settled(tmp_path, "[sshd]\nenabled = true\nlogpath = /nowhere/auth.log\n")
    tried = subprocess.run(
        ["fail2ban-client", "-c", str(etc), "-t"], capture_output=True, text=True
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    with guarding(etc) as guard:
        assert "sshd" in guard.client("status")


def test_the_jails_as_they_come_leave_private_addresses_alone(tmp_path: Path) -> None:
    etc = settled(tmp_path)
    commands = subprocess.run(
        ["fail2ban-client", "-c", str(etc), "-d"], check=True, capture_output=True, text=True
    ).stdout
    private = "'127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'"
    for jail in ("rosterhub-keys", "rosterhub-scopes", "rosterhub-scans"):
        assert f"['start', '{jail}']" in commands
        assert f"['set', '{jail}', 'addignoreip', {private}]" in commands
