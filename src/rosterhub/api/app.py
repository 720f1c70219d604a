"""The ASGI app of the API: `create_app` puts the routes, the frame and what they share together."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import structlog
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.types import Receive, Scope, Send

import rosterhub
from rosterhub.access.audit import Audit, Entry
from rosterhub.access.audit_log import MAKE_PARTITIONS
from rosterhub.access.callers import KeyRing
from rosterhub.access.client_secrets import ClientSecrets
from rosterhub.access.clients import Clients
from rosterhub.access.failures import Failures
from rosterhub.access.lookups import Source
from rosterhub.access.signing_keys import SigningKeys
from rosterhub.access.tokens import Tokens
from rosterhub.api import discovery, docs, errors, house, oneroster
from rosterhub.api.checks import Checks
from rosterhub.api.direct import Direct
from rosterhub.api.hub import Hub
from rosterhub.api.large import Gate
from rosterhub.api.levels import Levels
from rosterhub.api.middleware import Frame, Notes
from rosterhub.api.routing import PlainRoutes
from rosterhub.api.watch import Watch
from rosterhub.api.whole_hub import WholeHub
from rosterhub.settings import Settings, settings
from rosterhub.store import revision
from rosterhub.store.connect import Pool, pools, small_pool
from rosterhub.store.kept_pages import KeptPages
from rosterhub.store.replica import Replica
from rosterhub.store.totals import Totals

_log = structlog.get_logger("rosterhub.api")
_REDIS_SECONDS = 0.5


def create_app(config: Settings | None = None) -> FastAPI:
    """The app for uvicorn (`factory=True`); opens nothing before it starts."""
    config = config or settings()
    app = _Api(
        title="RosterHub",
        version=rosterhub.__version__,
        lifespan=lambda app: _lifespan(app, config),
        # Served by `discovery` and `docs`.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    plain = _mount(app)

    notes = app.state.notes = Notes(lambda entry: app.state.hub.audit.add(entry))
    app.add_middleware(Frame, record=notes.add)
    app.serve_directly(plain, notes.add)
    return app


class _Api(FastAPI):
    """FastAPI, with the plain routes before it (`Direct`)."""

    def serve_directly(self, plain: PlainRoutes, record: Callable[[Entry], None]) -> None:
        """Serve `plain` past the stack, in a frame that hands what it records to `record`."""
        self._direct = Direct(self, super().__call__, plain, record)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the start and end of the process."""
        await self._direct(scope, receive, send)


def _mount(app: FastAPI) -> PlainRoutes:
    """Mount every route; the plain ones are returned."""
    house.mount(app)
    plain = PlainRoutes([*oneroster.routes(), *discovery.routes(), *docs.routes()])
    app.router.routes.insert(0, plain)
    return plain


@asynccontextmanager
async def _lifespan(app: FastAPI, config: Settings) -> AsyncGenerator[None]:
    own = pools(config)
    # Keys and the audit log have connections of their own: slow exports must not hold them up.
    house = small_pool(config.write_url)
    asked = small_pool(config.read_url) if own.replica else None
    source = Source(house, asked)
    replica = Replica(own, house, asked)
    redis = _redis(config)
    audit = Audit(house)
    clients = Clients(source)
    checks = Checks(config, redis)
    levels = Levels(own, house)
    app.state.hub = Hub(
        settings=config,
        pools=own,
        keys=KeyRing(source),
        clients=ClientSecrets(clients, Failures(redis)),
        tokens=Tokens(clients, SigningKeys(source)),
        audit=audit,
        redis=redis,
        checks=checks,
        totals=Totals(own),
        kept=KeptPages(),
        gate=Gate(),
        watch=Watch(own.write),
        replica=replica,
        levels=levels,
        whole=WholeHub(config, checks),
    )
    await own.open()
    await house.open(wait=False)
    await replica.open()
    audit.start()
    tasks = [
        asyncio.create_task(_see_schema(config)),
        asyncio.create_task(_ensure_partitions(house)),
        asyncio.create_task(levels.keep(), name="levels"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        app.state.notes.write()
        await audit.close()
        await replica.close()
        await house.close()
        await own.close()
        if redis:
            await redis.aclose()


async def _see_schema(config: Settings) -> None:
    """Say in the log if the schema is of another version; what can be served is served."""
    # Where the database is away, other lines say so.
    with suppress(psycopg.Error):
        if found := await asyncio.to_thread(revision.find_difference, config.write_url):
            _log.warning("schema of another version", reason=found.en)


async def _ensure_partitions(pool: Pool) -> None:
    try:
        async with pool.connection() as connection:
            await connection.execute(MAKE_PARTITIONS)
    # Nothing is lost: the default partition takes the rows, and the worker tries every hour.
    except psycopg.Error as error:
        _log.warning("audit partitions not made", error=type(error).__name__)


def _redis(config: Settings) -> Redis | None:
    if not config.redis_url:
        return None
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        config.redis_url,
        password=config.redis_password.get_secret_value() or None,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
