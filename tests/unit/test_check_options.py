"""The options of `rosterhub check`: how it gets in, and what it refuses to begin with."""

import io

import pytest
import typer
from typer.testing import CliRunner

from rosterhub.cli import app
from rosterhub.cli.check import CLIENT_ID, CLIENT_SECRET, KEY, credentials
from rosterhub.model.operations import OPERATIONS, OPERATIONS_11
from rosterhub.ops.conformance import Client, Key
from rosterhub.ops.conformance.credentials import scopes

ENVIRONMENT = {KEY: "env-key"}
OF_CLIENT = {CLIENT_ID: "env-id", CLIENT_SECRET: "env-secret"}


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        (("k", None, None), {}, Key("k")),
        (("k", None, None), OF_CLIENT, Key("k")),
        ((None, "i", "s"), {}, Client("i", "s", ())),
        ((None, "i", "s"), ENVIRONMENT, Client("i", "s", ())),
        ((None, "i", None), ENVIRONMENT | OF_CLIENT, Client("i", "env-secret", ())),
        ((None, None, None), ENVIRONMENT, Key("env-key")),
        ((None, None, None), OF_CLIENT, Client("env-id", "env-secret", ())),
    ],
)
def test_the_way_in(
    given: tuple[str | None, str | None, str | None],
    environment: dict[str, str],
    found: Key | Client,
) -> None:
    assert credentials(*given, (), environment) == found


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        ((None, None, None), {}),
        (("k", "i", "s"), {}),
        (("k", None, "s"), {}),
        ((None, "i", None), {}),
        ((None, None, "s"), {}),
        ((None, None, None), ENVIRONMENT | OF_CLIENT),
        (("鍵", None, None), {}),
        (("", None, None), {}),
        (("a\nb", None, None), {}),
    ],
)
def test_no_way_in_or_two(
    given: tuple[str | None, str | None, str | None], environment: dict[str, str]
) -> None:
    with pytest.raises(typer.BadParameter):
        credentials(*given, (), environment)


def test_a_secret_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("  by-pipe \nmore"))
    assert credentials(None, "i", "-", (), {}) == Client("i", "by-pipe", ())
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(typer.BadParameter, match="empty"):
        credentials("-", None, None, (), {})


def test_secrets_are_part_of_no_text() -> None:
    for one in (Key("hidden"), Client("id", "hidden")):
        assert "hidden" not in repr(one)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--version", "1.0"], "1.2 or 1.1"),
        (["--format", "html"], "junit"),
        (["--service", "users"], "rostering"),
        (["--sample", "0"], "--sample"),
        (["--sample", "1000000"], "--sample"),
        (["--timeout", "0"], "--timeout"),
        (["--output", "/nowhere/at/all"], "no directory"),
        (["--scope", "x"], "has its scopes"),
        (["--client-id", "x"], "not both"),
        (["--verbose"], "No such option"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["check", "https://a.example", "--key", "k", *arguments])
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize("url", ["http://a.example", "a.example", "https://u:p@a.example"])
def test_a_url_that_will_not_do_is_wrong_usage(url: str) -> None:
    done = CliRunner().invoke(app, ["check", url, "--key", "k"])
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_the_scopes_that_are_asked_for_are_those_of_what_is_read() -> None:
    resources = [o for o in OPERATIONS if o.service == "resources"]
    assert scopes(resources, "1.2") == (
        "https://purl.imsglobal.org/spec/or/v1p2/scope/resource-core.readonly",
        "https://purl.imsglobal.org/spec/or/v1p2/scope/resource.readonly",
    )
    old = [o for o in OPERATIONS_11 if o.service in ("resources", "gradebook")]
    assert scopes(old, "1.1") == (
        "https://purl.imsglobal.org/spec/or/v1p1/scope/gradebook.readonly",
        "https://purl.imsglobal.org/spec/or/v1p1/scope/resource.readonly",
    )
