"""OAuth clients as tests act them: ask for tokens and use them."""

import httpx

from rosterhub.access import clients
from rosterhub.access.scopes import READ
from rosterhub.settings import Settings
from rosterhub.store.connect import connect

ORGS = "/ims/oneroster/rostering/v1p2/orgs"
"""What opens with the scope `roster.readonly`."""

JOBS = "/api/v1.2/csv/import/jobs"
"""What opens with the scope `import`."""

GRANT = {"grant_type": "client_credentials"}
Client = tuple[str, str]
"""The id and the secret."""


def add_client(config: Settings, *scopes: str) -> Client:
    """Make a client, with all scopes that read unless others are named."""
    with connect(config.write_url) as connection:
        return clients.create(connection, "Test", scopes or READ)


def ask(api: httpx.Client, client: Client, scope: str | None = None) -> httpx.Response:
    """The answer to `client` asking for a token."""
    form = GRANT if scope is None else {**GRANT, "scope": scope}
    return api.post("/oauth/token", auth=client, data=form)


def token(api: httpx.Client, client: Client, *scopes: str) -> str:
    """A token of `client`, for all of its scopes unless some are named."""
    answer = ask(api, client, " ".join(scopes))
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def opens(api: httpx.Client, token: str, path: str = ORGS) -> int:
    """The status of a read with `token`."""
    return api.get(path, headers=bearer(token)).status_code


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and error of an answer that has to be an error by RFC 6749."""
    document = answer.json()
    assert set(document) == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    return answer.status_code, document["error"]


def execute(config: Settings, sql: str, *values: object) -> None:
    """Run `sql`, as an operator does."""
    with connect(config.write_url) as connection:
        connection.execute(sql.encode(), values)
