"""The release before this tree, taken from its history, and its programs run beside ours."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from rosterhub.settings import Settings
from tests.deploy.fronts import REPOSITORY
from tests.hubs import ROSTERHUB
from tests.integration.test_serve import Api, running, serving
from tests.operations.servers import Done, Installation
from tests.serving import until


@dataclass(frozen=True, slots=True)
class Release:
    """The programs of one version: the Python modules in `source`, and `rosterhub` of them."""

    source: Path

    @property
    def package(self) -> Path:
        """Where its interpreter finds `rosterhub`."""
        [program, *options, _, _] = ROSTERHUB
        command = [program, *options, "-c", "import rosterhub; print(rosterhub.__file__)"]
        said = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        return Path(said.stdout.strip()).parent

    def rosterhub(self, hub: Installation, *arguments: str) -> Done:
        """Run `rosterhub …` as a process."""
        return hub.run(*ROSTERHUB, *arguments, **self._environment)

    def backup(self, hub: Installation) -> Done:
        """Run its scripts/backup-database.sh."""
        return hub.run(str(self.source.parent / "scripts" / "backup-database.sh"))

    @contextmanager
    def started(self, config: Settings, folder: Path) -> Iterator[Api]:
        """Its API and a worker, until the block ends; that both end in good order is seen.

        `folder` is a new one, for their logs.
        """
        folder.mkdir()
        with (
            serving(config, folder, **self._environment) as api,
            (folder / "worker").open("ab") as out,
            running(config, "worker", out=out, **self._environment) as worker,
        ):
            yield api
            until(lambda: "worker started" in (folder / "worker").read_text())
            for process in (api.process, worker):
                process.terminate()
            assert [process.wait(60) for process in (api.process, worker)] == [0, 0]

    @property
    def _environment(self) -> dict[str, str]:
        # Links in what is read name the hub, not the port of a test.
        return {"PYTHONPATH": str(self.source), "PUBLIC_URL": "https://rosterhub.example.com"}


OURS = Release(REPOSITORY / "src")


def previous(folder: Path) -> Release | None:
    """The last release before HEAD, written below `folder`; None where the history lacks it."""
    found = _git("log", "-1", "--format=%H", "-E", r"--grep=^Release [0-9]+\.[0-9]+\.", "HEAD^")
    commit = found.stdout.decode().strip()
    if found.returncode or not commit:
        return None
    archive = _git("archive", commit, "src", "scripts", "pyproject.toml")
    archive.check_returncode()
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return Release(folder / "src")


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    # A copy of the tree in a container belongs to somebody else.
    command = ["git", "-c", f"safe.directory={REPOSITORY}", "-C", str(REPOSITORY), *arguments]
    try:
        return subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, b"", b"")
