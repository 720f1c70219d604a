"""`rosterhub clients`: what an operator does with OAuth clients (docs/oauth.md)."""

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

from rosterhub.access.scopes import ALL, READ, URI
from rosterhub.cli import app as program
from rosterhub.cli import clients as cli
from rosterhub.settings import Settings, settings
from tests.oauth import JOBS, ask, opens, refusal, token
from tests.rosters import rows
from tests.serving import serving, within_a_second

Run = Callable[..., Result]


@pytest.fixture
def run(config: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`rosterhub clients …` on the test's database."""
    monkeypatch.setenv("DATABASE_URL", config.read_url)
    monkeypatch.setenv("DATABASE_WRITE_URL", config.write_url)
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(cli.app, arguments)
    settings.cache_clear()


def made(result: Result) -> tuple[str, str]:
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) == {"clientId", "clientSecret"}
    return document["clientId"], document["clientSecret"]


def stored_scopes(config: Settings) -> set[str]:
    [(scopes,)] = rows(config, "SELECT scopes FROM oauth_clients")
    return set(scopes)


def test_a_made_client_gets_in_and_its_secret_is_nowhere_kept(config: Settings, run: Run) -> None:
    client = made(run("create", "--name", "School C LMS", "--json"))
    [(stored, text)] = rows(config, "SELECT secret_hash, c::text FROM oauth_clients c")
    assert stored.startswith("$argon2id$")
    assert client[1] not in text
    with serving(config) as api:
        assert opens(api, token(api, client)) == 200


def test_a_client_may_read_unless_something_else_is_said(config: Settings, run: Run) -> None:
    made(run("create", "--name", "X", "--json"))
    assert stored_scopes(config) == READ
    help = run("create", "--help").stdout.replace("│", " ")
    assert "Every scope that reads if left out" in " ".join(help.split())


def test_a_client_may_do_what_is_said(config: Settings, run: Run) -> None:
    scopes = ["--scope", "import", "--scope", f"{URI}roster.readonly"]
    client = made(run("create", "--name", "X", *scopes, "--json"))
    assert stored_scopes(config) == {"import", "roster.readonly"}
    with serving(config) as api:
        assert opens(api, token(api, client), JOBS) == 200


def test_a_client_may_do_everything_on_demand(config: Settings, run: Run) -> None:
    made(run("create", "--name", "X", "--all-scopes", "--json"))
    assert stored_scopes(config) == ALL


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", " "],
        ["--name", "X", "--scope", "everything"],
        ["--name", "X", "--scope", f"{URI}import"],
        ["--name", "X", "--all-scopes", "--scope", "import"],
        ["--name", "X", "--colour", "red"],
    ],
)
def test_wrong_usage_makes_no_client(config: Settings, run: Run, arguments: list[str]) -> None:
    assert run("create", *arguments).exit_code == 2
    assert rows(config, "SELECT count(*) FROM oauth_clients") == [(0,)]


def test_a_client_need_not_have_a_name(run: Run) -> None:
    made(run("create", "--all-scopes", "--json"))


def test_id_and_secret_are_alone_on_standard_output(config: Settings, run: Run) -> None:
    result = run("create", "--name", "X")
    [(client_id,)] = rows(config, "SELECT client_id FROM oauth_clients")
    line, end, rest = result.stdout.partition("\n")
    assert (line.split()[0], len(line.split()), end, rest) == (client_id, 2, "\n", "")


def test_the_list_shows_clients_and_no_secret(config: Settings, run: Run) -> None:
    client_id, secret = made(run("create", "--name", "学校C", "--scope", "import", "--json"))
    [(stored,)] = rows(config, "SELECT secret_hash FROM oauth_clients")
    table, document = run("list").output, run("list", "--json").output
    for output in (table, document):
        assert secret not in output
        assert stored not in output
    assert client_id[:6] in table
    [listed] = json.loads(document)["clients"]
    assert (listed["clientId"], listed["name"]) == (client_id, "学校C")
    assert (listed["isActive"], listed["scopes"]) == (True, ["import"])


def test_disable_takes_the_hub_from_a_client(config: Settings, run: Run) -> None:
    client = made(run("create", "--name", "Leaver", "--json"))
    with serving(config) as api:
        text = token(api, client)
        assert opens(api, text) == 200
        assert json.loads(run("disable", client[0], "--json").stdout) == {
            "name": "Leaver",
            "isActive": False,
        }
        within_a_second(lambda: opens(api, text), 401)
        assert refusal(ask(api, client)) == (401, "invalid_client")
    assert json.loads(run("list", "--json").stdout)["clients"][0]["isActive"] is False


def test_a_client_that_there_is_not_cannot_be_disabled(run: Run) -> None:
    result = run("disable", "nobody")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "clients list" in result.stderr


def test_clients_are_part_of_the_command() -> None:
    assert "disable" in CliRunner().invoke(program, ["clients", "--help"]).stdout
