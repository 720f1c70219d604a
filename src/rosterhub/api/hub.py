"""What the handlers of one API process share, and the check of who calls them."""

import re
from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.requests import Request

from rosterhub.access.audit import Audit
from rosterhub.access.callers import Caller, KeyRing
from rosterhub.access.client_secrets import ClientSecrets
from rosterhub.access.scopes import full
from rosterhub.access.tokens import Tokens
from rosterhub.api.checks import Checks
from rosterhub.api.errors import ApiError
from rosterhub.api.large import Gate
from rosterhub.api.levels import Levels
from rosterhub.api.watch import Watch
from rosterhub.api.whole_hub import WholeHub
from rosterhub.settings import Settings
from rosterhub.store.connect import Pools
from rosterhub.store.kept_pages import KeptPages
from rosterhub.store.replica import Replica
from rosterhub.store.totals import Totals

_CHALLENGE = 'Bearer realm="rosterhub"'
_BEARER = re.compile(rb"bearer(?: +(.*))?", re.IGNORECASE | re.DOTALL)
_NOTHING = (
    "Send your API key in the header X-API-Key, or an access token as Authorization: Bearer TOKEN."
)
_BAD_KEY = "This API key is not known here, or it is disabled."
_BAD_TOKEN = "This access token is not valid here, or has expired. Get another at /oauth/token."
_BOTH = "Send one API key or one access token, not both."


@dataclass(frozen=True, slots=True)
class Hub:
    """In `app.state.hub` from the start of the process to its end."""

    settings: Settings
    pools: Pools
    keys: KeyRing
    clients: ClientSecrets
    tokens: Tokens
    audit: Audit
    redis: Redis | None
    checks: Checks
    totals: Totals
    kept: KeptPages
    gate: Gate
    watch: Watch
    replica: Replica
    levels: Levels
    whole: WholeHub

    @property
    def read_url(self) -> str:
        """The database to read from just now, for a session of one's own."""
        return self.settings.read_url if self.pools.follows else self.settings.write_url


def hub(request: Request) -> Hub:
    """The hub that serves `request`."""
    return request.app.state.hub


async def authenticate(request: Request, *scopes: str) -> Caller:
    """Who calls, once it is sure that they hold one of `scopes` (any caller will do without).

    They show an API key or an access token; an `Authorization` that is not Bearer is none of ours
    (a proxy in front may have asked for it), so a key counts beside it.

    Raises:
        ApiError: 401 without a valid key or token, 403 without one of the scopes, 400 with both.
        psycopg.OperationalError: the caller cannot be looked up now.
    """
    scope = request.scope
    keys: list[bytes] = []
    tokens: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            keys.append(value)
        elif name == b"authorization" and (bearer := _BEARER.fullmatch(value)):
            tokens.append(bearer[1] or b"")
    if tokens:
        caller = await _by_token(request, tokens, keys)
    else:
        caller = await _by_key(request, keys)
    scope["audit"].api_key = caller.key
    if scopes and caller.scopes.isdisjoint(scopes):
        raise _lacking(scopes, token=bool(tokens))
    return caller


async def _by_key(request: Request, keys: list[bytes]) -> Caller:
    if len(keys) != 1:
        raise _unauthorised(_NOTHING)
    caller = await hub(request).keys.caller(keys[0])
    if caller is None:
        raise _unauthorised(_BAD_KEY)
    return caller


async def _by_token(request: Request, tokens: list[bytes], keys: list[bytes]) -> Caller:
    if keys or len(tokens) > 1:
        headers = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_request"'}
        raise ApiError(400, "invaliddata", _BOTH, headers)
    caller = await hub(request).tokens.caller(tokens[0].strip())
    if caller is None:
        raise _unauthorised(_BAD_TOKEN, ', error="invalid_token"')
    return caller


def _unauthorised(description: str, error: str = "") -> ApiError:
    headers = {"WWW-Authenticate": _CHALLENGE + error}
    return ApiError(401, "unauthorisedrequest", description, headers)


def _lacking(scopes: tuple[str, ...], *, token: bool) -> ApiError:
    what = "access token" if token else "API key"
    wanted = " ".join(map(full, scopes))
    error = f', error="insufficient_scope", scope="{wanted}"' if token else ""
    return ApiError(
        403,
        "forbidden",
        f"This {what} lacks the scope {' or '.join(scopes)}.",
        {"WWW-Authenticate": _CHALLENGE + error} if token else None,
    )
