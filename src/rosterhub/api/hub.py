"""What the handlers of one API process share, and the check of who calls them."""

from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.requests import Request

from rosterhub.access.audit import Audit
from rosterhub.access.callers import Caller, KeyRing
from rosterhub.api.checks import Checks
from rosterhub.api.errors import ApiError
from rosterhub.settings import Settings
from rosterhub.store.connect import Pools
from rosterhub.store.totals import Totals

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rosterhub"'}
_NO_KEY = "Send your API key in the header X-API-Key."
_BAD_KEY = "This API key is not known here, or it is disabled."


@dataclass(frozen=True, slots=True)
class Hub:
    """In `app.state.hub` from the start of the process to its end."""

    settings: Settings
    pools: Pools
    keys: KeyRing
    audit: Audit
    redis: Redis | None
    checks: Checks
    totals: Totals


def hub(request: Request) -> Hub:
    """The hub that serves `request`."""
    return request.app.state.hub


async def authenticate(request: Request, *scopes: str) -> Caller:
    """Who calls, once it is sure that they hold one of `scopes` (any caller will do without).

    Raises:
        ApiError: 401 without a valid key, 403 without one of the scopes.
        psycopg.OperationalError: the keys cannot be looked up now.
    """
    scope = request.scope
    sent = [value for name, value in scope["headers"] if name == b"x-api-key"]
    if len(sent) != 1:
        raise ApiError(401, "unauthorisedrequest", _NO_KEY, _CHALLENGE)
    caller = await hub(request).keys.caller(sent[0])
    if caller is None:
        raise ApiError(401, "unauthorisedrequest", _BAD_KEY, _CHALLENGE)
    scope["audit"].api_key = caller.key
    if scopes and caller.scopes.isdisjoint(scopes):
        wanted = " or ".join(scopes)
        raise ApiError(403, "forbidden", f"This API key lacks the scope {wanted}.")
    return caller
