"""The Makefile and the README: what they promise is there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ("install", "demo", "test", "check", "bench", "lint", "fmt", "docs", "clean")


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
    )


def test_make_alone_lists_every_target_and_does_nothing() -> None:
    listed = re.findall(r"^make (\S+) +\S", make().stdout, re.MULTILINE)
    assert set(TARGETS) <= set(listed)
    assert set(listed) == set(phony())


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_made(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr


def test_without_a_python_the_reason_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "make-venv"
    script.write_bytes((ROOT / "scripts" / "make-venv").read_bytes())
    script.chmod(0o755)
    done = subprocess.run(
        [script],
        capture_output=True,
        text=True,
        env={"PYTHON": "/nothing", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 1
    assert "RosterHub needs Python 3.11" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_what_the_readme_leads_to_is_there(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link
    assert set(re.findall(r"`?make ([a-z]+)`?", text)) <= set(phony())


def test_both_readmes_lead_to_the_same() -> None:
    pages = [
        # A page that there is in Japanese, too, is the same page.
        {
            link.replace(".ja.md", ".md")
            for link in re.findall(r"\]\((docs/[^)]+)\)", (ROOT / readme).read_text("utf-8"))
        }
        for readme in ("README.md", "README.ja.md")
    ]
    assert pages[0] == pages[1]


def phony() -> list[str]:
    """The targets that are no files."""
    text = (ROOT / "Makefile").read_text("utf-8")
    [names] = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    return names.split()
