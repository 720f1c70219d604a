"""fail2ban as tests run it: our files over the package's, a server of its own, nothing of /etc."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.fronts import REPOSITORY
from tests.hubs import plain_environment
from tests.serving import until

OURS = REPOSITORY / "deploy" / "fail2ban"
THEIRS = Path("/etc/fail2ban")
MISSING = (
    None
    if shutil.which("fail2ban-regex") and shutil.which("unshare")
    else "needs fail2ban: apt-get install fail2ban python3-systemd systemd-journal-remote"
)


def settled(folder: Path, local: str = "") -> Path:
    """/etc/fail2ban as it is after docs/security.md, with `local` as rosterhub.local."""
    etc = folder / "fail2ban"
    shutil.copytree(THEIRS, etc)
    shutil.copytree(OURS, etc, dirs_exist_ok=True)
    (etc / "jail.d" / "rosterhub.local").write_text(local)
    return etc


def found(etc: Path, chosen: str, source: Path | str, *options: str) -> list[str]:
    """The addresses that the filter `chosen` finds, one for each line that it takes."""
    name, bracket, parameters = chosen.partition("[")
    filter_ = f"{etc / 'filter.d' / name}.conf{bracket}{parameters}"
    command = ["fail2ban-regex", "-c", str(etc), "--out", "ip", *options, str(source), filter_]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.split()


@dataclass(frozen=True, slots=True)
class Guard:
    """A running fail2ban in a network of its own, whose chains are nobody else's."""

    process: subprocess.Popen[bytes]
    files: tuple[str, ...]

    def client(self, *arguments: str) -> str:
        """What `fail2ban-client …` prints."""
        command = ["fail2ban-client", *self.files, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def running(self) -> bool:
        return not subprocess.run(
            ["fail2ban-client", *self.files, "ping"], capture_output=True
        ).returncode

    def rules(self) -> str:
        """The packet filter's rules."""
        enter = ["nsenter", "--target", str(self.process.pid), "--net"]
        return subprocess.run(
            [*enter, "iptables", "-S"], check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def guarding(etc: Path, **environment: str) -> Iterator[Guard]:
    """fail2ban with the configuration `etc`, and the chain that Docker makes."""
    run = etc.parent
    (etc / "fail2ban.local").write_text(
        f"[DEFAULT]\ndbfile = {run}/bans.sqlite3\nlogtarget = {run}/bans.log\n"
    )
    files = ("-c", str(etc), "-s", f"{run}/bans.sock", "-p", f"{run}/bans.pid")
    server = f"iptables -N DOCKER-USER && exec fail2ban-server -f {' '.join(files)} start"
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", server], env=plain_environment(**environment)
    )
    guard = Guard(process, files)
    try:
        until(lambda: process.poll() is not None or guard.running(), 60)
        assert process.poll() is None
        yield guard
    finally:
        process.terminate()
        process.wait(60)
